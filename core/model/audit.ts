import type { CanonicalValue } from './canonical.ts'
import { encodeCanonical } from './canonical.ts'
import type { Digest } from './digest.ts'
import type { ClusterId, ReplicaId, Slot } from './ids.ts'

/** What one replica's State and Outputs came to after an AUDIT. */
export interface Findings {
  /** Of the State, computed from the data as held. */
  readonly root: Digest
  /** Over the Outputs it gave since the AUDIT or CHECKPOINT before. */
  readonly outputs: Digest
}

/** A replica's word on what it holds after an AUDIT. */
export interface AuditReport {
  readonly replica: ReplicaId
  readonly findings: Findings
  /** Over `auditedBytes`, by the key behind the replica's id. */
  readonly signature: Uint8Array
}

/** What a report signs. The first word keeps it from ever being what a replica signs for another purpose. */
export function auditedBytes(of: {
  readonly cluster: ClusterId
  readonly slot: Slot
  readonly findings: Findings
}): Uint8Array {
  const { cluster, slot, findings } = of
  return encodeCanonical(['synod audit', cluster, slot, findings.root, findings.outputs])
}

export function isSameFindings(left: Findings, right: Findings): boolean {
  return left.root === right.root && left.outputs === right.outputs
}

/** A key on both sides; undefined where a side has none. */
export interface DifferingKey {
  readonly key: string
  readonly deviating: CanonicalValue | undefined
  readonly majority: CanonicalValue | undefined
}

/** Where a replica's State differs from the majority's, with both sides, as a member of the majority found it. */
export interface Evidence {
  /** Of the AUDIT. */
  readonly slot: Slot
  /** Who deviates. */
  readonly replica: ReplicaId
  /** Who compared. */
  readonly inspector: ReplicaId
  /** All that were there, the deviating one's among them. */
  readonly reports: readonly AuditReport[]
  readonly majority: Findings
  /** The AUDIT at which the two last agreed; undefined when this inspector knows of none. */
  readonly slotAgreed: Slot | undefined
  /** Numbers of the partitions that differ. Empty when only Outputs do, or when it did not tell in time. */
  readonly partitions: readonly number[]
  /** Keys of the first of them that differ, in order; the first of these, when there are many. */
  readonly keys: readonly DifferingKey[]
}
