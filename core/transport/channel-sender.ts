import type { Connection, Stream } from '@libp2p/interface'
import { messageOf } from '../base/errors.ts'
import type { Trace } from '../ports/trace.ts'
import type { Channel } from '../wire/message.ts'
import { backoffMs } from './backoff.ts'
import { PROTOCOL_STREAMS_MAX, PROTOCOLS } from './protocols.ts'

/**
 * Frames go out in pieces of this size, so that a large one leaves room for the other channels between its pieces and
 * the next piece is encrypted while the last one travels. With the header of Yamux it fills one Noise packet.
 */
const PIECE_BYTES = 0xffff - 16 - 12

/** A stream that lived this long was healthy: the next failure counts as the first. */
const HEALTHY_MS = 1000

export interface ChannelSenderComponents {
  readonly channel: Channel
  /** The next frame to send, or undefined when there is none. */
  readonly takeFrame: () => Uint8Array | undefined
  readonly onOpen: () => void
  readonly trace: Trace
}

/** The sending half of one channel to one peer: keeps a stream open and feeds it as fast as it takes bytes. */
export class ChannelSender {
  readonly #components: ChannelSenderComponents
  #connection: Connection | undefined
  #stream: Stream | undefined
  #openedMs = 0
  #failures = 0
  #timer: NodeJS.Timeout | undefined
  /** The frame under way and how much of it the stream has. */
  #frame: Uint8Array | undefined
  #frameBytesSent = 0

  constructor(components: ChannelSenderComponents) {
    this.#components = components
  }

  /** Sends over this connection from now on. */
  attach(connection: Connection): void {
    this.detach()
    this.#connection = connection
    this.#failures = 0
    this.#open(connection)
  }

  /**
   * Lets the connection go, which whoever owns it closes, and the stream with it. A frame under way is lost: its
   * rest on another stream would mean nothing.
   */
  detach(): void {
    clearTimeout(this.#timer)
    this.#connection = undefined
    this.#stream = undefined
    this.#frame = undefined
  }

  /** Gives the stream what it takes now; the rest follows when it drains. */
  flush(): void {
    for (let stream = this.#stream; stream !== undefined && takesMore(stream); stream = this.#stream) {
      const piece = this.#nextPiece()
      if (piece === undefined) return
      try {
        stream.send(piece)
      } catch (error) {
        stream.abort(error instanceof Error ? error : new Error(messageOf(error)))
        return
      }
    }
  }

  #nextPiece(): Uint8Array | undefined {
    const frame = this.#frame ?? this.#components.takeFrame()
    if (frame === undefined) return undefined
    const from = this.#frame === undefined ? 0 : this.#frameBytesSent
    const to = Math.min(from + PIECE_BYTES, frame.length)
    this.#frame = to === frame.length ? undefined : frame
    this.#frameBytesSent = to
    return frame.subarray(from, to)
  }

  #open(connection: Connection): void {
    connection
      .newStream(PROTOCOLS[this.#components.channel], { maxOutboundStreams: PROTOCOL_STREAMS_MAX })
      .then((stream) => this.#adopt(connection, stream))
      .catch((error: unknown) => this.#retry(connection, messageOf(error)))
  }

  #adopt(connection: Connection, stream: Stream): void {
    if (this.#connection !== connection) {
      stream.abort(new Error('the connection was given up'))
      return
    }
    if (stream.status !== 'open') {
      this.#retry(connection, `the stream is ${stream.status}`)
      return
    }
    this.#stream = stream
    this.#openedMs = performance.now()
    stream.addEventListener('close', (event) => {
      if (this.#stream !== stream) return
      this.#stream = undefined
      this.#frame = undefined
      if (performance.now() - this.#openedMs > HEALTHY_MS) this.#failures = 0
      this.#retry(connection, messageOf(event.error ?? 'closed'))
    })
    // The stream sends what it holds back in a microtask of its own after a drain: this one runs after it.
    stream.addEventListener('drain', () => queueMicrotask(() => this.flush()))
    // Nothing is to come back on it; what does come is thrown away, not held.
    stream.closeRead().catch(() => undefined)
    this.#components.onOpen()
    this.flush()
  }

  #retry(connection: Connection, reason: string): void {
    if (this.#connection !== connection || connection.status !== 'open') return
    this.#failures += 1
    const failures = this.#failures
    this.#timer = setTimeout(() => {
      const { channel, trace } = this.#components
      trace('transport.stream-lost', { replica: connection.remotePeer.toString(), channel, reason, failures })
      this.#open(connection)
    }, backoffMs(failures))
  }
}

/** What a stream is given beyond this it would only hold in memory. */
function takesMore(stream: Stream): boolean {
  return stream.status === 'open' && !stream.writableNeedsDrain && stream.writeBufferLength === 0
}
