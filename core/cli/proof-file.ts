import { open, rm } from 'node:fs/promises'
import path from 'node:path'
import type { ProofView } from '../api/proof.ts'
import { messageOf } from '../base/errors.ts'
import { EXIT } from './exit-codes.ts'
import { CommandError } from './failure.ts'

/** A file that a proof will be written to. */
export interface ProofFile {
  readonly path: string
  /** Rejects when it can't be written; the file is gone then. */
  readonly keep: (proof: ProofView) => Promise<void>
  /** No proof came: the file goes again. */
  readonly drop: () => Promise<void>
}

/**
 * Takes the file's name before anything is ordered: that it is there already, or can't be written, is said while there
 * is nothing to prove yet. A file that is there is never replaced.
 *
 * @throws CommandError
 */
export async function openProofFile(name: string): Promise<ProofFile> {
  const file = path.resolve(name)
  const handle = await open(file, 'wx', 0o644).catch((cause: unknown) => {
    throw refused(file, cause)
  })
  const drop = async (): Promise<void> => {
    await handle.close()
    await rm(file, { force: true })
  }
  return {
    path: file,
    keep: async (proof) => {
      try {
        await handle.writeFile(`${JSON.stringify(proof, undefined, 2)}\n`)
        await handle.sync()
        await handle.close()
      } catch (cause) {
        await drop().catch(() => undefined)
        throw cause
      }
    },
    drop,
  }
}

function refused(file: string, cause: unknown): CommandError {
  const isThere = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST'
  const message = isThere
    ? `The file ${file} is there already, and a proof replaces nothing. Name another. Nothing was ordered.`
    : `No proof can be written to ${file}: ${messageOf(cause)}. Nothing was ordered.`
  return new CommandError({ code: isThere ? 'PROOF_EXISTS' : 'PROOF_NOT_WRITABLE', exit: EXIT.wrongArguments }, message)
}
