import type { History, Operation } from './history.ts'
import { HistorySyntaxError } from './history.ts'

/** How an operation ended: it took effect, it did not, or nobody knows. */
export type Ending = 'ok' | 'fail' | 'info'

interface Open<Input> {
  readonly process: number
  readonly call: number
  readonly input: Input
}

/**
 * Joins the invocations and endings of a written history, which follow one another by process, to operations.
 * What failed did not happen and is left out; what ended unknown, or not at all, is in doubt.
 */
export class EventPairs<Input, Output> {
  readonly #open = new Map<number, Open<Input>>()
  readonly #operations: Operation<Input, Output>[] = []

  /** @throws HistorySyntaxError when the process has an operation open. */
  invoke(process: number, input: Input, line: number): void {
    const open = this.#open.get(process)
    if (open !== undefined) {
      throw new HistorySyntaxError(line, `process ${process} invokes while its operation of line ${open.call} is open`)
    }
    this.#open.set(process, { process, call: line, input })
  }

  /**
   * @param outputOf reads the output of an operation that ended `ok`.
   * @throws HistorySyntaxError when the process has no operation open.
   */
  end(process: number, ending: Ending, line: number, outputOf: (input: Input) => Output): void {
    const open = this.#open.get(process)
    if (open === undefined) throw new HistorySyntaxError(line, `process ${process} ends an operation it did not invoke`)
    this.#open.delete(process)
    if (ending === 'ok') this.#operations.push({ ...open, returned: line, output: outputOf(open.input) })
    if (ending === 'info') this.#operations.push({ ...open, returned: undefined, output: undefined })
  }

  /** By call. */
  history(): History<Input, Output> {
    const unended = [...this.#open.values()].map((open) => ({ ...open, returned: undefined, output: undefined }))
    return [...this.#operations, ...unended].sort((left, right) => left.call - right.call)
  }
}
