import type { AuditReport, Evidence, Findings } from '../model/audit.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import type { AuditMessage } from '../wire/audit.ts'

export type AuditEffect =
  | { readonly kind: 'send'; readonly to: ReplicaId; readonly message: AuditMessage }
  | { readonly kind: 'audit-note'; readonly note: AuditNote }

/** For the operator, and for the host's repair ladder. */
export type AuditNote =
  /** What the members' reports of an AUDIT come to, as far as they are there. Told again when another one comes. */
  | {
      readonly kind: 'audit-result'
      readonly slot: Slot
      /** Ordered time of the slot. Unit: ms since 1970. */
      readonly timeMs: number
      readonly verdict: 'agrees' | 'deviation' | 'no-majority'
      readonly reports: readonly AuditReport[]
      readonly deviating: readonly ReplicaId[]
      /** Members that have not reported. */
      readonly missing: readonly ReplicaId[]
    }
  /** This replica looked where another one differs. */
  | { readonly kind: 'audit-evidence'; readonly evidence: Evidence }
  /** A majority agrees on something else than this replica holds: from now on its Outputs do not count. */
  | { readonly kind: 'quarantined'; readonly slot: Slot; readonly own: Findings; readonly majority: Findings }
  /** What others want to know of what it holds was told: its process may be started anew. */
  | { readonly kind: 'repair-wanted'; readonly slot: Slot }
  /** A majority, this replica among it, agrees: it was in quarantine, and its Outputs count again. */
  | { readonly kind: 'verified'; readonly slot: Slot }

export type AuditSink = (effect: AuditEffect) => void
