import type { Fault } from '../../api/faults.ts'
import type { ReplicaEvent } from '../../replica/events.ts'

/** What happens to messages on their way to one peer. */
export interface LinkFaults {
  readonly isCut: boolean
  /** Probability that a message is lost. */
  readonly drop: number
  /** Probability that a message is sent twice. */
  readonly duplicate: number
  /** Unit: ms. */
  readonly delayMs: number
}

const NO_LINK_FAULTS: LinkFaults = { isCut: false, drop: 0, duplicate: 0, delayMs: 0 }

/**
 * The faults that are injected into this process, by the number its host gave them: what the wrappers of clock, disk
 * and links ask. They are lost with the process; its host orders again what goes on.
 */
export class Faults {
  readonly #self: string
  readonly #active = new Map<number, Fault>()
  readonly #listeners: (() => void)[] = []
  #push: ((event: ReplicaEvent) => void) | undefined
  #stall: PromiseWithResolvers<void> | undefined

  /** @param self this replica's name */
  constructor(self: string) {
    this.#self = self
  }

  /** What the replica itself does wrong is told to it from now on. */
  attach(push: (event: ReplicaEvent) => void): void {
    this.#push = push
    for (const kind of ['lie', 'disable-auditor'] as const) if (this.#any(kind)) this.#tellReplica(kind)
  }

  /** Called when a fault begins or ends. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  order(number: number, fault: Fault, active: boolean): void {
    if (fault.kind === 'flip-byte') {
      if (active) this.#push?.({ kind: 'tamper', key: fault.key })
      return
    }
    if (active) this.#active.set(number, fault)
    else this.#active.delete(number)
    if (fault.kind === 'lie' || fault.kind === 'disable-auditor') this.#tellReplica(fault.kind)
    this.#turnDisk()
    for (const listener of this.#listeners) listener()
  }

  get isDiskFull(): boolean {
    return this.#any('disk-full')
  }

  /** Resolves when the disk syncs: at once, unless it is stalled. */
  async diskMoves(): Promise<void> {
    while (this.#stall !== undefined) await this.#stall.promise
  }

  /** By how much the wall clock is wrong. Unit: ms. */
  get skewMs(): number {
    return this.#all('clock-skew').reduce((sum, { byMs }) => sum + byMs, 0)
  }

  /** @param peer the name of the member that messages go to */
  linkTo(peer: string): LinkFaults {
    if (this.#active.size === 0) return NO_LINK_FAULTS
    return {
      isCut: this.#all('partition').some((fault) => this.#isOnWayTo(peer, fault)),
      drop: chanceOf(this.#all('drop').filter((fault) => this.#isOnWayTo(peer, fault))),
      duplicate: chanceOf(this.#all('duplicate').filter((fault) => this.#isOnWayTo(peer, fault))),
      delayMs: this.#all('delay')
        .filter((fault) => this.#isOnWayTo(peer, fault))
        .reduce((sum, { byMs }) => sum + byMs, 0),
    }
  }

  #isOnWayTo(peer: string, link: { readonly from: string; readonly to: string; readonly bothWays: boolean }): boolean {
    if (link.from === this.#self && link.to === peer) return true
    return link.bothWays && link.to === this.#self && link.from === peer
  }

  #tellReplica(kind: 'lie' | 'disable-auditor'): void {
    const active = this.#any(kind)
    if (kind === 'disable-auditor') this.#push?.({ kind, active })
    else this.#push?.({ kind, active, how: this.#all('lie').at(-1)?.how })
  }

  #turnDisk(): void {
    const isStalled = this.#any('disk-stall')
    if (isStalled) this.#stall ??= Promise.withResolvers<void>()
    if (isStalled || this.#stall === undefined) return
    const { resolve } = this.#stall
    this.#stall = undefined
    resolve()
  }

  #any(kind: Fault['kind']): boolean {
    return this.#all(kind).length > 0
  }

  #all<Kind extends Fault['kind']>(kind: Kind): Extract<Fault, { kind: Kind }>[] {
    return [...this.#active.values()].filter((fault): fault is Extract<Fault, { kind: Kind }> => fault.kind === kind)
  }
}

/** That at least one of several independent misfortunes happens. */
function chanceOf(faults: readonly { readonly part: number }[]): number {
  return 1 - faults.reduce((spared, { part }) => spared * (1 - part), 1)
}
