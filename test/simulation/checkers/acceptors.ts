import type { Ballot } from '../../../core/model/ballot.ts'
import { ballotText } from '../../../core/model/ballot.ts'
import type { BindingReply, OrderingMessage } from '../../../core/wire/ordering.ts'
import { nodeName } from '../journal.ts'
import { holds } from './violation.ts'

type Promise = Extract<BindingReply, { kind: 'promise' }>
type Accept = Extract<OrderingMessage, { kind: 'accept' }>
type Accepted = Extract<BindingReply, { kind: 'accepted' }>

interface Proposal {
  readonly ballot: Ballot
  readonly value: Uint8Array
  /** One bit an acceptor that said it accepted. */
  acceptors: number
}

interface ChosenSlot {
  readonly ballot: Ballot
  readonly value: Uint8Array
}

/** What one acceptor has told the others: it may never take that back, whatever it forgets. */
interface Word {
  promised: number
  /** Highest ballot it said to have accepted, per slot. */
  readonly accepted: Map<number, number>
}

/** Ballots as numbers: rounds times this, plus the proposer. */
const PROPOSERS_MAX = 16

/**
 * The acceptors' word, as the wire has it: never a promise or an acceptance below what was promised, never a promise
 * that keeps quiet about an acceptance; one batch a ballot and slot; and what a quorum accepted is what every higher
 * ballot proposes.
 * Source: Lamport, Paxos Made Simple (2001), 2.2 (P1a, P2b, P2c).
 */
export class AcceptorChecker {
  readonly #quorum: number
  readonly #words: Word[]
  readonly #proposals = new Map<number, Map<number, Proposal>>()
  readonly #chosen: (ChosenSlot | undefined)[] = []

  constructor(nodes: number) {
    this.#quorum = (nodes >> 1) + 1
    this.#words = Array.from({ length: nodes }, () => ({ promised: 0, accepted: new Map<number, number>() }))
  }

  chosen(slot: number): Uint8Array | undefined {
    return this.#chosen[slot]?.value
  }

  /** A proposer sends phase 2a. */
  accept(node: number, { ballot, slot, value }: Accept): void {
    const number = numberOf(ballot)
    holds(ballot.proposer === nodeName(node), 'ballots', () => `${nodeName(node)} proposes in ${ballotText(ballot)}`)
    const proposals = this.#proposals.get(slot) ?? new Map<number, Proposal>()
    this.#proposals.set(slot, proposals)
    const before = proposals.get(number)
    if (before !== undefined) {
      holds(before.value === value || Buffer.compare(before.value, value) === 0, 'one batch a ballot', () => {
        return `ballot ${ballotText(ballot)} proposes two batches for slot ${slot}`
      })
      return
    }
    const chosen = this.#chosen[slot]
    if (chosen !== undefined && number > numberOf(chosen.ballot)) {
      holds(Buffer.compare(chosen.value, value) === 0, 'P2c', () => {
        return `${ballotText(ballot)} proposes another batch for slot ${slot} than ${ballotText(chosen.ballot)} had chosen`
      })
    }
    proposals.set(number, { ballot, value, acceptors: 0 })
  }

  /** An acceptor sends phase 2b. */
  accepted(node: number, { ballot, slot }: Accepted): void {
    const number = numberOf(ballot)
    const word = this.#wordOf(node)
    holds(number >= word.promised, 'P1a', () => {
      return `${nodeName(node)} accepts slot ${slot} in ${ballotText(ballot)}, below what it promised`
    })
    word.promised = number
    if (number > (word.accepted.get(slot) ?? 0)) word.accepted.set(slot, number)
    const proposal = this.#proposals.get(slot)?.get(number)
    holds(proposal !== undefined, 'proposals', () => {
      return `${nodeName(node)} accepted slot ${slot} in ${ballotText(ballot)}, which nobody proposed`
    })
    proposal.acceptors |= 1 << node
    if (bits(proposal.acceptors) >= this.#quorum) this.#choose(slot, proposal)
  }

  /** An acceptor sends phase 1b, or a part of it. */
  promise(node: number, message: Promise): void {
    const number = numberOf(message.ballot)
    const word = this.#wordOf(node)
    holds(number >= word.promised, 'P1a', () => {
      return `${nodeName(node)} promises ${ballotText(message.ballot)}, below what it promised before`
    })
    word.promised = number
    for (const [slot, acceptedIn] of word.accepted) {
      if (slot <= message.slotDecided || slot < message.slotFrom) continue
      if (message.slotTo !== null && slot > message.slotTo) continue
      if (acceptedIn > number) continue
      const told = message.accepted.find((entry) => entry.slot === slot)
      holds(told !== undefined && numberOf(told.ballot) >= acceptedIn, 'durability', () => {
        return `${nodeName(node)} promises ${ballotText(message.ballot)} and keeps quiet about slot ${slot}, which it accepted`
      })
    }
  }

  /** Slots up to here are decided at this acceptor: it need not tell of them any more. */
  decided(node: number, slotDecided: number): void {
    const { accepted } = this.#wordOf(node)
    for (const slot of accepted.keys()) if (slot <= slotDecided) accepted.delete(slot)
  }

  #choose(slot: number, { ballot, value }: Proposal): void {
    const before = this.#chosen[slot]
    if (before === undefined) {
      this.#chosen[slot] = { ballot, value }
      this.#checkHigher(slot, ballot, value)
      return
    }
    holds(before.value === value || Buffer.compare(before.value, value) === 0, 'agreement', () => {
      return `slot ${slot} was chosen in ${ballotText(before.ballot)} and differently in ${ballotText(ballot)}`
    })
  }

  /** A slow acceptance may complete a quorum after a higher ballot has proposed: that must be the same batch already. */
  #checkHigher(slot: number, ballot: Ballot, value: Uint8Array): void {
    for (const [number, other] of this.#proposals.get(slot) ?? []) {
      if (number <= numberOf(ballot)) continue
      holds(Buffer.compare(other.value, value) === 0, 'P2c', () => {
        return `${ballotText(other.ballot)} proposed another batch for slot ${slot} than ${ballotText(ballot)} has chosen`
      })
    }
  }

  #wordOf(node: number): Word {
    const word = this.#words[node]
    holds(word !== undefined, 'ballots', () => `there is no acceptor ${node}`)
    return word
  }
}

function numberOf({ round, proposer }: Ballot): number {
  return round * PROPOSERS_MAX + (proposer === '' ? 0 : proposer.charCodeAt(0) - 96)
}

function bits(mask: number): number {
  let count = 0
  for (let rest = mask; rest !== 0; rest &= rest - 1) count += 1
  return count
}
