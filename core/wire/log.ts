import * as v from 'valibot'
import { LIMITS } from '../model/limits.ts'
import { batchBytesSchema, slotSchema } from './schema.ts'

/** "Send me the decided batches from `slotFrom` to `slotTo`." */
const logRequest = v.strictObject({ kind: v.literal('log-request'), slotFrom: slotSchema, slotTo: slotSchema })

const decidedEntry = v.strictObject({ slot: slotSchema, value: batchBytesSchema })

/** As many of the slots asked for as fit a part, without a gap from the first; `slotDecided` is the sender's. */
const logReply = v.strictObject({
  kind: v.literal('log-reply'),
  slotDecided: slotSchema,
  entries: v.pipe(v.array(decidedEntry), v.maxLength(LIMITS.frameMessagesMax)),
})

/** The first slot asked for was dropped here: `checkpoint` is the newest stable one, which stands for all before it. */
const logGone = v.strictObject({ kind: v.literal('log-gone'), slotFirst: slotSchema, checkpoint: slotSchema })

export const logMessageSchemas = [logRequest, logReply, logGone] as const

export type DecidedEntry = v.InferOutput<typeof decidedEntry>
export type LogMessage = v.InferOutput<(typeof logMessageSchemas)[number]>
