import type { ReplicaId } from './ids.ts'

/**
 * A ballot number. Two proposers never share one: the proposer's id is part of the number.
 *
 * Shape: `round` counts from 1 (0 only in `BALLOT_NONE`); `proposer` breaks ties by string order.
 * Source: Lamport, Paxos Made Simple (2001), 2.5 (proposers draw from disjoint sets).
 */
export interface Ballot {
  readonly round: number
  readonly proposer: ReplicaId
}

/** Below every ballot: what an acceptor has promised before it promised anything. */
export const BALLOT_NONE: Ballot = { round: 0, proposer: '' as ReplicaId }

/** Negative when `left` is lower, positive when it is higher, 0 when they are one ballot. */
export function compareBallots(left: Ballot, right: Ballot): number {
  if (left.round !== right.round) return left.round - right.round
  if (left.proposer === right.proposer) return 0
  return left.proposer < right.proposer ? -1 : 1
}

export function sameBallot(left: Ballot, right: Ballot): boolean {
  return left.round === right.round && left.proposer === right.proposer
}

export function ballotText(ballot: Ballot): string {
  return `${ballot.round}.${ballot.proposer}`
}
