import { assert, unreachable } from '../base/assert.ts'
import type { Audits } from '../audit/audits.ts'
import type { AuditEffect } from '../audit/effects.ts'
import { AUDIT_POLICY } from '../audit/policy.ts'
import type { Checkpoints } from '../checkpoint/checkpoints.ts'
import { CHECKPOINT_POLICY } from '../checkpoint/policy.ts'
import type { Ballot } from '../model/ballot.ts'
import type { CheckpointInfo } from '../model/checkpoint.ts'
import type { Digest } from '../model/digest.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import { LIMITS } from '../model/limits.ts'
import type { Output } from '../model/output.ts'
import type { LogRecord } from '../model/record.ts'
import type { ClockReading } from '../ports/clock.ts'
import type { Executed, Executor } from '../execution/executor.ts'
import type { Log, LogEffect } from '../log/log.ts'
import type { OrderingEffect } from '../ordering/effects.ts'
import type { Ordering } from '../ordering/ordering.ts'
import { ORDERING_TIMING } from '../ordering/timing.ts'
import type { Votes } from '../output/votes.ts'
import type { State } from '../state/state.ts'
import { tamperWith } from '../state/tamper.ts'
import { isAuditMessage } from '../wire/audit.ts'
import { encodeBatch } from '../wire/batch.ts'
import { isCheckpointMessage } from '../wire/checkpoint.ts'
import type { FreeMessage, Message } from '../wire/message.ts'
import type { Applier } from './applier.ts'
import type { Effect, Note, SlotVotes } from './effects.ts'
import type { ReplicaEvent } from './events.ts'
import { Fitness } from './fitness.ts'
import type { LeaderQueue } from './leader-queue.ts'
import type { Proxy } from './proxy.ts'
import type { Reads } from './reads.ts'
import type { ReplicaCheckpoints, ReplicaInit, ReplicaStatus } from './replica-init.ts'
import type { Stages } from './stages.ts'
import { createStages } from './stages.ts'
import { checkpointsOf, statusOf } from './status.ts'
import type { SyncWatch } from './sync-watch.ts'

export { AUDIT_POLICY, CHECKPOINT_POLICY }
export type { ReplicaInit, ReplicaStatus } from './replica-init.ts'

/**
 * A replica: all stages composed to one synchronous, deterministic `step(event) -> effects`. It reads no clock, makes
 * no random number, touches no disk or socket. One thing happens at a time, and what happens follows from the events
 * alone: so the simulator runs the very code that ships.
 */
export class Replica {
  readonly #self: ReplicaId
  readonly #stages: Stages
  readonly #ordering: Ordering
  readonly #log: Log
  readonly #executor: Executor
  readonly #checkpoints: Checkpoints
  readonly #applier: Applier
  readonly #audits: Audits
  readonly #votes: Votes
  readonly #queue: LeaderQueue
  readonly #queueInputsMax: number
  readonly #proxy: Proxy
  readonly #reads: Reads
  readonly #sync: SyncWatch
  #effects: Effect[] = []
  #now: ClockReading = { monotonicMs: 0, wallMs: 0 }
  #started = false
  readonly #logEffects: LogEffect[] = []
  #appliesLog = false
  readonly #fitness = new Fitness()

  readonly #emit = (effect: Effect): void => {
    this.#effects.push(effect)
  }

  constructor(init: ReplicaInit) {
    const { self, queueInputsMax } = init
    this.#self = self
    this.#queueInputsMax = queueInputsMax ?? LIMITS.queueInputsMax
    const stages = createStages(init, {
      emit: this.#emit,
      send: (to, message) => {
        this.#send(to, message)
      },
      note: (note) => {
        this.#note(note)
      },
      onExecuted: (executed) => {
        this.#executed(executed)
      },
      jump: (certificate) => {
        this.#applyOrdering(this.#ordering.jumped(certificate.slot, this.#now.monotonicMs))
        this.#applyLog(this.#log.jump(certificate))
      },
    })
    this.#stages = stages
    this.#ordering = stages.ordering
    this.#log = stages.log
    this.#executor = stages.executor
    this.#checkpoints = stages.checkpoints
    this.#applier = stages.applier
    this.#audits = stages.audits
    this.#votes = stages.votes
    this.#queue = stages.queue
    this.#proxy = stages.proxy
    this.#reads = stages.reads
    this.#sync = stages.sync
  }

  /** The checkpoints found on disk, and the State of the newest stable one; before the first record. */
  restore(checkpoints: readonly CheckpointInfo[], loaded?: { readonly slot: Slot; readonly state: State }): void {
    this.#applier.restore(checkpoints, loaded)
  }

  /** Takes back one record of the durable log, in order, before `start`. Executes what it shows to be decided. */
  recover(record: LogRecord): void {
    assert(!this.#started, 'records are taken back before the start')
    this.#ordering.recover(record)
    if (record.kind === 'jumped') this.#checkpoints.remember(record.certificate)
    this.#applyLog(this.#log.recover(record))
  }

  /** Ends recovery. */
  start(now: ClockReading): void {
    this.#now = now
    this.#log.recovered(this.#checkpoints.stable?.certificate)
    this.#ordering.recovered(this.#log.slotDecided)
    this.#votes.recovered(this.#executor.slotExecuted)
    this.#started = true
    this.#audits.start(now.monotonicMs)
    this.#ordering.start(now.monotonicMs)
    this.#applier.start(now.monotonicMs)
  }

  get status(): ReplicaStatus {
    return statusOf(this.#stages)
  }

  /** Checkpoints, what may be dropped, and a state transfer under way, for people. */
  get checkpoints(): ReplicaCheckpoints {
    return checkpointsOf(this.#stages)
  }

  /** Digest of the whole State, computed from what changed since it was last asked for. */
  stateRoot(): Digest {
    return this.#executor.state.root()
  }

  /** The same from the data as held, whatever digests are kept: it notices memory that rotted. */
  scrubbedRoot(): Digest {
    return this.#executor.state.scrub()
  }

  /** The batch of a decided slot, encoded, if it is in memory. */
  decidedValue(slot: Slot): Uint8Array | undefined {
    return this.#log.decidedValue(slot)
  }

  /** The last decided slot that may be read from the durable log together with `slotFrom`; undefined: not yet. */
  readableTo(slotFrom: Slot): Slot | undefined {
    return this.#log.readableTo(slotFrom)
  }

  /** This replica's own Outputs of a slot; of the newest slots only. */
  outputs(slot: Slot): readonly Output[] | undefined {
    return this.#stages.answers.find(slot)
  }

  /** The newest slots this replica was the proxy of, newest first, with the votes as they stand. */
  recentVotes(query: { readonly slotBefore?: number; readonly versionAfter?: number; readonly limit: number }): {
    readonly version: number
    readonly slots: readonly SlotVotes[]
    /** Slots that fit the query beyond its limit. */
    readonly more: number
  } {
    const { version, slots, more } = this.#votes.recent(query)
    return { version, more, slots: slots.map((slot) => this.#proxy.slotVotes(slot)) }
  }

  /** One thing happened. @returns what is to be done about it, in order. */
  step(event: ReplicaEvent, now: ClockReading): readonly Effect[] {
    assert(this.#started, 'a replica is started before its first step')
    this.#now = now
    this.#handle(event)
    assert(this.#executor.slotExecuted <= this.#log.slotDecided, 'executed slots are decided slots')
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  #handle(event: ReplicaEvent): void {
    switch (event.kind) {
      case 'tick':
        this.#tick()
        return
      case 'message':
        if (this.#stages.configurations.isMember(event.from)) this.#message(event.from, event.message)
        return
      case 'submit':
        this.#proxy.submit(event, this.#now)
        return
      case 'checkpoint':
      case 'audit':
        this.#proxy.command(event, this.#now)
        return
      case 'read':
        this.#read(event)
        return
      case 'forget':
        this.#proxy.forget(event.request)
        this.#reads.forget(event.request)
        return
      case 'persisted':
        this.#sync.persisted(event.count)
        return
      case 'peer':
        this.#ordering.peer(event.replica, event.connected, this.#now.monotonicMs)
        this.#applier.peer(event.replica, event.connected, this.#now.monotonicMs)
        return
      case 'log-read':
        if (event.to === this.#self) this.#applier.read(event.slots, this.#now.monotonicMs)
        else this.#applyLog(this.#log.read(event.to, event.slotFrom, event.slots))
        return
      case 'checkpoint-written':
      case 'checkpoint-failed':
      case 'checkpoint-lost':
      case 'certified':
      case 'checkpoint-read':
      case 'unpacked':
      case 'hold':
        this.#applier.event(event, this.#now.monotonicMs)
        return
      case 'clock-jumped':
        this.#ordering.clockJumped()
        return
      case 'turn-ended':
        this.#flush()
        return
      case 'abdicate':
        this.#applyOrdering(this.#ordering.abdicate(this.#now.monotonicMs))
        return
      case 'lie':
        this.#executor.lie(event.active, event.how)
        return
      case 'tamper':
        tamperWith(this.#executor.state, event.key)
        return
      case 'disable-auditor':
        this.#audits.disable(event.active)
        return
      default:
        unreachable(event)
    }
  }

  #tick(): void {
    const nowMs = this.#now.monotonicMs
    const isDiskStalled = this.#sync.waitingMs(nowMs) > ORDERING_TIMING.diskStallMs
    const { isStateMissing: stateMissing } = this.#applier
    const { leader } = this.#ordering
    const isUnfit = this.#fitness.isUnfit({ stateMissing, quarantined: this.#audits.isQuarantined, leader }, nowMs)
    this.#applyOrdering(this.#ordering.tick(nowMs, { isDiskStalled, isUnfit }))
    this.#applyLog(this.#log.tick(nowMs, !this.#sync.isFull))
    this.#applier.tick(nowMs)
    this.#applyAudits(this.#audits.tick(nowMs))
    this.#reads.tick(nowMs)
    this.#proxy.tick(this.#ordering.route(nowMs), this.#now)
    this.#stages.outputs.askAgain(nowMs)
    this.#flush()
  }

  #read(event: Extract<ReplicaEvent, { kind: 'read' }>): void {
    if (event.consistency === 'stale') this.#proxy.readStale(event)
    else if (event.proof === true) this.#proxy.orderRead(event, this.#now.monotonicMs)
    else if (this.#reads.size + this.#proxy.waiting < this.#queueInputsMax)
      this.#reads.add(event, this.#now.monotonicMs)
    else this.#effects.push({ kind: 'reply', request: event.request, reply: { kind: 'busy' } })
  }

  #message(from: ReplicaId, message: Message): void {
    const nowMs = this.#now.monotonicMs
    if (isCheckpointMessage(message)) {
      this.#applier.message(from, message, nowMs)
      return
    }
    if (isAuditMessage(message)) {
      this.#applyAudits(this.#audits.message(from, message, nowMs))
      return
    }
    switch (message.kind) {
      case 'log-request':
      case 'log-reply':
      case 'log-gone':
        this.#applyLog(this.#log.message(from, message, nowMs))
        return
      case 'vote-request':
      case 'outputs-request':
        if (this.#audits.isQuarantined) return
        this.#stages.outputs.message(from, message, nowMs)
        return
      case 'vote':
      case 'outputs':
        this.#stages.outputs.message(from, message, nowMs)
        return
      case 'read-index-request': {
        const { number, effects } = this.#ordering.confirm(nowMs)
        // Who does not lead can't answer; the proxy orders its reads when no answer comes.
        if (number !== undefined) this.#reads.asked(from, message, number)
        this.#applyOrdering(effects)
        return
      }
      case 'read-index':
      case 'read-request':
      case 'read-outputs':
        this.#reads.message(from, message, nowMs)
        return
      case 'forward':
        this.#stages.forwarding.forwarded(from, message, {
          isLeader: this.#ordering.role === 'leader',
          leader: this.#ordering.leader,
        })
        return
      case 'busy':
        this.#proxy.busy(message.inputs)
        return
      case 'accept':
        // A disk that can't keep up must not fill the memory: what is not taken is fetched later.
        if (this.#sync.isFull) return
        this.#applyOrdering(this.#ordering.message(from, message, nowMs))
        return
      default:
        this.#applyOrdering(this.#ordering.message(from, message, nowMs))
    }
  }

  #applyOrdering(effects: readonly OrderingEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send':
          this.#effects.push(effect)
          break
        case 'persist':
          this.#persist(effect)
          break
        case 'confirmed':
          this.#reads.confirmed(effect.number, effect.slot)
          break
        case 'elected':
          this.#note({ kind: 'election', ballot: effect.ballot, previous: effect.previous, cause: effect.cause })
          break
        case 'chosen':
          this.#applyLog(this.#log.chosen(effect.slot, effect))
          break
        case 'behind':
          this.#applyLog(this.#log.behind(effect.slotDecided, effect.from, this.#now.monotonicMs))
          break
        case 'leader':
          this.#proxy.leaderChanged()
          this.#reads.leaderChanged()
          this.#note({ kind: 'leader', leader: effect.leader, ballot: effect.ballot })
          break
        case 'role':
          if (effect.role !== 'leader') this.#queue.clear()
          this.#note({ kind: 'role', role: effect.role, ballot: effect.ballot, reason: effect.reason })
          break
        default:
          unreachable(effect)
      }
    }
  }

  #applyLog(effects: readonly LogEffect[]): void {
    // What is decided while a decided slot is still being told comes after those already waiting to be told.
    this.#logEffects.push(...effects)
    if (this.#appliesLog) return
    this.#appliesLog = true
    for (const effect of this.#logEffects) {
      switch (effect.kind) {
        case 'send':
          this.#effects.push(effect)
          break
        case 'persist':
          this.#persist({ ...effect, then: [] })
          break
        case 'read-log':
          this.#effects.push(effect)
          break
        case 'gone':
          this.#applier.gone(this.#now.monotonicMs)
          break
        case 'decided':
          this.#applier.decided(effect.slot, effect.ballot, effect.value, this.#now.monotonicMs)
          // What is taken back is not news to the ordering, which has its own records.
          if (!this.#started) break
          this.#applyOrdering(this.#ordering.decided(effect.slot, effect.value, this.#now.monotonicMs))
          break
        default:
          unreachable(effect)
      }
    }
    this.#logEffects.length = 0
    this.#appliesLog = false
  }

  #executed(executed: Executed & { readonly ballot: Ballot }): void {
    const { slot } = executed
    const { isQuarantined } = this.#audits
    this.#audits.executed(executed, () => this.#executor.state.freeze())
    // What is known to be wrong is given to nobody.
    if (!isQuarantined) this.#stages.answers.keep(slot, executed)
    if (!this.#started) return
    const proxies = new Set<ReplicaId>()
    for (const input of executed.inputs) {
      this.#queue.settle(input)
      proxies.add(input.proxy)
    }
    // In quarantine there is none: this slot's Outputs are not kept.
    const vote = proxies.size === 0 ? undefined : this.#stages.answers.vote(slot)
    for (const proxy of proxies) if (proxy !== this.#self && vote !== undefined) this.#send(proxy, vote)
    const nowMs = this.#now.monotonicMs
    const own = { ...executed, signature: vote?.signature }
    const slotUnderVote = this.#votes.executed(own, {
      isProxy: proxies.has(this.#self),
      isCounted: !isQuarantined,
      nowMs,
    })
    if (slotUnderVote !== undefined) this.#proxy.executed(slotUnderVote)
    this.#reads.executed(nowMs)
  }

  /** What a turn of the loop gathered leaves together: Inputs to the leader, batches to the acceptors. */
  #flush(): void {
    const nowMs = this.#now.monotonicMs
    this.#applier.pump(nowMs)
    const isLeader = this.#ordering.role === 'leader'
    if (isLeader && this.#applier.isCheckpointDue(nowMs)) this.#queue.add(this.#proxy.commandInput('checkpoint'))
    if (isLeader && this.#audits.isDue(nowMs)) this.#queue.add(this.#proxy.commandInput('audit'))
    const leader = this.#ordering.route(nowMs)
    if (leader !== undefined && this.#audits.isWanted(nowMs)) {
      const audit = this.#proxy.commandInput('audit')
      if (isLeader) this.#queue.add(audit)
      else this.#send(leader, { kind: 'forward', relayed: false, inputs: [audit] })
    }
    this.#proxy.flush({ leader, isLeader }, this.#now)
    while (isLeader && this.#queue.size > 0 && this.#ordering.room > 0) {
      const value = encodeBatch({ kind: 'inputs', timeMs: Math.floor(this.#now.wallMs), inputs: this.#queue.take() })
      this.#applyOrdering(this.#ordering.propose(value, nowMs))
    }
    this.#flushReads(leader, nowMs)
    this.#applyOrdering(this.#ordering.flush(nowMs))
    this.#stages.outputs.askDiffering(nowMs)
    this.#stages.forwarding.flush()
  }

  #flushReads(leader: ReplicaId | undefined, nowMs: number): void {
    const confirmed: OrderingEffect[] = []
    this.#reads.flush({
      leader,
      slotProposed: this.#ordering.slotProposed,
      confirm: () => {
        const { number, effects } = this.#ordering.confirm(nowMs)
        confirmed.push(...effects)
        return number
      },
    })
    this.#applyOrdering(confirmed)
    this.#reads.executed(nowMs)
  }

  #applyAudits(effects: readonly AuditEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'send') this.#effects.push(effect)
      else {
        this.#note(effect.note)
        // A better one may lead; should there be none, it will be asked again.
        if (effect.note.kind === 'quarantined') this.#applyOrdering(this.#ordering.abdicate(this.#now.monotonicMs))
      }
    }
  }

  #persist(effect: Extract<Effect, { kind: 'persist' }>): void {
    this.#sync.handed(effect.record, this.#now.monotonicMs)
    this.#effects.push(effect)
  }

  #send(to: ReplicaId, message: FreeMessage): void {
    this.#effects.push({ kind: 'send', to, message })
  }

  #note(note: Note): void {
    this.#effects.push({ kind: 'note', note })
  }
}
