import { nodeName } from './journal.ts'
import type { NemesisInit } from './nemesis.ts'
import type { SimulatedNode } from './node.ts'
import { shuffled } from './random.ts'
import type { Cut } from './shapes.ts'
import { bothWays, pairs } from './shapes.ts'

const US_PER_MS = 1_000

interface AmbushesInit extends NemesisInit {
  readonly isActive: () => boolean
  /** The replica that leads, or any. */
  readonly leader: () => SimulatedNode
  /** Both ends of these links hear that their connection broke or came. */
  readonly connections: (cuts: readonly Cut[], connected: boolean) => void
  /** Who dies now comes back at once. */
  readonly hurry: () => void
  readonly event: (kind: string, words: string) => void
}

/** How far the ambush on a candidate is. */
type Candidacy =
  | { readonly kind: 'none' }
  /** The leader is away: whoever prepares first is struck. */
  | { readonly kind: 'awaited'; readonly cuts: readonly Cut[] }
  /** It has prepared, and dies before its own disk has synced; then it is to ask again. */
  | { readonly kind: 'struck'; readonly node: SimulatedNode; readonly life: number; cuts: readonly Cut[] }

/** Misfortunes that take several faults in a row, each at its moment. The plan's scenario says which is played. */
export class Ambushes {
  readonly #init: AmbushesInit
  #candidacy: Candidacy = { kind: 'none' }
  #isTorn = false
  #loyal: SimulatedNode | undefined

  constructor(init: AmbushesInit) {
    this.#init = init
  }

  /** Who still follows a leader that others may have replaced. */
  get loyal(): SimulatedNode | undefined {
    return this.#loyal
  }

  /**
   * Two followers stop hearing the leader and look for another; one that the leader still counts on dies, is back at
   * once, and can't tell the leader what it did since. The last one hears of nothing.
   */
  restartVoter(): void {
    const { prng, nodes, network } = this.#init
    const leader = this.#init.leader()
    const [voter, ...others] = shuffled(
      prng,
      nodes.filter((node) => node !== leader),
    )
    if (voter === undefined || leader.replica?.status.role !== 'leader') return
    const deaf = others.slice(0, (nodes.length - 1) >> 1)
    const cuts = deaf.flatMap(({ index }) => bothWays(leader.index, index))
    this.#event('partition-link', cuts)
    network.cut(cuts)
    const last: Cut = [voter.index, leader.index]
    this.#after(prng.between(300, 600), () => {
      this.#init.hurry()
      voter.die('kill-ambush')
      network.cut([last])
      this.#loyal = others.find((node) => !deaf.includes(node))
    })
    this.#after(900, () => {
      this.#loyal = undefined
      network.heal([...cuts, last])
    })
  }

  /**
   * The leader and one follower on one side, all others on the other, and everybody notices. The others elect somebody;
   * the old side goes on while its clocks allow. In half of the tears one of the others is heard on the old side, and
   * brings it decided batches, but none of the words that would depose its leader.
   */
  tearInTwo(): void {
    const { prng, nodes, network } = this.#init
    const leader = this.#init.leader()
    if (this.#isTorn || leader.replica?.status.role !== 'leader') return
    const [loyal, ...others] = shuffled(
      prng,
      nodes.filter((node) => node !== leader),
    )
    const [teller] = others
    if (loyal === undefined || teller === undefined) return
    const old = nodes.length > 3 ? [leader, loyal] : [leader]
    const cuts = nodes
      .filter((node) => !old.includes(node))
      .flatMap(({ index }) => {
        return old.flatMap((node) => bothWays(node.index, index))
      })
    this.#event('partition-split', cuts)
    network.cut(cuts)
    this.#init.connections(cuts, false)
    this.#isTorn = true
    this.#loyal = loyal
    const isTold = prng.chance(0.5)
    if (isTold) {
      network.heal([[teller.index, leader.index]])
      network.heal([[leader.index, teller.index]], ['transfer'])
      this.#init.event('stream-stall', `${nodeName(leader.index)} fetches from ${nodeName(teller.index)}`)
    }
    this.#after(prng.between(900, 1_900), () => {
      this.#isTorn = false
      this.#loyal = undefined
      if (isTold) {
        network.cut([[teller.index, leader.index]])
        network.cut([[leader.index, teller.index]], ['transfer'])
      }
      network.heal(cuts)
      this.#init.connections(cuts, true)
    })
  }

  /** The leader is cut off, and everybody notices: the others look for a new one at once. */
  awaitCandidate(): void {
    const { nodes, network } = this.#init
    const leader = this.#init.leader()
    if (this.#candidacy.kind !== 'none' || leader.replica?.status.role !== 'leader') return
    const cuts = nodes.filter((node) => node !== leader).flatMap(({ index }) => bothWays(leader.index, index))
    this.#event('partition-isolated', cuts)
    network.cut(cuts)
    this.#init.connections(cuts, false)
    const awaited: Candidacy = { kind: 'awaited', cuts }
    this.#candidacy = awaited
    this.#after(600, () => {
      if (this.#candidacy === awaited) this.#healCandidacy(cuts)
    })
  }

  /** The candidate's disk stalls, so that its own promise is the last; then it dies, while nobody hears anybody. */
  prepares(node: SimulatedNode): void {
    const candidacy = this.#candidacy
    const { plan, prng, nodes, network, nowUs } = this.#init
    if (!this.#init.isActive() || candidacy.kind !== 'awaited') return
    const struck: Candidacy = { kind: 'struck', node, life: node.life, cuts: candidacy.cuts }
    this.#candidacy = struck
    // The others' promises wait for two syncs at most: one may be under way.
    const afterUs = 2 * (plan.syncUsMax + plan.delayUsMax) + prng.between(1, 25) * US_PER_MS
    this.#init.event('disk-stall', `the disk of ${nodeName(node.index)} stalls`)
    node.disk.stall(nowUs() + afterUs + 1)
    this.#after(afterUs / US_PER_MS, () => {
      const all = pairs(nodes.map(({ index }) => index))
      network.cut(all)
      struck.cuts = [...struck.cuts, ...all]
      this.#init.hurry()
      node.die('kill-ambush')
    })
    this.#after(3_000, () => {
      if (this.#candidacy === struck) this.#healCandidacy(struck.cuts)
    })
  }

  /** It asks again, is not heard, and gets the answers to its former life's question; then all is well. */
  asks(node: SimulatedNode): void {
    const candidacy = this.#candidacy
    if (!this.#init.isActive() || candidacy.kind !== 'struck') return
    if (candidacy.node !== node || node.life === candidacy.life) return
    this.#candidacy = { kind: 'none' }
    this.#after(0, () => {
      this.#healCandidacy(candidacy.cuts)
      this.#init.post.deliverOld(node, 'pre-vote-reply')
    })
  }

  #healCandidacy(cuts: readonly Cut[]): void {
    this.#candidacy = { kind: 'none' }
    this.#init.network.heal(cuts)
    this.#init.connections(cuts, true)
  }

  #after(afterMs: number, run: () => void): void {
    this.#init.schedule(Math.ceil(afterMs * US_PER_MS), () => {
      if (this.#init.isActive()) run()
    })
  }

  #event(kind: string, cuts: readonly Cut[]): void {
    this.#init.event(kind, cuts.map(([from, to]) => nodeName(from) + nodeName(to)).join(' '))
  }
}
