import type { Ballot } from '../model/ballot.ts'
import { compareBallots, sameBallot } from '../model/ballot.ts'
import type { Configurations } from '../model/configurations.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import { SLOT_NONE, slot as toSlot } from '../model/ids.ts'
import { LIMITS } from '../model/limits.ts'
import type { Acceptor } from './acceptor.ts'
import type { OrderingSink } from './effects.ts'

/** Slots past the decided index whose acceptances are counted. */
const SLOTS_AHEAD_MAX = 4 * LIMITS.windowSlotsMax

/**
 * The learner: every replica counts the acceptances itself, so a decision costs no message of its own.
 * Source: Lamport, Paxos Made Simple (2001), 2.3 (each acceptor tells all learners).
 */
export class Learner {
  readonly #configurations: Configurations
  readonly #acceptor: Acceptor
  readonly #emit: OrderingSink
  #slotDecided: Slot = SLOT_NONE
  /** Per slot: the highest ballot in which each replica accepted. */
  readonly #heard = new Map<Slot, Map<ReplicaId, Ballot>>()

  constructor(init: {
    readonly configurations: Configurations
    readonly acceptor: Acceptor
    readonly emit: OrderingSink
  }) {
    this.#configurations = init.configurations
    this.#acceptor = init.acceptor
    this.#emit = init.emit
  }

  decided(slotDecided: Slot): void {
    this.#slotDecided = slotDecided
    for (const slot of this.#heard.keys()) if (slot <= slotDecided) this.#heard.delete(slot)
  }

  /** Whether this replica was heard to have accepted the slot in this ballot. */
  hasAccepted(slot: Slot, ballot: Ballot, replica: ReplicaId): boolean {
    const heard = this.#heard.get(slot)?.get(replica)
    return heard !== undefined && sameBallot(heard, ballot)
  }

  /** An acceptor accepted. */
  accepted(from: ReplicaId, slot: Slot, ballot: Ballot): void {
    if (slot <= this.#slotDecided || slot > this.#slotDecided + SLOTS_AHEAD_MAX) return
    const heard = this.#heard.get(slot) ?? new Map<ReplicaId, Ballot>()
    this.#heard.set(slot, heard)
    const before = heard.get(from)
    if (before !== undefined && compareBallots(before, ballot) >= 0) return
    heard.set(from, ballot)
    this.check(slot)
  }

  /** Decides the slot if a quorum accepted in one ballot and its batch is here. */
  check(slot: Slot): void {
    const heard = this.#heard.get(slot)
    const entry = this.#acceptor.accepted(slot)
    const { quorum } = this.#configurations
    if (heard === undefined || entry === undefined || heard.size < quorum.size) return
    for (const ballot of heard.values()) {
      const agreeing = [...heard].filter(([, other]) => sameBallot(other, ballot)).map(([replica]) => replica)
      if (!quorum.isReached(agreeing)) continue
      // What is chosen in a ballot is what every higher ballot proposes: an entry of a lower one proves nothing.
      if (compareBallots(entry.ballot, ballot) < 0) continue
      this.#emit({ kind: 'chosen', slot, ballot, value: entry.value })
      return
    }
  }

  /**
   * A leader says that every slot up to `slotDecided` is decided. Believed for a slot only if it was accepted here
   * in that leader's ballot; the rest must be fetched.
   */
  announced(from: ReplicaId, ballot: Ballot, slotDecided: Slot): void {
    if (slotDecided <= this.#slotDecided) return
    for (let number = this.#slotDecided + 1; number <= slotDecided; number += 1) {
      const entry = this.#acceptor.accepted(toSlot(number))
      if (entry === undefined || !sameBallot(entry.ballot, ballot)) {
        this.#emit({ kind: 'behind', slotDecided, from })
        return
      }
      this.#emit({ kind: 'chosen', slot: entry.slot, ballot, value: entry.value })
    }
  }
}
