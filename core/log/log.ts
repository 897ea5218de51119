import { assert, unreachable } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import type { Ballot } from '../model/ballot.ts'
import type { Certificate } from '../model/checkpoint.ts'
import type { Configurations } from '../model/configurations.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import { SLOT_NONE, slotAfter, slot as toSlot } from '../model/ids.ts'
import { LIMITS } from '../model/limits.ts'
import type { LogRecord } from '../model/record.ts'
import type { DecidedEntry, LogMessage } from '../wire/log.ts'
import { Fetches } from './fetches.ts'
import type { LogMemory } from './recent-batches.ts'
import { RecentBatches } from './recent-batches.ts'

/** Chosen slots that wait for the ones before them. */
const WAITING_SLOTS_MAX = 4 * LIMITS.windowSlotsMax
/** While batches of so many bytes wait for the ones before them, only the very next slots are asked for. */
const WAITING_BYTES_MAX = 4 * LIMITS.partBytesMax
/** Slots read from disk at once. */
const READ_SLOTS_MAX = 512

export type LogEffect =
  | { readonly kind: 'send'; readonly to: ReplicaId; readonly message: LogMessage }
  | { readonly kind: 'persist'; readonly record: LogRecord }
  /** The next slot is decided: without a gap, in order, once. `ballot` is undefined for fetched slots. */
  | { readonly kind: 'decided'; readonly slot: Slot; readonly ballot: Ballot | undefined; readonly value: Uint8Array }
  /** Read these decided slots from the durable log, and give them to `read`, for that replica. */
  | { readonly kind: 'read-log'; readonly to: ReplicaId; readonly slotFrom: Slot; readonly slotTo: Slot }
  /** Another replica no longer has the next slot: its newest stable checkpoint stands for it. */
  | { readonly kind: 'gone'; readonly from: ReplicaId; readonly checkpoint: Slot }

interface Chosen {
  readonly ballot: Ballot | undefined
  readonly value: Uint8Array
}

interface LogInit {
  readonly self: ReplicaId
  readonly configurations: Configurations
  readonly memory?: LogMemory | undefined
  /** The lowest slot with a batch on its way to the disk: what is read there of it may be an older one. */
  readonly slotUnsynced?: () => Slot | undefined
}

/**
 * The Input log: from slots chosen in any order to a decided prefix without a gap, and the catch-up of what was missed.
 *
 * The newest batches are in memory, older ones on disk only, those before `slotFirst` in checkpoints only.
 * Source: Chandra et al., Paxos Made Live (2007), 5.1 (handling gaps by asking other replicas) and 5.5 (dropping the log).
 */
export class Log {
  readonly #configurations: Configurations
  readonly #recent: RecentBatches
  /** Taken back from the durable log, and not known to be decided yet. */
  readonly #undecided = new Map<Slot, Chosen>()
  readonly #waiting = new Map<Slot, Chosen>()
  readonly #fetches: Fetches
  readonly #slotUnsynced: () => Slot | undefined
  /** Replicas a read from disk is under way for. */
  readonly #reading = new Set<ReplicaId>()
  #slotFirst: Slot = slotAfter(SLOT_NONE)
  #slotDecided: Slot = SLOT_NONE
  #slotNoted: Slot = SLOT_NONE
  #slotCheckpoint: Slot = SLOT_NONE
  #effects: LogEffect[] = []

  constructor(init: LogInit) {
    this.#recent = new RecentBatches(init.memory)
    this.#configurations = init.configurations
    this.#slotUnsynced = init.slotUnsynced ?? (() => undefined)
    this.#fetches = new Fetches(() => init.configurations.others(init.self))
  }

  get slotDecided(): Slot {
    return this.#slotDecided
  }

  /** The first slot whose batch is held, in memory or on disk, and all after it up to the decided index. */
  get slotFirst(): Slot {
    return this.#slotFirst
  }

  /** The batch of a decided slot, if it is in memory. */
  decidedValue(slot: Slot): Uint8Array | undefined {
    return this.#recent.get(slot)?.value
  }

  /** Takes back the durable records, in order. What they show to be decided is told at once, as ever in order. */
  recover(record: LogRecord): readonly LogEffect[] {
    switch (record.kind) {
      case 'promised':
        break
      case 'accepted':
      case 'learned': {
        // The last record of a slot before its decided index is the decided batch: accepted ballots only rise, and
        // after a slot is decided nothing more is accepted for it.
        const ballot = record.kind === 'accepted' ? record.ballot : undefined
        if (record.slot > this.#slotDecided) this.#undecided.set(record.slot, { ballot, value: record.value })
        break
      }
      case 'decided':
        assert(record.slot >= this.#slotDecided, 'the durable decided index does not fall')
        this.#decideUpTo(record.slot)
        break
      case 'jumped':
        assert(record.certificate.slot > this.#slotDecided, 'a jump leads forward')
        this.#skipTo(record.certificate.slot)
        break
      default:
        unreachable(record)
    }
    return this.#take()
  }

  /** Ends recovery. `stable`: of the newest stable checkpoint on disk; it stands for every slot up to its own. */
  recovered(stable: Certificate | undefined): void {
    this.#slotCheckpoint = stable?.slot ?? SLOT_NONE
    this.#slotNoted = this.#slotDecided
    // Batches past the decided index are the acceptor's. Those a checkpoint covers and no durable index does may have
    // been replaced by a fetched one that never became durable: they are not given to anybody, in no later life either.
    this.#undecided.clear()
    if (stable !== undefined && stable.slot > this.#slotDecided) this.#jump(stable)
  }

  /** The last decided slot that may be read from disk together with `slotFrom`; undefined while that is not there. */
  readableTo(slotFrom: Slot): Slot | undefined {
    const slotUnsynced = this.#slotUnsynced() ?? Number.POSITIVE_INFINITY
    const slotTo = Math.min(slotFrom + READ_SLOTS_MAX - 1, this.#slotDecided, slotUnsynced - 1)
    return slotTo < slotFrom ? undefined : toSlot(slotTo)
  }

  /** A stable checkpoint is here: what lies before it may be declined. */
  checkpointed(slot: Slot): void {
    if (slot > this.#slotCheckpoint) this.#slotCheckpoint = slot
  }

  /** Slots up to here were given up. */
  truncated(slot: Slot): void {
    if (slot >= this.#slotFirst) this.#slotFirst = slotAfter(slot)
  }

  /** A majority vouches that every slot up to there is decided and in a checkpoint: the log goes on after it. */
  jump(certificate: Certificate): readonly LogEffect[] {
    assert(certificate.slot > this.#slotDecided, 'a jump leads forward')
    this.#jump(certificate)
    this.#advance()
    return this.#take()
  }

  /** A quorum accepted this batch. */
  chosen(slot: Slot, chosen: Chosen): readonly LogEffect[] {
    if (slot <= this.#slotDecided) {
      const value = this.#recent.get(slot)?.value
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
    this.#fetches.target(slotTarget, source)
    this.#request(nowMs)
    return this.#take()
  }

  message(from: ReplicaId, message: LogMessage, nowMs: number): readonly LogEffect[] {
    if (!this.#configurations.isMember(from)) return []
    switch (message.kind) {
      case 'log-request':
        this.#answer(from, message.slotFrom, message.slotTo)
        break
      case 'log-reply':
        this.#fetches.target(message.slotDecided, from)
        this.#learn(from, message.entries, nowMs)
        break
      case 'log-gone':
        this.#fetches.declined(from)
        if (message.checkpoint > this.#slotDecided) {
          this.#effects.push({ kind: 'gone', from, checkpoint: message.checkpoint })
        }
    }
    return this.#take()
  }

  /** What was read from disk for another replica. */
  read(to: ReplicaId, slotFrom: Slot, stored: readonly DecidedEntry[]): readonly LogEffect[] {
    this.#reading.delete(to)
    const entries = stored.map(({ slot, value }) => ({ slot, value }))
    const slotDecided = this.#slotDecided
    if (entries.length > 0) {
      this.#effects.push({ kind: 'send', to, message: { kind: 'log-reply', slotDecided, entries } })
    } else if (slotFrom < this.#slotFirst) this.#decline(to)
    return this.#take()
  }

  /** `takesMore`: the disk keeps up with what was learned so far. */
  tick(nowMs: number, takesMore = true): readonly LogEffect[] {
    if (this.#slotDecided > this.#slotNoted) {
      // The index is a convenience for the next start: the batches themselves are durable already.
      this.#slotNoted = this.#slotDecided
      this.#effects.push({ kind: 'persist', record: { kind: 'decided', slot: this.#slotDecided } })
    }
    if (takesMore) this.#request(nowMs)
    return this.#take()
  }

  /** Recovery: every slot up to here is decided; what no record holds any more, a checkpoint does. */
  #decideUpTo(slotLast: Slot): void {
    const held = [...this.#undecided.keys()].filter((slot) => slot <= slotLast).toSorted((left, right) => left - right)
    for (const slot of held) {
      const chosen = this.#undecided.get(slot)
      this.#undecided.delete(slot)
      if (chosen === undefined) continue
      if (slot !== slotAfter(this.#slotDecided)) this.#skipTo(toSlot(slot - 1))
      this.#decide(slot, chosen)
    }
    if (slotLast > this.#slotDecided) this.#skipTo(slotLast)
  }

  /** Goes on after a checkpoint without the batches before it, durably. */
  #jump(certificate: Certificate): void {
    const { slot } = certificate
    // What was executed so far is rebuilt by a later start, and need not be transferred.
    if (this.#slotDecided > this.#slotNoted) {
      this.#effects.push({ kind: 'persist', record: { kind: 'decided', slot: this.#slotDecided } })
    }
    this.#skipTo(slot)
    this.#effects.push({ kind: 'persist', record: { kind: 'jumped', certificate } })
    this.#slotNoted = slot
  }

  #skipTo(slot: Slot): void {
    this.#recent.clear()
    for (const waiting of this.#waiting.keys()) if (waiting <= slot) this.#waiting.delete(waiting)
    for (const undecided of this.#undecided.keys()) if (undecided <= slot) this.#undecided.delete(undecided)
    this.#slotDecided = slot
    this.#slotFirst = slotAfter(slot)
    this.#fetches.jumped(slot)
  }

  #advance(): void {
    for (;;) {
      const slot = slotAfter(this.#slotDecided)
      const next = this.#waiting.get(slot)
      if (next === undefined) return
      this.#waiting.delete(slot)
      // Only the very next slot is written, so that a durable `learned` record is always a decided one without a gap.
      if (next.ballot === undefined) {
        this.#effects.push({ kind: 'persist', record: { kind: 'learned', slot, value: next.value } })
      }
      this.#decide(slot, next)
    }
  }

  #decide(slot: Slot, { ballot, value }: Chosen): void {
    this.#recent.add(slot, { ballot, value })
    this.#slotDecided = slot
    this.#fetches.decided(slot)
    this.#effects.push({ kind: 'decided', slot, ballot, value })
  }

  #request(nowMs: number): void {
    let bytes = 0
    for (const { value } of this.#waiting.values()) bytes += value.length
    for (const { to, slotFrom, slotTo } of this.#fetches.due(nowMs, bytes < WAITING_BYTES_MAX)) {
      this.#effects.push({ kind: 'send', to, message: { kind: 'log-request', slotFrom, slotTo } })
    }
  }

  #answer(to: ReplicaId, slotFrom: Slot, slotTo: Slot): void {
    const first = toSlot(Math.max(1, slotFrom))
    const last = toSlot(Math.min(slotTo, this.#slotDecided))
    if (first < this.#slotFirst) {
      this.#decline(to)
    } else if (last < first || this.#recent.get(first) !== undefined) {
      const entries = this.#recent.range(first, last)
      const slotDecided = this.#slotDecided
      this.#effects.push({ kind: 'send', to, message: { kind: 'log-reply', slotDecided, entries } })
    } else if (!this.#reading.has(to)) {
      const readable = this.readableTo(first)
      if (readable === undefined) return
      this.#reading.add(to)
      this.#effects.push({ kind: 'read-log', to, slotFrom: first, slotTo: toSlot(Math.min(readable, last)) })
    }
  }

  #decline(to: ReplicaId): void {
    const message = { kind: 'log-gone', slotFirst: this.#slotFirst, checkpoint: this.#slotCheckpoint } as const
    this.#effects.push({ kind: 'send', to, message })
  }

  #learn(from: ReplicaId, entries: readonly DecidedEntry[], nowMs: number): void {
    const slotBefore = this.#slotDecided
    for (const { slot, value } of entries) {
      if (slot <= this.#slotDecided || !this.#fetches.takes(slot)) continue
      if (!this.#waiting.has(slot)) this.#waiting.set(slot, { ballot: undefined, value })
    }
    this.#fetches.answered(from, (slot) => slot <= this.#slotDecided || this.#waiting.has(slot))
    this.#advance()
    if (this.#slotDecided > slotBefore || entries.length > 0) this.#request(nowMs)
  }

  #take(): readonly LogEffect[] {
    const effects = this.#effects
    this.#effects = []
    return effects
  }
}
