import { createPrng } from '../../base/prng.ts'
import type { CheckpointStore } from '../../ports/checkpoint-store.ts'
import type { Clock } from '../../ports/clock.ts'
import type { RecordStore } from '../../ports/record-store.ts'
import type { Transport } from '../../ports/transport.ts'
import type { ReplicaOrders } from '../protocol.ts'
import { Faults } from './faults.ts'
import { FaultyCheckpointStore, FaultyRecordStore } from './faulty-stores.ts'
import { FaultyTransport } from './faulty-transport.ts'
import { skewedClock } from './skewed-clock.ts'

/** What a replica stands on. */
interface Ground {
  readonly clock: Clock
  readonly store: RecordStore
  readonly checkpoints: CheckpointStore
  readonly transport: Transport
}

/** @returns undefined where rehearsal is not allowed: there nothing can be injected, whatever is ordered. */
export function faultsOf({ self, members, faults: active }: ReplicaOrders): Faults | undefined {
  if (active === undefined) return undefined
  const faults = new Faults(members.find(({ replica }) => replica === self)?.name ?? self)
  for (const { number, fault } of active) faults.order(number, fault, true)
  return faults
}

/** The same ground, that fails on order; as it is where rehearsal is not allowed. */
export function shaky(ground: Ground, orders: ReplicaOrders, faults: Faults | undefined): Ground {
  if (faults === undefined) return ground
  const names = new Map(orders.members.map(({ replica, name }) => [replica, name]))
  return {
    clock: skewedClock(ground.clock, faults),
    store: new FaultyRecordStore(ground.store, faults, orders.folder),
    checkpoints: new FaultyCheckpointStore(ground.checkpoints, faults, orders.folder),
    transport: new FaultyTransport(ground.transport, {
      faults,
      prng: createPrng(orders.seed),
      nameOf: (replica) => names.get(replica) ?? replica,
    }),
  }
}
