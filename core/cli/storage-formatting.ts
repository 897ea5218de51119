import type { CheckpointView, ClusterView, StorageView, TransferView } from '../api/views.ts'
import { formatBytes, formatCount } from './numbers.ts'

/** "Next checkpoint after 50,000 slots (812 so far) or 32.0 MiB of Inputs (0.4 MiB so far)." */
export function formatNextCheckpoint({ checkpointPolicy: policy, replicas }: ClusterView): string {
  const foremost = replicas.toSorted((left, right) => right.slotExecuted - left.slotExecuted)[0]
  const { sinceSlots, sinceBytes } = foremost?.storage ?? { sinceSlots: 0, sinceBytes: 0 }
  const slots = `${formatCount(policy.slotsMax)} slots (${formatCount(sinceSlots)} so far)`
  return `Next checkpoint after ${slots} or ${formatBytes(policy.bytesMax)} of Inputs (${formatBytes(sinceBytes)} so far).`
}

/** What a replica keeps on its disk, beside the size of its log. */
export function formatStorage(storage: StorageView): string[] {
  const { checkpoints, writing, slotFirst, segments } = storage
  const held = slotFirst > 1 ? [`from slot ${formatCount(slotFirst)}`] : []
  const parts = segments > 1 ? [`${formatCount(segments)} segments`] : []
  const kept = checkpoints.map(formatCheckpoint).toReversed()
  return [
    ...parts,
    ...held,
    kept.length === 0 ? 'no checkpoint' : `checkpoint ${kept.join(', ')}`,
    ...(writing === null ? [] : [`writes one at slot ${formatCount(writing)}`]),
  ]
}

function formatCheckpoint({ slot, stable }: CheckpointView): string {
  return `${formatCount(slot)}${stable ? '' : ' (waits for a majority)'}`
}

const PHASES: Readonly<Record<TransferView['phase'], string>> = {
  seeking: 'looks for a checkpoint',
  comparing: 'compares partitions',
  fetching: 'fetches',
  writing: 'writes it down',
}

/** "receives the State at slot 4,000 from a, b: fetches · 43 % · 12.1 MiB · 3.2 MiB/s · 12 s left" */
export function formatTransfer(transfer: TransferView): string {
  const { phase, slot, sources, partitionsWanted, partitionsDone, bytes, bytesPerSecond, secondsLeft } = transfer
  const at = slot === null ? '' : ` at slot ${formatCount(slot)}`
  const from = sources.length === 0 ? '' : ` from ${sources.join(', ')}`
  const facts = [PHASES[phase]]
  if (partitionsWanted > 0) facts.push(`${Math.floor((100 * partitionsDone) / partitionsWanted)} %`)
  if (bytes > 0) facts.push(formatBytes(bytes), `${formatBytes(bytesPerSecond)}/s`)
  if (secondsLeft !== null) facts.push(`${formatCount(secondsLeft)} s left`)
  return `receives the State${at}${from}: ${facts.join(' · ')}`
}
