import { assert, present } from '../base/assert.ts'
import type { Configuration } from './configuration.ts'
import { isMember } from './configuration.ts'
import type { ReplicaId, Slot } from './ids.ts'
import { slotAfter } from './ids.ts'
import { Quorum } from './quorum.ts'

/** Terms that are remembered: votes, AUDITs and checkpoints of slots so far back are counted by whoever was a member then. */
const TERMS_MAX = 64

/** A configuration, and the first slot it governs. */
interface Term {
  readonly slotFirst: Slot
  readonly configuration: Configuration
}

/**
 * Which configuration governs which slot, as far as this replica knows. A JOIN or QUIT decided at a slot governs from the
 * next one on.
 * Source: Lamport, Malkhi and Zhou, Reconfiguring a State Machine (2010), 3.1, with a window of one slot.
 */
export class Configurations {
  #terms: readonly (Term & { readonly quorum: Quorum })[]

  /** `terms`: at least one, by rising slot and epoch; the first stands for all slots before it, too. */
  constructor(terms: readonly Term[]) {
    this.#terms = checked(terms)
  }

  /** That of the newest slots. */
  get latest(): Configuration {
    return this.#last().configuration
  }

  get quorum(): Quorum {
    return this.#last().quorum
  }

  at(slot: Slot): Configuration {
    return this.#termAt(slot).configuration
  }

  quorumAt(slot: Slot): Quorum {
    return this.#termAt(slot).quorum
  }

  isMember(replica: ReplicaId): boolean {
    return isMember(this.latest, replica)
  }

  /** All members of the latest but one. */
  others(self: ReplicaId): readonly ReplicaId[] {
    return this.latest.members.map(({ replica }) => replica).filter((replica) => replica !== self)
  }

  /** A change was decided at this slot. */
  changed(slot: Slot, configuration: Configuration): void {
    const term = { slotFirst: slotAfter(slot), configuration }
    this.#terms = checked([...this.#terms, term]).slice(-TERMS_MAX)
  }

  #last(): Term & { readonly quorum: Quorum } {
    return present(this.#terms.at(-1), 'there is a configuration')
  }

  #termAt(slot: Slot): Term & { readonly quorum: Quorum } {
    const last = this.#last()
    if (slot >= last.slotFirst) return last
    return this.#terms.findLast(({ slotFirst }) => slotFirst <= slot) ?? present(this.#terms[0], 'there is a first')
  }
}

function checked(terms: readonly Term[]): readonly (Term & { readonly quorum: Quorum })[] {
  assert(terms.length > 0, 'there is a configuration')
  terms.forEach(({ slotFirst, configuration: { epoch } }, index) => {
    const before = terms[index - 1]
    assert(before === undefined || before.slotFirst < slotFirst, 'terms are in the order of their slots')
    assert(before === undefined || before.configuration.epoch < epoch, 'each change has an epoch of its own')
  })
  return terms.map(({ slotFirst, configuration }) => ({ slotFirst, configuration, quorum: new Quorum(configuration) }))
}
