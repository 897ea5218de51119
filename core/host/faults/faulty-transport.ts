import type { Prng } from '../../base/prng.ts'
import type { ReplicaId } from '../../model/ids.ts'
import type { Transport } from '../../ports/transport.ts'
import type { Message } from '../../wire/message.ts'
import type { Faults } from './faults.ts'

/** Held back for one peer; what is beyond is lost, as in a network whose buffers are full. */
const HELD_MAX = 50_000

interface Held {
  readonly dueMs: number
  readonly messages: readonly Message[]
}

interface FaultyTransportInit {
  readonly faults: Faults
  readonly prng: Prng
  /** The name of a member. */
  readonly nameOf: (replica: ReplicaId) => string
}

/**
 * Links on which messages are lost, late or doubled on order. Only what is sent from here is touched, and connections
 * stay up: as when a network loses packets, which is harder to notice than one that breaks. Messages to one peer keep
 * their order.
 */
export class FaultyTransport implements Transport {
  readonly #inner: Transport
  readonly #init: FaultyTransportInit
  readonly #held = new Map<ReplicaId, Held[]>()
  readonly #timers = new Map<ReplicaId, NodeJS.Timeout>()

  constructor(inner: Transport, init: FaultyTransportInit) {
    this.#inner = inner
    this.#init = init
    init.faults.onChange(() => {
      for (const to of this.#held.keys()) this.#release(to)
    })
  }

  get replica(): ReplicaId {
    return this.#inner.replica
  }

  get addresses(): readonly string[] {
    return this.#inner.addresses
  }

  send(to: ReplicaId, messages: readonly Message[]): void {
    const { isCut, drop, duplicate, delayMs } = this.#init.faults.linkTo(this.#init.nameOf(to))
    if (isCut) return
    const sent = drop === 0 && duplicate === 0 ? messages : this.#afterLosses(messages, { drop, duplicate })
    if (sent.length === 0) return
    const held = this.#held.get(to)
    if (delayMs === 0 && held === undefined) this.#inner.send(to, sent)
    else this.#hold(to, sent, delayMs)
  }

  setPeers(peers: Parameters<Transport['setPeers']>[0]): void {
    this.#inner.setPeers(peers)
  }

  stop(): Promise<void> {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
    this.#held.clear()
    return this.#inner.stop()
  }

  #afterLosses(
    messages: readonly Message[],
    chances: { readonly drop: number; readonly duplicate: number },
  ): Message[] {
    return messages.flatMap((message) => {
      if (this.#init.prng.chance(chances.drop)) return []
      return this.#init.prng.chance(chances.duplicate) ? [message, message] : [message]
    })
  }

  #hold(to: ReplicaId, messages: readonly Message[], delayMs: number): void {
    const held = this.#held.get(to) ?? []
    this.#held.set(to, held)
    if (held.length >= HELD_MAX) return
    const dueMs = Math.max(performance.now() + delayMs, held.at(-1)?.dueMs ?? 0)
    held.push({ dueMs, messages })
    this.#arm(to)
  }

  /** Sends what is due; all of it once the link delays no more. */
  #release(to: ReplicaId): void {
    const held = this.#held.get(to) ?? []
    const isOver = this.#init.faults.linkTo(this.#init.nameOf(to)).delayMs === 0
    const nowMs = performance.now()
    const early = held.findIndex(({ dueMs }) => !isOver && dueMs > nowMs)
    for (const { messages } of held.splice(0, early === -1 ? held.length : early)) this.#inner.send(to, messages)
    if (held.length === 0) this.#held.delete(to)
    else this.#arm(to)
  }

  #arm(to: ReplicaId): void {
    const first = this.#held.get(to)?.[0]
    if (first === undefined || this.#timers.has(to)) return
    const timer = setTimeout(
      () => {
        this.#timers.delete(to)
        this.#release(to)
      },
      Math.max(1, first.dueMs - performance.now()),
    )
    this.#timers.set(to, timer)
  }
}
