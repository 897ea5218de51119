import type { ReplicaId } from '../../../core/model/ids.ts'
import type { PeerAddress, Transport } from '../../../core/ports/transport.ts'
import type { Identity } from '../../../core/transport/identity.ts'
import { createIdentity } from '../../../core/transport/identity.ts'
import { createLibp2pTransport } from '../../../core/transport/libp2p-transport.ts'
import type { DecodeFault } from '../../../core/wire/envelope.ts'
import type { Message } from '../../../core/wire/message.ts'
import { CLUSTER, EPOCH } from './messages.ts'

const POLL_MS = 2
const PATIENCE_MS = 15_000

/** Waits for a condition, and fails by naming it. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

export interface TraceEvent {
  readonly event: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A transport on loopback with everything it was told. */
export interface Replica {
  readonly id: ReplicaId
  readonly identity: Identity
  readonly transport: Transport
  readonly received: { readonly from: ReplicaId; readonly message: Message }[]
  /** How many messages each frame had. */
  readonly frames: number[]
  readonly refused: { readonly from: ReplicaId; readonly fault: DecodeFault }[]
  readonly connected: Set<ReplicaId>
  readonly events: TraceEvent[]
}

export interface ReplicaInit {
  readonly networkKey: string
  readonly identity?: Identity
  readonly listen?: readonly string[]
}

export async function startReplica({ networkKey, ...init }: ReplicaInit): Promise<Replica> {
  const identity = init.identity ?? (await createIdentity())
  const told: Omit<Replica, 'transport'> = {
    id: identity.replica,
    identity,
    received: [],
    frames: [],
    refused: [],
    connected: new Set(),
    events: [],
  }
  const transport = await createLibp2pTransport({
    cluster: CLUSTER,
    epoch: () => EPOCH,
    privateKey: identity.privateKey,
    networkKey,
    ...(init.listen === undefined ? {} : { listen: init.listen }),
    listener: {
      onMessages: (from, messages) => {
        told.frames.push(messages.length)
        for (const message of messages) told.received.push({ from, message })
      },
      onPeer: (replica, connected) => (connected ? told.connected.add(replica) : told.connected.delete(replica)),
      onRefused: (from, fault) => told.refused.push({ from, fault }),
    },
    trace: (event, fields = {}) => told.events.push({ event, fields }),
  })
  return { ...told, transport }
}

export function addressOf(replica: Replica): PeerAddress {
  return { replica: replica.id, addresses: replica.transport.addresses }
}

/** Tells each of the others, and waits until all have met. */
export async function connect(...replicas: readonly Replica[]): Promise<void> {
  for (const replica of replicas) replica.transport.setPeers(replicas.map(addressOf))
  await until('all are connected', () => replicas.every(({ connected }) => connected.size === replicas.length - 1))
}

export function countOf(replica: Replica, event: string): number {
  return replica.events.filter((traced) => traced.event === event).length
}
