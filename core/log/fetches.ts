import type { ReplicaId, Slot } from '../model/ids.ts'
import { SLOT_NONE, slot as toSlot } from '../model/ids.ts'

/** Unit: ms. A request for slots that is not answered by then is made again, of another member. */
const REQUEST_RETRY_MS = 2_000
/** Slots asked of one member at once. */
const REQUEST_SLOTS_MAX = 512
/** Slots past the decided index that are asked for: what waits for those before it is bounded by them. */
const AHEAD_SLOTS_MAX = 2 * REQUEST_SLOTS_MAX

interface Range {
  readonly slotFrom: Slot
  readonly slotTo: Slot
}

export interface Fetch extends Range {
  readonly to: ReplicaId
}

/**
 * Which decided slots are missing and who was asked for them: ranges, of several members at once, of each one at a
 * time, the lowest missing first. A member that stays silent or has nothing is passed over for the others.
 */
export class Fetches {
  readonly #others: () => readonly ReplicaId[]
  readonly #asked = new Map<ReplicaId, Range & { readonly atMs: number }>()
  /** Came before slots that go before them. */
  #held: readonly Range[] = []
  readonly #passedOver = new Set<ReplicaId>()
  /** They did not answer when they were asked last: asked after the others, or the lowest slots would be theirs again. */
  readonly #silent = new Set<ReplicaId>()
  /** When all were passed over, and all are tried again some time later. */
  #exhaustedMs: number | undefined
  /** What others have decided, as far as was heard. */
  #slotTarget: Slot = SLOT_NONE
  #slotDecided: Slot = SLOT_NONE
  #source: ReplicaId | undefined

  constructor(others: () => readonly ReplicaId[]) {
    this.#others = others
  }

  /** `source` has decided up to here. */
  target(slotTarget: Slot, source: ReplicaId): void {
    if (slotTarget <= this.#slotTarget) return
    this.#slotTarget = slotTarget
    this.#source = source
  }

  /** Whether a slot that comes may be kept: it was asked for, or is the next. */
  takes(slot: Slot): boolean {
    if (slot === this.#slotDecided + 1) return true
    return [...this.#asked.values()].some(({ slotFrom, slotTo }) => slot >= slotFrom && slot <= slotTo)
  }

  decided(slot: Slot): void {
    this.#slotDecided = slot
    for (const [member, { slotTo }] of this.#asked) if (slotTo <= slot) this.#asked.delete(member)
    if (this.#held.length > 0) this.#held = this.#held.filter(({ slotTo }) => slotTo > slot)
  }

  /** Slots up to here need not be fetched any more; whoever had no such slots may have those after them. */
  jumped(slot: Slot): void {
    this.decided(slot)
    this.#passedOver.clear()
  }

  /**
   * A member gave what it has of the range it was asked for, or nothing. `holds`: whether a slot is here by now. Only
   * that counts: what answers an older question may leave the beginning out, and that must be asked for again.
   */
  answered(from: ReplicaId, holds: (slot: Slot) => boolean): void {
    const asked = this.#asked.get(from)
    this.#silent.delete(from)
    if (asked === undefined) return
    this.#asked.delete(from)
    const { slotFrom } = asked
    let slotAfterHeld: number = slotFrom
    while (slotAfterHeld <= asked.slotTo && holds(toSlot(slotAfterHeld))) slotAfterHeld += 1
    if (slotAfterHeld === slotFrom) {
      this.#passedOver.add(from)
      return
    }
    this.#exhaustedMs = undefined
    this.#passedOver.delete(from)
    const slotTo = toSlot(slotAfterHeld - 1)
    if (slotTo > this.#slotDecided) this.#held = [...this.#held, { slotFrom, slotTo }]
  }

  /** A member no longer has the slots it was asked for. */
  declined(from: ReplicaId): void {
    this.#silent.delete(from)
    this.#asked.delete(from)
    this.#passedOver.add(from)
  }

  /** What is to be asked now. `takesAhead`: also slots that have to wait for others before them. */
  due(nowMs: number, takesAhead = true): readonly Fetch[] {
    if (this.#slotTarget <= this.#slotDecided) {
      this.#passedOver.clear()
      return []
    }
    for (const [member, { atMs }] of this.#asked) {
      if (nowMs - atMs < REQUEST_RETRY_MS) continue
      this.#asked.delete(member)
      this.#passedOver.add(member)
      this.#silent.add(member)
    }
    this.#beginAgain(nowMs)
    const fetches: Fetch[] = []
    for (const to of this.#idle()) {
      const range = this.#nextRange()
      if (range === undefined || (!takesAhead && range.slotFrom > this.#slotDecided + 1)) break
      this.#asked.set(to, { ...range, atMs: nowMs })
      fetches.push({ to, ...range })
    }
    return fetches
  }

  #beginAgain(nowMs: number): void {
    if (this.#asked.size > 0 || this.#others().some((member) => !this.#passedOver.has(member))) return
    this.#exhaustedMs ??= nowMs
    if (nowMs - this.#exhaustedMs < REQUEST_RETRY_MS) return
    this.#exhaustedMs = undefined
    this.#passedOver.clear()
  }

  /** Who may be asked now: first whoever told of the slots, last those that were silent. */
  #idle(): readonly ReplicaId[] {
    const idle = this.#others().filter((member) => !this.#asked.has(member) && !this.#passedOver.has(member))
    const rank = (member: ReplicaId): number => {
      return (this.#silent.has(member) ? 2 : 0) + (member === this.#source ? 0 : 1)
    }
    return idle.toSorted((left, right) => rank(left) - rank(right))
  }

  /** The lowest range that was neither asked for nor is held. */
  #nextRange(): Range | undefined {
    const taken = [...this.#asked.values(), ...this.#held].toSorted((left, right) => left.slotFrom - right.slotFrom)
    const slotMax = Math.min(this.#slotTarget, this.#slotDecided + AHEAD_SLOTS_MAX)
    let from = this.#slotDecided + 1
    for (const { slotFrom, slotTo } of taken) {
      if (from < slotFrom) break
      from = Math.max(from, slotTo + 1)
    }
    if (from > slotMax) return undefined
    const next = taken.find(({ slotFrom }) => slotFrom > from)
    const to = Math.min(from + REQUEST_SLOTS_MAX - 1, slotMax, next === undefined ? slotMax : next.slotFrom - 1)
    return { slotFrom: toSlot(from), slotTo: toSlot(to) }
  }
}
