import type { Input } from '../model/input.ts'
import { inputKey } from '../model/input.ts'
import { LIMITS } from '../model/limits.ts'

/** Room the envelope of one Input takes in a batch, beside its payload. */
const INPUT_OVERHEAD_BYTES = 512

/** A leader's queue of Inputs to order: each once, bounded, taken out in batches. */
export class LeaderQueue {
  readonly #waiting: Input[] = []
  /** Waiting or proposed: a proxy that sends again must not have its Input ordered again meanwhile. */
  readonly #keys = new Set<string>()
  readonly #inputsMax: number
  #bytes = 0

  constructor(inputsMax: number = LIMITS.queueInputsMax) {
    this.#inputsMax = inputsMax
  }

  get size(): number {
    return this.#waiting.length
  }

  /** @returns whether there was room. */
  add(input: Input): boolean {
    const key = inputKey(input)
    if (this.#keys.has(key)) return true
    if (this.#waiting.length >= this.#inputsMax || this.#bytes > LIMITS.queueBytesMax) return false
    this.#keys.add(key)
    this.#waiting.push(input)
    this.#bytes += input.payload.length
    return true
  }

  /** The next batch: as many as fit, at least one. */
  take(): Input[] {
    let count = 0
    let bytes = 0
    for (const input of this.#waiting) {
      bytes += input.payload.length + INPUT_OVERHEAD_BYTES
      if (count > 0 && (bytes > LIMITS.batchBytesMax || count >= LIMITS.batchInputsMax)) break
      count += 1
    }
    const batch = this.#waiting.splice(0, count)
    for (const input of batch) this.#bytes -= input.payload.length
    return batch
  }

  /** The Input was decided. */
  settle(input: Input): void {
    this.#keys.delete(inputKey(input))
  }

  /** Leadership is over: proxies will send to the next leader. */
  clear(): void {
    this.#waiting.length = 0
    this.#keys.clear()
    this.#bytes = 0
  }
}
