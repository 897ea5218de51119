import type { Connection, Stream } from '@libp2p/interface'
import type { ClusterId, ReplicaId } from '../model/ids.ts'
import { replicaId } from '../model/ids.ts'
import type { Trace } from '../ports/trace.ts'
import type { TransportListener } from '../ports/transport.ts'
import type { DecodeFault, Envelope } from '../wire/envelope.ts'
import { decodeEnvelope } from '../wire/envelope.ts'
import type { Channel } from '../wire/message.ts'
import { channelOf } from '../wire/message.ts'
import { backoffMs } from './backoff.ts'
import { FrameReader } from './frame.ts'
import type { PeerDirectory } from './peer-directory.ts'

/** A peer that was not refused for this long starts again with a clean slate. */
const FORGIVE_MS = 10_000

export interface InboundComponents {
  readonly cluster: ClusterId
  readonly directory: PeerDirectory
  readonly listener: TransportListener
  readonly trace: Trace
}

/** How often a peer was refused of late, and until when it is not heard. */
interface Refusals {
  count: number
  lastMs: number
  closedUntilMs: number
}

/**
 * The receiving half of all channels: cuts the streams peers have opened into frames, and hands on what is sound.
 *
 * One stream is heard per peer and channel, the newest: were an older one heard beside it, frames that overtook each
 * other on two connections would come out of order.
 */
export class Inbound {
  readonly #components: InboundComponents
  readonly #streams = new Map<string, Stream>()
  readonly #refusals = new Map<ReplicaId, Refusals>()

  constructor(components: InboundComponents) {
    this.#components = components
  }

  accept(channel: Channel, stream: Stream, connection: Connection): void {
    const from = replicaId(connection.remotePeer.toString())
    if (!this.#components.directory.admits(from) || this.#isThrottled(from)) {
      stream.abort(new Error('not heard now'))
      return
    }
    const key = `${channel} ${from}`
    const previous = this.#streams.get(key)
    this.#streams.set(key, stream)
    previous?.abort(new Error('a newer stream took its place'))
    const reader = new FrameReader()
    stream.addEventListener('message', (event) => {
      reader.append(event.data)
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
        if (this.#streams.get(key) !== stream) return
        const fault = frame.ok ? this.#deliver(frame.value, channel, from) : frame.fault
        if (fault !== undefined) {
          this.#refuse(stream, from, fault)
          return
        }
      }
    })
    stream.addEventListener('close', () => {
      if (this.#streams.get(key) === stream) this.#streams.delete(key)
    })
    stream.addEventListener('remoteCloseWrite', () => {
      stream.close().catch(() => stream.abort(new Error('could not be closed')))
    })
  }

  /** Stops hearing a peer. */
  forget(replica: ReplicaId): void {
    this.#refusals.delete(replica)
    for (const [key, stream] of this.#streams) {
      if (!key.endsWith(` ${replica}`)) continue
      this.#streams.delete(key)
      stream.abort(new Error('no longer a peer'))
    }
  }

  /** @returns why the frame is refused, or undefined when its messages were handed on. */
  #deliver(bytes: Uint8Array, channel: Channel, from: ReplicaId): DecodeFault | undefined {
    const decoded = decodeEnvelope(bytes)
    if (!decoded.ok) return decoded.fault
    const fault = faultOf(decoded.value, { cluster: this.#components.cluster, channel, from })
    if (fault === undefined) this.#components.listener.onMessages(from, decoded.value.messages)
    return fault
  }

  #refuse(stream: Stream, from: ReplicaId, fault: DecodeFault): void {
    const nowMs = performance.now()
    const before = this.#refusals.get(from)
    const count = before !== undefined && nowMs - before.lastMs < FORGIVE_MS ? before.count + 1 : 1
    this.#refusals.set(from, { count, lastMs: nowMs, closedUntilMs: nowMs + backoffMs(count) })
    stream.abort(new Error(fault.code))
    this.#components.trace('transport.frame-refused', { replica: from, ...fault, count })
    this.#components.listener.onRefused(from, fault)
  }

  #isThrottled(from: ReplicaId): boolean {
    const refusals = this.#refusals.get(from)
    return refusals !== undefined && performance.now() < refusals.closedUntilMs
  }
}

interface Expected {
  readonly cluster: ClusterId
  readonly channel: Channel
  /** Whose key the connection was made with. */
  readonly from: ReplicaId
}

function faultOf(envelope: Envelope, expected: Expected): DecodeFault | undefined {
  if (envelope.cluster !== expected.cluster) return foreign('cluster: another cluster')
  if (envelope.from !== expected.from) return foreign('from: not who sent it')
  const stray = envelope.messages.find((message) => channelOf(message) !== expected.channel)
  return stray === undefined ? undefined : foreign(`messages: ${stray.kind} on the ${expected.channel} channel`)
}

function foreign(detail: string): DecodeFault {
  return { code: 'FRAME_MALFORMED', detail }
}
