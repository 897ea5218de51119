import * as v from 'valibot'
import type { Reply, SlotVotes } from '../replica/effects.ts'
import type { Note } from '../replica/effects.ts'
import {
  bytesSchema,
  clientIdSchema,
  epochSchema,
  machineNameSchema,
  replicaIdSchema,
  sequenceSchema,
} from '../wire/schema.ts'
import { LIMITS } from '../model/limits.ts'
import type { ClusterId } from '../model/ids.ts'

/**
 * What a host and its replica processes say to each other. The orders are checked by schema when they arrive; what a
 * replica tells is checked for its kind only: it is our own code on the same machine, with the same rights.
 */

const counted = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const clusterIdSchema = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(64),
  v.transform((value) => value as ClusterId),
)

const member = v.strictObject({ replica: replicaIdSchema, name: v.pipe(v.string(), v.minLength(1), v.maxLength(64)) })

/** All a replica process must know to live. Holds its private key: never traced. */
export const replicaOrdersSchema = v.strictObject({
  cluster: clusterIdSchema,
  epoch: epochSchema,
  self: replicaIdSchema,
  members: v.pipe(v.array(member), v.minLength(1), v.maxLength(LIMITS.membersMax)),
  privateKey: v.string(),
  networkKey: v.string(),
  /** Of this replica alone; created when it isn't there. */
  folder: v.pipe(v.string(), v.minLength(1)),
  /** An earlier life began its log there: if it is gone, so are its promises. */
  hasBegun: v.boolean(),
  listen: v.array(v.string()),
  /** Differs between any two lives. */
  life: v.pipe(v.string(), v.minLength(1), v.maxLength(32)),
  /** Leader leases with this clock bound; off when absent. Unit: ms. */
  leaseClockBoundMs: v.optional(counted),
  /** Tell the host diagnostics. */
  trace: v.boolean(),
  queueInputsMax: v.optional(v.pipe(counted, v.minValue(1))),
  /** The replica's randomness; whole number. */
  seed: v.pipe(v.number(), v.safeInteger()),
})
export type ReplicaOrders = v.InferOutput<typeof replicaOrdersSchema>

const submit = v.strictObject({
  kind: v.literal('submit'),
  request: counted,
  client: clientIdSchema,
  sequence: sequenceSchema,
  machine: machineNameSchema,
  payload: bytesSchema(LIMITS.inputBytesMax),
  timeoutMs: counted,
})
const read = v.strictObject({
  kind: v.literal('read'),
  request: counted,
  machine: machineNameSchema,
  payload: bytesSchema(LIMITS.inputBytesMax),
  consistency: v.picklist(['linearizable', 'stale']),
  timeoutMs: counted,
})

export const hostMessageSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('start'), orders: replicaOrdersSchema }),
  v.strictObject({
    kind: v.literal('peers'),
    peers: v.array(v.strictObject({ replica: replicaIdSchema, addresses: v.array(v.string()) })),
  }),
  v.strictObject({ kind: v.literal('requests'), requests: v.array(v.variant('kind', [submit, read])) }),
  v.strictObject({ kind: v.literal('forget'), request: counted }),
  v.strictObject({
    kind: v.literal('votes'),
    query: counted,
    slotBefore: v.optional(counted),
    versionAfter: v.optional(counted),
    limit: counted,
  }),
  v.strictObject({ kind: v.literal('lie'), active: v.boolean() }),
  /** Hand over, flush, exit with code 0. */
  v.strictObject({ kind: v.literal('stop') }),
])
export type HostMessage = v.InferOutput<typeof hostMessageSchema>
export type ReplicaRequest = v.InferOutput<typeof submit> | v.InferOutput<typeof read>

/** What a replica process tells its host. */
export type ReplicaMessage =
  /** The log is read and the State rebuilt; others may dial. */
  | { readonly kind: 'started'; readonly addresses: readonly string[] }
  | { readonly kind: 'replies'; readonly replies: readonly { readonly request: number; readonly reply: Reply }[] }
  | { readonly kind: 'status'; readonly status: ReplicaReport }
  | { readonly kind: 'note'; readonly note: Note }
  | {
      readonly kind: 'votes'
      readonly query: number
      readonly version: number
      readonly slots: readonly SlotVotes[]
      readonly more: number
    }
  | { readonly kind: 'trace'; readonly event: string; readonly fields: Readonly<Record<string, unknown>> }
  /** It can't go on, and will exit. `isFinal`: starting it again would not help. */
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly isFinal: boolean }

export interface ReplicaReport {
  readonly role: 'follower' | 'candidate' | 'leader'
  readonly leader: string | undefined
  readonly ballot: { readonly round: number; readonly proposer: string }
  readonly slotDecided: number
  readonly slotExecuted: number
  readonly logBytes: number
  readonly connectedTo: readonly string[]
  readonly lies: boolean
}

const REPLICA_KINDS: ReadonlySet<unknown> = new Set([
  'started',
  'replies',
  'status',
  'note',
  'votes',
  'trace',
  'failed',
])

export function isReplicaMessage(message: unknown): message is ReplicaMessage {
  return typeof message === 'object' && message !== null && 'kind' in message && REPLICA_KINDS.has(message.kind)
}
