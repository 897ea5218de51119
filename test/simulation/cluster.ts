import type { Prng } from '../../core/base/prng.ts'
import { createPrng } from '../../core/base/prng.ts'
import { createConfiguration } from '../../core/model/configuration.ts'
import type { ReplicaId } from '../../core/model/ids.ts'
import { clusterId, epoch, replicaId } from '../../core/model/ids.ts'
import type { Effect } from '../../core/replica/effects.ts'
import type { ReplicaEvent } from '../../core/replica/events.ts'
import { decodeEnvelope, encodeEnvelope, WIRE_VERSION } from '../../core/wire/envelope.ts'
import type { Message } from '../../core/wire/message.ts'
import { AcceptorChecker } from './checkers/acceptors.ts'
import { AgreementChecker } from './checkers/agreement.ts'
import { LeaderChecker } from './checkers/leaders.ts'
import { ReadIndexChecker } from './checkers/read-index.ts'
import { ReplyChecker } from './checkers/replies.ts'
import { holds } from './checkers/violation.ts'
import { Clients } from './clients.ts'
import { MachineClock } from './clock.ts'
import { eventText, messageText, replyText } from './describe.ts'
import { SimulatedDisk } from './disk.ts'
import { EventQueue } from './event-queue.ts'
import { forged } from './falsehood.ts'
import type { FaultPlan } from './faults.ts'
import { drawFaults, FaultTally } from './faults.ts'
import { Journal, nodeName, WORLD } from './journal.ts'
import { ModelExecution } from './model-execution.ts'
import { Nemesis } from './nemesis.ts'
import { Network } from './network.ts'
import type { DeathCause, NodeWorld } from './node.ts'
import { SimulatedNode } from './node.ts'
import { pick, shuffled } from './random.ts'
import type { RunResult } from './run-result.ts'
import type { Cut } from './shapes.ts'
import { PARTIAL_SHAPES } from './shapes.ts'

/** From a process's end to the others' knowledge of it. */
const CONNECTION_US_MAX = 30_000
const US_PER_MS = 1_000
/** Unit: ms of virtual time. What a healed majority, and later the whole, may take to serve and be level. */
const HEAL_MS_MAX = 20_000
/** And a cluster in a partial partition in which some replica reaches a quorum, to go on. */
const PARTIAL_MS_MAX = 20_000
const GOAL_PER_CLIENT = 2
/** Many times what a run takes: past it, messages beget messages. */
const EVENTS_MAX = 500_000
/** No member: what it says must count for nothing. */
const STRANGER = replicaId('z')
const LEASE_BOUND_MS = 20
const SLOW_SYNC_US = 20_000

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
  readonly #leaders = new LeaderChecker()
  readonly #replies: ReplyChecker
  readonly #readIndexes = new ReadIndexChecker()
  readonly #network: Network
  readonly #nodes: readonly SimulatedNode[]
  readonly #nemesis: Nemesis
  readonly #clients: Clients
  readonly #schedule = (afterUs: number, run: () => void): void => {
    this.#queue.push(this.#nowUs + afterUs, run)
  }
  #nowUs = 0
  #chaos = true
  #elections = 0

  constructor(seed: number, replicas: number, tell?: (line: string) => void) {
    this.#seed = seed
    this.#journal = new Journal(tell)
    this.#prng = createPrng(seed)
    const prng = this.#prng
    this.#plan = drawFaults(prng, replicas)
    const plan = this.#plan
    this.#acceptors = new AcceptorChecker(replicas)
    this.#agreement = new AgreementChecker({
      nodes: replicas,
      model: this.#model,
      chosen: (slot) => this.#acceptors.chosen(slot),
      onDecided: (slot, value, names) => {
        this.#decided(slot, value, names)
      },
    })
    this.#replies = new ReplyChecker({
      model: this.#model,
      nodes: replicas,
      isFaulty: (node) => plan.faulty.has(node),
    })
    this.#network = new Network({ nodes: replicas, plan, prng, tally: this.#tally })
    this.#nodes = this.#createNodes(replicas)
    const shared = { plan, prng, nowUs: () => this.#nowUs, schedule: this.#schedule }
    this.#nemesis = new Nemesis({
      ...shared,
      nodes: this.#nodes,
      network: this.#network,
      tally: this.#tally,
      journal: this.#journal,
      start: (node) => {
        this.#start(node)
      },
      probe: (node) => {
        this.#clients.probe(node)
      },
    })
    this.#clients = new Clients({
      ...shared,
      nodes: replicas,
      replies: this.#replies,
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
      elections: this.#elections,
      faults: this.#tally.counts,
      violation,
    }
  }

  #run(): void {
    if (this.#journal.isTold) this.#journal.tell(WORLD, planText(this.#plan))
    if (this.#plan.driftPpmMax > 0) this.#tally.add('clock-drift')
    if (this.#plan.syncUsMax > SLOW_SYNC_US) this.#tally.add('disk-slow')
    for (const node of this.#nodes) this.#start(node)
    this.#clients.start()
    this.#nemesis.begin()
    this.#until(() => false, this.#plan.chaosMs)
    this.#calmDown()
    if (this.#plan.holdsPartial) this.#holdPartial()
    this.#healMajority()
    this.#healAll()
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
        this.#send(from, to, message)
      },
      caused: (node, effect) => {
        this.#caused(node, effect)
      },
      bound: ({ index }, message) => {
        this.#gaveWord(index, message)
      },
      stepping: (node, event) => {
        this.#stepping(node, event)
      },
      stepped: ({ index, machines }, replica) => {
        this.#agreement.check(index, replica, machines.isFlipped)
      },
      synced: ({ index }, count) => {
        this.#journal.event(this.#nowUs, index, 'synced')
        this.#journal.mix(count)
        if (this.#journal.isTold) this.#journal.tell(index, `synced ${count}`)
      },
      died: (node, cause, lost) => {
        this.#died(node, cause, lost)
      },
    }
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
    node.start()
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

  #stepping(node: SimulatedNode, event: ReplicaEvent): void {
    const journal = this.#journal
    if (event.kind !== 'message') {
      journal.event(this.#nowUs, node.index, event.kind)
      if ('request' in event) journal.mix(event.request)
    } else {
      const { from, message } = event
      journal.event(this.#nowUs, node.index, message.kind)
      journal.mix(from.charCodeAt(0))
      if ('ballot' in message) journal.mix(message.ballot.round)
      if ('slot' in message) journal.mix(message.slot)
    }
    if (journal.isTold && event.kind !== 'tick') journal.tell(node.index, eventText(event))
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
      case 'note':
        if (journal.isTold) journal.tell(node.index, `note ${JSON.stringify(effect.note)}`)
        if (effect.note.kind !== 'role' || effect.note.role !== 'leader') return
        this.#elections += 1
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
    switch (message.kind) {
      case 'accept':
        this.#acceptors.accept(node.index, message)
        return
      case 'prepare':
        this.#nemesis.ambush(node)
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

  #send(from: number, to: ReplicaId, message: Message): void {
    const target = this.#nodes.find((node) => node.id === to)
    if (target === undefined) throw new Error(`a message to ${to}, whom nobody knows`)
    const sender = replicaId(nodeName(from))
    const plan = this.#plan
    const isForged = plan.faulty.get(from) === 'two-faced' && (this.#chaos || plan.faultyForEver)
    const said = isForged ? forged(message) : message
    if (said !== message) this.#tally.add('two-faced')
    const arrivals = this.#network.arrivals(from, target.index, this.#nowUs)
    if (arrivals.length === 0 && this.#journal.isTold) this.#journal.tell(from, `→ ${to}  LOST ${messageText(message)}`)
    if (arrivals.length === 0) return
    const carried = plan.encodes ? recode(sender, said) : said
    for (const atUs of arrivals) {
      this.#queue.push(atUs, () => {
        target.deliver({ kind: 'message', from: sender, message: carried })
      })
    }
    if (!this.#chaos || plan.strangers === 0 || !this.#prng.chance(plan.strangers)) return
    this.#tally.add('stranger')
    this.#schedule(this.#prng.between(plan.delayUsMin, plan.delayUsMax), () => {
      target.deliver({ kind: 'message', from: STRANGER, message: carried })
    })
  }

  /** The chaos ends; what is down or cut is so still. */
  #calmDown(): void {
    this.#chaos = false
    this.#nemesis.end()
    this.#network.calm()
    for (const node of this.#nodes) {
      node.calm()
      node.disk.calm()
      node.resume({ kind: 'clock-jumped' })
      if (!this.#plan.faultyForEver) node.deliver({ kind: 'lie', active: false })
    }
    this.#event('calm', 'the chaos ends')
  }

  /** One partial partition and nothing else: who reaches a quorum must serve. */
  #holdPartial(): void {
    this.#network.healAll()
    for (const node of this.#nodes) if (node.replica === undefined) this.#start(node)
    // A faulty replica may be the one that would be needed to outvote another.
    if (this.#plan.faulty.size > 0) return
    const shape = pick(this.#prng, PARTIAL_SHAPES)
    this.#nemesis.cut(shape)
    this.#clients.prefer(this.#network.quorumConnected())
    const served = this.#replies.inputs
    const isServed = this.#until(() => this.#replies.inputs > served + 2, this.#nowMs + PARTIAL_MS_MAX)
    holds(isServed, 'availability', () => `nobody is served under "${shape}": ${this.#picture()}`)
    this.#network.healAll()
    this.#clients.prefer(this.#nodes.map(({ index }) => index))
  }

  /** A majority of sound replicas is healed; the others are cut off from it, and down or cut off from each other. */
  #healMajority(): void {
    const faulty = (node: SimulatedNode): number => (this.#plan.faulty.has(node.index) ? 1 : 0)
    const ranked = shuffled(this.#prng, this.#nodes).toSorted((left, right) => faulty(left) - faulty(right))
    const size = (this.#nodes.length >> 1) + 1
    const [healed, rest] = [ranked.slice(0, size), ranked.slice(size)]
    this.#network.healAll()
    const cuts = rest.flatMap(({ index }) =>
      this.#nodes.flatMap((other): Cut[] => {
        if (other.index === index) return []
        return [
          [index, other.index],
          [other.index, index],
        ]
      }),
    )
    this.#network.cut(cuts)
    this.#event('heal-majority', `healed: ${healed.map(({ id }) => id).join(' ')}`)
    for (const node of healed) if (node.replica === undefined) this.#start(node)
    this.#demand(healed, 'the healed majority')
  }

  #healAll(): void {
    this.#network.healAll()
    this.#event('heal-all', 'all is healed')
    for (const node of this.#nodes) if (node.replica === undefined) this.#start(node)
    this.#demand(this.#nodes, 'the healed cluster')
    this.#clients.halt()
    const isQuiet = (): boolean => this.#clients.underWay === 0 && this.#isLevel(this.#nodes)
    holds(this.#until(isQuiet, this.#nowMs + HEAL_MS_MAX), 'convergence', () => `no quiet: ${this.#picture()}`)
    for (const { index, replica, machines } of this.#nodes) {
      if (replica !== undefined && !machines.isFlipped) this.#agreement.checkRoot(index, replica)
    }
  }

  #demand(nodes: readonly SimulatedNode[], who: string): void {
    const goal = this.#replies.inputs + this.#plan.clients * GOAL_PER_CLIENT
    const limitMs = this.#nowMs + HEAL_MS_MAX
    const isServed = this.#until(() => this.#replies.inputs >= goal, limitMs)
    holds(isServed, 'convergence', () => `${who} does not serve: ${this.#picture()}`)
    holds(
      this.#until(() => this.#isLevel(nodes), limitMs),
      'convergence',
      () => {
        return `${who} does not become level: ${this.#picture()}`
      },
    )
  }

  get #nowMs(): number {
    return Math.floor(this.#nowUs / US_PER_MS)
  }

  #isLevel(nodes: readonly SimulatedNode[]): boolean {
    const slot = this.#agreement.slotDecided
    return nodes.every(({ replica }) => replica?.status.slotExecuted === slot)
  }

  #event(word: string, text: string): void {
    this.#journal.event(this.#nowUs, WORLD, word)
    if (this.#journal.isTold) this.#journal.tell(WORLD, text)
  }

  /** For the message of a failed run. */
  #picture(): string {
    const nodes = this.#nodes.map(({ id, replica }) => ({ id, ...replica?.status }))
    return JSON.stringify({ nowMs: this.#nowMs, slotDecided: this.#agreement.slotDecided, nodes })
  }
}

/** Through the real codec, so that what the simulator tells each other is what can travel. */
function recode(from: ReplicaId, message: Message): Message {
  const envelope = {
    version: WIRE_VERSION,
    cluster: clusterId('simulated'),
    epoch: epoch(1),
    from,
    messages: [message],
  } as const
  const decoded = decodeEnvelope(encodeEnvelope(envelope))
  if (!decoded.ok) throw new Error(`a message does not survive its codec: ${message.kind}: ${decoded.fault.detail}`)
  const carried = decoded.value.messages[0]
  if (carried === undefined) throw new Error('an envelope lost its message')
  return carried
}

function planText(plan: FaultPlan): string {
  return `the plan: ${JSON.stringify({ ...plan, faulty: Object.fromEntries(plan.faulty) })}`
}
