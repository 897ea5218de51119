import * as v from 'valibot'
import { LIMITS } from '../model/limits.ts'
import {
  ballotOrNoneSchema,
  ballotSchema,
  batchBytesSchema,
  clientIdSchema,
  countSchema,
  inputSchema,
  sequenceSchema,
  slotSchema,
} from './schema.ts'

/** "Would you promise this ballot?" Asked before a ballot is spent; binds nobody. */
const preVote = v.strictObject({ kind: v.literal('pre-vote'), ballot: ballotSchema, slotDecided: slotSchema })
const preVoteReply = v.strictObject({
  kind: v.literal('pre-vote-reply'),
  ballot: ballotSchema,
  granted: v.boolean(),
  promised: ballotOrNoneSchema,
})

/** Phase 1a, once per leadership: for every slot after `slotDecided` of the proposer. */
const prepare = v.strictObject({ kind: v.literal('prepare'), ballot: ballotSchema, slotDecided: slotSchema })

const acceptedEntry = v.strictObject({ slot: slotSchema, ballot: ballotSchema, value: batchBytesSchema })

/**
 * Phase 1b, in parts of bounded size. Each part is a whole truth of its own: these are all the batches accepted in the
 * slots from `slotFrom` to `slotTo` (null: to the end), and everything up to `slotDecided` is decided. So parts may be
 * lost, repeated, reordered, or come from different answers: the promise is complete when they leave no gap.
 */
const promise = v.strictObject({
  kind: v.literal('promise'),
  ballot: ballotSchema,
  slotDecided: slotSchema,
  slotFrom: slotSchema,
  slotTo: v.nullable(slotSchema),
  accepted: v.pipe(v.array(acceptedEntry), v.maxLength(LIMITS.frameMessagesMax)),
})

/** An older ballot: `promised` is the one that stands in its way. */
const refused = v.strictObject({ kind: v.literal('refused'), ballot: ballotSchema, promised: ballotSchema })

/** Phase 2a. `slotDecided`: the leader's decided index, on its way to the followers. */
const accept = v.strictObject({
  kind: v.literal('accept'),
  ballot: ballotSchema,
  slot: slotSchema,
  value: batchBytesSchema,
  slotDecided: slotSchema,
})

/** Phase 2b, sent to every member: each is a learner and decides by counting these itself. */
const accepted = v.strictObject({ kind: v.literal('accepted'), ballot: ballotSchema, slot: slotSchema })

/** The leader lives. `beat` counts up, so that a reply names the beat it answers. */
const heartbeat = v.strictObject({
  kind: v.literal('heartbeat'),
  ballot: ballotSchema,
  beat: countSchema,
  slotDecided: slotSchema,
})
const heartbeatReply = v.strictObject({
  kind: v.literal('heartbeat-reply'),
  ballot: ballotSchema,
  beat: countSchema,
  slotDecided: slotSchema,
})

/** Why a leader hands over. */
const abdicationReason = v.picklist(['abdicated', 'lost-quorum', 'disk-stall'])

/** The leader of this ballot hands over: whoever hears it need not wait for silence. */
const abdicated = v.strictObject({ kind: v.literal('abdicated'), ballot: ballotSchema, reason: abdicationReason })

/**
 * Every member to every other, now and then: the leader's ballot and the decided index as it knows them. So a member
 * that the leader can't reach still learns what was decided, and through whom the leader can be reached.
 */
const pulse = v.strictObject({ kind: v.literal('pulse'), ballot: ballotOrNoneSchema, slotDecided: slotSchema })

/** Inputs on their way from a proxy to the leader; `relayed` once when the proxy can't reach it. */
const forward = v.strictObject({
  kind: v.literal('forward'),
  relayed: v.boolean(),
  inputs: v.pipe(v.array(inputSchema), v.maxLength(LIMITS.batchInputsMax)),
})

/** The leader's queue is full: these Inputs were not ordered. */
const busy = v.strictObject({
  kind: v.literal('busy'),
  inputs: v.pipe(
    v.array(v.strictObject({ client: clientIdSchema, sequence: sequenceSchema })),
    v.maxLength(LIMITS.batchInputsMax),
  ),
})

export const orderingMessageSchemas = [
  preVote,
  preVoteReply,
  prepare,
  promise,
  refused,
  accept,
  accepted,
  heartbeat,
  heartbeatReply,
  abdicated,
  pulse,
  forward,
  busy,
] as const

export type AcceptedEntry = v.InferOutput<typeof acceptedEntry>
export type OrderingMessage = v.InferOutput<(typeof orderingMessageSchemas)[number]>

export type AbdicationReason = v.InferOutput<typeof abdicationReason>

/** Replies that bind the acceptor: they may leave only after their record is durable. */
export type BindingReply = Extract<OrderingMessage, { kind: 'promise' | 'accepted' }>
