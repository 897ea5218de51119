import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { preSharedKey } from '@libp2p/pnet'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import type { ReplicaId } from '../../../core/model/ids.ts'
import { FrameReader } from '../../../core/transport/frame.ts'
import { createIdentity, parsePrivateKey } from '../../../core/transport/identity.ts'
import { PROTOCOLS } from '../../../core/transport/protocols.ts'
import { decodeEnvelope } from '../../../core/wire/envelope.ts'
import type { Channel, Message } from '../../../core/wire/message.ts'
import { CHANNELS } from '../../../core/wire/message.ts'
import type { Replica } from './cluster.ts'

/** A libp2p node that knows the protocols' names and keeps to none of their rules. */
export interface Stranger {
  readonly id: ReplicaId
  readonly node: Libp2p
  /** The streams opened to it. */
  readonly inbound: Stream[]
  dial: (to: Replica) => Promise<Connection>
  open: (connection: Connection, channel: Channel) => Promise<Stream>
}

export async function startStranger(networkKey: string): Promise<Stranger> {
  const identity = await createIdentity()
  const node = await createLibp2p({
    privateKey: parsePrivateKey(identity.privateKey),
    transports: [tcp()],
    connectionProtector: preSharedKey({ psk: Buffer.from(networkKey) }),
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  })
  const inbound: Stream[] = []
  for (const channel of CHANNELS) {
    await node.handle(PROTOCOLS[channel], (stream) => {
      stream.pause()
      inbound.push(stream)
    })
  }
  return {
    id: identity.replica,
    node,
    inbound,
    dial: (to) => node.dial(to.transport.addresses.map((address) => multiaddr(`${address}/p2p/${to.id}`))),
    open: (connection, channel) => connection.newStream(PROTOCOLS[channel]),
  }
}

/** Puts a length before the bytes. */
export function framed(bytes: Uint8Array, announced: number = bytes.length): Uint8Array {
  const frame = Buffer.alloc(4 + bytes.length)
  frame.writeUInt32BE(announced)
  frame.set(bytes, 4)
  return frame
}

/** Reads a stream that was held back, from where it stands. */
export function readMessages(stream: Stream, onMessage: (message: Message) => void): void {
  const reader = new FrameReader()
  stream.addEventListener('message', ({ data }) => {
    reader.append(data)
    for (let frame = reader.next(); frame?.ok === true; frame = reader.next()) {
      const decoded = decodeEnvelope(frame.value)
      if (decoded.ok) decoded.value.messages.forEach(onMessage)
    }
  })
  stream.resume()
}
