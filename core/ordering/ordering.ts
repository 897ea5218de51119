import { unreachable } from '../base/assert.ts'
import type { Prng } from '../base/prng.ts'
import type { Ballot } from '../model/ballot.ts'
import { BALLOT_NONE, compareBallots } from '../model/ballot.ts'
import type { Configurations } from '../model/configurations.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import { SLOT_NONE } from '../model/ids.ts'
import type { LogRecord } from '../model/record.ts'
import type { AbdicationReason, OrderingMessage } from '../wire/ordering.ts'
import { Acceptor } from './acceptor.ts'
import type { ElectionReason, LeaseInit, OrderingEffect } from './effects.ts'
import { Election } from './election.ts'
import { Leadership } from './leadership.ts'
import { Learner } from './learner.ts'
import { Proposer } from './proposer.ts'
import { ORDERING_TIMING } from './timing.ts'

export interface OrderingInit {
  readonly self: ReplicaId
  readonly configurations: Configurations
  readonly prng: Prng
  /** Off when absent. The same at every member. */
  readonly lease?: LeaseInit | undefined
}

/** Inputs travel by `forward`, which is the replica's business: ordering sees batches only. */
type ProtocolMessage = Exclude<OrderingMessage, { kind: 'forward' | 'busy' }>

/**
 * Multi-Paxos over opaque batches: the composed step of acceptor, learner, proposer and election.
 *
 * The rest of the core sees this much: `propose` a batch while there is `room`, hear which batches were `chosen` for
 * which slots, say which slot the log `decided`. What any ordering must promise stands in docs/architecture.md.
 */
export class Ordering {
  readonly #self: ReplicaId
  readonly #configurations: Configurations
  readonly #acceptor: Acceptor
  readonly #learner: Learner
  readonly #proposer: Proposer
  readonly #election: Election
  readonly #leadership: Leadership
  readonly #hasLease: boolean
  /** What other members told of the leader, and when. */
  readonly #pulses = new Map<ReplicaId, { readonly ballot: Ballot; readonly heardMs: number }>()
  #pulseMs = Number.NEGATIVE_INFINITY
  #effects: OrderingEffect[] = []
  #slotDecided: Slot = SLOT_NONE
  /** The first slot past its own that it heard another member has decided, and since when. */
  #claim: { readonly slotDecided: Slot; readonly sinceMs: number } | undefined
  #nowMs = 0
  /** Its State is not here: it may follow, and is not to lead. */
  #isUnfit = false

  constructor({ self, configurations, prng, lease }: OrderingInit) {
    const emit = (effect: OrderingEffect): void => {
      this.#effects.push(effect)
    }
    this.#self = self
    this.#configurations = configurations
    this.#acceptor = new Acceptor(configurations, emit)
    this.#learner = new Learner({ configurations, acceptor: this.#acceptor, emit })
    this.#election = new Election({ self, configurations, prng, emit })
    this.#leadership = new Leadership({ self, configurations, emit, lease })
    this.#hasLease = lease !== undefined
    this.#proposer = new Proposer({
      self,
      configurations,
      emit,
      toSelf: (message) => {
        this.#receive(self, message)
      },
      hasAccepted: (slot, ballot, replica) => this.#learner.hasAccepted(slot, ballot, replica),
    })
  }

  get leader(): ReplicaId | undefined {
    return this.#election.leader
  }

  /** The ballot that leads, as far as this replica knows; its own while it tries. */
  get ballot(): Ballot {
    return this.role === 'follower' ? this.#election.ballot : (this.#proposer.ballot ?? this.#election.ballot)
  }

  get role(): 'follower' | 'candidate' | 'leader' {
    return this.#proposer.role
  }

  /** The last slot proposed for, while this replica leads: no slot after it can be decided. */
  get slotProposed(): Slot | undefined {
    return this.#proposer.slotProposed
  }

  /** How many batches may be proposed now; 0 unless this replica leads. */
  get room(): number {
    return this.#proposer.room
  }

  /** Batches proposed and not yet decided. */
  get inFlight(): number {
    return this.#proposer.inFlight
  }

  /** Takes back one record of the durable log, in order, before anything else. What is decided is the log's. */
  recover(record: LogRecord): void {
    if (record.kind === 'decided') this.#acceptor.decided(record.slot)
    if (record.kind === 'jumped') this.#acceptor.decided(record.certificate.slot)
    if (record.kind === 'promised') this.#acceptor.recover({ ballot: record.ballot })
    if (record.kind === 'accepted') {
      const { slot, ballot, value } = record
      this.#acceptor.recover({ ballot, entry: { slot, ballot, value } })
    }
    if ('ballot' in record) this.#election.seen(record.ballot)
  }

  /** Ends recovery: the log knows slots up to here to be decided. */
  recovered(slotDecided: Slot): void {
    this.#slotDecided = slotDecided
    this.#acceptor.decided(slotDecided)
    this.#learner.decided(slotDecided)
    this.#proposer.recovered(slotDecided)
  }

  start(nowMs: number): void {
    this.#election.start(nowMs)
  }

  /**
   * A turn of the clock. `isDiskStalled`: nothing has become durable here for too long. `isUnfit`: this replica should
   * not lead, though it may follow: its State is not here, or is known to be wrong.
   */
  tick(nowMs: number, { isDiskStalled = false, isUnfit = false } = {}): readonly OrderingEffect[] {
    this.#nowMs = nowMs
    this.#isUnfit = isUnfit
    this.#proposerTick()
    const { ballot, role } = this.#proposer
    if (role === 'leader' && ballot !== undefined) {
      if (isDiskStalled) this.#handOver('disk-stall')
      else if (this.#leadership.tick(this.#slotDecided, nowMs)) this.#election.leads(ballot, nowMs)
      else this.#handOver('lost-quorum')
    } else if (!isDiskStalled) {
      this.#election.followerTick(this.#slotDecided, nowMs, isUnfit)
      this.#prepare(this.#election.elected())
    }
    this.#pulse()
    return this.#take()
  }

  /** Asks for proof that this replica leads now. @returns the number `confirmed` will carry; undefined unless it leads. */
  confirm(nowMs: number): { readonly number: number | undefined; readonly effects: readonly OrderingEffect[] } {
    this.#nowMs = nowMs
    const slot = this.#proposer.slotProposed
    // Followers may decide, and answer, before their leader does: what it has proposed is what may be decided.
    const number = slot === undefined ? undefined : this.#leadership.confirm(slot, nowMs)
    return { number, effects: this.#take() }
  }

  /** The turn of the loop ends: what was asked in it leaves together. */
  flush(nowMs: number): readonly OrderingEffect[] {
    this.#nowMs = nowMs
    this.#leadership.flush(this.#slotDecided, nowMs)
    return this.#take()
  }

  /** A connection came or broke: of a leader, a better sign than silence. */
  peer(replica: ReplicaId, connected: boolean, nowMs: number): void {
    this.#election.peer(replica, connected, nowMs)
  }

  clockJumped(): void {
    this.#leadership.clockJumped()
  }

  /** Whom to give Inputs to: the leader, or a member that hears a leader this one can't; undefined when nobody does. */
  route(nowMs: number): ReplicaId | undefined {
    if (this.#election.leader !== undefined) return this.#election.leader
    let best: { readonly replica: ReplicaId; readonly ballot: Ballot } | undefined
    for (const [replica, { ballot, heardMs }] of this.#pulses) {
      if (ballot.round === 0 || nowMs - heardMs > ORDERING_TIMING.leaderSilenceMs) continue
      if (best === undefined || compareBallots(ballot, best.ballot) > 0) best = { replica, ballot }
    }
    return best?.replica
  }

  message(from: ReplicaId, message: ProtocolMessage, nowMs: number): readonly OrderingEffect[] {
    this.#nowMs = nowMs
    if (this.#configurations.isMember(from)) this.#receive(from, message)
    return this.#take()
  }

  /** @throws InvariantError unless there is `room`. */
  propose(value: Uint8Array, nowMs: number): readonly OrderingEffect[] {
    this.#nowMs = nowMs
    this.#proposer.propose(value, nowMs)
    return this.#take()
  }

  /** The log decided the next slot. */
  decided(slot: Slot, value: Uint8Array, nowMs: number): readonly OrderingEffect[] {
    this.#nowMs = nowMs
    this.#slotDecided = slot
    this.#acceptor.decided(slot)
    this.#learner.decided(slot)
    const before = this.#proposer.role
    this.#proposer.decided(slot, value, nowMs)
    this.#afterProposer(before)
    return this.#take()
  }

  /**
   * A majority vouches that every slot up to here is decided, and this replica goes on behind it without their batches.
   * It is in no state to propose.
   */
  jumped(slot: Slot, nowMs: number): readonly OrderingEffect[] {
    this.#nowMs = nowMs
    this.#isUnfit = true
    this.#handOver('abdicated')
    this.#slotDecided = slot
    this.#acceptor.decided(slot)
    this.#learner.decided(slot)
    this.#proposer.recovered(slot)
    return this.#take()
  }

  /** Gives leadership up, and tells the others so that they need not wait for silence. */
  abdicate(nowMs: number): readonly OrderingEffect[] {
    this.#nowMs = nowMs
    this.#handOver('abdicated')
    return this.#take()
  }

  #handOver(reason: AbdicationReason): void {
    const { ballot, role } = this.#proposer
    if (role !== 'follower') this.#stepDown(reason)
    if (role !== 'leader' || ballot === undefined) return
    for (const to of this.#others()) {
      this.#effects.push({ kind: 'send', to, message: { kind: 'abdicated', ballot, reason } })
    }
  }

  #proposerTick(): void {
    const before = this.#proposer.role
    this.#proposer.tick(this.#nowMs)
    this.#afterProposer(before)
  }

  /** Tells the others what is known here of the leader and of what was decided. A leader's heartbeat tells it already. */
  #pulse(): void {
    if (this.#nowMs - this.#pulseMs < ORDERING_TIMING.pulseMs || this.role === 'leader') return
    this.#pulseMs = this.#nowMs
    const ballot = this.#election.leader === undefined ? BALLOT_NONE : this.#election.ballot
    const message = { kind: 'pulse', ballot, slotDecided: this.#slotDecided } as const
    for (const to of this.#others()) this.#effects.push({ kind: 'send', to, message })
  }

  #others(): readonly ReplicaId[] {
    return this.#configurations.others(this.#self)
  }

  #receive(from: ReplicaId, message: ProtocolMessage): void {
    switch (message.kind) {
      case 'pre-vote':
        this.#election.preVote(from, message, { promised: this.#acceptor.promised, nowMs: this.#nowMs })
        return
      case 'pre-vote-reply':
        this.#prepare(this.#election.preVoteReply(from, message))
        return
      case 'prepare':
        if (this.#hasLease && this.#election.isBound(from, this.#nowMs)) return
        if (!this.#acceptor.prepare(from, message)) return
        this.#yieldTo(message.ballot)
        this.#election.promised(message.ballot, this.#nowMs)
        return
      case 'promise': {
        const before = this.#proposer.role
        this.#proposer.promised(from, message, this.#nowMs)
        this.#afterProposer(before)
        return
      }
      case 'refused':
        this.#election.seen(message.promised)
        if (this.#proposer.ballot !== undefined && compareBallots(message.promised, this.#proposer.ballot) > 0) {
          this.#stepDown('higher-ballot')
        }
        return
      case 'accept':
        if (!this.#acceptor.accept(from, message)) return
        this.#yieldTo(message.ballot)
        this.#election.leaderHeard(message.ballot, this.#nowMs)
        this.#learner.check(message.slot)
        this.#learner.announced(from, message.ballot, message.slotDecided)
        return
      case 'accepted':
        this.#leadership.followed(from, message.ballot, this.#nowMs)
        this.#learner.accepted(from, message.slot, message.ballot)
        return
      case 'heartbeat':
        this.#heartbeat(from, message)
        return
      case 'heartbeat-reply':
        this.#leadership.answered(from, message, this.#nowMs)
        this.#claimed(from, message.slotDecided)
        return
      case 'abdicated':
        if (message.ballot.proposer !== from) return
        this.#election.abdicated(message.ballot, message.reason, this.#nowMs)
        return
      case 'pulse':
        this.#pulses.set(from, { ballot: message.ballot, heardMs: this.#nowMs })
        this.#claimed(from, message.slotDecided)
        return
      default:
        unreachable(message)
    }
  }

  #heartbeat(from: ReplicaId, message: Extract<OrderingMessage, { kind: 'heartbeat' }>): void {
    const { ballot, beat, slotDecided } = message
    if (ballot.proposer !== from) return
    const { promised } = this.#acceptor
    if (compareBallots(ballot, promised) < 0) {
      this.#effects.push({ kind: 'send', to: from, message: { kind: 'refused', ballot, promised } })
      return
    }
    this.#yieldTo(ballot)
    this.#election.leaderHeard(ballot, this.#nowMs)
    this.#effects.push({
      kind: 'send',
      to: from,
      message: { kind: 'heartbeat-reply', ballot, beat, slotDecided: this.#slotDecided },
    })
    this.#learner.announced(from, ballot, slotDecided)
  }

  /**
   * Another member says that it has decided more. What decides it here too is normally on its way; when it does not
   * come in time it was lost, and the slots must be fetched.
   */
  #claimed(from: ReplicaId, slotDecided: Slot): void {
    if (slotDecided <= this.#slotDecided) return
    if (this.#claim === undefined || this.#claim.slotDecided <= this.#slotDecided) {
      this.#claim = { slotDecided, sinceMs: this.#nowMs }
    } else if (this.#nowMs - this.#claim.sinceMs > ORDERING_TIMING.retryMs) {
      this.#effects.push({ kind: 'behind', slotDecided: this.#claim.slotDecided, from })
    }
  }

  /** A higher ballot of somebody else ends one's own. */
  #yieldTo(ballot: Ballot): void {
    const own = this.#proposer.ballot
    if (ballot.proposer === this.#self || own === undefined) return
    if (this.#proposer.role !== 'follower' && compareBallots(ballot, own) > 0) this.#stepDown('higher-ballot')
  }

  #prepare(ballot: Ballot | undefined): void {
    // Pre-votes may have been asked for before its State went.
    if (ballot !== undefined && this.#proposer.role === 'follower' && !this.#isUnfit)
      this.#proposer.prepare(ballot, this.#nowMs)
  }

  #stepDown(reason: ElectionReason): void {
    const before = this.#proposer.role
    this.#proposer.stepDown(reason)
    this.#afterProposer(before)
  }

  /** Election must know when its own leadership begins or ends, whatever began or ended it. */
  #afterProposer(before: 'follower' | 'candidate' | 'leader'): void {
    const { role, ballot } = this.#proposer
    if (role === before) return
    if (role === 'leader' && ballot !== undefined) {
      this.#effects.push({ kind: 'elected', ballot, ...this.#election.record })
      this.#leadership.begin(ballot, this.#nowMs)
      this.#election.leads(ballot, this.#nowMs)
    }
    if (before !== 'leader') return
    this.#leadership.end()
    this.#election.resigned(this.#nowMs)
  }

  #take(): readonly OrderingEffect[] {
    const effects = this.#effects
    this.#effects = []
    return effects
  }
}
