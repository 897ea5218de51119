import type { Ballot } from '../model/ballot.ts'
import { sameBallot } from '../model/ballot.ts'
import type { Configurations } from '../model/configurations.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import type { LeaseInit, OrderingSink } from './effects.ts'
import { ORDERING_TIMING } from './timing.ts'

interface LeadershipInit {
  readonly self: ReplicaId
  readonly configurations: Configurations
  readonly emit: OrderingSink
  readonly lease: LeaseInit | undefined
}

interface Confirmation {
  readonly number: number
  readonly slot: Slot
  /** The heartbeat whose answers count: the first sent after the question came. */
  readonly beat: number
}

/** What a leader last heard from a member. */
interface Answer {
  readonly beat: number
  /** When that beat was sent, by this leader's clock: what a lease is counted from. */
  readonly sentMs: number
  readonly heardMs: number
}

/**
 * The leader's heartbeats, and what may be concluded from their answers: that it still reaches a quorum; that it still
 * led after a given moment (which a read needs); and, where leases are on, that nobody else can lead for a while.
 * Source: Ongaro, Consensus: Bridging Theory and Practice (2014), 6.2 and 6.4; 6.4.1 for the lease.
 */
export class Leadership {
  readonly #init: LeadershipInit
  #ballot: Ballot | undefined
  #beat = 0
  #beatMs = Number.NEGATIVE_INFINITY
  #sinceMs = 0
  /** Beats from here on count for the lease: those before a jump of the clocks were measured wrongly. */
  #leaseBeatMin = 0
  readonly #sentMs = new Map<number, number>()
  readonly #answers = new Map<ReplicaId, Answer>()
  #confirmations: Confirmation[] = []
  #confirmed = 0

  constructor(init: LeadershipInit) {
    this.#init = init
  }

  begin(ballot: Ballot, nowMs: number): void {
    this.#ballot = ballot
    this.#sinceMs = nowMs
    this.#beatMs = Number.NEGATIVE_INFINITY
    this.#leaseBeatMin = this.#beat + 1
    this.#sentMs.clear()
    this.#answers.clear()
    this.#confirmations = []
  }

  end(): void {
    this.#ballot = undefined
    this.#confirmations = []
  }

  /** A turn of the clock. @returns false when the quorum is lost. */
  tick(slotDecided: Slot, nowMs: number): boolean {
    const heard = this.#members().filter((member) => {
      const heardMs = member === this.#init.self ? nowMs : (this.#answers.get(member)?.heardMs ?? this.#sinceMs)
      return nowMs - heardMs < ORDERING_TIMING.leaderSilenceMs
    })
    if (!this.#init.configurations.quorum.isReached(heard)) return false
    if (nowMs - this.#beatMs >= ORDERING_TIMING.heartbeatMs) this.#send(slotDecided, nowMs)
    return true
  }

  /** Asks for proof that this replica still leads now. @returns the number its `confirmed` effect will carry. */
  confirm(slot: Slot, nowMs: number): number {
    this.#confirmed += 1
    const number = this.#confirmed
    if (this.#holdsLease(nowMs)) this.#init.emit({ kind: 'confirmed', number, slot })
    else this.#confirmations.push({ number, slot, beat: this.#beat + 1 })
    return number
  }

  /** The turn ends: all that asked in it share one heartbeat. */
  flush(slotDecided: Slot, nowMs: number): void {
    if (this.#confirmations.some(({ beat }) => beat > this.#beat)) {
      this.#send(slotDecided, nowMs)
      this.#settle()
    }
  }

  answered(from: ReplicaId, answer: { readonly ballot: Ballot; readonly beat: number }, nowMs: number): void {
    if (this.#ballot === undefined || !sameBallot(answer.ballot, this.#ballot)) return
    const before = this.#answers.get(from) ?? { beat: 0, sentMs: Number.NEGATIVE_INFINITY }
    // A beat so old that its time is forgotten still tells that the member lives; for a lease it counts nothing.
    const sentMs = this.#sentMs.get(answer.beat) ?? Number.NEGATIVE_INFINITY
    const newest = answer.beat > before.beat ? { beat: answer.beat, sentMs } : before
    this.#answers.set(from, { ...newest, heardMs: nowMs })
    this.#settle()
  }

  /** A member accepted in this leadership's ballot: it lives and follows, however long its heartbeat's answer queues. */
  followed(from: ReplicaId, ballot: Ballot, nowMs: number): void {
    if (this.#ballot === undefined || !sameBallot(ballot, this.#ballot)) return
    const before = this.#answers.get(from) ?? { beat: 0, sentMs: Number.NEGATIVE_INFINITY }
    this.#answers.set(from, { ...before, heardMs: nowMs })
  }

  clockJumped(): void {
    this.#leaseBeatMin = this.#beat + 1
  }

  #send(slotDecided: Slot, nowMs: number): void {
    if (this.#ballot === undefined) return
    this.#beat += 1
    this.#beatMs = nowMs
    this.#sentMs.set(this.#beat, nowMs)
    for (const [beat, sentMs] of this.#sentMs) {
      if (nowMs - sentMs <= ORDERING_TIMING.leaderSilenceMs) break
      this.#sentMs.delete(beat)
    }
    const message = { kind: 'heartbeat', ballot: this.#ballot, beat: this.#beat, slotDecided } as const
    for (const to of this.#init.configurations.others(this.#init.self)) this.#init.emit({ kind: 'send', to, message })
  }

  #settle(): void {
    this.#confirmations = this.#confirmations.filter((confirmation) => {
      const { beat, number, slot } = confirmation
      if (beat > this.#beat) return true
      const reached = this.#members().filter(
        (member) => member === this.#init.self || (this.#answers.get(member)?.beat ?? 0) >= beat,
      )
      if (!this.#init.configurations.quorum.isReached(reached)) return true
      this.#init.emit({ kind: 'confirmed', number, slot })
      return false
    })
  }

  /** Whether a quorum promised, so lately that it still holds, to follow nobody else. */
  #holdsLease(nowMs: number): boolean {
    if (this.#init.lease === undefined) return false
    const lengthMs = ORDERING_TIMING.electionMsMin - this.#init.lease.clockBoundMs
    const holding = this.#members().filter((member) => {
      if (member === this.#init.self) return true
      const answer = this.#answers.get(member)
      return answer !== undefined && answer.beat >= this.#leaseBeatMin && nowMs - answer.sentMs < lengthMs
    })
    return this.#init.configurations.quorum.isReached(holding)
  }

  #members(): readonly ReplicaId[] {
    return this.#init.configurations.latest.members.map(({ replica }) => replica)
  }
}
