import path from 'node:path'
import { show } from './answering.ts'
import { formatBackup } from './backup-formatting.ts'
import { EXIT, exitOfProblem } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { CommandError } from './failure.ts'
import type { Surroundings } from './surroundings.ts'

export interface VerifyOptions {
  readonly json: boolean
}

/** Checks a backup from its first byte to its last, here and without a host. */
export async function verify(file: string, { json }: VerifyOptions, surroundings: Surroundings): Promise<ExitCode> {
  const whole = path.resolve(file)
  // Loaded only here: the other verbs start faster without it.
  const { RefusedError } = await import('../supervisor/errors.ts')
  const { verifyBackup } = await import('../supervisor/verify-backup.ts')
  try {
    const backup = await verifyBackup(whole)
    const text = `${formatBackup(backup)}\nVerified: every byte is as it was written.`
    show(surroundings, { json, data: { file: whole, ...backup }, text })
    return EXIT.done
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    const exit = exitOfProblem(error.code.toLowerCase().replaceAll('_', '-'))
    throw new CommandError({ code: error.code, exit }, error.message, { cause: error })
  }
}
