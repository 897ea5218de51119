/** A replica's transport in a process of its own: answers each heartbeat, and ends by itself once it is stopped. */
import type { ReplicaId } from '../../../core/model/ids.ts'
import { createLibp2pTransport } from '../../../core/transport/libp2p-transport.ts'
import { CLUSTER, EPOCH, heartbeat } from './messages.ts'

export interface ReplicaOrders {
  readonly privateKey: string
  readonly networkKey: string
  readonly peer: { readonly replica: ReplicaId; readonly addresses: readonly string[] }
}

process.once('message', (orders: ReplicaOrders) => {
  run(orders).catch((error: unknown) => {
    process.exitCode = 1
    throw error
  })
})

async function run({ privateKey, networkKey, peer }: ReplicaOrders): Promise<void> {
  const transport = await createLibp2pTransport({
    cluster: CLUSTER,
    epoch: () => EPOCH,
    privateKey,
    networkKey,
    listener: {
      onMessages: (from, messages) => {
        const beats = messages.filter((message) => message.kind === 'heartbeat')
        transport.send(
          from,
          beats.map(({ beat }) => heartbeat(beat)),
        )
      },
      onPeer: () => undefined,
      onRefused: () => undefined,
    },
  })
  transport.setPeers([peer])
  process.send?.(transport.addresses)
  process.once('message', () => {
    void transport.stop().finally(() => process.disconnect())
  })
}
