import { assert, unreachable } from '../base/assert.ts'
import type { Prng } from '../base/prng.ts'
import type { Ballot } from '../model/ballot.ts'
import { BALLOT_NONE } from '../model/ballot.ts'
import type { Configuration } from '../model/configuration.ts'
import { isMember } from '../model/configuration.ts'
import { encodeCanonical } from '../model/canonical.ts'
import type { Digest, HashFunction } from '../model/digest.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import type { Input } from '../model/input.ts'
import { LIMITS } from '../model/limits.ts'
import type { LogRecord } from '../model/record.ts'
import type { ClockReading } from '../ports/clock.ts'
import { Executor } from '../execution/executor.ts'
import { Log } from '../log/log.ts'
import type { LogEffect } from '../log/log.ts'
import type { Registry } from '../machine/registry.ts'
import type { LeaseInit, OrderingEffect } from '../ordering/effects.ts'
import { Ordering } from '../ordering/ordering.ts'
import { ORDERING_TIMING } from '../ordering/timing.ts'
import { Answers } from '../output/answers.ts'
import type { SlotUnderVote } from '../output/votes.ts'
import { Votes } from '../output/votes.ts'
import { State } from '../state/state.ts'
import { encodeBatch } from '../wire/batch.ts'
import type { FreeMessage, Message } from '../wire/message.ts'
import type { OutputMessage } from '../wire/output.ts'
import type { Effect, Note, Role, SlotVotes } from './effects.ts'
import type { ReplicaEvent } from './events.ts'
import { LeaderQueue } from './leader-queue.ts'
import { Proxy } from './proxy.ts'
import { Reads } from './reads.ts'
import { SyncWatch } from './sync-watch.ts'

export interface ReplicaInit {
  readonly self: ReplicaId
  readonly configuration: Configuration
  readonly registry: Registry
  readonly hash: HashFunction
  /** Differs between any two lives of any replica's process; names this life's reads. At most 32 characters. */
  readonly life: string
  readonly prng: Prng
  /** Reads without a round while measured time allows it; off when absent, and the same at every member. */
  readonly lease?: LeaseInit | undefined
  /** Inputs that may wait at this replica before clients are told that it is busy. */
  readonly queueInputsMax?: number | undefined
}

/** What the outside may look at between two steps. */
export interface ReplicaStatus {
  readonly role: Role
  readonly leader: ReplicaId | undefined
  readonly ballot: Ballot
  readonly slotDecided: Slot
  readonly slotExecuted: Slot
  readonly waiting: number
  readonly lies: boolean
}

/**
 * A replica: all stages composed to one synchronous, deterministic `step(event) -> effects`. It reads no clock, makes
 * no random number, touches no disk or socket. One thing happens at a time, and what happens follows from the events
 * alone: so the simulator runs the very code that ships.
 */
export class Replica {
  readonly #self: ReplicaId
  readonly #configuration: Configuration
  readonly #ordering: Ordering
  readonly #log: Log
  readonly #executor: Executor
  readonly #answers = new Answers()
  readonly #votes: Votes
  readonly #queue: LeaderQueue
  readonly #queueInputsMax: number
  readonly #proxy: Proxy
  readonly #reads: Reads
  readonly #sync = new SyncWatch()
  /** Inputs the queue had no room for, by the proxy that sent them. */
  readonly #refused = new Map<ReplicaId, Input[]>()
  #effects: Effect[] = []
  #now: ClockReading = { monotonicMs: 0, wallMs: 0 }
  #started = false
  readonly #logEffects: LogEffect[] = []
  #appliesLog = false

  constructor(init: ReplicaInit) {
    const { self, configuration, registry, hash, life, prng, lease, queueInputsMax } = init
    this.#self = self
    this.#configuration = configuration
    this.#ordering = new Ordering({ self, configuration, prng, lease })
    this.#queue = new LeaderQueue(queueInputsMax)
    this.#queueInputsMax = queueInputsMax ?? LIMITS.queueInputsMax
    this.#log = new Log({ self, members: configuration.members.map((member) => member.replica) })
    this.#executor = new Executor({ state: new State(hash), registry, hash, teller: self })
    this.#votes = new Votes({ self, configuration, hash })
    this.#proxy = new Proxy({
      self,
      life,
      configuration,
      votes: this.#votes,
      emit: (effect) => {
        this.#effects.push(effect)
      },
      queueInputsMax,
      order: (inputs) => inputs.filter((input) => !this.#queue.add(input)),
      readStale: (machine, payload) => ({
        slot: this.#executor.slotExecuted,
        output: this.#executor.read(machine, payload),
      }),
    })
    this.#reads = new Reads({
      self,
      life,
      configuration,
      send: (to, message) => {
        this.#send(to, message)
      },
      reply: (request, reply) => {
        this.#effects.push({ kind: 'reply', request, reply })
      },
      evaluate: (machine, payload) => {
        const output = this.#executor.read(machine, payload)
        return { output, digest: hash(encodeCanonical(output)) }
      },
      slotExecuted: () => this.#executor.slotExecuted,
      order: (read, arrivedMs) => {
        this.#proxy.orderRead(read, arrivedMs)
      },
    })
  }

  /** Takes back one record of the durable log, in order, before `start`. */
  recover(record: LogRecord): void {
    assert(!this.#started, 'records are taken back before the start')
    this.#ordering.recover(record)
    this.#log.recover(record)
  }

  /** Ends recovery: rebuilds the State from the decided slots. */
  start(now: ClockReading): void {
    this.#started = true
    this.#now = now
    for (const { slot, value } of this.#log.recovered()) {
      const executed = this.#executor.execute(slot, value)
      this.#answers.keep(slot, executed)
    }
    this.#ordering.recovered(this.#log.slotDecided)
    this.#votes.recovered(this.#log.slotDecided)
    this.#ordering.start(now.monotonicMs)
  }

  get status(): ReplicaStatus {
    return {
      role: this.#ordering.role,
      leader: this.#ordering.leader,
      ballot: this.#ordering.ballot,
      slotDecided: this.#log.slotDecided,
      slotExecuted: this.#executor.slotExecuted,
      waiting: this.#proxy.waiting + this.#reads.size,
      lies: this.#executor.lies,
    }
  }

  /** Digest of the whole State, computed from what changed since it was last asked for. */
  stateRoot(): Digest {
    return this.#executor.state.root()
  }

  /** The batch of a decided slot, encoded. */
  decidedValue(slot: Slot): Uint8Array | undefined {
    return this.#log.decidedValue(slot)
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
        if (isMember(this.#configuration, event.from)) this.#message(event.from, event.message)
        return
      case 'submit':
        this.#proxy.submit(event, this.#now)
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
        this.#executor.lie(event.active)
        return
      default:
        unreachable(event)
    }
  }

  #tick(): void {
    const nowMs = this.#now.monotonicMs
    const isDiskStalled = this.#sync.waitingMs(nowMs) > ORDERING_TIMING.diskStallMs
    this.#applyOrdering(this.#ordering.tick(nowMs, isDiskStalled))
    this.#applyLog(this.#log.tick(nowMs))
    this.#reads.tick(nowMs)
    this.#proxy.tick(this.#ordering.route(nowMs), this.#now)
    this.#askAgain()
    this.#flush()
  }

  #read(event: Extract<ReplicaEvent, { kind: 'read' }>): void {
    if (event.consistency === 'stale') this.#proxy.readStale(event)
    else if (this.#reads.size + this.#proxy.waiting < this.#queueInputsMax)
      this.#reads.add(event, this.#now.monotonicMs)
    else this.#effects.push({ kind: 'reply', request: event.request, reply: { kind: 'busy' } })
  }

  #message(from: ReplicaId, message: Message): void {
    const nowMs = this.#now.monotonicMs
    switch (message.kind) {
      case 'log-request':
      case 'log-reply':
        this.#applyLog(this.#log.message(from, message, nowMs))
        return
      case 'vote':
      case 'vote-request':
      case 'outputs-request':
      case 'outputs':
        this.#output(from, message)
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
        this.#forwarded(from, message)
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

  #forwarded(from: ReplicaId, message: Extract<Message, { kind: 'forward' }>): void {
    if (this.#ordering.role === 'leader') {
      for (const input of message.inputs) {
        if (this.#queue.add(input)) continue
        const refused = this.#refused.get(input.proxy) ?? []
        this.#refused.set(input.proxy, refused)
        refused.push(input)
      }
      return
    }
    // A proxy that can't reach the leader sends through a member that can; one hop, so nothing goes in circles.
    const { leader } = this.#ordering
    if (message.relayed || leader === undefined || leader === from || leader === this.#self) return
    this.#send(leader, { kind: 'forward', relayed: true, inputs: message.inputs })
  }

  #output(from: ReplicaId, message: OutputMessage): void {
    switch (message.kind) {
      case 'vote':
        this.#proxy.settle(this.#votes.vote(from, message, this.#now.monotonicMs))
        return
      case 'outputs':
        this.#proxy.settle(this.#votes.outputs(from, message))
        return
      case 'vote-request':
        for (const answer of this.#answers.votes(from, message.slots)) this.#send(answer.to, answer.message)
        return
      case 'outputs-request':
        for (const answer of this.#answers.outputs(from, message.slot, message.first))
          this.#send(answer.to, answer.message)
        return
      default:
        unreachable(message)
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
        case 'decided':
          this.#execute(effect.slot, effect.ballot, effect.value)
          this.#applyOrdering(this.#ordering.decided(effect.slot, effect.value, this.#now.monotonicMs))
          break
        default:
          unreachable(effect)
      }
    }
    this.#logEffects.length = 0
    this.#appliesLog = false
  }

  #execute(slot: Slot, ballot: Ballot | undefined, value: Uint8Array): void {
    const executed = this.#executor.execute(slot, value)
    this.#answers.keep(slot, executed)
    const proxies = new Set<ReplicaId>()
    for (const input of executed.inputs) {
      this.#queue.settle(input)
      proxies.add(input.proxy)
    }
    for (const proxy of proxies) {
      if (proxy !== this.#self) this.#send(proxy, { kind: 'vote', slot, digest: executed.digest })
    }
    const slotUnderVote: SlotUnderVote | undefined = this.#votes.executed(
      { ...executed, ballot: ballot ?? BALLOT_NONE },
      { isProxy: proxies.has(this.#self), nowMs: this.#now.monotonicMs },
    )
    if (slotUnderVote !== undefined) this.#proxy.executed(slotUnderVote)
    this.#reads.executed(this.#now.monotonicMs)
  }

  /** What a turn of the loop gathered leaves together: Inputs to the leader, batches to the acceptors. */
  #flush(): void {
    const nowMs = this.#now.monotonicMs
    const isLeader = this.#ordering.role === 'leader'
    const leader = this.#ordering.route(nowMs)
    this.#proxy.flush({ leader, isLeader }, this.#now)
    while (isLeader && this.#queue.size > 0 && this.#ordering.room > 0) {
      const value = encodeBatch({ kind: 'inputs', timeMs: Math.floor(this.#now.wallMs), inputs: this.#queue.take() })
      this.#applyOrdering(this.#ordering.propose(value, nowMs))
    }
    this.#flushReads(leader, nowMs)
    this.#applyOrdering(this.#ordering.flush(nowMs))
    for (const ask of this.#votes.askDiffering(nowMs)) this.#send(ask.to, ask.message)
    for (const [to, inputs] of this.#refused) {
      const names = inputs.slice(0, LIMITS.batchInputsMax).map(({ client, sequence }) => ({ client, sequence }))
      this.#send(to, { kind: 'busy', inputs: names })
    }
    this.#refused.clear()
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

  #askAgain(): void {
    const awaited = (slot: Slot): boolean => this.#proxy.isAwaited(slot)
    for (const ask of this.#votes.askAgain(awaited, this.#now.monotonicMs)) this.#send(ask.to, ask.message)
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
