/**
 * One operation of a client, as the client saw it.
 *
 * `call` and `returned` order the events of one history: numbers of one counter (or the lines of a file), never
 * repeated. What an operation means is said by a model; see checker.ts.
 */
export interface Operation<Input, Output> {
  readonly process: number | string
  readonly call: number
  /** undefined: in doubt. It may take effect at any time after `call`, or never. */
  readonly returned: number | undefined
  readonly input: Input
  /** undefined: not known, as of every operation in doubt. */
  readonly output: Output | undefined
}

export type History<Input, Output> = readonly Operation<Input, Output>[]

/**
 * The history up to and including the event `until`. What had not returned by then is in doubt.
 *
 * A prefix of a linearizable history is linearizable (Herlihy and Wing, Linearizability (1990), 3.2), which is what
 * makes a shortest offending prefix a matter of bisection.
 */
export function prefixOf<Input, Output>(history: History<Input, Output>, until: number): History<Input, Output> {
  return history
    .filter(({ call }) => call <= until)
    .map((operation) =>
      operation.returned === undefined || operation.returned <= until
        ? operation
        : { ...operation, returned: undefined, output: undefined },
    )
}

/** Thrown for text that is not a history. `line` counts from 1. */
export class HistorySyntaxError extends Error {
  override readonly name = 'HistorySyntaxError'
  readonly line: number

  constructor(line: number, what: string) {
    super(`line ${line}: ${what}`)
    this.line = line
  }
}
