import type { ReplicaId } from '../model/ids.ts'
import type { DecodeFault } from '../wire/envelope.ts'
import type { Message } from '../wire/message.ts'

/** Where a member may be reached: hints only, the key behind the id is what is trusted. */
export interface PeerAddress {
  readonly replica: ReplicaId
  /** Multiaddrs, for example `/ip4/127.0.0.1/tcp/40123`. */
  readonly addresses: readonly string[]
}

export interface TransportListener {
  /** One frame's messages from an admitted member, decoded and validated. */
  readonly onMessages: (from: ReplicaId, messages: readonly Message[]) => void
  /** A member became reachable or stopped being so. */
  readonly onPeer: (replica: ReplicaId, connected: boolean) => void
  /** Foreign bytes were refused: told, counted, never acted on. */
  readonly onRefused: (from: ReplicaId, fault: DecodeFault) => void
}

/**
 * Messages between replicas. Best effort: a message may be lost when its peer is away, never altered or invented;
 * between two connected replicas one channel keeps its order. The protocol above retransmits what matters.
 */
export interface Transport {
  readonly replica: ReplicaId
  /** What peers may dial. */
  readonly addresses: readonly string[]
  /** Queues messages to one peer; those of one call and channel travel in one frame where they fit. */
  send: (to: ReplicaId, messages: readonly Message[]) => void
  /** Who is admitted and where to look for them; replaces what was known. Dials those not connected. */
  setPeers: (peers: readonly PeerAddress[]) => void
  stop: () => Promise<void>
}
