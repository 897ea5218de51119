import type { Prng } from '../../core/base/prng.ts'
import { CHANNELS } from '../../core/wire/message.ts'
import { Ambushes } from './ambushes.ts'
import type { FaultPlan, FaultTally } from './faults.ts'
import type { Journal } from './journal.ts'
import { nodeName, WORLD } from './journal.ts'
import { LeftBehind } from './left-behind.ts'
import type { Network } from './network.ts'
import type { SimulatedNode } from './node.ts'
import type { Post } from './post.ts'
import { gapUs, pick, shuffled } from './random.ts'
import type { Cut, Shape } from './shapes.ts'
import { bothWays, cutsOf, SHAPES } from './shapes.ts'

const US_PER_MS = 1_000
/** Long enough for the others to have elected somebody else. */
const SLEPT_US_MIN = 400_000
const ARMED_MS_MIN = 800
const ARMED_MS_MAX = 3_000
/** Whom the simulated machines find when they look: a State that was tampered with holds this. */
const FLIPPED = 666_666
const FLIP_KEYS = ['cold', 'n', 'x', 'y', 'z'] as const

export interface NemesisInit {
  readonly plan: FaultPlan
  readonly prng: Prng
  readonly nodes: readonly SimulatedNode[]
  readonly network: Network
  readonly tally: FaultTally
  readonly journal: Journal
  readonly nowUs: () => number
  readonly schedule: (afterUs: number, run: () => void) => void
  readonly start: (node: SimulatedNode) => void
  /** A client that was not there before reads every key from this node. */
  readonly probe: (node: number) => void
  /** The operator orders a CHECKPOINT of this node. */
  readonly orderCheckpoint: (node: SimulatedNode) => void
  readonly post: Post
}

/** A process that stands still. */
interface Standstill {
  readonly node: SimulatedNode
  readonly life: number
  readonly sinceUs: number
  readonly sleeps: boolean
  isOver: boolean
}

/** Does to the machines and links what the plan says, until it is told to end. */
export class Nemesis {
  readonly #init: NemesisInit
  #active = true
  /** Who stands still while the others go on, to be woken at the worst moment. */
  #armed: Standstill | undefined
  readonly #ambushes: Ambushes
  readonly #leftBehind: LeftBehind
  /** Who dies before this comes back at once. */
  #hurriesUntilUs = 0

  constructor(init: NemesisInit) {
    this.#init = init
    const hands = {
      ...init,
      isActive: () => this.#active,
      leader: () => this.leader,
      connections: (cuts: readonly Cut[], connected: boolean) => {
        this.#connections(cuts, connected)
      },
      hurry: () => {
        this.#hurriesUntilUs = init.nowUs() + 1
      },
      event: (kind: string, words: string) => {
        this.#event(kind, words)
      },
    }
    this.#ambushes = new Ambushes(hands)
    this.#leftBehind = new LeftBehind({
      ...hands,
      wake: (node) => {
        node.resume(init.prng.chance(0.5) ? { kind: 'clock-jumped' } : undefined)
      },
    })
  }

  begin(): void {
    const { plan, nodes } = this.#init
    this.#repeat(plan.partitionsPerSecond, () => {
      this.#partition()
    })
    this.#repeat(plan.slowLinksPerSecond, () => {
      this.#slowLink()
    })
    this.#repeat(plan.resetsPerSecond, () => {
      this.#resetConnection()
    })
    this.#repeat(plan.restartsOfAllPerSecond, () => {
      this.#event('restart-of-all', 'all processes are killed')
      for (const node of nodes) node.die('kill')
    })
    for (const node of nodes) this.#beginNode(node)
    this.#repeat(plan.checkpointsPerSecond, () => {
      this.#init.orderCheckpoint(pick(this.#init.prng, nodes))
    })
    this.#repeat(plan.streamStallsPerSecond, () => {
      this.#stallStream()
    })
    if (plan.scenario === 'old-leader-wakes') this.#repeat(2, () => this.#pause(this.leader))
    if (plan.scenario === 'voter-restarts') this.#repeat(1, () => this.#ambushes.restartVoter())
    if (plan.scenario === 'candidate-forgets') this.#repeat(1.5, () => this.#ambushes.awaitCandidate())
    if (plan.scenario === 'left-behind') this.#repeat(3, () => this.#leftBehind.begin())
    if (plan.scenario === 'torn-in-two') this.#repeat(1, () => this.#ambushes.tearInTwo())
  }

  /** What was begun is not ended here: who calls this heals. */
  end(): void {
    this.#active = false
  }

  /** Phase 1a begins. */
  prepares(node: SimulatedNode): void {
    this.ambush(node)
    this.#ambushes.prepares(node)
  }

  /** A replica has handled an event. */
  stepped(node: SimulatedNode): void {
    if (this.#active && this.#init.plan.scenario === 'left-behind') this.#leftBehind.stepped(node)
  }

  /** A replica asks whether it would be followed. */
  asks(node: SimulatedNode): void {
    this.#ambushes.asks(node)
  }

  /** Somebody asked for leadership, or got it: a moment to die that matters. */
  ambush(node: SimulatedNode): void {
    const { plan, prng, schedule } = this.#init
    if (!this.#active || plan.ambush === 0 || !prng.chance(plan.ambush)) return
    const { life } = node
    schedule(prng.between(0, 12 * US_PER_MS), () => {
      if (this.#active && node.life === life) node.die('kill-ambush')
    })
  }

  /**
   * Somebody was told the effect of an Input. If an old leader stands still, all others die and come back, having
   * forgotten what they need not remember; then it is asked, and wakes: the moment to believe that it still leads.
   */
  acknowledged(by: SimulatedNode): void {
    const armed = this.#armed
    const { prng, nowUs, schedule, nodes } = this.#init
    const { loyal } = this.#ambushes
    if (this.#active && loyal !== undefined) schedule(0, () => this.#init.probe(loyal.index))
    if (!this.#active || armed === undefined || armed.isOver || armed.node === by || !prng.chance(0.5)) return
    if (armed.node.life !== armed.life || nowUs() - armed.sinceUs < SLEPT_US_MIN) return
    this.#armed = undefined
    schedule(0, () => {
      this.#event('kill-ambush', `all but ${nodeName(armed.node.index)} die`)
      this.#hurriesUntilUs = nowUs() + 1
      for (const node of nodes) if (node !== armed.node) node.die('kill-ambush')
      this.#init.probe(armed.node.index)
    })
    schedule(prng.between(10, 60) * US_PER_MS, () => {
      this.#wake(armed)
    })
  }

  /** A process is down; it is started again after a while, when its disk has room. */
  died(node: SimulatedNode): void {
    const { plan, prng, schedule } = this.#init
    const hurries = this.#init.nowUs() < this.#hurriesUntilUs
    schedule(prng.between(2, hurries ? 12 : plan.downMsMax) * US_PER_MS, () => {
      this.#restart(node)
    })
  }

  /** The one bad disk has lost its newest checkpoint while nobody looked, or all of them. */
  rot(node: SimulatedNode): void {
    const { plan, prng, tally, journal } = this.#init
    if (plan.checkpointRot === 0 || node.index !== plan.rottenDisk || !prng.chance(plan.checkpointRot)) return
    const rotten = node.checkpoints.rot(prng.chance(0.3))
    if (rotten === 0) return
    tally.add('checkpoint-rot', rotten)
    if (journal.isTold) journal.tell(node.index, `${rotten} of its checkpoints have rotted`)
  }

  /** The replica that leads, or any. */
  get leader(): SimulatedNode {
    const { nodes, prng } = this.#init
    return nodes.find(({ replica }) => replica?.status.role === 'leader') ?? pick(prng, nodes)
  }

  cut(shape: Shape): readonly Cut[] {
    const { network, prng, nodes } = this.#init
    const cuts = cutsOf(shape, nodes.length, { leader: this.leader.index, prng })
    this.#event(`partition-${shape}`, `${shape}: ${cuts.map(([from, to]) => nodeName(from) + nodeName(to)).join(' ')}`)
    network.cut(cuts)
    return cuts
  }

  /** Misfortune prefers the leader. */
  #aimed(node: SimulatedNode): SimulatedNode {
    return this.#init.prng.chance(0.5) ? this.leader : node
  }

  #beginNode(node: SimulatedNode): void {
    const { plan, prng, nowUs } = this.#init
    this.#repeat(plan.killsPerSecond, () => {
      this.#aimed(node).die('kill')
    })
    this.#repeat(plan.pausesPerSecond, () => {
      this.#pause(node)
    })
    this.#repeat(plan.diskStallsPerSecond, () => {
      const forMs = this.#init.prng.between(100, 2_500)
      this.#event('disk-stall', `the disk of ${nodeName(node.index)} stalls for ${forMs} ms`)
      node.disk.stall(nowUs() + forMs * US_PER_MS)
    })
    this.#repeat(plan.diskFullPerSecond, () => {
      const forMs = this.#init.prng.between(50, 800)
      this.#event('disk-full', `the disk of ${nodeName(node.index)} is full for ${forMs} ms`)
      node.disk.fill(nowUs() + forMs * US_PER_MS)
    })
    this.#repeat(plan.clockJumpsPerSecond, () => {
      this.#jumpClock(node)
    })
    this.#repeat(plan.abdicationsPerSecond, () => {
      this.#event('abdication', `${nodeName(node.index)} is asked to abdicate`)
      node.deliver({ kind: 'abdicate' })
    })
    if (plan.faulty.get(node.index) === 'flipped') {
      this.#repeat(2, () => {
        this.#event('flipped', `the State of ${nodeName(node.index)} is tampered with`)
        node.machines.flip(pick(prng, FLIP_KEYS), FLIPPED)
      })
    }
    if (plan.faulty.get(node.index) === 'rotted') {
      this.#repeat(2, () => {
        this.#event('rotted', `a byte changes in what ${nodeName(node.index)} holds`)
        node.deliver({ kind: 'tamper', key: undefined })
      })
    }
  }

  #repeat(perSecond: number, run: () => void): void {
    const { prng, schedule } = this.#init
    const afterUs = gapUs(prng, perSecond)
    if (afterUs === undefined) return
    schedule(afterUs, () => {
      if (!this.#active) return
      run()
      this.#repeat(perSecond, run)
    })
  }

  #restart(node: SimulatedNode): void {
    if (!this.#active || node.replica !== undefined) return
    const isHeld = node.disk.isFull(this.#init.nowUs()) || this.#leftBehind.holdsDown(node)
    if (isHeld) this.#init.schedule(100 * US_PER_MS, () => this.#restart(node))
    else this.#init.start(node)
  }

  #partition(): void {
    const { prng, plan, network, schedule } = this.#init
    const cuts = this.cut(pick(prng, SHAPES))
    if (plan.partitionsTold) this.#connections(cuts, false)
    schedule(prng.between(50, plan.partitionMsMax) * US_PER_MS, () => {
      if (!this.#active) return
      this.#event('heal', 'a partition heals')
      network.heal(cuts)
      if (plan.partitionsTold) this.#connections(cuts, true)
    })
  }

  /** Both ends hear of it, and soon that they are connected again. */
  #resetConnection(): void {
    const { prng, nodes, schedule } = this.#init
    const [one, two] = shuffled(prng, nodes)
    if (one === undefined || two === undefined) return
    this.#event('connection-reset', `the connection of ${nodeName(one.index)} and ${nodeName(two.index)} breaks`)
    const cuts = bothWays(one.index, two.index)
    this.#connections(cuts, false)
    schedule(prng.between(1, 300) * US_PER_MS, () => {
      this.#connections(cuts, true)
    })
  }

  /** One stream of a link fails and is opened again; the other channels know nothing of it. */
  #stallStream(): void {
    const { prng, network, nodes, schedule } = this.#init
    const [from, to] = shuffled(prng, nodes)
    if (from === undefined || to === undefined) return
    const channels = [pick(prng, CHANNELS)]
    const cuts: readonly Cut[] = [[from.index, to.index]]
    const link = `from ${nodeName(from.index)} to ${nodeName(to.index)}`
    this.#event('stream-stall', `the stream for ${channels.join()} ${link} stalls`)
    network.cut(cuts, channels)
    schedule(prng.between(50, 2_000) * US_PER_MS, () => {
      if (this.#active) network.heal(cuts, channels)
    })
  }

  /** Both ends of each link notice that their connection broke, or that there is one again. */
  #connections(cuts: readonly Cut[], connected: boolean): void {
    const { nodes, network } = this.#init
    for (const [from, to] of cuts) {
      const [one, two] = [nodes[from], nodes[to]]
      if (one === undefined || two === undefined) continue
      if (connected && (one.replica === undefined || two.replica === undefined || network.isCut(from, to))) continue
      if (!connected) network.disconnect(from, to)
      one.deliver({ kind: 'peer', replica: two.id, connected })
    }
  }

  #slowLink(): void {
    const { prng, network, nodes, schedule } = this.#init
    const [from, to] = [pick(prng, nodes).index, pick(prng, nodes).index]
    if (from === to) return
    const byMs = prng.between(20, 800)
    this.#event('slow-link', `the link from ${nodeName(from)} to ${nodeName(to)} is slow by ${byMs} ms`)
    network.slow(from, to, byMs * US_PER_MS)
    schedule(prng.between(100, 3_000) * US_PER_MS, () => {
      network.slow(from, to, 0)
    })
  }

  /**
   * The process stands still: stopped (its monotonic clock runs on), or asleep with its machine (it does not, and the
   * driver sees the wall clock run ahead of it).
   */
  #pause(node: SimulatedNode): void {
    const { prng, plan, schedule } = this.#init
    if (node.replica === undefined || node.isStopped) return
    const arms = this.#armed === undefined && (plan.scenario !== undefined || prng.chance(plan.ambush))
    const target = arms ? this.leader : this.#aimed(node)
    if (target.isStopped) return
    if (plan.scenario !== undefined && (!arms || target.replica?.status.role !== 'leader')) return
    const forUs = (arms ? prng.between(ARMED_MS_MIN, ARMED_MS_MAX) : prng.between(20, plan.pauseMsMax)) * US_PER_MS
    const sleeps = plan.sleeps && prng.chance(plan.scenario === undefined ? 0.5 : 0.9)
    const kind = sleeps ? 'sleep' : 'pause'
    this.#event(kind, `${nodeName(target.index)} ${sleeps ? 'sleeps' : 'is stopped'} for ${forUs / US_PER_MS} ms`)
    target.stop(forUs, sleeps)
    const standstill = { node: target, life: target.life, sinceUs: this.#init.nowUs(), sleeps, isOver: false }
    if (arms) this.#armed = standstill
    schedule(forUs, () => {
      this.#wake(standstill)
    })
  }

  #wake(standstill: Standstill): void {
    const { node, life, sinceUs, sleeps } = standstill
    if (this.#armed === standstill) this.#armed = undefined
    if (standstill.isOver || node.life !== life) return
    standstill.isOver = true
    if (sleeps) node.clock.slept(this.#init.nowUs() - sinceUs)
    const notices = sleeps || this.#init.prng.chance(0.5)
    node.resume(notices ? { kind: 'clock-jumped' } : undefined)
  }

  #jumpClock(node: SimulatedNode): void {
    const { prng } = this.#init
    const byMs = prng.between(-5_000, 5_000)
    this.#event('clock-jump', `the wall clock of ${nodeName(node.index)} jumps by ${byMs} ms`)
    node.clock.jumpWall(byMs)
    node.deliver({ kind: 'clock-jumped' })
  }

  #event(kind: string, words: string): void {
    const { journal, tally, nowUs } = this.#init
    journal.event(nowUs(), WORLD, kind)
    if (kind !== 'heal') tally.add(kind)
    if (journal.isTold) journal.tell(WORLD, words)
  }
}
