import { assert, present } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import type { Ballot } from '../model/ballot.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import { SLOT_NONE, slotAfter, slot as toSlot } from '../model/ids.ts'
import { LIMITS } from '../model/limits.ts'
import type { LogRecord } from '../model/record.ts'
import type { DecidedEntry, LogMessage } from '../wire/log.ts'

/** Unit: ms. An unanswered request for slots is made again, of another member. */
const REQUEST_RETRY_MS = 2_000
/** Slots asked for at once. */
const REQUEST_SLOTS_MAX = 1024
/** Chosen slots that wait for the ones before them. */
const WAITING_SLOTS_MAX = 4 * LIMITS.windowSlotsMax

export type LogEffect =
  | { readonly kind: 'send'; readonly to: ReplicaId; readonly message: LogMessage }
  | { readonly kind: 'persist'; readonly record: LogRecord }
  /** The next slot is decided: without a gap, in order, once. `ballot` is undefined for fetched slots. */
  | { readonly kind: 'decided'; readonly slot: Slot; readonly ballot: Ballot | undefined; readonly value: Uint8Array }

interface Chosen {
  readonly ballot: Ballot | undefined
  readonly value: Uint8Array
}

/**
 * The Input log: from slots chosen in any order to a decided prefix without a gap, and the catch-up of what was missed.
 * Source: Chandra et al., Paxos Made Live (2007), 5.1 (handling gaps by asking other replicas).
 */
export class Log {
  readonly #self: ReplicaId
  readonly #members: readonly ReplicaId[]
  readonly #values = new Map<Slot, Uint8Array>()
  readonly #waiting = new Map<Slot, Chosen>()
  #slotDecided: Slot = SLOT_NONE
  #slotNoted: Slot = SLOT_NONE
  /** What others have decided, as far as was heard. */
  #slotTarget: Slot = SLOT_NONE
  #source: ReplicaId | undefined
  #askedMs = Number.NEGATIVE_INFINITY
  #effects: LogEffect[] = []

  constructor(init: { readonly self: ReplicaId; readonly members: readonly ReplicaId[] }) {
    this.#self = init.self
    this.#members = init.members
  }

  get slotDecided(): Slot {
    return this.#slotDecided
  }

  /** The batch of a decided slot. */
  decidedValue(slot: Slot): Uint8Array | undefined {
    return slot <= this.#slotDecided ? this.#values.get(slot) : undefined
  }

  /** Takes back the durable records, in order. Nothing counts as decided before `recovered` says up to where. */
  recover(record: LogRecord): void {
    switch (record.kind) {
      case 'promised':
        return
      case 'accepted':
      case 'learned':
        // The last record of a slot before its decided index is the decided batch: accepted ballots only rise, and
        // after a slot is decided nothing more is accepted for it.
        if (record.slot > this.#slotDecided) this.#values.set(record.slot, record.value)
        return
      case 'decided':
        assert(record.slot >= this.#slotDecided, 'the durable decided index does not fall')
        this.#slotDecided = record.slot
        this.#slotNoted = record.slot
    }
  }

  /** Ends recovery. @returns the decided batches from the first slot on, to be executed again. */
  recovered(): readonly DecidedEntry[] {
    const entries: DecidedEntry[] = []
    for (const slot of this.#values.keys()) if (slot > this.#slotDecided) this.#values.delete(slot)
    for (let number = 1; number <= this.#slotDecided; number += 1) {
      const slot = toSlot(number)
      const value = present(this.#values.get(slot), `the log holds no batch for decided slot ${slot}`)
      entries.push({ slot, value })
    }
    return entries
  }

  /** A quorum accepted this batch. */
  chosen(slot: Slot, chosen: Chosen): readonly LogEffect[] {
    if (slot <= this.#slotDecided) {
      const value = this.#values.get(slot)
      assert(value === undefined || equalBytes(value, chosen.value), `slot ${slot} was decided twice, differently`)
      return []
    }
    if (slot > this.#slotDecided + WAITING_SLOTS_MAX) return []
    this.#waiting.set(slot, chosen)
    this.#advance()
    return this.#take()
  }

  /** Somebody has decided more than can be learned from the messages that come in. */
  behind(slotTarget: Slot, source: ReplicaId, nowMs: number): readonly LogEffect[] {
    if (slotTarget > this.#slotTarget) {
      this.#slotTarget = slotTarget
      this.#source = source
    }
    this.#request(nowMs)
    return this.#take()
  }

  message(from: ReplicaId, message: LogMessage, nowMs: number): readonly LogEffect[] {
    if (!this.#members.includes(from)) return []
    if (message.kind === 'log-request') this.#answer(from, message.slotFrom, message.slotTo)
    else this.#learn(from, message.entries, { slotDecided: message.slotDecided, nowMs })
    return this.#take()
  }

  tick(nowMs: number): readonly LogEffect[] {
    if (this.#slotDecided > this.#slotNoted) {
      // The index is a convenience for the next start: the batches themselves are durable already.
      this.#slotNoted = this.#slotDecided
      this.#effects.push({ kind: 'persist', record: { kind: 'decided', slot: this.#slotDecided } })
    }
    this.#request(nowMs)
    return this.#take()
  }

  #advance(): void {
    for (;;) {
      const slot = slotAfter(this.#slotDecided)
      const next = this.#waiting.get(slot)
      if (next === undefined) return
      this.#waiting.delete(slot)
      this.#values.set(slot, next.value)
      this.#slotDecided = slot
      this.#effects.push({ kind: 'decided', slot, ballot: next.ballot, value: next.value })
    }
  }

  #request(nowMs: number): void {
    if (this.#slotTarget <= this.#slotDecided || nowMs - this.#askedMs < REQUEST_RETRY_MS) return
    const others = this.#members.filter((member) => member !== this.#self)
    const first = this.#source !== undefined && others.includes(this.#source) ? this.#source : others[0]
    if (first === undefined) return
    this.#askedMs = nowMs
    const slotTo = toSlot(Math.min(this.#slotTarget, this.#slotDecided + REQUEST_SLOTS_MAX))
    const message = { kind: 'log-request', slotFrom: slotAfter(this.#slotDecided), slotTo } as const
    this.#effects.push({ kind: 'send', to: first, message })
    // Should it stay silent, the next one is asked.
    this.#source = others[(others.indexOf(first) + 1) % others.length]
  }

  #answer(to: ReplicaId, slotFrom: Slot, slotTo: Slot): void {
    const entries: DecidedEntry[] = []
    let bytes = 0
    for (let number = Math.max(1, slotFrom); number <= Math.min(slotTo, this.#slotDecided); number += 1) {
      const slot = toSlot(number)
      const value = this.#values.get(slot)
      if (value === undefined) break
      if (entries.length > 0 && bytes + value.length > LIMITS.partBytesMax) break
      if (entries.length >= LIMITS.frameMessagesMax) break
      entries.push({ slot, value })
      bytes += value.length
    }
    this.#effects.push({ kind: 'send', to, message: { kind: 'log-reply', slotDecided: this.#slotDecided, entries } })
  }

  #learn(
    from: ReplicaId,
    entries: readonly DecidedEntry[],
    context: { readonly slotDecided: Slot; readonly nowMs: number },
  ): void {
    if (context.slotDecided > this.#slotTarget) this.#slotTarget = context.slotDecided
    let learned = false
    for (const { slot, value } of entries) {
      if (slot <= this.#slotDecided) continue
      // Only the very next slot is taken, so that a durable `learned` record is always a decided one without a gap.
      if (slot !== slotAfter(this.#slotDecided)) break
      this.#waiting.set(slot, { ballot: undefined, value })
      this.#effects.push({ kind: 'persist', record: { kind: 'learned', slot, value } })
      this.#advance()
      learned = true
    }
    if (!learned) return
    this.#source = from
    this.#askedMs = Number.NEGATIVE_INFINITY
    this.#request(context.nowMs)
  }

  #take(): readonly LogEffect[] {
    const effects = this.#effects
    this.#effects = []
    return effects
  }
}
