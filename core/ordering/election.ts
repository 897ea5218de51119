import type { Prng } from '../base/prng.ts'
import type { Ballot } from '../model/ballot.ts'
import { BALLOT_NONE, compareBallots, sameBallot } from '../model/ballot.ts'
import type { Configurations } from '../model/configurations.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import type { AbdicationReason, OrderingMessage } from '../wire/ordering.ts'
import type { ElectionCause, OrderingSink } from './effects.ts'
import { ORDERING_TIMING } from './timing.ts'

type PreVote = Extract<OrderingMessage, { kind: 'pre-vote' }>
type PreVoteReply = Extract<OrderingMessage, { kind: 'pre-vote-reply' }>

interface ElectionInit {
  readonly self: ReplicaId
  readonly configurations: Configurations
  readonly prng: Prng
  readonly emit: OrderingSink
}

/**
 * Who should propose. Never a matter of safety (the acceptors see to that), only of progress.
 *
 * A follower that hears no leader for a random time first asks whether a quorum would follow it (pre-vote), so that
 * a replica that was away, or hears badly, spends no ballot against a healthy leader.
 * Source: Ongaro, Consensus: Bridging Theory and Practice (2014), 9.6 (pre-vote) and 6.2 (leader steps down).
 */
export class Election {
  readonly #init: ElectionInit
  /** Highest round met anywhere. */
  #roundSeen = 0
  #leader: ReplicaId | undefined
  #leaderBallot: Ballot = BALLOT_NONE
  #leaderHeardMs = Number.NEGATIVE_INFINITY
  #deadlineMs = 0
  #asking: { readonly ballot: Ballot; readonly granted: Set<ReplicaId> } | undefined
  /** Members it has no connection to. */
  readonly #broken = new Set<ReplicaId>()
  /** Whom it led before, and why that ended. */
  #previous: { readonly leader: ReplicaId; readonly ballot: Ballot } | undefined
  #cause: ElectionCause = 'first'
  #startMs = Number.NEGATIVE_INFINITY

  constructor(init: ElectionInit) {
    this.#init = init
  }

  get leader(): ReplicaId | undefined {
    return this.#leader
  }

  get ballot(): Ballot {
    return this.#leaderBallot
  }

  /** Whom this replica followed before it was elected, and why no longer. */
  get record(): {
    readonly previous: { readonly leader: ReplicaId; readonly ballot: Ballot } | undefined
    readonly cause: ElectionCause
  } {
    return { previous: this.#previous, cause: this.#previous === undefined ? 'first' : this.#cause }
  }

  start(nowMs: number): void {
    this.#startMs = nowMs
    this.#defer(nowMs)
  }

  /**
   * Where leases are on: whether a leader may still count on this replica to follow nobody else. After a restart it
   * can't know whom it answered, and waits as if it had just heard one.
   */
  isBound(proposer: ReplicaId, nowMs: number): boolean {
    if (proposer === this.#leader) return false
    const sinceMs = Math.max(this.#leaderHeardMs, this.#startMs)
    return nowMs - sinceMs < ORDERING_TIMING.electionMsMin
  }

  seen(ballot: Ballot): void {
    if (ballot.round > this.#roundSeen) this.#roundSeen = ballot.round
  }

  /** The owner of this ballot leads: it sent a heartbeat or an accept that stands. */
  leaderHeard(ballot: Ballot, nowMs: number): void {
    this.seen(ballot)
    if (compareBallots(ballot, this.#leaderBallot) < 0) return
    this.#leaderHeardMs = nowMs
    this.#asking = undefined
    this.#defer(nowMs)
    if (this.#leader === ballot.proposer && sameBallot(ballot, this.#leaderBallot)) return
    if (ballot.proposer !== this.#init.self) this.#previous = { leader: ballot.proposer, ballot }
    this.#cause = 'silence'
    this.#leader = ballot.proposer
    this.#leaderBallot = ballot
    this.#init.emit({ kind: 'leader', leader: this.#leader, ballot })
  }

  /** Somebody was promised a ballot: give it time to lead. */
  promised(ballot: Ballot, nowMs: number): void {
    this.seen(ballot)
    this.#asking = undefined
    this.#defer(nowMs)
    if (this.#leader !== undefined && compareBallots(ballot, this.#leaderBallot) > 0) this.leaderLost()
  }

  /** A connection to a member came or broke. */
  peer(replica: ReplicaId, connected: boolean, nowMs: number): void {
    if (connected) this.#broken.delete(replica)
    else this.#broken.add(replica)
    if (connected || replica !== this.#leader) return
    const { brokenMsMin, brokenMsMax } = ORDERING_TIMING
    this.#deadlineMs = Math.min(this.#deadlineMs, nowMs + this.#init.prng.between(brokenMsMin, brokenMsMax))
  }

  leaderLost(): void {
    if (this.#leader === undefined) return
    this.#leader = undefined
    this.#init.emit({ kind: 'leader', leader: undefined, ballot: this.#leaderBallot })
  }

  /** The leader hands over: no need to wait for silence; a short random wait keeps two from starting at once. */
  abdicated(ballot: Ballot, reason: AbdicationReason, nowMs: number): void {
    if (!sameBallot(ballot, this.#leaderBallot)) return
    this.#leaderHeardMs = Number.NEGATIVE_INFINITY
    this.#startMs = Number.NEGATIVE_INFINITY
    this.#cause = reason
    this.leaderLost()
    this.#deadlineMs = nowMs + this.#init.prng.between(0, ORDERING_TIMING.heartbeatMs)
  }

  /** It leads, and still reaches a quorum. */
  leads(ballot: Ballot, nowMs: number): void {
    this.leaderHeard(ballot, nowMs)
  }

  /** Its own leadership is over: others may run at once, it waits its time. */
  resigned(nowMs: number): void {
    this.#leaderHeardMs = Number.NEGATIVE_INFINITY
    this.#previous = { leader: this.#init.self, ballot: this.#leaderBallot }
    if (this.#leader === this.#init.self) this.leaderLost()
    this.#defer(nowMs)
  }

  /** A follower's turn of the clock. `isUnfit`: it notices that the leader is silent, and leaves the rest to others. */
  followerTick(slotDecided: Slot, nowMs: number, isUnfit = false): void {
    if (nowMs < this.#deadlineMs) return
    this.leaderLost()
    this.#defer(nowMs)
    if (isUnfit) return
    this.#asking = {
      ballot: { round: this.#roundSeen + 1, proposer: this.#init.self },
      granted: new Set([this.#init.self]),
    }
    const message = { kind: 'pre-vote', ballot: this.#asking.ballot, slotDecided } as const
    for (const to of this.#init.configurations.others(this.#init.self)) this.#init.emit({ kind: 'send', to, message })
  }

  preVote(from: ReplicaId, message: PreVote, context: { readonly promised: Ballot; readonly nowMs: number }): void {
    this.seen(message.ballot)
    const silent =
      context.nowMs - this.#leaderHeardMs >= ORDERING_TIMING.electionMsMin ||
      this.#broken.has(this.#leaderBallot.proposer)
    const granted = silent && compareBallots(message.ballot, context.promised) > 0
    const { ballot } = message
    this.#init.emit({
      kind: 'send',
      to: from,
      message: { kind: 'pre-vote-reply', ballot, granted, promised: context.promised },
    })
  }

  /** @returns the ballot to prepare once a quorum would follow it. */
  preVoteReply(from: ReplicaId, message: PreVoteReply): Ballot | undefined {
    this.seen(message.promised)
    if (this.#asking === undefined || !sameBallot(message.ballot, this.#asking.ballot)) return undefined
    if (!message.granted) return undefined
    this.#asking.granted.add(from)
    return this.#elected()
  }

  /** A cluster of one needs nobody's answer. */
  elected(): Ballot | undefined {
    return this.#elected()
  }

  #elected(): Ballot | undefined {
    if (this.#asking === undefined || !this.#init.configurations.quorum.isReached(this.#asking.granted))
      return undefined
    this.#asking = undefined
    return { round: this.#roundSeen + 1, proposer: this.#init.self }
  }

  #defer(nowMs: number): void {
    const { electionMsMin, electionMsMax } = ORDERING_TIMING
    this.#deadlineMs = nowMs + this.#init.prng.between(electionMsMin, electionMsMax)
  }
}
