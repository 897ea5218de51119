import type { Prng } from '../../core/base/prng.ts'
import type { Channel } from '../../core/wire/message.ts'
import { CHANNELS } from '../../core/wire/message.ts'
import type { FaultPlan, FaultTally } from './faults.ts'
import { NarrowLink } from './narrow-link.ts'
import type { Cut } from './shapes.ts'

const CALM_DELAY_US = 2_000
const LATE_US_MAX = 4_000_000

interface NetworkInit {
  readonly nodes: number
  readonly plan: FaultPlan
  readonly prng: Prng
  readonly tally: FaultTally
  readonly nowUs: () => number
  readonly schedule: (afterUs: number, run: () => void) => void
}

/** What travels from one node to another. */
interface Parcel {
  readonly from: number
  readonly to: number
  readonly channel: Channel
  readonly bytes: number
  readonly deliver: () => void
}

/** The links between the nodes: which are cut, how slow and how narrow each is, when what is sent arrives, if it does. */
export class Network {
  readonly #init: NetworkInit
  /** Per link and channel. Partitions overlap: a link is open again when the last that cut it is healed. */
  readonly #cuts: Int32Array
  readonly #slowUs: Float64Array
  readonly #lastUs: Float64Array
  readonly #narrow = new Map<number, NarrowLink>()
  #calm = false

  constructor(init: NetworkInit) {
    this.#init = init
    const links = init.nodes * init.nodes
    this.#cuts = new Int32Array(links * CHANNELS.length)
    this.#slowUs = new Float64Array(links)
    this.#lastUs = new Float64Array(links)
  }

  /** `channel` left out: whether nothing at all passes. */
  isCut(from: number, to: number, channel?: Channel): boolean {
    const link = this.#link(from, to) * CHANNELS.length
    if (channel !== undefined) return (this.#cuts[link + CHANNELS.indexOf(channel)] ?? 0) > 0
    return CHANNELS.every((_, index) => (this.#cuts[link + index] ?? 0) > 0)
  }

  /** Nodes that reach, and are reached by, enough others to make a majority with them. */
  quorumConnected(): readonly number[] {
    const all = Array.from({ length: this.#init.nodes }, (_, index) => index)
    return all.filter((node) => {
      const peers = all.filter((other) => !this.isCut(node, other) && !this.isCut(other, node))
      return 2 * peers.length > this.#init.nodes
    })
  }

  cut(links: readonly Cut[], channels: readonly Channel[] = CHANNELS): void {
    for (const link of links) this.#add(link, channels, 1)
  }

  heal(links: readonly Cut[], channels: readonly Channel[] = CHANNELS): void {
    for (const link of links) this.#add(link, channels, -1)
  }

  slow(from: number, to: number, byUs: number): void {
    this.#slowUs[this.#link(from, to)] = byUs
  }

  /** The connection breaks, or a process is gone: what waits to be sent over it is lost. */
  disconnect(one: number, two: number): void {
    this.#narrow.get(this.#link(one, two))?.clear()
    this.#narrow.get(this.#link(two, one))?.clear()
  }

  /** From now on nothing is lost, late or out of order; what is cut stays cut, and what is narrow narrow. */
  calm(): void {
    this.#calm = true
    this.#slowUs.fill(0)
  }

  healAll(): void {
    this.#cuts.fill(0)
  }

  /** Delivers it later: never, once, or twice. @returns false when it is lost at once. */
  send(parcel: Parcel): boolean {
    const { plan, prng, tally, schedule } = this.#init
    if (this.isCut(parcel.from, parcel.to, parcel.channel)) return false
    if (this.#calm) {
      this.#carry(parcel)
      return true
    }
    if (plan.loss > 0 && prng.chance(plan.loss)) {
      tally.add('loss')
      return false
    }
    this.#carry(parcel)
    if (plan.duplication === 0 || !prng.chance(plan.duplication)) return true
    if (prng.chance(plan.lateDuplicates)) {
      tally.add('late-duplicate')
      schedule(prng.between(100_000, LATE_US_MAX), parcel.deliver)
    } else {
      tally.add('duplication')
      this.#carry(parcel)
    }
    return true
  }

  #carry(parcel: Parcel): void {
    const { bytesPerSecond } = this.#init.plan
    if (bytesPerSecond === 0) {
      this.#travel(parcel)
      return
    }
    this.#narrowLink(parcel.from, parcel.to, bytesPerSecond).push(parcel.channel, parcel.bytes, () => {
      this.#travel(parcel)
    })
  }

  #travel({ from, to, deliver }: Parcel): void {
    const { plan, prng, nowUs, schedule } = this.#init
    const link = this.#link(from, to)
    const now = nowUs()
    const delayUs = this.#calm
      ? prng.between(100, CALM_DELAY_US)
      : prng.between(plan.delayUsMin, plan.delayUsMax) + (this.#slowUs[link] ?? 0)
    if (plan.reorders && !this.#calm) {
      schedule(delayUs, deliver)
      return
    }
    const atUs = Math.max(now + delayUs, this.#lastUs[link] ?? 0)
    this.#lastUs[link] = atUs
    schedule(atUs - now, deliver)
  }

  #narrowLink(from: number, to: number, bytesPerSecond: number): NarrowLink {
    const link = this.#link(from, to)
    const known = this.#narrow.get(link)
    if (known !== undefined) return known
    const { schedule } = this.#init
    const made = new NarrowLink({ bytesPerSecond, schedule })
    this.#narrow.set(link, made)
    return made
  }

  #add([from, to]: Cut, channels: readonly Channel[], change: number): void {
    for (const channel of channels) {
      const index = this.#link(from, to) * CHANNELS.length + CHANNELS.indexOf(channel)
      this.#cuts[index] = Math.max(0, (this.#cuts[index] ?? 0) + change)
    }
  }

  #link(from: number, to: number): number {
    return from * this.#init.nodes + to
  }
}
