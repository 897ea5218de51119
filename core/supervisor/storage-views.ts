import type { ClusterView, StorageView, TransferView } from '../api/views.ts'
import type { ReplicaReport } from '../host/protocol.ts'
import { AUDIT_POLICY, CHECKPOINT_POLICY } from '../replica/replica.ts'
import type { ClusterFile } from './cluster-file.ts'
import type { NameOf } from './vote-views.ts'

export function policyOf(file: ClusterFile): ClusterView['checkpointPolicy'] {
  const { slotsMax, bytesMax } = file.checkpointPolicy ?? CHECKPOINT_POLICY
  return { slotsMax, bytesMax }
}

export function auditPolicyOf(file: ClusterFile): ClusterView['auditPolicy'] {
  const { slotsMax, intervalMs } = file.auditPolicy ?? AUDIT_POLICY
  return { slotsMax, intervalMs }
}

/** What a replica last told of its disk; true still when it does not run. */
export function storageView(report: ReplicaReport | undefined): StorageView {
  const checkpoints = report?.checkpoints ?? []
  return {
    logBytes: report?.logBytes ?? 0,
    segments: report?.segments ?? 0,
    slotFirst: report?.slotFirst ?? 0,
    checkpointBytes: report?.checkpointBytes ?? 0,
    checkpoints: checkpoints.map(({ isStable, durationMs, ...info }) => ({
      ...info,
      durationMs: durationMs === undefined ? null : Math.round(durationMs),
      stable: isStable,
    })),
    writing: report?.writing ?? null,
    sinceSlots: report?.sinceCheckpoint.slots ?? 0,
    sinceBytes: report?.sinceCheckpoint.bytes ?? 0,
    retention: report === undefined ? '' : retentionText(report),
  }
}

/** The rule for what may be dropped, as it stands now. */
function retentionText({ checkpoints, pinned, slotDropped, slotFirst }: ReplicaReport): string {
  const stable = checkpoints.filter(({ isStable }) => isStable).map(({ slot }) => slot)
  const [older, newer] = stable.slice(-2)
  if (older === undefined) return 'Nothing may be dropped: no checkpoint is stable yet.'
  if (newer === undefined) {
    return `Nothing may be dropped: one checkpoint is stable (slot ${count(older)}); the log goes when there are two.`
  }
  const held = pinned.filter((slot) => slot < newer)
  if (held.length > 0 && Math.min(...held) <= slotDropped) {
    return `Slots after ${count(Math.min(...held))} stay: a replica receives the State of that checkpoint.`
  }
  if (slotDropped >= older)
    return `Slots up to ${count(older)} may go: two stable checkpoints, ${count(older)} and ${count(newer)}, stand for them.`
  return `Slots from ${count(slotFirst)} on stay, so that a replica a little behind needs no state transfer.`
}

/** 4812 -> "4,812". */
function count(value: number): string {
  return value.toLocaleString('en')
}

export function transferView(transfer: ReplicaReport['transfer'], nameOf: NameOf): TransferView | null {
  if (transfer === undefined) return null
  const { phase, slot, sources, partitionsWanted, partitionsDone, bytes, elapsedMs } = transfer
  const partitionsPerMs = elapsedMs > 0 ? partitionsDone / elapsedMs : 0
  const left = partitionsWanted - partitionsDone
  return {
    phase,
    slot: slot ?? null,
    sources: sources.map(nameOf).toSorted(),
    partitionsWanted,
    partitionsDone,
    bytes,
    bytesPerSecond: elapsedMs > 0 ? Math.round((1000 * bytes) / elapsedMs) : 0,
    secondsLeft: phase === 'fetching' && partitionsPerMs > 0 ? Math.ceil(left / partitionsPerMs / 1000) : null,
  }
}
