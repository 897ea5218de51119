import type { Connection, Libp2p } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { preSharedKey } from '@libp2p/pnet'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { CODE_P2P } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { assert } from '../base/assert.ts'
import { messageOf } from '../base/errors.ts'
import type { ClusterId, Epoch, ReplicaId } from '../model/ids.ts'
import { replicaId } from '../model/ids.ts'
import { LIMITS } from '../model/limits.ts'
import type { Trace } from '../ports/trace.ts'
import { traceNothing } from '../ports/trace.ts'
import type { PeerAddress, Transport, TransportListener } from '../ports/transport.ts'
import type { Message } from '../wire/message.ts'
import { CHANNELS } from '../wire/message.ts'
import { TransportError } from './errors.ts'
import { FrameWriter } from './frame.ts'
import { parseNetworkKey, parsePrivateKey, replicaOf } from './identity.ts'
import { Inbound } from './inbound.ts'
import { createLibp2pLogger } from './libp2p-logger.ts'
import { createConnectionGater, PeerDirectory } from './peer-directory.ts'
import { PeerLink } from './peer-link.ts'
import { PROTOCOL_STREAMS_MAX, PROTOCOLS } from './protocols.ts'

const LISTEN_DEFAULT = ['/ip4/127.0.0.1/tcp/0']
const UPGRADE_MS_MAX = 3000
const NEGOTIATION_MS_MAX = 3000
/** A connection whose peer does not answer for this long is given up: after a partition TCP itself waits far longer. */
const LIVENESS_INTERVAL_MS = 2000
const LIVENESS_TIMEOUT_MS = 3000
/** A peer may send before its stream's handler is there. */
const READ_BUFFER_BYTES_MAX = LIMITS.frameBytesMax
const CONNECTIONS_PENDING_MAX = 64
/** All replicas of a machine share its address, and after a restart all of them come at once. */
const CONNECTIONS_PER_HOST_AND_SECOND_MAX = 100

export interface Libp2pTransportInit {
  readonly cluster: ClusterId
  /** Of the configuration in force; read for each frame. */
  readonly epoch: () => Epoch
  /** As `createIdentity` makes it. */
  readonly privateKey: string
  /** As `createNetworkKey` makes it. */
  readonly networkKey: string
  /** Multiaddrs. By default a free port of the loopback interface, and nothing else. */
  readonly listen?: readonly string[]
  readonly listener: TransportListener
  readonly trace?: Trace
}

/**
 * Messages between replicas over libp2p: TCP, a private network's pre-shared key, Noise, Yamux, and one stream each
 * way for each channel. It looks for nobody by itself: it dials the peers it is given, and hears only them.
 *
 * Messages are lost while their peer is not connected, when its queue is full (the oldest go), and when a connection
 * or stream ends with them under way. Message objects must not change once they were sent: their encoding is kept for
 * the next peer. After `stop` libp2p's address book holds the process for up to one more second.
 *
 * @throws TransportError when a key is not one or no address can be listened on.
 */
export async function createLibp2pTransport(init: Libp2pTransportInit): Promise<Transport> {
  const trace = init.trace ?? traceNothing
  const listen = init.listen ?? LISTEN_DEFAULT
  const replica = replicaOf(parsePrivateKey(init.privateKey))
  const directory = new PeerDirectory(replica, trace)
  const inbound = new Inbound({ cluster: init.cluster, directory, listener: init.listener, trace })
  const node = await createNode(init, { listen, directory, trace })
  const transport = new Libp2pTransport({ init, replica, node, directory, inbound, trace })
  for (const channel of CHANNELS) {
    await node.handle(PROTOCOLS[channel], (stream, connection) => inbound.accept(channel, stream, connection), {
      maxInboundStreams: PROTOCOL_STREAMS_MAX,
      maxOutboundStreams: PROTOCOL_STREAMS_MAX,
    })
  }
  try {
    await node.start()
  } catch (cause) {
    throw new TransportError(
      { code: 'TRANSPORT_LISTEN_FAILED', listen },
      `Cannot listen on ${listen.join(', ')} (${messageOf(cause)}). Choose another address or end who holds it.`,
      { cause },
    )
  }
  trace('transport.listening', { replica, addresses: transport.addresses })
  return transport
}

interface NodeParts {
  readonly listen: readonly string[]
  readonly directory: PeerDirectory
  readonly trace: Trace
}

function createNode(init: Libp2pTransportInit, { listen, directory, trace }: NodeParts): Promise<Libp2p> {
  return createLibp2p({
    start: false,
    privateKey: parsePrivateKey(init.privateKey),
    addresses: { listen: [...listen] },
    transports: [tcp()],
    connectionProtector: preSharedKey({ psk: parseNetworkKey(init.networkKey) }),
    connectionEncrypters: [noise()],
    // Without pings of its own Yamux keeps a stream's window at 256 KiB: bulk never stands long before a heartbeat.
    streamMuxers: [yamux({ enableKeepAlive: false, streamOptions: { maxReadBufferLength: READ_BUFFER_BYTES_MAX } })],
    connectionGater: createConnectionGater(directory, trace),
    connectionManager: {
      maxIncomingPendingConnections: CONNECTIONS_PENDING_MAX,
      inboundConnectionThreshold: CONNECTIONS_PER_HOST_AND_SECOND_MAX,
      inboundUpgradeTimeout: UPGRADE_MS_MAX,
      inboundStreamProtocolNegotiationTimeout: NEGOTIATION_MS_MAX,
      outboundStreamProtocolNegotiationTimeout: NEGOTIATION_MS_MAX,
    },
    connectionMonitor: { pingInterval: LIVENESS_INTERVAL_MS, pingTimeout: { minTimeout: LIVENESS_TIMEOUT_MS } },
    logger: createLibp2pLogger(trace),
  })
}

interface Libp2pTransportParts {
  readonly init: Libp2pTransportInit
  readonly replica: ReplicaId
  readonly node: Libp2p
  readonly directory: PeerDirectory
  readonly inbound: Inbound
  readonly trace: Trace
}

class Libp2pTransport implements Transport {
  readonly replica: ReplicaId
  readonly #parts: Libp2pTransportParts
  readonly #writer: FrameWriter
  readonly #links = new Map<ReplicaId, PeerLink>()
  #stopping: Promise<void> | undefined

  constructor(parts: Libp2pTransportParts) {
    this.replica = parts.replica
    this.#parts = parts
    this.#writer = new FrameWriter({ cluster: parts.init.cluster, from: parts.replica, epoch: parts.init.epoch })
    parts.node.addEventListener('connection:open', (event) => this.#onConnection(event.detail))
  }

  get addresses(): readonly string[] {
    return this.#parts.node.getMultiaddrs().map((address) => address.decapsulateCode(CODE_P2P).toString())
  }

  send(to: ReplicaId, messages: readonly Message[]): void {
    assert(to !== this.replica, 'a replica has no need of the network to talk to itself')
    if (messages.length > 0) this.#links.get(to)?.send(messages)
  }

  setPeers(peers: readonly PeerAddress[]): void {
    if (this.#stopping !== undefined) return
    const { directory, inbound } = this.#parts
    const { removed, moved } = directory.replace(peers)
    for (const replica of removed) {
      const link = this.#links.get(replica)
      this.#links.delete(replica)
      inbound.forget(replica)
      void link?.stop()
    }
    for (const { replica } of peers) {
      if (replica === this.replica) continue
      const link = this.#links.get(replica) ?? this.#createLink(replica)
      link.seek(directory.addressesOf(replica), { moved: moved.includes(replica) })
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    const links = [...this.#links.values()]
    this.#links.clear()
    await Promise.all(links.map((link) => link.stop()))
    await this.#parts.node.stop()
  }

  #createLink(replica: ReplicaId): PeerLink {
    const { init, node, trace } = this.#parts
    const link = new PeerLink({
      self: this.replica,
      replica,
      node,
      writer: this.#writer,
      onReachable: (reachable) => {
        trace(reachable ? 'transport.peer-connected' : 'transport.peer-disconnected', { replica })
        if (this.#stopping === undefined) init.listener.onPeer(replica, reachable)
      },
      trace,
    })
    this.#links.set(replica, link)
    return link
  }

  #onConnection(connection: Connection): void {
    const link = this.#links.get(replicaId(connection.remotePeer.toString()))
    if (link === undefined) {
      connection.abort(new Error('no longer a peer'))
      return
    }
    link.adopt(connection)
  }
}
