import type { ConnectionGater } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Multiaddr } from '@multiformats/multiaddr'
import { CODE_P2P, multiaddr } from '@multiformats/multiaddr'
import { messageOf } from '../base/errors.ts'
import type { ReplicaId } from '../model/ids.ts'
import { replicaId } from '../model/ids.ts'
import type { PeerAddress } from '../ports/transport.ts'
import type { Trace } from '../ports/trace.ts'
import { RateLimit } from './backoff.ts'

const STRANGER_TRACE_INTERVAL_MS = 1000

/** What a new list of peers changes. */
export interface PeersChange {
  readonly added: readonly ReplicaId[]
  /** Known before, and now to be looked for elsewhere. */
  readonly moved: readonly ReplicaId[]
  readonly removed: readonly ReplicaId[]
}

/** Who is admitted, and where to look for them. */
export class PeerDirectory {
  readonly #self: ReplicaId
  readonly #trace: Trace
  #peers: ReadonlyMap<ReplicaId, readonly Multiaddr[]> = new Map()

  constructor(self: ReplicaId, trace: Trace) {
    this.#self = self
    this.#trace = trace
  }

  /** Replaces what was known. The replica's own entry is passed over, and so are addresses that do not parse. */
  replace(peers: readonly PeerAddress[]): PeersChange {
    const before = this.#peers
    const after = new Map<ReplicaId, readonly Multiaddr[]>()
    for (const { replica, addresses } of peers) {
      if (replica !== this.#self) after.set(replica, this.#parse(replica, addresses))
    }
    this.#peers = after
    const kept = [...after.keys()].filter((replica) => before.has(replica))
    return {
      added: [...after.keys()].filter((replica) => !before.has(replica)),
      moved: kept.filter((replica) => textOf(after.get(replica)) !== textOf(before.get(replica))),
      removed: [...before.keys()].filter((replica) => !after.has(replica)),
    }
  }

  admits(replica: ReplicaId): boolean {
    return this.#peers.has(replica)
  }

  addressesOf(replica: ReplicaId): readonly Multiaddr[] {
    return this.#peers.get(replica) ?? []
  }

  #parse(replica: ReplicaId, addresses: readonly string[]): readonly Multiaddr[] {
    const parsed: Multiaddr[] = []
    for (const address of addresses) {
      try {
        const id = peerIdFromString(replica)
        parsed.push(multiaddr(address).decapsulateCode(CODE_P2P).encapsulate(`/p2p/${id.toString()}`))
      } catch (error) {
        this.#trace('transport.address-refused', { replica, address, reason: messageOf(error) })
      }
    }
    return parsed
  }
}

function textOf(addresses: readonly Multiaddr[] | undefined): string {
  return (addresses ?? []).map((address) => address.toString()).join(' ')
}

/** Lets configured replicas pass, both ways, once Noise has proved who they are; strangers are denied and traced. */
export function createConnectionGater(directory: PeerDirectory, trace: Trace): ConnectionGater {
  const limit = new RateLimit(STRANGER_TRACE_INTERVAL_MS)
  const deny = (stranger: string, direction: 'inbound' | 'outbound'): boolean => {
    if (directory.admits(replicaId(stranger))) return false
    const held = limit.pass(performance.now())
    if (held !== undefined) trace('transport.stranger-denied', { stranger, direction, alsoDenied: held })
    return true
  }
  return {
    denyDialPeer: (peer) => deny(peer.toString(), 'outbound'),
    denyInboundEncryptedConnection: (peer) => deny(peer.toString(), 'inbound'),
    denyOutboundEncryptedConnection: (peer) => deny(peer.toString(), 'outbound'),
  }
}
