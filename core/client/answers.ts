import * as v from 'valibot'
import { auditSchema, incidentSchema } from '../api/audit-views.ts'
import { injectedSchema } from '../api/faults.ts'
import { proofSchema } from '../api/proof.ts'
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
  /** There when it was asked for; null: it could not be made in time. The Output holds all the same. */
  proof: v.optional(v.nullable(proofSchema)),
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

/** AUDITs with a verdict, newest first. */
export const auditsSchema = v.object({ cluster: v.string(), audits: v.array(auditSchema) })
export type Audits = v.InferOutput<typeof auditsSchema>

/** Replicas that deviated, newest first. */
export const incidentsSchema = v.object({ cluster: v.string(), incidents: v.array(incidentSchema) })
export type Incidents = v.InferOutput<typeof incidentsSchema>

/** One incident as a file of its own; the members' ids are the keys its reports are signed with. */
export const incidentFileSchema = v.object({
  kind: v.literal('synod incident'),
  format: v.literal(1),
  /** The host's version. */
  synod: v.string(),
  cluster: v.object({ id: v.string(), name: v.string() }),
  members: v.array(v.object({ replica: v.string(), name: v.string() })),
  incident: incidentSchema,
})
export type IncidentFile = v.InferOutput<typeof incidentFileSchema>

/** A repair was begun; incidents tell how it goes. */
export const repairSchema = v.object({ cluster: v.string(), replica: v.string() })
export type Repair = v.InferOutput<typeof repairSchema>

/** A fault that was injected, for rehearsal. */
export const injectAnswerSchema = v.object({ cluster: v.string(), injected: injectedSchema })
export type InjectAnswer = v.InferOutput<typeof injectAnswerSchema>

export const healAnswerSchema = v.object({ cluster: v.string() })
export type HealAnswer = v.InferOutput<typeof healAnswerSchema>

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
