import { SynodError, messageOf } from '../base/errors.ts'
import { ClientError } from '../client/errors.ts'
import { GatewayError } from '../gateway/errors.ts'
import { EXIT } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'

export interface CommandFault {
  readonly code: string
  readonly exit: ExitCode
}

/** Ends the command: words for people, an exit code for scripts. */
export class CommandError extends SynodError<CommandFault> {}

/** What ended the command, in the shape of a problem of the HTTP door, so that scripts read one form only. */
export interface Failure {
  readonly type: string
  readonly title: string
  readonly detail: string
  readonly exit: ExitCode
}

export function failureOf(error: unknown): Failure {
  if (error instanceof CommandError) return failure(error.fault.code, error.message, error.fault.exit)
  if (error instanceof ClientError || error instanceof GatewayError) {
    return failure(error.fault.code, error.message, EXIT.hostNotReached)
  }
  return failure('COMMAND_FAILED', `Synod met an error of its own: ${messageOf(error)}`, EXIT.fault)
}

function failure(code: string, detail: string, exit: ExitCode): Failure {
  const name = code.toLowerCase().replaceAll('_', '-')
  return { type: `urn:synod:problem:${name}`, title: TITLES[exit], detail, exit }
}

const TITLES: Readonly<Record<ExitCode, string>> = {
  0: 'Done',
  1: 'The machine refused the Input, or the backup can’t be used',
  2: 'The arguments are wrong',
  3: 'The host can’t start',
  4: 'The host is not reached',
  5: 'FAIL',
  6: 'The Input was refused before ordering',
  7: 'The host has too much to do',
  8: 'Synod met an error of its own',
}
