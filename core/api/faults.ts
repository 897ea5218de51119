import * as v from 'valibot'

/**
 * The fault lab's vocabulary: what can be done to a replica, or to a link between two, for rehearsal. Only in clusters
 * that allow it. Every fault is visible as injected, is recorded, and ends by itself.
 */

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const name = v.pipe(v.string(), v.minLength(1), v.maxLength(64))
const part = v.pipe(v.number(), v.minValue(0), v.maxValue(1))

/** Unit: ms. */
export const FAULT_MS_DEFAULT = 30_000
export const FAULT_MS_MAX = 600_000

const replica = { replica: name }
/** What `from` sends to `to`; the other way is not touched unless `bothWays`. */
const link = { from: name, to: name, bothWays: v.optional(v.boolean(), false) }

export const faultSchema = v.variant('kind', [
  /** Its process is stopped and goes on later, as after a suspend. */
  v.strictObject({ kind: v.literal('pause'), ...replica }),
  /** kill -9, at once; the host starts it again. */
  v.strictObject({ kind: v.literal('kill'), ...replica }),
  /** Nothing more can be written to its disk. */
  v.strictObject({ kind: v.literal('disk-full'), ...replica }),
  /** Its disk syncs nothing. */
  v.strictObject({ kind: v.literal('disk-stall'), ...replica }),
  /** Its clocks show another time. Unit: ms, may be negative. */
  v.strictObject({
    kind: v.literal('clock-skew'),
    ...replica,
    byMs: v.pipe(v.number(), v.safeInteger(), v.minValue(-86_400_000), v.maxValue(86_400_000)),
  }),
  /** One byte of its State changes in memory, of this key or of any; at once. */
  v.strictObject({ kind: v.literal('flip-byte'), ...replica, key: v.optional(v.pipe(v.string(), v.maxLength(4096))) }),
  /** One byte of a document in its log file changes; it is noticed when that is read. At once. */
  v.strictObject({ kind: v.literal('corrupt-log'), ...replica }),
  /** Its Outputs are wrong: each of them, or now and then one. */
  v.strictObject({
    kind: v.literal('lie'),
    ...replica,
    how: v.optional(v.picklist(['always', 'sometimes']), 'always'),
  }),
  /** Its own audit compares and reports nothing. */
  v.strictObject({ kind: v.literal('disable-auditor'), ...replica }),
  v.strictObject({ kind: v.literal('drop'), ...link, part }),
  v.strictObject({ kind: v.literal('delay'), ...link, byMs: v.pipe(count, v.maxValue(60_000)) }),
  v.strictObject({ kind: v.literal('duplicate'), ...link, part }),
  /** Nothing gets through. */
  v.strictObject({ kind: v.literal('partition'), ...link }),
])
export type Fault = v.InferOutput<typeof faultSchema>
export type FaultArgument = v.InferInput<typeof faultSchema>
export type FaultKind = Fault['kind']

/** They happen at once and have no end of their own. */
export const INSTANT_FAULTS: readonly FaultKind[] = ['kill', 'flip-byte', 'corrupt-log']

/** A fault that was injected. */
export const injectedSchema = v.object({
  /** Counted from 1 in each cluster on this host. */
  number: count,
  fault: faultSchema,
  /** For people: "b lies in every Output". */
  text: v.string(),
  startedMs: v.number(),
  /** When it will end by itself; null for one that happened at once. */
  endsMs: v.nullable(v.number()),
  /** Null while it is active. */
  endedMs: v.nullable(v.number()),
})
export type InjectedView = v.InferOutput<typeof injectedSchema>
