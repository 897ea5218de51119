import { LIMITS } from '../model/limits.ts'
import type { Channel } from '../wire/message.ts'
import { CHANNELS } from '../wire/message.ts'

interface Waiting {
  /** Position among all messages ever queued here, over all channels. */
  readonly order: number
  readonly bytes: Uint8Array
}

/** Taken from the front by index, so that a long queue is not moved for each message. */
interface Lane {
  waiting: (Waiting | undefined)[]
  first: number
}

/**
 * Encoded messages on their way to one peer, in order by channel. Bounded: what passes the bound pushes out the
 * oldest whole messages, whatever their channel, because Paxos sends again what still matters.
 */
export class SendQueue {
  readonly #lanes: Readonly<Record<Channel, Lane>> = {
    ordering: lane(),
    output: lane(),
    transfer: lane(),
    state: lane(),
  }
  readonly #bytesMax: number
  #bytes = 0
  #order = 0

  constructor(bytesMax: number = LIMITS.sendQueueBytesMax) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  /** @returns how many older messages had to go. */
  push(channel: Channel, bytes: Uint8Array): number {
    let dropped = 0
    while (this.#bytes + bytes.length > this.#bytesMax && this.#dropOldest(channel)) dropped += 1
    this.#order += 1
    this.#lanes[channel].waiting.push({ order: this.#order, bytes })
    this.#bytes += bytes.length
    return dropped
  }

  /** Takes the oldest messages of a channel: as many as fit, but at least one. */
  take(channel: Channel, bytesMax: number): readonly Uint8Array[] {
    const from = this.#lanes[channel]
    const taken: Uint8Array[] = []
    let room = bytesMax
    for (
      let next = head(from);
      next !== undefined && (taken.length === 0 || next.bytes.length <= room);
      next = head(from)
    ) {
      if (taken.length === LIMITS.frameMessagesMax) break
      room -= next.bytes.length
      taken.push(next.bytes)
      this.#shift(from, next)
    }
    return taken
  }

  clear(): void {
    for (const channel of CHANNELS) Object.assign(this.#lanes[channel], lane())
    this.#bytes = 0
  }

  #dropOldest(pushed: Channel): boolean {
    const own = head(this.#lanes[pushed])
    if (own !== undefined) {
      this.#shift(this.#lanes[pushed], own)
      return true
    }
    let oldest: { readonly from: Lane; readonly entry: Waiting } | undefined
    for (const channel of CHANNELS) {
      const from = this.#lanes[channel]
      const entry = head(from)
      if (entry !== undefined && (oldest === undefined || entry.order < oldest.entry.order)) oldest = { from, entry }
    }
    if (oldest === undefined) return false
    this.#shift(oldest.from, oldest.entry)
    return true
  }

  #shift(from: Lane, entry: Waiting): void {
    from.waiting[from.first] = undefined
    from.first += 1
    this.#bytes -= entry.bytes.length
    if (from.first === from.waiting.length) {
      from.waiting = []
      from.first = 0
    } else if (from.first > 1024 && from.first * 2 > from.waiting.length) {
      from.waiting = from.waiting.slice(from.first)
      from.first = 0
    }
  }
}

function lane(): Lane {
  return { waiting: [], first: 0 }
}

function head(from: Lane): Waiting | undefined {
  return from.waiting[from.first]
}
