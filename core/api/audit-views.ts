import * as v from 'valibot'

/** What people and programs are shown of AUDITs, of what they found, and of what was done about it. */

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

/** How one member stood at an AUDIT. `missing`: it has not reported (yet). `reported`: nothing to measure it by. */
export const auditedReplicaSchema = v.object({
  name: v.string(),
  sign: v.picklist(['agrees', 'deviates', 'missing', 'reported']),
  /** Digest of its State, computed from what is really held; null while it has not reported. */
  root: v.nullable(v.string()),
  /** Digest of the Outputs it gave since the AUDIT or CHECKPOINT before. */
  outputs: v.nullable(v.string()),
})

/** One AUDIT: what all members held after that slot. */
export const auditSchema = v.object({
  slot: count,
  /** Ordered time, milliseconds since 1970. */
  timeMs: v.number(),
  /** `no-majority`: no two halves agree; nobody was restarted, and a person must decide. */
  verdict: v.picklist(['agrees', 'deviation', 'no-majority']),
  /** In the order of the members. */
  replicas: v.array(auditedReplicaSchema),
})
export type AuditView = v.InferOutput<typeof auditSchema>

/** What is done about a replica that deviates, from the mildest on. */
export const repairRungSchema = v.picklist(['restart', 'transfer', 'stop'])
export type RepairRung = v.InferOutput<typeof repairRungSchema>

export const incidentStepSchema = v.object({
  timeMs: v.number(),
  /**
   * `found`: an AUDIT found it. `quarantined`: its Outputs no longer count. `evidence`: it was seen where it differs.
   * `restarted`: its process was started anew, rebuilt from checkpoint and log. `transferring`: it was started anew
   * with nothing of its own State. `verified`: a majority agrees with it again. `stopped`: the ladder ended.
   * `waits`: it is not touched now, because too few others are well. `operator`: a person asked for the repair.
   */
  kind: v.picklist([
    ...(['found', 'quarantined', 'evidence', 'restarted', 'transferring', 'verified', 'stopped', 'waits'] as const),
    'operator',
  ]),
  /** One sentence for people. */
  text: v.string(),
})

/** A key on both sides; null where a side has none. */
export const differingKeySchema = v.object({
  key: v.string(),
  deviating: v.nullable(v.unknown()),
  majority: v.nullable(v.unknown()),
})

/** Where a replica's State differs from the majority's, with both sides. */
export const evidenceSchema = v.object({
  slot: count,
  /** Name of the member that compared. */
  inspector: v.string(),
  /** The AUDIT at which they last agreed; null when it knows of none. */
  slotAgreed: v.nullable(count),
  /** Signed by each; with the members' keys anybody can check it. Signature in base64. */
  reports: v.array(
    v.object({ replica: v.string(), name: v.string(), root: v.string(), outputs: v.string(), signature: v.string() }),
  ),
  majority: v.object({ root: v.string(), outputs: v.string() }),
  /** Whether the States differ, or only the Outputs given. */
  differs: v.picklist(['state', 'outputs', 'both']),
  /** Numbers of the partitions that differ, of 1,024. */
  partitions: v.array(count),
  /** Keys of the first of them that differ; the first of these, when there are many. */
  keys: v.array(differingKeySchema),
})
export type EvidenceView = v.InferOutput<typeof evidenceSchema>

/** A replica that deviated: how it was found, what was done, how it ended. */
export const incidentSchema = v.object({
  /** Counted from 1 in each cluster on this host. */
  number: count,
  replica: v.string(),
  /** Of the AUDIT that found it. */
  slot: count,
  openedMs: v.number(),
  /** Null while it is open. */
  closedMs: v.nullable(v.number()),
  /** `open`: under repair. `repaired`: a majority agrees with it again. `given-up`: it was stopped; a person must act. */
  state: v.picklist(['open', 'repaired', 'given-up']),
  /** The repair that was tried last; null before the first. */
  rung: v.nullable(repairRungSchema),
  /** One sentence: the worst of it. */
  summary: v.string(),
  steps: v.array(incidentStepSchema),
  evidence: v.nullable(evidenceSchema),
})
export type IncidentView = v.InferOutput<typeof incidentSchema>
