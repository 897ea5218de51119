import * as v from 'valibot'
import { LIMITS } from '../model/limits.ts'
import { bytesSchema, digestSchema, signatureSchema, slotSchema } from './schema.ts'

/** One digest a slot, over the digests of all Outputs of the batch, and the sender's signature over that. */
const vote = v.strictObject({
  kind: v.literal('vote'),
  slot: slotSchema,
  digest: digestSchema,
  signature: signatureSchema,
})

/** "Your votes of these slots have not come." */
const voteRequest = v.strictObject({
  kind: v.literal('vote-request'),
  slots: v.pipe(v.array(slotSchema), v.maxLength(LIMITS.outputSlotsMax)),
})

/** "Your digest differs from mine: send your Outputs one by one." */
const outputsRequest = v.strictObject({
  kind: v.literal('outputs-request'),
  slot: slotSchema,
  /** Position of the first Output that is not there yet. */
  first: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
})

/**
 * The Outputs of a slot, each in its canonical encoding (of a repeat's, in a list of its own), in the order of the
 * batch, in parts of bounded size:
 * `first` is the position of the part's first Output, `count` how many the slot has.
 */
const outputs = v.strictObject({
  kind: v.literal('outputs'),
  slot: slotSchema,
  first: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  count: v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(LIMITS.batchInputsMax)),
  outputs: v.pipe(v.array(bytesSchema(LIMITS.partBytesMax)), v.maxLength(LIMITS.batchInputsMax)),
})

export const outputMessageSchemas = [vote, voteRequest, outputsRequest, outputs] as const

export type OutputMessage = v.InferOutput<(typeof outputMessageSchemas)[number]>
