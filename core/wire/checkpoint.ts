import * as v from 'valibot'
import type { Attestation, Certificate } from '../model/checkpoint.ts'
import { LIMITS } from '../model/limits.ts'
import { bytesSchema, countSchema, digestSchema, replicaIdSchema, signatureSchema, slotSchema } from './schema.ts'

const attestationSchema: v.GenericSchema<unknown, Attestation> = v.strictObject({
  replica: replicaIdSchema,
  signature: signatureSchema,
})

export const certificateSchema: v.GenericSchema<unknown, Certificate> = v.strictObject({
  slot: slotSchema,
  root: digestSchema,
  attestations: v.pipe(v.array(attestationSchema), v.maxLength(LIMITS.membersMax)),
})

/** The sender holds a verified checkpoint of this slot, with this root. */
const attestation = v.strictObject({
  kind: v.literal('attestation'),
  slot: slotSchema,
  root: digestSchema,
  signature: signatureSchema,
})
/** "Your attestation of this slot has not come." */
const attestationRequest = v.strictObject({ kind: v.literal('attestation-request'), slot: slotSchema })

/** What the sender knows of a majority's attestations, whether it holds that checkpoint itself or not. */
const certificate = v.strictObject({ kind: v.literal('certificate'), certificate: certificateSchema })

/** "Which stable checkpoint at `slotMin` or later have you?" */
const checkpointRequest = v.strictObject({ kind: v.literal('checkpoint-request'), slotMin: slotSchema })
const checkpointOffer = v.strictObject({
  kind: v.literal('checkpoint-offer'),
  timeMs: countSchema,
  /** The State's encoding, before compression. Unit: bytes. */
  stateBytes: countSchema,
  certificate: certificateSchema,
})

/** The digests of all partitions of a checkpoint. */
const digestsRequest = v.strictObject({ kind: v.literal('digests-request'), slot: slotSchema })
const digests = v.strictObject({
  kind: v.literal('digests'),
  slot: slotSchema,
  digests: v.pipe(v.array(digestSchema), v.maxLength(4096)),
})

/** Pieces of packed partitions; each at most `LIMITS.pieceBytesMax` long, from `offset` on. */
const stateRequest = v.strictObject({
  kind: v.literal('state-request'),
  slot: slotSchema,
  pieces: v.pipe(
    v.array(v.strictObject({ partition: countSchema, offset: countSchema })),
    v.maxLength(LIMITS.piecesMax),
  ),
})
const piece = v.strictObject({
  partition: countSchema,
  offset: countSchema,
  packedBytes: countSchema,
  rawBytes: countSchema,
  bytes: bytesSchema(LIMITS.pieceBytesMax),
})
const statePieces = v.strictObject({
  kind: v.literal('state-pieces'),
  slot: slotSchema,
  pieces: v.pipe(v.array(piece), v.maxLength(LIMITS.piecesMax)),
})
/** The sender has no checkpoint of this slot, or none that can be read. */
const stateGone = v.strictObject({ kind: v.literal('state-gone'), slot: slotSchema })

export const checkpointMessageSchemas = [
  attestation,
  attestationRequest,
  certificate,
  checkpointRequest,
  checkpointOffer,
  digestsRequest,
  digests,
  stateRequest,
  statePieces,
  stateGone,
] as const

export type CheckpointMessage = v.InferOutput<(typeof checkpointMessageSchemas)[number]>
export type StatePiece = v.InferOutput<typeof piece>
export type CheckpointOffer = v.InferOutput<typeof checkpointOffer>

const KINDS: ReadonlySet<string> = new Set(checkpointMessageSchemas.map((schema) => schema.entries.kind.literal))

export function isCheckpointMessage(message: { readonly kind: string }): message is CheckpointMessage {
  return KINDS.has(message.kind)
}
