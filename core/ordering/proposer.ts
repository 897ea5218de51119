import { assert } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import type { Ballot } from '../model/ballot.ts'
import { sameBallot } from '../model/ballot.ts'
import type { Configurations } from '../model/configurations.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import { SLOT_NONE, slotAfter, slot as toSlot } from '../model/ids.ts'
import { LIMITS } from '../model/limits.ts'
import { NOOP_BATCH } from '../wire/batch.ts'
import type { AcceptedEntry, OrderingMessage } from '../wire/ordering.ts'
import type { ElectionReason, OrderingSink } from './effects.ts'
import { Promises } from './promises.ts'
import { ORDERING_TIMING } from './timing.ts'

type Promise = Extract<OrderingMessage, { kind: 'promise' }>
type Accept = Extract<OrderingMessage, { kind: 'accept' }>
type Prepare = Extract<OrderingMessage, { kind: 'prepare' }>

/** Where a proposer stands with its ballot. */
type Phase =
  | { readonly kind: 'idle' }
  | {
      readonly kind: 'preparing'
      readonly promises: Promises
      readonly prepare: Prepare
      readonly sinceMs: number
      sentMs: number
    }
  /** Phase 1 is complete; what was decided before it is being fetched. */
  | {
      readonly kind: 'recovering'
      readonly slotTarget: Slot
      readonly source: ReplicaId
      readonly adopted: ReadonlyMap<Slot, AcceptedEntry>
      readonly sinceMs: number
      askedMs: number
    }
  | { readonly kind: 'leading'; slotNext: Slot; readonly inFlight: Map<Slot, InFlight> }

interface InFlight {
  readonly value: Uint8Array
  sentMs: number
  retryMs: number
}

interface ProposerInit {
  readonly self: ReplicaId
  readonly configurations: Configurations
  readonly emit: OrderingSink
  /** Brings a message to this replica's own acceptor. */
  readonly toSelf: (message: Prepare | Accept) => void
  /** Whether a member is known to have accepted. */
  readonly hasAccepted: (slot: Slot, ballot: Ballot, replica: ReplicaId) => boolean
}

/**
 * The proposer: phase 1 once per leadership over all undecided slots, phase 2 pipelined in a window.
 * Source: Lamport, Paxos Made Simple (2001), 2.5 and 3; Chandra et al., Paxos Made Live (2007), 4.2.
 */
export class Proposer {
  readonly #init: ProposerInit
  #ballot: Ballot | undefined
  #phase: Phase = { kind: 'idle' }
  #slotDecided: Slot = SLOT_NONE

  constructor(init: ProposerInit) {
    this.#init = init
  }

  get ballot(): Ballot | undefined {
    return this.#ballot
  }

  get role(): 'follower' | 'candidate' | 'leader' {
    switch (this.#phase.kind) {
      case 'idle':
        return 'follower'
      case 'preparing':
      case 'recovering':
        return 'candidate'
      case 'leading':
        return 'leader'
    }
  }

  /** The last slot it has proposed for; every decided slot is at or before it, or it no longer leads. */
  get slotProposed(): Slot | undefined {
    return this.#phase.kind === 'leading' ? toSlot(this.#phase.slotNext - 1) : undefined
  }

  /** How many batches may be proposed now. */
  get room(): number {
    if (this.#phase.kind !== 'leading') return 0
    let bytes = 0
    for (const { value } of this.#phase.inFlight.values()) bytes += value.length
    if (bytes >= LIMITS.windowBytesMax) return 0
    return Math.max(0, LIMITS.windowSlotsMax - this.#phase.inFlight.size)
  }

  get inFlight(): number {
    return this.#phase.kind === 'leading' ? this.#phase.inFlight.size : 0
  }

  recovered(slotDecided: Slot): void {
    this.#slotDecided = slotDecided
  }

  /** Phase 1a. */
  prepare(ballot: Ballot, nowMs: number): void {
    const prepare: Prepare = { kind: 'prepare', ballot, slotDecided: this.#slotDecided }
    this.#ballot = ballot
    this.#phase = {
      kind: 'preparing',
      promises: new Promises(this.#slotDecided),
      prepare,
      sinceMs: nowMs,
      sentMs: nowMs,
    }
    this.#init.emit({ kind: 'role', role: 'candidate', ballot, reason: 'silence' })
    this.#init.toSelf(prepare)
    for (const to of this.#others()) this.#init.emit({ kind: 'send', to, message: prepare })
  }

  promised(from: ReplicaId, message: Promise, nowMs: number): void {
    const phase = this.#phase
    if (phase.kind !== 'preparing' || !this.#isCurrent(message.ballot)) return
    phase.promises.add(from, message)
    const complete = phase.promises.complete()
    // Its own promise must be durable too, or it could draw this ballot a second time after a crash.
    if (!complete.includes(this.#init.self) || !this.#init.configurations.quorum.isReached(complete)) return
    const farthest = phase.promises.farthest()
    assert(farthest !== undefined, 'a quorum has a farthest member')
    this.#phase = {
      kind: 'recovering',
      slotTarget: farthest.slotDecided,
      source: farthest.replica,
      adopted: phase.promises.adopted(),
      sinceMs: nowMs,
      askedMs: nowMs,
    }
    this.#recover(nowMs)
  }

  /** Phase 2a for the next free slot. @returns the slot. */
  propose(value: Uint8Array, nowMs: number): Slot {
    const phase = this.#phase
    assert(phase.kind === 'leading', 'only a leader proposes')
    const slot = phase.slotNext
    phase.slotNext = slotAfter(slot)
    phase.inFlight.set(slot, { value, sentMs: nowMs, retryMs: ORDERING_TIMING.retryMs })
    const accept = this.#accept(slot, value)
    for (const to of this.#others()) this.#init.emit({ kind: 'send', to, message: accept })
    this.#init.toSelf(accept)
    return slot
  }

  /** The log decided the next slot. */
  decided(slot: Slot, value: Uint8Array, nowMs: number): void {
    this.#slotDecided = slot
    const phase = this.#phase
    if (phase.kind === 'recovering') this.#recover(nowMs)
    if (phase.kind !== 'leading') return
    const proposal = phase.inFlight.get(slot)
    phase.inFlight.delete(slot)
    // Decided indexes announced in this ballot must speak of this ballot's proposals only: if another proposer
    // filled a slot this one meant to fill, a later ballot exists, and this leadership is over.
    const isOwn = proposal === undefined ? slot < phase.slotNext : equalBytes(proposal.value, value)
    if (!isOwn) this.stepDown('deposed')
  }

  tick(nowMs: number): void {
    const phase = this.#phase
    switch (phase.kind) {
      case 'idle':
        return
      case 'preparing':
        if (nowMs - phase.sinceMs > ORDERING_TIMING.promisesMs) {
          this.stepDown('no-promises')
          return
        }
        if (nowMs - phase.sentMs < ORDERING_TIMING.retryMs) return
        phase.sentMs = nowMs
        // Its own acceptor may have been bound to the old leader's lease when it was asked first.
        if (!phase.promises.complete().includes(this.#init.self)) this.#init.toSelf(phase.prepare)
        for (const to of this.#others()) this.#init.emit({ kind: 'send', to, message: phase.prepare })
        return
      case 'recovering':
        if (nowMs - phase.sinceMs > ORDERING_TIMING.recoveryMs) {
          this.stepDown('recovery-stalled')
          return
        }
        if (nowMs - phase.askedMs < ORDERING_TIMING.retryMs) return
        phase.askedMs = nowMs
        this.#init.emit({ kind: 'behind', slotDecided: phase.slotTarget, from: phase.source })
        return
      case 'leading':
        this.#retransmit(phase.inFlight, nowMs)
    }
  }

  stepDown(reason: ElectionReason): void {
    if (this.#phase.kind === 'idle') return
    this.#phase = { kind: 'idle' }
    if (this.#ballot === undefined) return
    this.#init.emit({ kind: 'role', role: 'follower', ballot: this.#ballot, reason })
  }

  /** Leads as soon as everything decided before this ballot is here; first it finishes what others began. */
  #recover(nowMs: number): void {
    const phase = this.#phase
    if (phase.kind !== 'recovering' || this.#ballot === undefined) return
    if (this.#slotDecided < phase.slotTarget) {
      if (phase.askedMs === nowMs && phase.sinceMs === nowMs) {
        this.#init.emit({ kind: 'behind', slotDecided: phase.slotTarget, from: phase.source })
      }
      return
    }
    const slotLast = Math.max(this.#slotDecided, ...phase.adopted.keys())
    this.#phase = { kind: 'leading', slotNext: slotAfter(this.#slotDecided), inFlight: new Map() }
    this.#init.emit({ kind: 'role', role: 'leader', ballot: this.#ballot, reason: 'elected' })
    while (this.#phase.slotNext <= slotLast) {
      this.propose(phase.adopted.get(this.#phase.slotNext)?.value ?? NOOP_BATCH, nowMs)
    }
  }

  #retransmit(inFlight: ReadonlyMap<Slot, InFlight>, nowMs: number): void {
    const ballot = this.#ballot
    if (ballot === undefined) return
    let bytes = 0
    for (const [slot, proposal] of inFlight) {
      if (nowMs - proposal.sentMs < proposal.retryMs) continue
      if (bytes > 0 && bytes + proposal.value.length > LIMITS.inputBytesMax) return
      bytes += proposal.value.length
      proposal.sentMs = nowMs
      proposal.retryMs = Math.min(2 * proposal.retryMs, 8 * ORDERING_TIMING.retryMs)
      const message = this.#accept(slot, proposal.value)
      for (const to of this.#others()) {
        if (!this.#init.hasAccepted(slot, ballot, to)) this.#init.emit({ kind: 'send', to, message })
      }
    }
  }

  #accept(slot: Slot, value: Uint8Array): Accept {
    assert(this.#ballot !== undefined, 'a proposer that sends has a ballot')
    return { kind: 'accept', ballot: this.#ballot, slot, value, slotDecided: this.#slotDecided }
  }

  #isCurrent(ballot: Ballot): boolean {
    return this.#ballot !== undefined && sameBallot(ballot, this.#ballot)
  }

  #others(): readonly ReplicaId[] {
    return this.#init.configurations.others(this.#init.self)
  }
}
