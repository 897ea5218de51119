import type { ReplicaId, Slot } from '../model/ids.ts'
import { SLOT_NONE } from '../model/ids.ts'
import { compareBallots } from '../model/ballot.ts'
import type { AcceptedEntry, OrderingMessage } from '../wire/ordering.ts'

type Promise = Extract<OrderingMessage, { kind: 'promise' }>

interface Heard {
  slotDecided: Slot
  readonly ranges: { readonly from: number; readonly to: number }[]
  readonly accepted: Map<Slot, AcceptedEntry>
}

/**
 * Gathers the promises of one ballot.
 * Source: Lamport, Paxos Made Simple (2001), 2.2 (P2c) and 3 (phase 1 for infinitely many instances at once).
 */
export class Promises {
  readonly #slotDecided: Slot
  readonly #heard = new Map<ReplicaId, Heard>()

  /** `slotDecided`: the proposer's, as its prepare said; below it nothing needs to be told. */
  constructor(slotDecided: Slot) {
    this.#slotDecided = slotDecided
  }

  add(from: ReplicaId, message: Promise): void {
    const heard: Heard = this.#heard.get(from) ?? { slotDecided: SLOT_NONE, ranges: [], accepted: new Map() }
    this.#heard.set(from, heard)
    if (message.slotDecided > heard.slotDecided) heard.slotDecided = message.slotDecided
    heard.ranges.push({ from: message.slotFrom, to: message.slotTo ?? Number.POSITIVE_INFINITY })
    for (const entry of message.accepted) heard.accepted.set(entry.slot, entry)
  }

  /** Who has promised without a gap. */
  complete(): ReplicaId[] {
    return [...this.#heard].filter(([, heard]) => this.#isComplete(heard)).map(([replica]) => replica)
  }

  /** The highest decided index among them, and who has it. */
  farthest(): { readonly replica: ReplicaId; readonly slotDecided: Slot } | undefined {
    let best: { replica: ReplicaId; slotDecided: Slot } | undefined
    for (const replica of this.complete()) {
      const slotDecided = this.#heard.get(replica)?.slotDecided ?? SLOT_NONE
      if (best === undefined || slotDecided > best.slotDecided) best = { replica, slotDecided }
    }
    return best
  }

  /** For every slot any of them accepted: the batch of the highest ballot, which must be proposed again. */
  adopted(): Map<Slot, AcceptedEntry> {
    const adopted = new Map<Slot, AcceptedEntry>()
    for (const replica of this.complete()) {
      for (const entry of this.#heard.get(replica)?.accepted.values() ?? []) {
        const best = adopted.get(entry.slot)
        if (best === undefined || compareBallots(entry.ballot, best.ballot) > 0) adopted.set(entry.slot, entry)
      }
    }
    return adopted
  }

  #isComplete(heard: Heard): boolean {
    let covered: number = Math.max(heard.slotDecided, this.#slotDecided)
    for (const range of heard.ranges.toSorted((left, right) => left.from - right.from)) {
      if (range.from > covered + 1) return false
      covered = Math.max(covered, range.to)
    }
    return covered === Number.POSITIVE_INFINITY
  }
}
