import { setImmediate, setTimeout } from 'node:timers/promises'

/** The longest the loop is kept without a chance to do something else. Unit: ms. */
const SLICE_MS = 1
/** Cuts long work into slices: between them the loop serves whoever else waits. */
export class Slices {
  readonly #restMs: () => number
  #since = performance.now()
  #resting: Promise<void> | undefined

  /**
   * `restMs`: left to others after each slice, at least; asked before each rest. Without it a process that has little
   * else to do computes all the time, and takes the processor from those it shares the computer with; and the system
   * gives the processor first to those who mostly wait, so that its own requests would wait, too.
   */
  constructor(restMs: () => number = () => 0) {
    this.#restMs = restMs
  }

  /** Whether the slice is used up: then `pause` comes next. */
  get spent(): boolean {
    return performance.now() - this.#since >= SLICE_MS
  }

  /** Several that work at the same time rest together, and share the next slice. */
  pause(): Promise<void> {
    this.#resting ??= this.#rest()
    return this.#resting
  }

  async #rest(): Promise<void> {
    const restMs = this.#restMs()
    if (restMs > 0) await setTimeout(restMs)
    else await setImmediate()
    this.#since = performance.now()
    this.#resting = undefined
  }
}

/** Performs on each item, at most `most` of them at once; gives the results in the items' order. */
export async function* inOrder<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  most: number,
  perform: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, undefined, undefined> {
  const underWay: Promise<Result>[] = []
  try {
    for await (const item of items) {
      const result = perform(item)
      // One that fails is met when its turn comes; until then it is nobody's unhandled rejection.
      result.catch(() => undefined)
      underWay.push(result)
      if (underWay.length < most) continue
      const first = underWay.shift()
      if (first !== undefined) yield await first
    }
    for (const result of underWay) yield await result
  } finally {
    await Promise.allSettled(underWay)
  }
}
