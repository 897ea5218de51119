import type { CheckpointStore } from '../ports/checkpoint-store.ts'
import type { RecordStore } from '../ports/record-store.ts'
import type { Replica } from '../replica/replica.ts'

/** How a replica is, as its process tells its host. */
export interface ReplicaReport {
  readonly role: 'follower' | 'candidate' | 'leader'
  readonly leader: string | undefined
  readonly ballot: { readonly round: number; readonly proposer: string }
  readonly slotDecided: number
  readonly slotExecuted: number
  readonly connectedTo: readonly string[]
  readonly lies: boolean
  /** The State is on its way from others. */
  readonly isStateMissing: boolean
  readonly isQuarantined: boolean
  readonly isAuditorDisabled: boolean
  /** The newest AUDIT it reported, or works on; 0: none in this life. */
  readonly slotAudited: number
  /** Of its log, on disk. */
  readonly logBytes: number
  readonly segments: number
  /** The first slot of the log that is held. */
  readonly slotFirst: number
  readonly checkpointBytes: number
  readonly checkpoints: readonly CheckpointReport[]
  /** The slot of the checkpoint that is being written. */
  readonly writing: number | undefined
  /** Log records up to this slot have been let go. */
  readonly slotDropped: number
  /** Checkpoints that state transfers to others keep. */
  readonly pinned: readonly number[]
  /** Executed since the last CHECKPOINT, and what makes the next one due. */
  readonly sinceCheckpoint: { readonly slots: number; readonly bytes: number }
  readonly checkpointPolicy: { readonly slotsMax: number; readonly bytesMax: number }
  readonly transfer: TransferReport | undefined
  /** Of its process, resident; to the MiB. Unit: bytes. */
  readonly memoryBytes: number
}

export interface CheckpointReport {
  readonly slot: number
  readonly timeMs: number
  readonly root: string
  readonly keys: number
  readonly stateBytes: number
  readonly fileBytes: number
  readonly durationMs: number | undefined
  /** A majority attested it. */
  readonly isStable: boolean
}

export interface TransferReport {
  readonly phase: 'seeking' | 'comparing' | 'fetching' | 'writing'
  readonly slot: number | undefined
  readonly sources: readonly string[]
  readonly partitionsWanted: number
  readonly partitionsDone: number
  readonly bytes: number
  readonly elapsedMs: number
}

const MIB = 1024 * 1024

export function reportOf(of: {
  readonly replica: Replica
  readonly store: RecordStore
  readonly checkpoints: CheckpointStore
  readonly connected: ReadonlySet<string>
}): ReplicaReport {
  const { replica, store } = of
  const { role, leader, ballot, slotDecided, slotExecuted, lies, isStateMissing } = replica.status
  const { isQuarantined, isAuditorDisabled, slotAudited } = replica.status
  const { checkpoints, counter, pinned, retained, transfer, writing, slotFirst } = replica.checkpoints
  return {
    role,
    leader,
    ballot,
    slotDecided,
    slotExecuted,
    connectedTo: [...of.connected].toSorted(),
    lies,
    isStateMissing,
    isQuarantined,
    isAuditorDisabled,
    slotAudited,
    logBytes: store.bytes,
    segments: store.segments.length,
    slotFirst,
    checkpointBytes: of.checkpoints.bytes,
    checkpoints: checkpoints.map(({ certificate, ...info }) => ({ ...info, isStable: certificate !== undefined })),
    writing,
    slotDropped: retained.slot,
    pinned: [...new Set(pinned)],
    sinceCheckpoint: { slots: counter.slots, bytes: counter.bytes },
    checkpointPolicy: counter.policy,
    transfer,
    memoryBytes: Math.round(process.memoryUsage.rss() / MIB) * MIB,
  }
}
