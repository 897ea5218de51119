import type { Prng } from '../../core/base/prng.ts'
import type { FaultPlan, FaultTally } from './faults.ts'
import type { Cut } from './shapes.ts'

const CALM_DELAY_US = 2_000
const LATE_US_MAX = 4_000_000

interface NetworkInit {
  readonly nodes: number
  readonly plan: FaultPlan
  readonly prng: Prng
  readonly tally: FaultTally
}

/** The links between the nodes: which are cut, how slow each is, when what is sent arrives, if it does. */
export class Network {
  readonly #init: NetworkInit
  /** Partitions overlap: a link is open again when the last that cut it is healed. */
  readonly #cuts: Int32Array
  readonly #slowUs: Float64Array
  readonly #lastUs: Float64Array
  #calm = false

  constructor(init: NetworkInit) {
    this.#init = init
    this.#cuts = new Int32Array(init.nodes * init.nodes)
    this.#slowUs = new Float64Array(init.nodes * init.nodes)
    this.#lastUs = new Float64Array(init.nodes * init.nodes)
  }

  isCut(from: number, to: number): boolean {
    return (this.#cuts[this.#link(from, to)] ?? 0) > 0
  }

  /** Nodes that reach, and are reached by, enough others to make a majority with them. */
  quorumConnected(): readonly number[] {
    const all = Array.from({ length: this.#init.nodes }, (_, index) => index)
    return all.filter((node) => {
      const peers = all.filter((other) => !this.isCut(node, other) && !this.isCut(other, node))
      return 2 * peers.length > this.#init.nodes
    })
  }

  cut(links: readonly Cut[]): void {
    for (const [from, to] of links) this.#add(from, to, 1)
  }

  heal(links: readonly Cut[]): void {
    for (const [from, to] of links) this.#add(from, to, -1)
  }

  slow(from: number, to: number, byUs: number): void {
    this.#slowUs[this.#link(from, to)] = byUs
  }

  /** From now on nothing is lost, late or out of order; what is cut stays cut. */
  calm(): void {
    this.#calm = true
    this.#slowUs.fill(0)
  }

  healAll(): void {
    this.#cuts.fill(0)
  }

  /** When a message sent now arrives: never, once, or twice. */
  arrivals(from: number, to: number, nowUs: number): readonly number[] {
    const { plan, prng, tally } = this.#init
    if (this.isCut(from, to)) return []
    if (this.#calm) return [this.#inOrder(from, to, nowUs + prng.between(100, CALM_DELAY_US))]
    if (plan.loss > 0 && prng.chance(plan.loss)) {
      tally.add('loss')
      return []
    }
    const first = this.#delivery(from, to, nowUs)
    if (plan.duplication === 0 || !prng.chance(plan.duplication)) return [first]
    if (prng.chance(plan.lateDuplicates)) {
      tally.add('late-duplicate')
      return [first, nowUs + prng.between(100_000, LATE_US_MAX)]
    }
    tally.add('duplication')
    return [first, this.#delivery(from, to, nowUs)]
  }

  #delivery(from: number, to: number, nowUs: number): number {
    const { plan, prng } = this.#init
    const slowUs = this.#slowUs[this.#link(from, to)] ?? 0
    const atUs = nowUs + prng.between(plan.delayUsMin, plan.delayUsMax) + slowUs
    return plan.reorders ? atUs : this.#inOrder(from, to, atUs)
  }

  #inOrder(from: number, to: number, atUs: number): number {
    const link = this.#link(from, to)
    const inOrderUs = Math.max(atUs, this.#lastUs[link] ?? 0)
    this.#lastUs[link] = inOrderUs
    return inOrderUs
  }

  #add(from: number, to: number, change: number): void {
    const link = this.#link(from, to)
    this.#cuts[link] = Math.max(0, (this.#cuts[link] ?? 0) + change)
  }

  #link(from: number, to: number): number {
    return from * this.#init.nodes + to
  }
}
