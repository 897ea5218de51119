import type { OutputView } from '../api/views.ts'
import type { ProblemDetails } from '../client/answers.ts'
import { EXIT, exitOfProblem } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { formatProblem } from './formatting.ts'
import type { Surroundings } from './surroundings.ts'

export interface Shown {
  readonly json: boolean
  /** For programs: printed as one line. */
  readonly data: unknown
  /** For people. */
  readonly text: string
}

export function show({ writeOut }: Pick<Surroundings, 'writeOut'>, { json, data, text }: Shown): void {
  writeOut(`${json ? JSON.stringify(data) : text}\n`)
}

/** A FAIL is a result and goes where results go; any other problem is for the standard error. */
export function showProblem(
  { writeOut, writeError }: Pick<Surroundings, 'writeOut' | 'writeError'>,
  { json, problem, hint }: { readonly json: boolean; readonly problem: ProblemDetails; readonly hint?: string },
): ExitCode {
  const exit = exitOfProblem(problem.type)
  if (json) writeOut(`${JSON.stringify(problem)}\n`)
  else if (exit === EXIT.fail) writeOut(`${lines(formatProblem(problem), hint)}\n`)
  else writeError(`${lines(formatProblem(problem), hint)}\n`)
  return exit
}

export function exitOfOutput(output: OutputView): ExitCode {
  return output.ok ? EXIT.done : EXIT.refusedByMachine
}

function lines(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join('\n')
}
