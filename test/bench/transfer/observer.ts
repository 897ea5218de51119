import type { ClusterView } from '../../../core/api/views.ts'
import type { BenchCluster } from '../bench-cluster.ts'
import { replicaNamed } from '../bench-cluster.ts'
import type { Window } from './load.ts'

/** Unit: ms. A replica tells how it is so often, so begin and end are seen up to so much late. */
const SEEN_MS_MAX = 180_000

export interface Transferred extends Window {
  readonly slot: number
  readonly stateBytes: number
  /** On the wire, packed. */
  readonly bytes: number
  readonly partitions: number
  /** Unit: ms, by phase, as the views showed them. */
  readonly phasesMs: Readonly<Record<string, number>>
}

/** Watches one replica receive the State, from the views that the host gives out (ten a second). */
export async function watchTransfer(
  cluster: BenchCluster,
  name: string,
  begin: () => Promise<void>,
): Promise<Transferred> {
  const seen: { fromMs?: number; slot?: number; atMs?: number; phase?: string; bytes: number; partitions: number } = {
    bytes: 0,
    partitions: 0,
  }
  const phasesMs: Record<string, number> = {}
  const look = (view: ClusterView): void => {
    const { transfer } = replicaNamed(view, name)
    const nowMs = performance.now()
    if (seen.phase !== undefined) phasesMs[seen.phase] = (phasesMs[seen.phase] ?? 0) + nowMs - (seen.atMs ?? nowMs)
    seen.atMs = nowMs
    delete seen.phase
    if (transfer === null) return
    seen.phase = transfer.phase
    seen.fromMs ??= nowMs
    seen.slot = transfer.slot ?? seen.slot ?? 0
    seen.bytes = Math.max(seen.bytes, transfer.bytes)
    seen.partitions = Math.max(seen.partitions, transfer.partitionsWanted)
  }
  const end = cluster.onView(look)
  try {
    await begin()
    const isInstalled = (view: ClusterView): boolean => {
      const { transfer, slotExecuted } = replicaNamed(view, name)
      return seen.slot !== undefined && transfer === null && slotExecuted >= seen.slot
    }
    const view = await cluster.until(`replica ${name} has the State`, isInstalled, SEEN_MS_MAX)
    const toMs = performance.now()
    const { storage } = replicaNamed(view, name)
    const stateBytes = storage.checkpoints.find(({ slot }) => slot === seen.slot)?.stateBytes
    if (stateBytes === undefined || seen.fromMs === undefined || seen.slot === undefined) {
      throw new Error('a State was installed, but no checkpoint of it is shown')
    }
    const { slot, bytes, partitions, fromMs } = seen
    return { slot, stateBytes, bytes, partitions, phasesMs, fromMs, toMs }
  } finally {
    end()
  }
}
