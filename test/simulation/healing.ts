import type { Prng } from '../../core/base/prng.ts'
import type { AgreementChecker } from './checkers/agreement.ts'
import type { ReplyChecker } from './checkers/replies.ts'
import { holds } from './checkers/violation.ts'
import type { Clients } from './clients.ts'
import { NARROW_TIMES } from './clients.ts'
import type { FaultPlan } from './faults.ts'
import type { Nemesis } from './nemesis.ts'
import type { Network } from './network.ts'
import type { SimulatedNode } from './node.ts'
import type { Repairs } from './repairs.ts'
import { pick, shuffled } from './random.ts'
import { bothWays, PARTIAL_SHAPES } from './shapes.ts'

/** Unit: ms of virtual time. What a healed majority, and later the whole, may take to serve and be level. */
const HEAL_MS_MAX = 20_000
/** And a cluster in a partial partition in which some replica reaches a quorum, to go on. */
const PARTIAL_MS_MAX = 20_000
const GOAL_PER_CLIENT = 2

interface HealingInit {
  readonly plan: FaultPlan
  readonly prng: Prng
  readonly nodes: readonly SimulatedNode[]
  readonly network: Network
  readonly nemesis: Nemesis
  readonly clients: Clients
  readonly replies: ReplyChecker
  readonly agreement: AgreementChecker
  readonly repairs: Repairs
  readonly start: (node: SimulatedNode) => void
  /** Lets time go on until this holds, or that time is reached. @returns whether it holds. */
  readonly until: (isDone: () => boolean, limitMs: number) => boolean
  readonly nowMs: () => number
  readonly event: (word: string, text: string) => void
}

/** What a cluster owes when the chaos has ended: to serve and become level within a time, part after part. */
export class Healing {
  readonly #init: HealingInit

  constructor(init: HealingInit) {
    this.#init = init
  }

  run(): void {
    if (this.#init.plan.holdsPartial) this.#holdPartial()
    this.#healMajority()
    this.#healAll()
  }

  /** Whoever can reach another is connected to it, and is told so. */
  #reconnect(): void {
    const { nodes, network } = this.#init
    for (const one of nodes) {
      for (const other of nodes) {
        if (one === other || other.replica === undefined || network.isCut(one.index, other.index)) continue
        one.deliver({ kind: 'peer', replica: other.id, connected: true })
      }
    }
  }

  #startAll(nodes: readonly SimulatedNode[]): void {
    for (const node of nodes) if (node.replica === undefined) this.#init.start(node)
  }

  /** One partial partition and nothing else: who reaches a quorum must serve. */
  #holdPartial(): void {
    const { nodes, network, plan, prng, nemesis, clients, replies, until, nowMs } = this.#init
    network.healAll()
    this.#reconnect()
    this.#startAll(nodes)
    // A faulty replica may be the one that would be needed to outvote another; one without State, too.
    if (plan.faulty.size > 0 || plan.checkpointRot > 0) return
    const shape = pick(prng, PARTIAL_SHAPES)
    nemesis.cut(shape)
    clients.prefer(network.quorumConnected())
    const served = replies.inputs
    const isServed = until(() => replies.inputs > served + 2, nowMs() + PARTIAL_MS_MAX)
    holds(isServed, 'availability', () => `nobody is served under "${shape}": ${this.#picture()}`)
    network.healAll()
    clients.prefer(nodes.map(({ index }) => index))
  }

  /** A majority of sound replicas is healed; the others are cut off from it, and down or cut off from each other. */
  #healMajority(): void {
    const { nodes, network, prng, event } = this.#init
    const ranked = shuffled(prng, nodes).toSorted((left, right) => this.#unsoundness(left) - this.#unsoundness(right))
    const size = (nodes.length >> 1) + 1
    const [healed, rest] = [ranked.slice(0, size), ranked.slice(size)]
    network.healAll()
    const links = rest.flatMap(({ index }) =>
      nodes.filter((other) => other.index !== index).flatMap((other) => bothWays(index, other.index)),
    )
    network.cut(links)
    this.#reconnect()
    event('heal-majority', `healed: ${healed.map(({ id }) => id).join(' ')}`)
    this.#startAll(healed)
    this.#demand(healed, 'the healed majority')
  }

  /** Who lies is left out first; then whose disk has lost its State: the others may have dropped the log already. */
  #unsoundness({ index }: SimulatedNode): number {
    const { plan } = this.#init
    if (plan.faulty.has(index)) return 2
    return plan.checkpointRot > 0 && index === plan.rottenDisk ? 1 : 0
  }

  #healAll(): void {
    const { nodes, network, clients, agreement, until, nowMs, event } = this.#init
    network.healAll()
    this.#reconnect()
    event('heal-all', 'all is healed')
    this.#startAll(nodes)
    this.#demand(nodes, 'the healed cluster')
    this.#demandMended()
    clients.halt()
    const isQuiet = (): boolean => clients.underWay === 0 && this.#isLevel(nodes) && !this.#isReceiving()
    holds(until(isQuiet, nowMs() + this.#healMsMax), 'convergence', () => `no quiet: ${this.#picture()}`)
    for (const { index, replica, machines } of nodes) {
      if (replica !== undefined && !machines.isFlipped) agreement.checkRoot(index, replica)
    }
  }

  /** Where AUDITs are ordered, whatever was tampered with is found by one of them, mended, and verified. */
  #demandMended(): void {
    const { plan, repairs, until, nowMs } = this.#init
    if (plan.auditMs === 0 || (plan.faultyForEver && [...plan.faulty.values()].includes('lies'))) return
    const isMended = until(() => repairs.isMended, nowMs() + this.#healMsMax)
    holds(isMended, 'audits mend', () => `a planted deviation is there still: ${this.#picture()}`)
  }

  #demand(nodes: readonly SimulatedNode[], who: string): void {
    const { replies, plan, until, nowMs } = this.#init
    const goal = replies.inputs + plan.clients * GOAL_PER_CLIENT
    const limitMs = nowMs() + this.#healMsMax
    const isServed = until(() => replies.inputs >= goal, limitMs)
    holds(isServed, 'convergence', () => `${who} does not serve: ${this.#picture()}`)
    const isLevel = until(() => this.#isLevel(nodes), limitMs)
    holds(isLevel, 'convergence', () => `${who} does not become level: ${this.#picture()}`)
  }

  /** Where links are narrow callers are patient, those that ask a replica that is cut off too. */
  get #healMsMax(): number {
    return this.#init.plan.bytesPerSecond > 0 ? NARROW_TIMES * HEAL_MS_MAX : HEAL_MS_MAX
  }

  #isLevel(nodes: readonly SimulatedNode[]): boolean {
    const slot = this.#init.agreement.slotDecided
    return nodes.every(({ replica }) => replica?.status.slotExecuted === slot)
  }

  /** Whether a State is on its way to somebody. */
  #isReceiving(): boolean {
    return this.#init.nodes.some(({ replica }) => replica?.checkpoints.transfer !== undefined)
  }

  /** For the message of a failed run. */
  #picture(): string {
    const { nodes, agreement, nowMs } = this.#init
    const replicas = nodes.map(({ id, replica }) => {
      return {
        id,
        ...replica?.status,
        transfer: replica?.checkpoints.transfer,
        slotFirst: replica?.checkpoints.slotFirst,
      }
    })
    return JSON.stringify({ nowMs: nowMs(), slotDecided: agreement.slotDecided, nodes: replicas })
  }
}
