const RETRY_MS_MIN = 50
const RETRY_MS_MAX = 2000

/**
 * How long to wait before a try is repeated: doubling from 50 ms to 2 s, less up to a half at random, so that
 * replicas which failed together do not try together.
 */
export function backoffMs(failures: number): number {
  const ceiling = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.max(0, failures - 1))
  return ceiling * (1 - Math.random() / 2)
}

/** Lets one event through an interval and counts the others, so that a flood of them costs one trace. */
export class RateLimit {
  readonly #intervalMs: number
  #nextMs = -Infinity
  #held = 0

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  /** @returns how many were held back since the last one, or undefined when this one is held back too. */
  pass(nowMs: number): number | undefined {
    if (nowMs < this.#nextMs) {
      this.#held += 1
      return undefined
    }
    const held = this.#held
    this.#held = 0
    this.#nextMs = nowMs + this.#intervalMs
    return held
  }
}
