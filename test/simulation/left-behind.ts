import type { Slot } from '../../core/model/ids.ts'
import type { NemesisInit } from './nemesis.ts'
import type { SimulatedNode } from './node.ts'
import { pick, shuffled } from './random.ts'
import type { Cut } from './shapes.ts'
import { bothWays } from './shapes.ts'

const US_PER_MS = 1_000
/** Unit: ms. How often it is looked whether the others have dropped enough, and how long at most. */
const LOOK_MS = 40
const AWAY_MS_MAX = 2_000
/** Unit: ms. How long its return is beset. */
const BESET_MS_MAX = 1_200
/** Unit: ms. So long a pin is left alone. */
const PINNED_MS = 200

interface LeftBehindInit extends NemesisInit {
  readonly isActive: () => boolean
  readonly leader: () => SimulatedNode
  readonly connections: (cuts: readonly Cut[], connected: boolean) => void
  readonly hurry: () => void
  readonly event: (kind: string, words: string) => void
  readonly wake: (node: SimulatedNode) => void
}

/** How far a State has come, at which something may happen to it. */
type Phase = 'seeking' | 'comparing' | 'fetching' | 'writing'
const PHASES: readonly Phase[] = ['seeking', 'comparing', 'fetching', 'writing']

type Trouble =
  | 'kill-receiver'
  | 'doom-receiver'
  | 'kill-source'
  | 'kill-sources'
  | 'doom-source'
  | 'cut-source'
  | 'cut-all'
  | 'stall-stream'
  | 'fill-disk'
  | 'new-checkpoint'
  | 'lost-checkpoint'
  | 'pause-receiver'
const TROUBLES: readonly Trouble[] = [
  'kill-receiver',
  'doom-receiver',
  'kill-source',
  'kill-sources',
  'doom-source',
  'cut-source',
  'cut-all',
  'stall-stream',
  'fill-disk',
  'new-checkpoint',
  'new-checkpoint',
  'lost-checkpoint',
  'pause-receiver',
]

/** One follower or two, or the leader, on their way out and back. */
interface Absence {
  readonly away: readonly SimulatedNode[]
  readonly others: readonly SimulatedNode[]
  readonly how: 'cut' | 'down' | 'paused'
  readonly cuts: readonly Cut[]
  /** What is to happen at which phase of whose transfer: each once. */
  readonly plans: { readonly node: SimulatedNode; readonly phase: Phase; readonly trouble: Trouble; done: boolean }[]
  /** Whether it lasts until all others have dropped that part of the log: else there is another way back, too. */
  readonly isForAll: boolean
  isBack: boolean
}

/**
 * Some are away until the others have dropped the log they need; then they come back, and whatever can happen to a
 * State on its way happens: at each phase, to the receiver, to its sources, to the links between them.
 */
export class LeftBehind {
  readonly #init: LeftBehindInit
  #absence: Absence | undefined

  constructor(init: LeftBehindInit) {
    this.#init = init
  }

  /** Whether a process that is down is to stay so for now. */
  holdsDown(node: SimulatedNode): boolean {
    const absence = this.#absence
    return absence?.how === 'down' && !absence.isBack && absence.away.includes(node)
  }

  begin(): void {
    const { prng, nodes, network, plan } = this.#init
    if (this.#absence !== undefined) return
    const shuffledNodes = shuffled(prng, nodes)
    const first = prng.chance(0.5) ? this.#init.leader() : pick(prng, nodes)
    const second = shuffledNodes.find((node) => node !== first && nodes.length > 3 && prng.chance(0.5))
    const away = second === undefined ? [first] : [first, second]
    const others = nodes.filter((node) => !away.includes(node))
    const how = pick(prng, ['cut', 'cut', 'down', 'paused'] as const)
    const cuts =
      how === 'cut' ? away.flatMap((node) => others.flatMap((other) => bothWays(node.index, other.index))) : []
    const plans = Array.from({ length: prng.between(0, 4) }, () => {
      return { node: pick(prng, away), phase: pick(prng, PHASES), trouble: pick(prng, TROUBLES), done: false }
    })
    const absence = { away, others, how, cuts, plans, isForAll: prng.chance(0.65), isBack: false }
    this.#absence = absence
    this.#init.event('left-behind', `${how}: ${away.map(({ id }) => id).join(' ')}`)
    if (how === 'cut') {
      network.cut(cuts)
      if (plan.partitionsTold) this.#init.connections(cuts, false)
    }
    for (const node of away) {
      if (how === 'down') node.die('kill-ambush')
      else if (how === 'paused') node.stop(AWAY_MS_MAX * US_PER_MS, false)
    }
    // A leader that is cut off proposes what nobody decides.
    this.#look(absence, 0)
  }

  /** After each step of a replica: a transfer may have come to a phase in which something is to happen. */
  stepped(node: SimulatedNode): void {
    const absence = this.#absence
    if (absence?.isBack !== true || absence.plans.length === 0 || !absence.away.includes(node)) return
    const transfer = node.replica?.checkpoints.transfer
    if (transfer === undefined) return
    for (const planned of absence.plans) {
      if (planned.done || planned.node !== node || planned.phase !== transfer.phase) continue
      planned.done = true
      const source =
        absence.others.find(({ id }) => transfer.sources.includes(id)) ?? pick(this.#init.prng, absence.others)
      this.#after(this.#init.prng.between(0, 3), () => {
        this.#trouble(planned.trouble, { node, source, slot: transfer.slot, absence })
      })
    }
  }

  #look(absence: Absence, waitedMs: number): void {
    const { prng } = this.#init
    const isLeft = absence.away.every((node) => this.#isLeftBehind(node, absence))
    if (isLeft || waitedMs > AWAY_MS_MAX) {
      this.#comeBack(absence)
      return
    }
    // Whoever gave its State keeps the log for a while; who restarts does not.
    for (const other of absence.others) {
      const isPinned = (other.replica?.checkpoints.pinned.length ?? 0) > 0
      if (!isPinned || waitedMs < PINNED_MS || !prng.chance(0.3)) continue
      this.#init.hurry()
      other.die('kill-ambush')
    }
    if (prng.chance(0.4)) this.#init.orderCheckpoint(pick(prng, absence.others))
    this.#after(LOOK_MS, () => {
      this.#look(absence, waitedMs + LOOK_MS)
    })
  }

  /** Whether all others that live have dropped what this one needs next, or one of them. */
  #isLeftBehind(node: SimulatedNode, { others, isForAll }: Absence): boolean {
    const slotNext = (node.replica?.status.slotDecided ?? node.disk.slotDecided) + 1
    const firsts = others.flatMap(({ replica }) => (replica === undefined ? [] : [replica.checkpoints.slotFirst]))
    const dropped = firsts.filter((slotFirst) => slotFirst > slotNext)
    return dropped.length > 0 && (!isForAll || dropped.length === firsts.length)
  }

  #comeBack(absence: Absence): void {
    const { plan, prng, start, tally } = this.#init
    absence.isBack = true
    const { away, how, cuts } = absence
    // Its own checkpoints may be gone by now, as far as that disk is the bad one.
    const rotten = away.find((node) => node.index === plan.rottenDisk && plan.checkpointRot > 0)
    if (rotten !== undefined && prng.chance(0.5)) {
      this.#init.hurry()
      rotten.die('kill-ambush')
      tally.add('checkpoint-rot', rotten.checkpoints.rot(prng.chance(0.7)))
    }
    const [, second] = away
    if (how === 'cut' && second !== undefined && prng.chance(0.5)) {
      // Until the second is back it hears of the others only from the first.
      const later = cuts.filter((cut) => cut.includes(second.index))
      this.#heal(cuts.filter((cut) => !later.includes(cut)))
      this.#after(prng.between(200, BESET_MS_MAX), () => {
        this.#heal(later)
      })
    } else if (how === 'cut') this.#heal(cuts)
    for (const node of away) {
      if (how === 'down' && node.replica === undefined) start(node)
      else if (how === 'paused') this.#init.wake(node)
    }
    this.#after(prng.between(100, BESET_MS_MAX) + (second === undefined ? 0 : BESET_MS_MAX), () => {
      this.#absence = undefined
    })
  }

  #trouble(
    trouble: Trouble,
    at: {
      readonly node: SimulatedNode
      readonly source: SimulatedNode
      readonly slot: Slot | undefined
      readonly absence: Absence
    },
  ): void {
    const { node, source, absence } = at
    const { prng, nowUs, tally, plan } = this.#init
    this.#init.event(`transfer-${trouble}`, `${trouble}: ${node.id} receives from ${source.id}`)
    this.#init.hurry()
    switch (trouble) {
      case 'kill-receiver':
        node.die('kill-ambush')
        return
      case 'doom-receiver':
        node.doom(prng.between(1, 30))
        return
      case 'kill-source':
        source.die('kill-ambush')
        return
      case 'kill-sources':
        for (const other of absence.others) other.die('kill-ambush')
        return
      case 'doom-source':
        source.doom(prng.between(1, 60))
        return
      case 'cut-source':
        this.#cut(prng.chance(0.5) ? bothWays(node.index, source.index) : [[source.index, node.index]])
        return
      case 'cut-all':
        this.#cut(absence.others.flatMap((other) => bothWays(node.index, other.index)))
        return
      case 'stall-stream':
        this.#cut([[source.index, node.index]], true)
        return
      case 'fill-disk':
        node.disk.fill(nowUs() + prng.between(20, 400) * US_PER_MS)
        return
      case 'new-checkpoint':
        for (const other of absence.others) this.#init.orderCheckpoint(other)
        return
      case 'lost-checkpoint':
        // Only where a disk may fail; elsewhere a source that restarts drops it soon enough.
        if (source.index === plan.rottenDisk && plan.checkpointRot > 0) {
          tally.add('checkpoint-rot', source.checkpoints.rot(prng.chance(0.3)))
        } else source.die('kill-ambush')
        return
      case 'pause-receiver':
        node.stop(prng.between(50, 1_500) * US_PER_MS, false)
        this.#after(1_500, () => {
          this.#init.wake(node)
        })
    }
  }

  #heal(cuts: readonly Cut[]): void {
    const { network, plan, connections } = this.#init
    network.heal(cuts)
    if (plan.partitionsTold) connections(cuts, true)
  }

  #cut(cuts: readonly Cut[], isOfState = false): void {
    const { network, plan, prng } = this.#init
    const channels = isOfState ? (['state'] as const) : undefined
    network.cut(cuts, channels)
    const isTold = plan.partitionsTold && !isOfState
    if (isTold) this.#init.connections(cuts, false)
    this.#after(prng.between(50, 2_500), () => {
      network.heal(cuts, channels)
      if (isTold) this.#init.connections(cuts, true)
    })
  }

  #after(afterMs: number, run: () => void): void {
    this.#init.schedule(Math.ceil(afterMs * US_PER_MS), () => {
      if (this.#init.isActive()) run()
    })
  }
}
