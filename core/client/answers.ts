import * as v from 'valibot'
import {
  electionSchema,
  failReasonSchema,
  hostSchema,
  logSchema,
  machineSchema,
  outputSchema,
  voteSchema,
} from '../api/views.ts'

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

export const statusSchema = v.object({
  ...v.pick(hostSchema, ['synod', 'host', 'dataFolder', 'clusters']).entries,
  machines: v.array(v.pick(machineSchema, ['name', 'title', 'reads'])),
})
export type Status = v.InferOutput<typeof statusSchema>

export const outcomeSchema = v.object({
  kind: v.literal('output'),
  /** The cluster's name. */
  cluster: v.string(),
  slot: count,
  output: outputSchema,
  votes: v.array(voteSchema),
})
/** A majority returned this Output. */
export type Outcome = v.InferOutput<typeof outcomeSchema>

export const readOutcomeSchema = v.variant('kind', [
  outcomeSchema,
  v.object({
    kind: v.literal('stale'),
    cluster: v.string(),
    slot: count,
    output: outputSchema,
    replica: v.string(),
  }),
])
export type ReadOutcome = v.InferOutput<typeof readOutcomeSchema>

export const foundedSchema = v.object({ cluster: v.string() })
export type Founded = v.InferOutput<typeof foundedSchema>

export const electionsSchema = v.object({ cluster: v.string(), elections: v.array(electionSchema) })
export type Elections = v.InferOutput<typeof electionsSchema>

/** A stretch of one replica's log, by rising slot. */
export const logAnswerSchema = v.object({ cluster: v.string(), ...logSchema.entries })
export type LogAnswer = v.InferOutput<typeof logAnswerSchema>

/** RFC 9457; the last three are there when the Input failed. */
export const problemSchema = v.looseObject({
  type: v.string(),
  title: v.string(),
  status: v.number(),
  detail: v.string(),
  reason: v.optional(failReasonSchema),
  slot: v.optional(v.nullable(count)),
  votes: v.optional(v.array(voteSchema)),
})
export type ProblemDetails = v.InferOutput<typeof problemSchema>

/** A problem is an answer too: the host said no, or FAIL. */
export type Answer<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: ProblemDetails }
