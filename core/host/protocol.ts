import * as v from 'valibot'
import { faultSchema } from '../api/faults.ts'
import type { Output } from '../model/output.ts'
import type { Reply, SlotVotes } from '../replica/effects.ts'
import type { Note } from '../replica/effects.ts'
import {
  bytesSchema,
  clientIdSchema,
  epochSchema,
  machineNameSchema,
  replicaIdSchema,
  sequenceSchema,
  slotSchema,
} from '../wire/schema.ts'
import { settingsSchema } from '../storage/backup-format.ts'
import type { VerifiedBackup } from '../storage/backup-reading.ts'
import { LIMITS } from '../model/limits.ts'
import type { ClusterId } from '../model/ids.ts'
import type { ReplicaReport } from './report.ts'

export type { ReplicaReport } from './report.ts'

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

/** `number`: the host's name for it. */
const orderedFault = { number: counted, fault: faultSchema }

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
  /** When a CHECKPOINT is ordered by itself. Unit of `bytesMax`: bytes of batches. */
  checkpointPolicy: v.optional(
    v.strictObject({ slotsMax: v.pipe(counted, v.minValue(1)), bytesMax: v.pipe(counted, v.minValue(1)) }),
  ),
  /** When an AUDIT is ordered by itself. */
  auditPolicy: v.optional(
    v.strictObject({ slotsMax: v.pipe(counted, v.minValue(1)), intervalMs: v.pipe(counted, v.minValue(100)) }),
  ),
  /** An earlier life deviated: its Outputs do not count before an AUDIT verified it. */
  isQuarantined: v.boolean(),
  /** Nothing of its own State is to be used: it is received whole from others, and its log is kept. */
  discardsState: v.boolean(),
  /** Rehearsal is allowed, and these faults are active from the first moment on; absent: it is not allowed. */
  faults: v.optional(v.array(v.strictObject(orderedFault))),
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
  proof: v.optional(v.boolean()),
})
const read = v.strictObject({
  kind: v.literal('read'),
  request: counted,
  machine: machineNameSchema,
  payload: bytesSchema(LIMITS.inputBytesMax),
  consistency: v.picklist(['linearizable', 'stale']),
  timeoutMs: counted,
  proof: v.optional(v.boolean()),
})

const checkpoint = v.strictObject({
  kind: v.literal('checkpoint'),
  request: counted,
  timeoutMs: counted,
  proof: v.optional(v.boolean()),
})
const audit = v.strictObject({ kind: v.literal('audit'), request: counted, timeoutMs: counted })

/** What a process is started for that runs no replica. */
export const errandSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('verify'), file: v.string() }),
  /** Verify, replay, and write the folders of a new cluster's replicas. Holds their private keys: never traced. */
  v.strictObject({
    kind: v.literal('restore'),
    file: v.string(),
    cluster: clusterIdSchema,
    replicas: v.pipe(
      v.array(v.strictObject({ replica: replicaIdSchema, privateKey: v.string(), folder: v.string() })),
      v.minLength(1),
      v.maxLength(LIMITS.membersMax),
    ),
  }),
])
export type Errand = v.InferOutput<typeof errandSchema>

export const hostMessageSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('start'), orders: replicaOrdersSchema }),
  v.strictObject({
    kind: v.literal('peers'),
    peers: v.array(v.strictObject({ replica: replicaIdSchema, addresses: v.array(v.string()) })),
  }),
  v.strictObject({
    kind: v.literal('requests'),
    requests: v.array(v.variant('kind', [submit, read, checkpoint, audit])),
  }),
  v.strictObject({ kind: v.literal('forget'), request: counted }),
  v.strictObject({
    kind: v.literal('votes'),
    query: counted,
    slotBefore: v.optional(counted),
    versionAfter: v.optional(counted),
    limit: counted,
  }),
  /** Decided slots from its log: from `slotFrom`, or the last `limit` up to `slotTo` or the decided index. */
  v.strictObject({
    kind: v.literal('log'),
    query: counted,
    slotFrom: v.optional(counted),
    slotTo: v.optional(counted),
    limit: v.pipe(counted, v.minValue(1)),
  }),
  /** Write a backup to a file that is not there yet, once every slot up to `slotMin` is decided here. */
  v.strictObject({
    kind: v.literal('backup'),
    query: counted,
    file: v.pipe(v.string(), v.minLength(1)),
    slotMin: slotSchema,
    name: v.string(),
    synod: v.string(),
    createdMs: counted,
    settings: settingsSchema,
  }),
  /** In place of `start`: no replica, but one piece of work; the process ends after it. */
  v.strictObject({ kind: v.literal('errand'), errand: errandSchema }),
  /** Rehearsal: a fault begins or ends. Of no effect in a replica whose orders allow none. */
  v.strictObject({ kind: v.literal('fault'), ...orderedFault, active: v.boolean() }),
  /** Hand over, flush, exit with code 0. */
  v.strictObject({ kind: v.literal('stop') }),
])
export type HostMessage = v.InferOutput<typeof hostMessageSchema>
export type ReplicaRequest =
  | v.InferOutput<typeof submit>
  | v.InferOutput<typeof read>
  | v.InferOutput<typeof checkpoint>
  | v.InferOutput<typeof audit>

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
  | {
      readonly kind: 'log'
      readonly query: number
      readonly slotFirst: number
      readonly slotDecided: number
      readonly slots: readonly LoggedSlot[]
    }
  /** The backup is written and synced. */
  | { readonly kind: 'backup'; readonly query: number; readonly fileBytes: number }
  /** How a backup or an errand goes; `total` is undefined where it is not known. */
  | {
      readonly kind: 'progress'
      readonly query: number
      readonly phase: 'writing' | 'verifying' | 'founding'
      readonly done: number
      readonly total: number | undefined
    }
  | { readonly kind: 'errand-done'; readonly backup: VerifiedBackup }
  /** A query that can't be answered; `code` is for programs. */
  | { readonly kind: 'query-failed'; readonly query: number; readonly message: string; readonly code?: string }
  /** Something on its disk went wrong that harms nothing yet. */
  | { readonly kind: 'trouble'; readonly message: string }
  | { readonly kind: 'trace'; readonly event: string; readonly fields: Readonly<Record<string, unknown>> }
  /** It can't go on, and will exit. `isFinal`: starting it again would not help. */
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly isFinal: boolean }

export interface LoggedSlot {
  readonly slot: number
  readonly ballot: { readonly round: number; readonly proposer: string } | undefined
  /** The encoded batch. */
  readonly value: Uint8Array
  /** This replica's Outputs, while they are kept. */
  readonly outputs: readonly Output[] | undefined
}

const REPLICA_KINDS: ReadonlySet<unknown> = new Set([
  'started',
  'replies',
  'status',
  'note',
  'votes',
  'log',
  'backup',
  'progress',
  'errand-done',
  'query-failed',
  'trouble',
  'trace',
  'failed',
])

export function isReplicaMessage(message: unknown): message is ReplicaMessage {
  return typeof message === 'object' && message !== null && 'kind' in message && REPLICA_KINDS.has(message.kind)
}
