import type { Connection, Libp2p } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { messageOf } from '../base/errors.ts'
import type { ReplicaId } from '../model/ids.ts'
import type { Trace } from '../ports/trace.ts'
import type { Channel, Message } from '../wire/message.ts'
import { channelOf, CHANNELS } from '../wire/message.ts'
import { LIMITS } from '../model/limits.ts'
import { backoffMs, RateLimit } from './backoff.ts'
import { ChannelSender } from './channel-sender.ts'
import { supersedes } from './connection-choice.ts'
import type { FrameWriter } from './frame.ts'
import { SendQueue } from './send-queue.ts'

/** From the first packet to a negotiated connection. Below `CROSSING_MS`. */
const DIAL_MS_MAX = 2500
/** Two replicas that start together would dial each other at once: the one with the higher id waits this long. */
const YIELD_MS = 100
const CLOSE_MS_MAX = 500
const DROP_TRACE_INTERVAL_MS = 1000

export interface PeerLinkComponents {
  readonly self: ReplicaId
  readonly replica: ReplicaId
  readonly node: Pick<Libp2p, 'dial'>
  readonly writer: FrameWriter
  readonly onReachable: (reachable: boolean) => void
  readonly trace: Trace
}

/** One peer: the connection to it, what waits to be sent, and the dialing while there is none. */
export class PeerLink {
  readonly #components: PeerLinkComponents
  readonly #queue = new SendQueue()
  readonly #senders: Readonly<Record<Channel, ChannelSender>>
  readonly #dropLimit = new RateLimit(DROP_TRACE_INTERVAL_MS)
  #dropped = 0
  /** From the first message sent in a turn of the event loop to that turn's end. */
  #isGathering = false
  #current: Connection | undefined
  #currentSinceMs = 0
  #reachable = false
  #addresses: readonly Multiaddr[] = []
  #dial: AbortController | undefined
  #dialTimer: NodeJS.Timeout | undefined
  #failures = 0
  #stopped = false

  constructor(components: PeerLinkComponents) {
    this.#components = components
    this.#senders = {
      ordering: this.#createSender('ordering'),
      output: this.#createSender('output'),
      transfer: this.#createSender('transfer'),
      state: this.#createSender('state'),
    }
  }

  /**
   * The first call of a turn goes out at once, the others share frames at the turn's end: a packet of its own for
   * each small message costs more than the message.
   *
   * Drops the messages while there is no connection: what they say would be old when there is one again.
   */
  send(messages: readonly Message[]): void {
    if (this.#current === undefined) return
    let dropped = 0
    for (const message of messages) {
      dropped += this.#queue.push(channelOf(message), this.#components.writer.encode(message))
    }
    if (dropped > 0) this.#noteDropped(dropped)
    if (this.#isGathering) return
    this.#isGathering = true
    queueMicrotask(() => {
      this.#isGathering = false
      this.#flush()
    })
    this.#flush()
  }

  /** Where to look for the peer from now on. Dials at once if it is not connected. */
  seek(addresses: readonly Multiaddr[], init: { readonly moved: boolean }): void {
    this.#addresses = addresses
    if (this.#current !== undefined) return
    if (init.moved) {
      this.#abortDial()
      this.#failures = 0
      this.#dialIn(0)
    } else if (this.#dial === undefined) {
      this.#dialIn(this.#selfIsLower ? 0 : YIELD_MS)
    }
  }

  /** Takes over a new connection to the peer, whoever dialed it, or closes it in favour of the one there is. */
  adopt(connection: Connection): void {
    if (this.#stopped || connection.status !== 'open') return
    connection.addEventListener('close', () => this.#onClosed(connection))
    const current = this.#current
    if (current?.status === 'open' && !this.#isSuperseded(current, connection)) {
      void closeGently(connection)
      return
    }
    this.#current = connection
    this.#currentSinceMs = performance.now()
    if (connection.direction === 'inbound') this.#abortDial()
    this.#dial = undefined
    for (const channel of CHANNELS) this.#senders[channel].attach(connection)
    if (current !== undefined) void closeGently(current)
  }

  /** What the streams have taken still goes out; what waits does not. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#abortDial()
    for (const channel of CHANNELS) this.#senders[channel].detach()
    const current = this.#current
    this.#current = undefined
    this.#queue.clear()
    this.#setReachable(false)
    if (current !== undefined) await closeGently(current)
  }

  get #selfIsLower(): boolean {
    return this.#components.self < this.#components.replica
  }

  #isSuperseded(current: Connection, next: Connection): boolean {
    return supersedes({
      current: current.direction,
      currentAgeMs: performance.now() - this.#currentSinceMs,
      next: next.direction,
      selfIsLower: this.#selfIsLower,
    })
  }

  #createSender(channel: Channel): ChannelSender {
    return new ChannelSender({
      channel,
      takeFrame: () => {
        const messages = this.#queue.take(channel, LIMITS.gatheredBytesMax)
        return messages.length === 0 ? undefined : this.#components.writer.frame(messages)
      },
      // An open stream is the peer's own word that it admits this replica; an open connection is not yet.
      onOpen: () => {
        if (channel === 'ordering') this.#setReachable(true)
      },
      trace: this.#components.trace,
    })
  }

  #flush(): void {
    for (const channel of CHANNELS) this.#senders[channel].flush()
  }

  #setReachable(reachable: boolean): void {
    if (reachable) this.#failures = 0
    if (this.#reachable === reachable) return
    this.#reachable = reachable
    this.#components.onReachable(reachable)
  }

  #onClosed(connection: Connection): void {
    if (this.#current !== connection) return
    this.#current = undefined
    for (const channel of CHANNELS) this.#senders[channel].detach()
    this.#queue.clear()
    const wasReachable = this.#reachable
    this.#setReachable(false)
    if (this.#dial !== undefined) return
    if (!wasReachable) this.#failures += 1
    this.#dialIn(backoffMs(this.#failures) + (this.#selfIsLower ? 0 : YIELD_MS))
  }

  #dialIn(delayMs: number): void {
    clearTimeout(this.#dialTimer)
    if (this.#stopped || this.#addresses.length === 0) return
    this.#dialTimer = setTimeout(() => this.#dialNow(), delayMs)
  }

  #dialNow(): void {
    if (this.#current !== undefined) return
    const controller = new AbortController()
    this.#dial = controller
    const signal = AbortSignal.any([controller.signal, AbortSignal.timeout(DIAL_MS_MAX)])
    const settle = (error: unknown): void => {
      if (this.#dial !== controller) return
      this.#dial = undefined
      if (this.#current !== undefined) return
      this.#failures += 1
      const { replica, trace } = this.#components
      trace('transport.dial-failed', { replica, reason: messageOf(error), failures: this.#failures })
      this.#dialIn(backoffMs(this.#failures))
    }
    this.#components.node.dial([...this.#addresses], { signal }).then(() => settle('closed by the peer'), settle)
  }

  #abortDial(): void {
    clearTimeout(this.#dialTimer)
    const dial = this.#dial
    this.#dial = undefined
    dial?.abort()
  }

  #noteDropped(count: number): void {
    this.#dropped += count
    if (this.#dropLimit.pass(performance.now()) === undefined) return
    const { replica, trace } = this.#components
    trace('transport.messages-dropped', { replica, droppedTotal: this.#dropped, queueBytes: this.#queue.bytes })
  }
}

/** Lets what was sent arrive, but not for long. */
async function closeGently(connection: Connection): Promise<void> {
  try {
    await connection.close({ signal: AbortSignal.timeout(CLOSE_MS_MAX) })
  } catch (error) {
    connection.abort(error instanceof Error ? error : new Error(messageOf(error)))
  }
}
