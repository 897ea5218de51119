/** The process with the clients of one system. Does what it is told over Node's IPC channel, and ends with it. */
import { unreachable } from '../../core/base/assert.ts'
import type { DriverAnswer, DriverCalls, DriverCall, DriverInit, DriverOrder } from './driver-protocol.ts'
import { EtcdCluster } from './etcd-target.ts'
import { failOver } from './failover.ts'
import { SynodDoor, SynodHost } from './synod-target.ts'
import type { Target } from './target.ts'
import { fill, measure } from './workload.ts'

/** Unit: ms. Closing may not keep this process alive longer. */
const CLOSE_MS_MAX = 25_000

let target: Target | undefined

process.on('message', (order: DriverOrder) => {
  perform(order).then(
    (answer) => {
      tell({ id: order.id, ok: true, answer })
    },
    (error: unknown) => {
      tell({ id: order.id, ok: false, message: error instanceof Error ? error.message : String(error) })
    },
  )
})
// The terminal's Ctrl-C reaches the whole process group; who started this process says when it ends.
process.on('SIGINT', () => undefined)
process.on('disconnect', () => {
  setTimeout(() => process.exit(1), CLOSE_MS_MAX).unref()
  void close().finally(() => process.exit(0))
})

async function perform({ call, order }: DriverOrder): Promise<DriverCalls[DriverCall]['answer']> {
  switch (call) {
    case 'open':
      target = await open(order)
      return null
    case 'door':
      if (target instanceof SynodHost) return await target.openDoor()
      throw new Error('only a host has doors')
    case 'members':
      return await opened().members()
    case 'fill':
      await opened().aim()
      await fill(opened())
      return null
    case 'measure':
      await opened().aim()
      return await measure(opened(), order)
    case 'failOver':
      return await failOver(opened(), order)
    case 'close':
      await close()
      return null
    default:
      return unreachable(call)
  }
}

async function open(init: DriverInit): Promise<Target> {
  switch (init.kind) {
    case 'synod':
      return await SynodHost.open(init.dataFolder)
    case 'synod-http':
      return new SynodDoor(init)
    case 'etcd':
      return new EtcdCluster(init.members, init.client)
    default:
      return unreachable(init)
  }
}

function opened(): Target {
  if (target === undefined) throw new Error('a driver is opened before it is driven')
  return target
}

async function close(): Promise<void> {
  const closing = target
  target = undefined
  await closing?.close()
}

function tell(answer: DriverAnswer): void {
  if (process.connected) process.send?.(answer)
}
