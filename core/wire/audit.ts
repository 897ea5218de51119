import * as v from 'valibot'
import { bytesSchema, countSchema, digestSchema, slotSchema } from './schema.ts'

/** As many partitions as a State may have. */
const PARTITION_DIGESTS_MAX = 4096
/** A partition past this is named in the evidence, and its keys are not. */
export const AUDIT_ENTRIES_BYTES_MAX = 1024 * 1024

/** What the sender's State and recent Outputs come to after an AUDIT: its report. */
const auditReport = v.strictObject({
  kind: v.literal('audit-report'),
  slot: slotSchema,
  /** Of the State, computed from what is really held. */
  root: digestSchema,
  /** Over the Outputs it gave since the AUDIT or CHECKPOINT before. */
  outputs: digestSchema,
  /** Over `auditedBytes`. */
  signature: bytesSchema(64),
})
/** "Your report of this AUDIT has not come." */
const auditReportRequest = v.strictObject({ kind: v.literal('audit-report-request'), slot: slotSchema })

/** "Which partitions gave you your root?" Asked of a replica that deviates, to find where. */
const auditDigestsRequest = v.strictObject({ kind: v.literal('audit-digests-request'), slot: slotSchema })
const auditDigests = v.strictObject({
  kind: v.literal('audit-digests'),
  slot: slotSchema,
  digests: v.pipe(v.array(digestSchema), v.maxLength(PARTITION_DIGESTS_MAX)),
})
/** "What do you hold in this partition?" */
const auditEntriesRequest = v.strictObject({
  kind: v.literal('audit-entries-request'),
  slot: slotSchema,
  partition: countSchema,
})
const auditEntries = v.strictObject({
  kind: v.literal('audit-entries'),
  slot: slotSchema,
  partition: countSchema,
  /** Canonical list of keys and values; absent when it is too large to be sent. */
  entries: v.nullable(bytesSchema(AUDIT_ENTRIES_BYTES_MAX)),
})

/** "I have seen what I wanted of what you hold." */
const auditInspected = v.strictObject({ kind: v.literal('audit-inspected'), slot: slotSchema })

export const auditMessageSchemas = [
  auditReport,
  auditReportRequest,
  auditDigestsRequest,
  auditDigests,
  auditEntriesRequest,
  auditEntries,
  auditInspected,
] as const

export type AuditMessage = v.InferOutput<(typeof auditMessageSchemas)[number]>

const KINDS: ReadonlySet<string> = new Set(auditMessageSchemas.map((schema) => schema.entries.kind.literal))

export function isAuditMessage(message: { readonly kind: string }): message is AuditMessage {
  return KINDS.has(message.kind)
}
