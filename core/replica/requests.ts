import type { Input } from '../model/input.ts'
import { inputKey } from '../model/input.ts'
import { LIMITS } from '../model/limits.ts'
import type { Slot } from '../model/ids.ts'
import type { Reply } from './effects.ts'
import type { RequestNumber } from './events.ts'

export interface Waiter {
  readonly request: RequestNumber
  readonly arrivedMs: number
  readonly deadlineMs: number
  /** It wants the proof of its Output too. */
  readonly wantsProof: boolean
  /** What it gets at the deadline, when a majority gave its Output and the proof could not be made yet. */
  unproven?: Reply
}

/** An Input whose Output some caller waits for. */
export interface Pending {
  readonly input: Input
  readonly waiters: Waiter[]
  /** When it was last given to a leader; undefined while there is none. */
  sentMs: number | undefined
  /** How often it was given to a leader: after the first time it may have been ordered. */
  sends: number
  /** Where it was executed here, once it was. */
  slot: Slot | undefined
}

/** The Inputs this replica is the proxy of, bounded in number and bytes. */
export class Requests {
  readonly #pending = new Map<string, Pending>()
  readonly #byRequest = new Map<RequestNumber, Pending>()
  readonly #inputsMax: number
  #bytes = 0

  constructor(inputsMax: number = LIMITS.queueInputsMax) {
    this.#inputsMax = inputsMax
  }

  get size(): number {
    return this.#pending.size
  }

  /** @returns the pending Input, or undefined when the queue is full: nothing has happened then. */
  add(input: Input, waiter: Waiter): Pending | undefined {
    const key = inputKey(input)
    const before = this.#pending.get(key)
    if (before !== undefined) {
      before.waiters.push(waiter)
      this.#byRequest.set(waiter.request, before)
      return before
    }
    const isFull = this.#pending.size >= this.#inputsMax || this.#bytes + input.payload.length > LIMITS.queueBytesMax
    if (isFull) return undefined
    const pending: Pending = { input, waiters: [waiter], sentMs: undefined, sends: 0, slot: undefined }
    this.#pending.set(key, pending)
    this.#byRequest.set(waiter.request, pending)
    this.#bytes += input.payload.length
    return pending
  }

  find(input: Pick<Input, 'client' | 'sequence'>): Pending | undefined {
    return this.#pending.get(inputKey(input))
  }

  remove(input: Input): void {
    const pending = this.#pending.get(inputKey(input))
    if (pending === undefined) return
    this.#pending.delete(inputKey(input))
    this.#bytes -= pending.input.payload.length
    for (const { request } of pending.waiters) this.#byRequest.delete(request)
  }

  /** Drops one caller; the last one takes the Input with it. @returns the Input that went. */
  forget(request: RequestNumber): Pending | undefined {
    const pending = this.#byRequest.get(request)
    if (pending === undefined) return undefined
    this.#byRequest.delete(request)
    const index = pending.waiters.findIndex((waiter) => waiter.request === request)
    if (index >= 0) pending.waiters.splice(index, 1)
    if (pending.waiters.length > 0) return undefined
    this.remove(pending.input)
    return pending
  }

  all(): IterableIterator<Pending> {
    return this.#pending.values()
  }
}
