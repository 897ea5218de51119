import type { CheckpointView, ClusterView, ReplicaView, TransferView } from '../../core/api/views.ts'
import type { Sign } from './votes.ts'

/** What one replica has of a checkpoint. */
export type CheckpointCell =
  /** `agrees`: stable; `answered`: no majority attested it yet; `dissents`: another root than the stable one. */
  | { readonly kind: 'held'; readonly name: string; readonly sign: Sign; readonly checkpoint: CheckpointView }
  | { readonly kind: 'writing'; readonly name: string }
  | { readonly kind: 'none'; readonly name: string }

export interface CheckpointRow {
  readonly slot: number
  /** Of any replica that has it; `null` while all of them still write. */
  readonly sample: CheckpointView | null
  /** One a replica, in their order. */
  readonly cells: readonly CheckpointCell[]
}

/** Every checkpoint that a replica has or writes, newest first. */
export function checkpointRows(replicas: readonly ReplicaView[]): readonly CheckpointRow[] {
  const slots = replicas.flatMap(({ storage: { checkpoints, writing } }) => [
    ...checkpoints.map(({ slot }) => slot),
    ...(writing === null ? [] : [writing]),
  ])
  return [...new Set(slots)].sort((one, other) => other - one).map((slot) => rowOf(slot, replicas))
}

function rowOf(slot: number, replicas: readonly ReplicaView[]): CheckpointRow {
  const held = replicas.flatMap(({ storage }) => storage.checkpoints.filter((one) => one.slot === slot))
  const trusted = held.find(({ stable }) => stable)
  return {
    slot,
    sample: trusted ?? held[0] ?? null,
    cells: replicas.map(({ name, storage }) => {
      const checkpoint = storage.checkpoints.find((one) => one.slot === slot)
      if (checkpoint === undefined) return { kind: storage.writing === slot ? 'writing' : 'none', name }
      return { kind: 'held', name, checkpoint, sign: signOf(checkpoint, trusted) }
    }),
  }
}

function signOf(checkpoint: CheckpointView, trusted: CheckpointView | undefined): Sign {
  if (trusted !== undefined && trusted.root !== checkpoint.root) return 'dissents'
  return checkpoint.stable ? 'agrees' : 'answered'
}

/** The newest checkpoint that is stable on any of the replicas. */
export function newestStable(replicas: readonly ReplicaView[]): CheckpointView | null {
  return checkpointRows(replicas).find(({ sample }) => sample?.stable)?.sample ?? null
}

/** How far the replica that executed most is on its way to the next CHECKPOINT. Shares are 0 to 1. */
export function nextCheckpoint({ replicas, checkpointPolicy }: ClusterView): {
  readonly slots: number
  readonly bytes: number
  readonly slotsShare: number
  readonly bytesShare: number
} {
  const { slotsMax, bytesMax } = checkpointPolicy
  const foremost = replicas.toSorted((one, other) => other.slotExecuted - one.slotExecuted)[0]
  const { sinceSlots: slots, sinceBytes: bytes } = foremost?.storage ?? { sinceSlots: 0, sinceBytes: 0 }
  return { slots, bytes, slotsShare: shareOf(slots, slotsMax), bytesShare: shareOf(bytes, bytesMax) }
}

/** 0 to 1. */
export function shareOf(value: number, max: number): number {
  return max <= 0 ? 0 : Math.min(1, Math.max(0, value / max))
}

/** Of the partitions to fetch, 0 to 1; `null` before it is known which they are. */
export function transferShare({ partitionsWanted, partitionsDone, phase }: TransferView): number | null {
  if (phase === 'writing') return 1
  return partitionsWanted === 0 ? null : shareOf(partitionsDone, partitionsWanted)
}

/** Whole per cent, and 100 only when nothing is left. */
export function percentOf(share: number): number {
  return Math.floor(share * 100)
}

/** The sentences of the replicas, those that are alike said once. */
export function retentionSentences(
  replicas: readonly ReplicaView[],
): readonly { readonly names: readonly string[]; readonly sentence: string }[] {
  const bySentence = Map.groupBy(
    replicas.filter(({ storage }) => storage.retention !== ''),
    ({ storage }) => storage.retention,
  )
  return [...bySentence].map(([sentence, alike]) => ({ names: alike.map(({ name }) => name), sentence }))
}
