import type { AuditPolicy } from '../audit/policy.ts'
import type { Prng } from '../base/prng.ts'
import type { Checkpoints } from '../checkpoint/checkpoints.ts'
import type { CheckpointPolicy } from '../checkpoint/policy.ts'
import type { LogMemory } from '../log/recent-batches.ts'
import type { Registry } from '../machine/registry.ts'
import type { Ballot } from '../model/ballot.ts'
import type { Configuration } from '../model/configuration.ts'
import type { HashFunction } from '../model/digest.ts'
import type { ClusterId, ReplicaId, Slot } from '../model/ids.ts'
import type { LeaseInit } from '../ordering/effects.ts'
import type { Signer } from '../ports/signer.ts'
import type { Role } from './effects.ts'

export interface ReplicaInit {
  readonly self: ReplicaId
  readonly cluster: ClusterId
  readonly configuration: Configuration
  readonly registry: Registry
  readonly hash: HashFunction
  readonly signer: Signer
  /** When a CHECKPOINT is ordered by itself. */
  readonly checkpointPolicy?: Partial<CheckpointPolicy> | undefined
  /** When an AUDIT is ordered by itself. */
  readonly auditPolicy?: Partial<AuditPolicy> | undefined
  /** An earlier life deviated from a majority: its Outputs count when a majority agrees with what it holds. */
  readonly isQuarantined?: boolean | undefined
  /** What it held is mistrusted: its State is received from others, even where its log would rebuild it. */
  readonly discardsState?: boolean | undefined
  /** Decided batches kept in memory; older ones are read from disk. */
  readonly logMemory?: LogMemory | undefined
  /** Differs between any two lives of any replica's process; names this life's reads. At most 32 characters. */
  readonly life: string
  readonly prng: Prng
  /** Reads without a round while measured time allows it; off when absent, and the same at every member. */
  readonly lease?: LeaseInit | undefined
  /** Inputs that may wait at this replica before clients are told that it is busy. */
  readonly queueInputsMax?: number | undefined
}

/** What the outside may look at between two steps. */
export interface ReplicaStatus {
  readonly role: Role
  readonly leader: ReplicaId | undefined
  readonly ballot: Ballot
  readonly slotDecided: Slot
  readonly slotExecuted: Slot
  readonly waiting: number
  readonly lies: boolean
  /** The State can't be rebuilt from the log here, and is on its way from others. */
  readonly isStateMissing: boolean
  /** It deviated from a majority: its Outputs do not count, and it answers no reads. */
  readonly isQuarantined: boolean
  readonly isAuditorDisabled: boolean
  /** The newest AUDIT it reported, or works on; 0: none in this life. */
  readonly slotAudited: Slot
}

/** Checkpoints, what may be dropped, and a state transfer under way. */
export type ReplicaCheckpoints = Pick<
  Checkpoints,
  'checkpoints' | 'counter' | 'pinned' | 'retained' | 'transfer' | 'writing'
> & {
  /** The first slot of the log that is still held. */
  readonly slotFirst: Slot
}
