import { InvariantError } from '../../core/base/assert.ts'
import type { History, Operation } from './history.ts'

/** An operation that was invoked. Exactly one ending may be recorded; without one it stays in doubt. */
export interface Invocation<Output> {
  /** It took effect, with this output. */
  readonly ok: (output: Output) => void
  /** It certainly did not take effect and never will: the history is then as if it had not been invoked. */
  readonly fail: () => void
  /** Nobody knows: it may take effect at any later time, or never. A time-out and a lost connection end so. */
  readonly info: () => void
}

/**
 * Records what clients see, for the checker.
 *
 * Call `invoke` before the request leaves and the ending after the reply is there, never the other way round: the
 * interval may only be longer than the truth. A process is one client that does one thing after another; after an
 * `info` it goes on under a new name, since its old operation may still be under way.
 */
export class HistoryRecorder<Input, Output> {
  readonly #next: () => number
  readonly #operations: Operation<Input, Output>[] = []
  /** By process, the number of the call that has not ended. */
  readonly #open = new Map<number | string, number>()
  readonly #invoked = new Map<number, Operation<Input, Output>>()

  /** @param next gives a number above all before it; recorders that share one history share it. */
  constructor(next: () => number = counter()) {
    this.#next = next
  }

  /** @throws InvariantError when the process has an operation that has not ended, or one in doubt. */
  invoke(process: number | string, input: Input): Invocation<Output> {
    if (this.#open.has(process)) throw new InvariantError(`process ${process} invokes before its last operation ended`)
    const call = this.#next()
    const begun = { process, call, returned: undefined, input, output: undefined }
    this.#open.set(process, call)
    this.#invoked.set(call, begun)
    const end = (): void => {
      if (!this.#invoked.delete(call)) throw new InvariantError(`an operation of process ${process} ends twice`)
    }
    return {
      ok: (output) => {
        end()
        this.#open.delete(process)
        this.#operations.push({ ...begun, returned: this.#next(), output })
      },
      fail: () => {
        end()
        this.#open.delete(process)
      },
      info: () => {
        end()
        this.#operations.push(begun)
      },
    }
  }

  /** Everything recorded so far, by call; what has not ended is in doubt. */
  history(): History<Input, Output> {
    return [...this.#operations, ...this.#invoked.values()].sort((left, right) => left.call - right.call)
  }
}

/** Counts from 1. */
export function counter(): () => number {
  let last = 0
  return () => {
    last += 1
    return last
  }
}
