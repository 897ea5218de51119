import * as v from 'valibot'
import { LIMITS } from '../model/limits.ts'
import { bytesSchema, countSchema, digestSchema, machineNameSchema, slotSchema } from './schema.ts'

/**
 * Reads by read index. `life` names the proxy's process: an answer to an earlier life's question is nobody's.
 * Source: Ongaro (2014), 6.4 (processing read-only queries more efficiently).
 */
const life = v.pipe(v.string(), v.minLength(1), v.maxLength(32))

/** A proxy that does not lead asks the leader: "up to which slot must a read that begins now have executed?" */
const readIndexRequest = v.strictObject({ kind: v.literal('read-index-request'), life, group: countSchema })

/** The leader, after a quorum confirmed that it still leads. */
const readIndex = v.strictObject({ kind: v.literal('read-index'), life, group: countSchema, slot: slotSchema })

const question = v.strictObject({
  number: countSchema,
  machine: machineNameSchema,
  payload: bytesSchema(LIMITS.inputBytesMax),
})

/** The proxy to every other member: "answer these from your State, once it has executed `slot`." */
const readRequest = v.strictObject({
  kind: v.literal('read-request'),
  life,
  slot: slotSchema,
  reads: v.pipe(v.array(question), v.maxLength(LIMITS.batchInputsMax)),
})

/** A member's Outputs to a proxy's reads, by digest: its vote. */
const readOutputs = v.strictObject({
  kind: v.literal('read-outputs'),
  life,
  outputs: v.pipe(
    v.array(v.strictObject({ number: countSchema, digest: digestSchema })),
    v.maxLength(LIMITS.batchInputsMax),
  ),
})

export const readMessageSchemas = [readIndexRequest, readIndex, readRequest, readOutputs] as const

export type ReadMessage = v.InferOutput<(typeof readMessageSchemas)[number]>
export type ReadQuestion = v.InferOutput<typeof question>
