import { assert } from '../base/assert.ts'
import type { Ballot } from '../model/ballot.ts'
import { BALLOT_NONE, compareBallots, sameBallot } from '../model/ballot.ts'
import type { Configurations } from '../model/configurations.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import { SLOT_NONE, slotAfter, slot as toSlot } from '../model/ids.ts'
import { LIMITS } from '../model/limits.ts'
import type { AcceptedEntry, OrderingMessage } from '../wire/ordering.ts'
import type { AddressedReply, OrderingSink } from './effects.ts'

type Prepare = Extract<OrderingMessage, { kind: 'prepare' }>
type Accept = Extract<OrderingMessage, { kind: 'accept' }>

/** Slots past the decided index for which an acceptor takes batches. A follower farther behind catches up first. */
const SLOTS_AHEAD_MAX = 2 * LIMITS.windowSlotsMax

/**
 * The acceptor: what it promised and what it accepted, above the decided index.
 * Source: Lamport, Paxos Made Simple (2001), 2.2, P1a and the two phases.
 */
export class Acceptor {
  readonly #configurations: Configurations
  readonly #emit: OrderingSink
  #promised: Ballot = BALLOT_NONE
  #slotDecided: Slot = SLOT_NONE
  readonly #accepted = new Map<Slot, AcceptedEntry>()

  constructor(configurations: Configurations, emit: OrderingSink) {
    this.#configurations = configurations
    this.#emit = emit
  }

  get promised(): Ballot {
    return this.#promised
  }

  accepted(slot: Slot): AcceptedEntry | undefined {
    return this.#accepted.get(slot)
  }

  /** Takes back what stands in the durable log; only before the first message. */
  recover(record: { readonly ballot: Ballot; readonly entry?: AcceptedEntry }): void {
    if (compareBallots(record.ballot, this.#promised) > 0) this.#promised = record.ballot
    if (record.entry !== undefined) this.#accepted.set(record.entry.slot, record.entry)
  }

  /** Slots up to here are decided: their batches are the log's now. */
  decided(slotDecided: Slot): void {
    assert(slotDecided >= this.#slotDecided, 'the decided index does not fall')
    this.#slotDecided = slotDecided
    for (const slot of this.#accepted.keys()) if (slot <= slotDecided) this.#accepted.delete(slot)
  }

  /** Phase 1b. @returns whether the ballot was promised. */
  prepare(from: ReplicaId, message: Prepare): boolean {
    if (!this.#isOwner(from, message.ballot)) return false
    if (compareBallots(message.ballot, this.#promised) < 0) {
      this.#refuse(from, message.ballot)
      return false
    }
    this.#promised = message.ballot
    this.#emit({
      kind: 'persist',
      record: { kind: 'promised', ballot: message.ballot },
      then: this.#promiseParts(from, message),
    })
    return true
  }

  /** Phase 2b. @returns whether the ballot stands (also when there was nothing to accept any more). */
  accept(from: ReplicaId, message: Accept): boolean {
    const { ballot, slot, value } = message
    if (!this.#isOwner(from, ballot)) return false
    if (compareBallots(ballot, this.#promised) < 0) {
      this.#refuse(from, ballot)
      return false
    }
    this.#promised = ballot
    if (slot <= this.#slotDecided || slot > this.#slotDecided + SLOTS_AHEAD_MAX) return true
    const before = this.#accepted.get(slot)
    const again = before !== undefined && sameBallot(before.ballot, ballot)
    const { members } = this.#configurations.latest
    const then = members.map(({ replica: to }): AddressedReply => ({ to, message: { kind: 'accepted', ballot, slot } }))
    if (!again) this.#accepted.set(slot, { slot, ballot, value })
    // A repeated accept may overtake the sync of the first: the answer waits behind a record of its own.
    this.#emit({
      kind: 'persist',
      record: again ? { kind: 'promised', ballot } : { kind: 'accepted', slot, ballot, value },
      then,
    })
    return true
  }

  #isOwner(from: ReplicaId, ballot: Ballot): boolean {
    return ballot.proposer === from
  }

  #refuse(to: ReplicaId, ballot: Ballot): void {
    this.#emit({ kind: 'send', to, message: { kind: 'refused', ballot, promised: this.#promised } })
  }

  /** Everything accepted that the proposer may not know to be decided, in parts of bounded size without a gap. */
  #promiseParts(to: ReplicaId, { ballot, slotDecided }: Prepare): AddressedReply[] {
    const slotFirst = slotAfter(slotDecided > this.#slotDecided ? slotDecided : this.#slotDecided)
    const entries = [...this.#accepted.values()]
      .filter((entry) => entry.slot >= slotFirst)
      .toSorted((left, right) => left.slot - right.slot)
    const parts: { slotFrom: Slot; accepted: AcceptedEntry[] }[] = [{ slotFrom: slotFirst, accepted: [] }]
    let bytes = 0
    for (const entry of entries) {
      if (bytes > 0 && bytes + entry.value.length > LIMITS.partBytesMax) {
        parts.push({ slotFrom: entry.slot, accepted: [] })
        bytes = 0
      }
      parts.at(-1)?.accepted.push(entry)
      bytes += entry.value.length
    }
    return parts.map(({ slotFrom, accepted }, index) => {
      const next = parts[index + 1]
      const slotTo = next === undefined ? null : toSlot(next.slotFrom - 1)
      const message = { kind: 'promise', ballot, slotDecided: this.#slotDecided, slotFrom, slotTo, accepted } as const
      return { to, message }
    })
  }
}
