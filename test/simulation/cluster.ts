import type { Prng } from '../../core/base/prng.ts'
import { createPrng } from '../../core/base/prng.ts'
import { createConfiguration } from '../../core/model/configuration.ts'
import { epoch, replicaId } from '../../core/model/ids.ts'
import type { Effect } from '../../core/replica/effects.ts'
import type { ReplicaEvent } from '../../core/replica/events.ts'
import type { Replica } from '../../core/replica/replica.ts'
import type { Message } from '../../core/wire/message.ts'
import { AcceptorChecker } from './checkers/acceptors.ts'
import { AgreementChecker } from './checkers/agreement.ts'
import { CheckpointChecker } from './checkers/checkpoints.ts'
import { HistoryChecker } from './checkers/histories.ts'
import { LeaderChecker } from './checkers/leaders.ts'
import { ReadIndexChecker } from './checkers/read-index.ts'
import { ReplyChecker } from './checkers/replies.ts'
import { StateChecker } from './checkers/states.ts'
import { holds } from './checkers/violation.ts'
import { Clients } from './clients.ts'
import { MachineClock } from './clock.ts'
import { eventText, planText, replyText } from './describe.ts'
import { SimulatedDisk } from './disk.ts'
import { EventQueue } from './event-queue.ts'
import type { FaultPlan } from './faults.ts'
import { drawFaults, FaultTally } from './faults.ts'
import { Healing } from './healing.ts'
import { Journal, nodeName, WORLD } from './journal.ts'
import { ModelExecution } from './model-execution.ts'
import { Nemesis } from './nemesis.ts'
import { Network } from './network.ts'
import type { DeathCause, NodeWorld } from './node.ts'
import { SimulatedNode } from './node.ts'
import { Post } from './post.ts'
import { Repairs } from './repairs.ts'
import type { RunResult } from './run-result.ts'

/** From a process's end to the others' knowledge of it. */
const CONNECTION_US_MAX = 30_000
const US_PER_MS = 1_000
/** Unit: ms of virtual time. What a cluster that nothing was done to takes to answer for the first time. */
const WARM_UP_MS_MAX = 5_000
/** Many times what a run takes: past it, messages beget messages. */
const EVENTS_MAX = 500_000
const LEASE_BOUND_MS = 20
const SLOW_SYNC_US = 20_000

export interface SimulationOptions {
  /** Told one line an event. */
  readonly tell?: ((line: string) => void) | undefined
  /** `histories`: replies and read indexes are not looked at, only the histories of what clients saw. */
  readonly checks?: 'all' | 'histories' | undefined
}

/** Three or five shipping cores in one process, on virtual time, with machines and a network that misbehave by seed. */
export class SimulatedCluster {
  readonly #seed: number
  readonly #prng: Prng
  readonly #plan: FaultPlan
  readonly #queue = new EventQueue()
  readonly #journal: Journal
  readonly #tally = new FaultTally()
  readonly #model = new ModelExecution()
  readonly #acceptors: AcceptorChecker
  readonly #agreement: AgreementChecker
  readonly #checkpoints: CheckpointChecker
  readonly #states: StateChecker
  readonly #leaders = new LeaderChecker()
  readonly #replies: ReplyChecker
  readonly #readIndexes: ReadIndexChecker
  readonly #histories = new HistoryChecker()
  readonly #post: Post
  readonly #network: Network
  readonly #nodes: readonly SimulatedNode[]
  readonly #nemesis: Nemesis
  readonly #clients: Clients
  readonly #repairs: Repairs
  readonly #schedule = (afterUs: number, run: () => void): void => {
    this.#queue.push(this.#nowUs + afterUs, run)
  }
  #nowUs = 0
  #chaos = true

  constructor(seed: number, replicas: number, options: SimulationOptions = {}) {
    const isBlind = options.checks === 'histories'
    this.#seed = seed
    this.#journal = new Journal(options.tell)
    this.#prng = createPrng(seed)
    const prng = this.#prng
    this.#plan = drawFaults(prng, replicas)
    const plan = this.#plan
    this.#acceptors = new AcceptorChecker(replicas)
    this.#agreement = new AgreementChecker({
      nodes: replicas,
      memorySlots: plan.logMemorySlots,
      model: this.#model,
      chosen: (slot) => this.#acceptors.chosen(slot),
      onDecided: (slot, value, names) => {
        this.#decided(slot, value, names)
      },
    })
    this.#checkpoints = new CheckpointChecker(this.#agreement, this.#tally, replicas)
    this.#states = new StateChecker({ nodes: replicas, isFaulty: (node) => plan.faulty.has(node) })
    this.#replies = new ReplyChecker({
      model: this.#model,
      nodes: replicas,
      isFaulty: (node) => plan.faulty.has(node),
      isBlind,
    })
    this.#readIndexes = new ReadIndexChecker(isBlind)
    const shared = { plan, prng, nowUs: () => this.#nowUs, schedule: this.#schedule }
    this.#network = new Network({ ...shared, nodes: replicas, tally: this.#tally })
    this.#nodes = this.#createNodes(replicas)
    const world = { ...shared, nodes: this.#nodes, network: this.#network, tally: this.#tally, journal: this.#journal }
    this.#post = new Post(world)
    const orderCheckpoint = ({ index }: SimulatedNode): void => {
      this.#tally.add('checkpoint-ordered')
      this.#clients.orderCheckpoint(index)
    }
    this.#nemesis = new Nemesis({
      ...world,
      post: this.#post,
      start: (node) => {
        this.#start(node)
      },
      probe: (node) => {
        this.#clients.probe(node)
      },
      orderCheckpoint,
    })
    this.#repairs = new Repairs({
      orderCheckpoint,
      ...{ plan, prng, nodes: this.#nodes, agreement: this.#agreement },
      ...{ tally: this.#tally, schedule: this.#schedule },
      start: (node) => {
        this.#start(node)
      },
    })
    this.#clients = new Clients({
      ...shared,
      nodes: replicas,
      replies: this.#replies,
      histories: this.#histories,
      ask: (node, event) => this.#ask(node, event),
    })
  }

  /** Chaos, then calm. A broken invariant ends the run and is its finding. */
  run(): RunResult {
    let violation: string | undefined
    try {
      this.#run()
    } catch (error) {
      violation = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
      this.#journal.tell(WORLD, violation)
    }
    return {
      seed: this.#seed,
      replicas: this.#nodes.length,
      events: this.#journal.events,
      virtualMs: Math.floor(this.#nowUs / US_PER_MS),
      digest: this.#journal.digest,
      slots: this.#agreement.slotDecided,
      inputs: this.#replies.inputs,
      reads: this.#replies.reads,
      failed: this.#replies.failed,
      elections: this.#leaders.elections,
      operations: this.#histories.operations,
      undecided: this.#histories.undecided,
      faults: this.#tally.counts,
      violation,
    }
  }

  #run(): void {
    if (this.#journal.isTold) this.#journal.tell(WORLD, planText(this.#plan))
    if (this.#plan.driftPpmMax > 0) this.#tally.add('clock-drift')
    if (this.#plan.bytesPerSecond > 0) this.#tally.add('narrow-link')
    if (this.#plan.syncUsMax > SLOW_SYNC_US) this.#tally.add('disk-slow')
    for (const node of this.#nodes) this.#start(node)
    this.#clients.start()
    if (this.#plan.warmsUp) this.#until(() => this.#replies.inputs > 0, WARM_UP_MS_MAX)
    this.#nemesis.begin()
    this.#until(() => false, this.#nowMs + this.#plan.chaosMs)
    this.#calmDown()
    this.#healing().run()
    this.#histories.check()
    this.#leaders.checkSteady(this.#plan)
  }

  #healing(): Healing {
    return new Healing({
      plan: this.#plan,
      prng: this.#prng,
      nodes: this.#nodes,
      network: this.#network,
      nemesis: this.#nemesis,
      clients: this.#clients,
      replies: this.#replies,
      agreement: this.#agreement,
      repairs: this.#repairs,
      start: (node) => {
        this.#start(node)
      },
      until: (isDone, limitMs) => this.#until(isDone, limitMs),
      nowMs: () => this.#nowMs,
      event: (word, text) => {
        this.#event(word, text)
      },
    })
  }

  #createNodes(replicas: number): readonly SimulatedNode[] {
    const prng = this.#prng
    const members = Array.from({ length: replicas }, (_, index) => ({
      replica: replicaId(nodeName(index)),
      name: nodeName(index),
    }))
    const configuration = createConfiguration(epoch(1), members)
    const world = this.#createWorld()
    return members.map(({ replica }, index) => {
      const driftPpm = prng.between(-this.#plan.driftPpmMax, this.#plan.driftPpmMax)
      const clock = new MachineClock({
        driftPpm,
        startUs: prng.between(0, 1_000_000_000),
        wallOffsetMs: prng.between(-500, 500),
      })
      return new SimulatedNode({
        index,
        id: replica,
        configuration,
        plan: this.#plan,
        prng,
        clock,
        disk: new SimulatedDisk(this.#plan, prng),
        tally: this.#tally,
        world,
        lease: this.#plan.lease ? { clockBoundMs: LEASE_BOUND_MS } : undefined,
      })
    })
  }

  #createWorld(): NodeWorld {
    return {
      nowUs: () => this.#nowUs,
      schedule: this.#schedule,
      send: (from, to, message) => {
        this.#post.send(from, to, message)
      },
      caused: (node, effect) => {
        this.#caused(node, effect)
      },
      bound: ({ index }, message) => {
        this.#gaveWord(index, message)
      },
      stepping: (node, event) => {
        this.#journal.stepping(this.#nowUs, node.index, event)
        if (this.#journal.isTold && event.kind !== 'tick') this.#journal.tell(node.index, eventText(event))
        if (event.kind === 'tamper') node.machines.rotted()
        if (event.kind === 'checkpoint-written') this.#checkpoints.written(node, event.checkpoint)
      },
      stepped: (node, replica) => {
        this.#stepped(node, replica)
      },
      synced: ({ index }, count) => {
        this.#journal.event(this.#nowUs, index, 'synced')
        this.#journal.mix(count)
        if (this.#journal.isTold) this.#journal.tell(index, `synced ${count}`)
      },
      changing: (node, effect) => {
        this.#journal.event(this.#nowUs, node.index, effect.kind)
        if (this.#journal.isTold) this.#journal.tell(node.index, `disk: ${effect.kind}`)
        this.#checkpoints.changing(node, effect)
      },
      died: (node, cause, lost) => {
        this.#died(node, cause, lost)
      },
    }
  }

  #stepped(node: SimulatedNode, replica: Replica): void {
    const { slotExecuted } = this.#agreement.check(node.index, replica, node.machines.isFlipped)
    this.#states.stepped(node.index, slotExecuted)
    this.#nemesis.stepped(node)
  }

  #until(isDone: () => boolean, limitMs: number): boolean {
    const limitUs = limitMs * US_PER_MS
    for (;;) {
      if (isDone()) return true
      const nextUs = this.#queue.nextUs
      if (nextUs === undefined || nextUs > limitUs) {
        this.#nowUs = limitUs
        return false
      }
      holds(this.#journal.events < EVENTS_MAX, 'progress', () => `no end after ${EVENTS_MAX} events`)
      const next = this.#queue.pop()
      this.#nowUs = nextUs
      next?.run()
    }
  }

  #start(node: SimulatedNode): void {
    this.#agreement.restarted(node.index)
    if (this.#chaos) this.#nemesis.rot(node)
    const replica = node.start()
    this.#states.restarted(node.index, replica, node.slotLoaded)
    this.#checkpoints.started(node)
    this.#post.started(node)
    this.#tellOthers(node, true)
    this.#journal.event(this.#nowUs, node.index, 'started')
    this.#journal.mix(node.disk.records.length)
    if (this.#journal.isTold) this.#journal.tell(node.index, `starts with ${node.disk.records.length} records`)
    if (this.#plan.faulty.get(node.index) !== 'lies') return
    if (!this.#chaos && !this.#plan.faultyForEver) return
    this.#tally.add('lies')
    node.deliver({ kind: 'lie', active: true })
  }

  #died(node: SimulatedNode, cause: DeathCause, lost: number): void {
    this.#tally.add(cause)
    if (lost > 0) this.#tally.add('lost-records', lost)
    this.#journal.event(this.#nowUs, node.index, cause)
    this.#journal.mix(lost)
    if (this.#journal.isTold) this.#journal.tell(node.index, `dies (${cause}), ${lost} records are lost`)
    for (const other of this.#nodes) this.#network.disconnect(node.index, other.index)
    this.#tellOthers(node, false)
    this.#nemesis.died(node)
  }

  /** Whose connection to a process ended or came is told so, soon; over a cut link it hears of neither. */
  #tellOthers(node: SimulatedNode, connected: boolean): void {
    for (const other of this.#nodes) {
      if (other === node || this.#network.isCut(node.index, other.index)) continue
      this.#schedule(this.#prng.between(0, CONNECTION_US_MAX), () => {
        // It may have gone or come back meanwhile: what is told last is how it is.
        if ((node.replica !== undefined) !== connected) return
        other.deliver({ kind: 'peer', replica: node.id, connected })
      })
    }
  }

  #ask(node: number, event: ReplicaEvent): boolean {
    const target = this.#nodes[node]
    if (target?.replica === undefined) return false
    target.deliver(event)
    return true
  }

  #caused(node: SimulatedNode, effect: Effect): void {
    const journal = this.#journal
    switch (effect.kind) {
      case 'send':
        this.#said(node, effect.message)
        return
      case 'persist':
        return
      case 'reply':
        journal.mix(effect.request)
        journal.mixText(effect.reply.kind)
        if ('slot' in effect.reply) journal.mix(effect.reply.slot ?? 0)
        if (journal.isTold) journal.tell(node.index, replyText(effect.request, effect.reply))
        this.#replied(node, effect)
        return
      case 'checkpoint':
        journal.mix(effect.slot)
        this.#checkpoints.taken(node, effect)
        if (journal.isTold) journal.tell(node.index, `takes a checkpoint at slot ${effect.slot}`)
        return
      case 'certify':
      case 'read-checkpoint':
      case 'read-log':
      case 'retain':
      case 'unpack':
        return
      case 'note':
        if (journal.isTold) journal.tell(node.index, `note ${JSON.stringify(effect.note)}`)
        if (effect.note.kind === 'transfer-begun') this.#tally.add('state-transfer-begun')
        if (effect.note.kind === 'transfer-ended') {
          this.#tally.add('state-transfer')
          this.#states.installed(node.index, effect.note.slot)
        }
        this.#repairs.noted(node, effect.note)
        if (effect.note.kind !== 'role' || effect.note.role !== 'leader') return
        this.#leaders.leads(node.index, node.life, effect.note.ballot)
        this.#nemesis.ambush(node)
    }
  }

  #replied(node: SimulatedNode, { request, reply }: Extract<Effect, { kind: 'reply' }>): void {
    const before = this.#replies.inputs
    this.#clients.replied(node.index, request, reply)
    if (this.#replies.inputs > before) this.#nemesis.acknowledged(node)
  }

  /** A message that binds nobody, or should not: it may still be wrong. */
  #said(node: SimulatedNode, message: Message): void {
    this.#states.said(node.index, node.replica, message)
    switch (message.kind) {
      case 'accept':
        this.#acceptors.accept(node.index, message)
        return
      case 'prepare':
        this.#nemesis.prepares(node)
        return
      case 'pre-vote':
        this.#nemesis.asks(node)
        return
      case 'read-index-request':
        this.#readIndexes.asked(message, this.#replies.floor)
        return
      case 'read-index':
        this.#readIndexes.answered(node.index, message)
        return
      default:
        this.#gaveWord(node.index, message)
    }
  }

  /** What binds an acceptor counts from the moment it leaves, however it leaves. */
  #gaveWord(node: number, message: Message): void {
    if (message.kind === 'accepted') this.#acceptors.accepted(node, message)
    else if (message.kind === 'promise') this.#acceptors.promise(node, message)
  }

  #decided(slot: number, value: Uint8Array, names: readonly string[]): void {
    this.#journal.mix(slot)
    this.#journal.mixBytes(value)
    holds(this.#model.executions <= this.#clients.sent, 'at most once', () => {
      return `${this.#model.executions} Inputs took effect, and ${this.#clients.sent} were ever asked`
    })
    if (this.#journal.isTold) this.#journal.tell(WORLD, `slot ${slot} is decided: ${names.join(' ') || 'nothing'}`)
  }

  /** The chaos ends; what is down or cut is so still. */
  #calmDown(): void {
    this.#chaos = false
    this.#nemesis.end()
    this.#network.calm()
    this.#post.calm()
    this.#repairs.calm()
    for (const node of this.#nodes) {
      node.calm()
      node.disk.calm()
      node.resume({ kind: 'clock-jumped' })
      if (!this.#plan.faultyForEver) node.deliver({ kind: 'lie', active: false })
    }
    this.#event('calm', 'the chaos ends')
  }

  get #nowMs(): number {
    return Math.floor(this.#nowUs / US_PER_MS)
  }

  #event(word: string, text: string): void {
    this.#journal.event(this.#nowUs, WORLD, word)
    if (this.#journal.isTold) this.#journal.tell(WORLD, text)
  }
}
