import * as v from 'valibot'
import { auditSchema, incidentSchema } from './audit-views.ts'
import { FAULT_MS_MAX, faultSchema, injectedSchema } from './faults.ts'
import {
  clusterSchema,
  electionSchema,
  hostSchema,
  logSchema,
  noteSchema,
  outcomeSchema,
  slotVotesSchema,
  taskSchema,
} from './views.ts'

/**
 * The one contract between a console and its host: every call with the schema of its argument and of its answer,
 * every event with the schema of what it carries. Electron IPC and WebSocket both derive from this table.
 */

const clusterRef = v.pipe(v.string(), v.minLength(1), v.maxLength(64))
const replicaName = v.pipe(v.string(), v.minLength(1), v.maxLength(64))
const positive = v.pipe(v.number(), v.safeInteger(), v.minValue(1))
const timeoutMs = v.pipe(v.number(), v.safeInteger(), v.minValue(100), v.maxValue(60_000))
const nothing = v.strictObject({})
/** On the host's computer; the host refuses one that is not absolute there. */
const filePath = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(4096),
  v.check((path) => !path.includes('\0'), 'a path without a zero byte'),
)

/** The answer is to hold the certificate of its Output. It waits for the votes that make one, to the deadline at most. */
const wantsProof = v.optional(v.boolean())

export const submitSchema = v.strictObject({
  /** 1 to 128 characters; (client, sequence) names the Input, a retry with the same pair is safe. */
  client: v.pipe(v.string(), v.minLength(1), v.maxLength(128)),
  sequence: positive,
  machine: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
  input: v.unknown(),
  timeoutMs: v.optional(timeoutMs),
  proof: wantsProof,
})
export const readSchema = v.strictObject({
  machine: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
  input: v.unknown(),
  consistency: v.optional(v.picklist(['linearizable', 'stale'])),
  timeoutMs: v.optional(timeoutMs),
  /** Orders the read, because only what stands in a slot is signed; not for a stale one. */
  proof: wantsProof,
})
export type SubmitArgument = v.InferOutput<typeof submitSchema>
export type ReadArgument = v.InferOutput<typeof readSchema>

export const CONSOLE_REQUESTS = {
  'host.view': { argument: nothing, answer: hostSchema },
  /** Founds a cluster of three replicas on this computer, on loopback only, with rehearsal allowed. */
  'cluster.try': {
    argument: v.strictObject({
      name: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(64)),
      /**
       * Leader leases on: reads need no round while the clocks of the members drift apart by less than this during an
       * election timeout. Off when left out.
       */
      leaseClockBoundMs: v.optional(v.pipe(positive, v.maxValue(200))),
      /** When a CHECKPOINT is ordered by itself: after so many slots, or bytes of Inputs. */
      checkpointPolicy: v.optional(
        v.strictObject({ slotsMax: positive, bytesMax: v.pipe(positive, v.minValue(64 * 1024)) }),
      ),
      /** When an AUDIT is ordered by itself: after so many slots, or so long. Unit: ms. */
      auditPolicy: v.optional(v.strictObject({ slotsMax: positive, intervalMs: v.pipe(positive, v.minValue(100)) })),
    }),
    answer: v.object({ cluster: v.string() }),
  },
  'cluster.start': { argument: v.strictObject({ cluster: clusterRef }), answer: nothing },
  'cluster.stop': { argument: v.strictObject({ cluster: clusterRef }), answer: nothing },
  /** Stops its replicas and deletes its data; the name must be typed. */
  'cluster.delete': { argument: v.strictObject({ cluster: clusterRef, name: v.string() }), answer: nothing },
  'cluster.submit': {
    argument: v.strictObject({ cluster: clusterRef, ...submitSchema.entries }),
    answer: outcomeSchema,
  },
  'cluster.read': { argument: v.strictObject({ cluster: clusterRef, ...readSchema.entries }), answer: outcomeSchema },
  /** Orders a CHECKPOINT: every replica keeps its State at that slot; its Output is `{ slot }`. */
  'cluster.checkpoint': {
    argument: v.strictObject({ cluster: clusterRef, timeoutMs: v.optional(timeoutMs), proof: wantsProof }),
    answer: outcomeSchema,
  },
  /**
   * Decided slots as they lie in one replica's log, by rising slot: from `slotFrom`, or the last ones up to `slotTo`
   * or the newest.
   */
  'cluster.log': {
    argument: v.strictObject({
      cluster: clusterRef,
      /** Whose log; any that runs when left out. */
      replica: v.optional(replicaName),
      slotFrom: v.optional(positive),
      slotTo: v.optional(positive),
      limit: v.pipe(positive, v.maxValue(500)),
    }),
    answer: logSchema,
  },
  /** The newest slots with votes, newest first, before `slotBefore` if given. */
  'cluster.votes': {
    argument: v.strictObject({
      cluster: clusterRef,
      slotBefore: v.optional(positive),
      limit: v.pipe(positive, v.maxValue(500)),
    }),
    answer: v.object({ slots: v.array(slotVotesSchema) }),
  },
  /** Orders an AUDIT: every replica tells what it holds after that slot; its Output is `{ slot }`. */
  'cluster.audit': {
    argument: v.strictObject({ cluster: clusterRef, timeoutMs: v.optional(timeoutMs) }),
    answer: outcomeSchema,
  },
  /** The newest AUDITs with a verdict, newest first. */
  'cluster.audits': {
    argument: v.strictObject({ cluster: clusterRef, limit: v.pipe(positive, v.maxValue(500)) }),
    answer: v.object({ audits: v.array(auditSchema) }),
  },
  /** Replicas that deviated, newest first, with the evidence. */
  'cluster.incidents': {
    argument: v.strictObject({ cluster: clusterRef, limit: v.pipe(positive, v.maxValue(500)) }),
    answer: v.object({ incidents: v.array(incidentSchema) }),
  },
  /** Rehearsal: does something to a replica, or to a link; it ends by itself. */
  'cluster.inject': {
    argument: v.strictObject({
      cluster: clusterRef,
      fault: faultSchema,
      /** `FAULT_MS_DEFAULT` when left out; of no meaning to a fault that happens at once. Unit: ms. */
      durationMs: v.optional(v.pipe(positive, v.maxValue(FAULT_MS_MAX))),
    }),
    answer: injectedSchema,
  },
  /** Rehearsal: ends an active fault now; all of them when none is named. */
  'cluster.heal': {
    argument: v.strictObject({ cluster: clusterRef, number: v.optional(positive) }),
    answer: nothing,
  },
  /** Faults that were injected, newest first, those that ended among them. */
  'cluster.injected': {
    argument: v.strictObject({ cluster: clusterRef, limit: v.pipe(positive, v.maxValue(500)) }),
    answer: v.object({ injected: v.array(injectedSchema) }),
  },
  /** The newest elections this host saw, newest first. */
  'cluster.elections': {
    argument: v.strictObject({ cluster: clusterRef, limit: v.pipe(positive, v.maxValue(500)) }),
    answer: v.object({ elections: v.array(electionSchema) }),
  },
  /**
   * Writes a backup, a verified checkpoint and the log since, to a file on the host's computer, while the cluster goes
   * on. Answers at once: `host.task` tells how it goes. A file that is there is replaced only with `replace`.
   */
  'cluster.backup': {
    argument: v.strictObject({ cluster: clusterRef, file: filePath, replace: v.optional(v.boolean()) }),
    answer: taskSchema,
  },
  /**
   * Verifies a backup and founds a new cluster of three replicas on this computer from it; "<old name> restored"
   * unless named. Answers at once: `host.task` tells how it goes, and `clusterId` when it is done.
   */
  'cluster.restore': {
    argument: v.strictObject({
      file: filePath,
      name: v.optional(v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(64))),
    }),
    answer: taskSchema,
  },
  /** How a backup or a restore goes; the newest of them are remembered. */
  'host.task': { argument: v.strictObject({ task: positive }), answer: taskSchema },
  /** The newest notes, newest first. */
  'host.notes': {
    argument: v.strictObject({ limit: v.pipe(positive, v.maxValue(500)) }),
    answer: v.object({ notes: v.array(noteSchema) }),
  },
  'replica.start': { argument: v.strictObject({ cluster: clusterRef, replica: replicaName }), answer: nothing },
  /** Gracefully: leadership is handed over, the log flushed. */
  'replica.stop': { argument: v.strictObject({ cluster: clusterRef, replica: replicaName }), answer: nothing },
  /** The repair ladder for a replica that somebody mistrusts: started anew, rebuilt, and verified by an AUDIT. */
  'replica.repair': { argument: v.strictObject({ cluster: clusterRef, replica: replicaName }), answer: nothing },
} as const

export const CONSOLE_EVENTS = {
  /** A cluster's view was replaced (at most ten times a second each). */
  'cluster.changed': clusterSchema,
  /** A cluster was founded or deleted: ask for 'host.view' again. */
  'host.changed': v.object({ version: v.number() }),
  /** Slots whose votes changed since the last event (coalesced, newest kept); `dropped` counts those left out. */
  'votes.changed': v.object({ cluster: v.string(), slots: v.array(slotVotesSchema), dropped: v.number() }),
  /** An AUDIT has a (new) verdict. */
  'audit.changed': v.object({ cluster: v.string(), audit: auditSchema }),
  /** Something happened to a replica that deviates. */
  'incident.changed': v.object({ cluster: v.string(), incident: incidentSchema }),
  'note.added': noteSchema,
} as const

export type ConsoleRequestName = keyof typeof CONSOLE_REQUESTS
export type ConsoleArgument<Name extends ConsoleRequestName> = v.InferInput<(typeof CONSOLE_REQUESTS)[Name]['argument']>
export type ConsoleAnswer<Name extends ConsoleRequestName> = v.InferOutput<(typeof CONSOLE_REQUESTS)[Name]['answer']>
export type ConsoleEventName = keyof typeof CONSOLE_EVENTS
export type ConsoleEvent<Name extends ConsoleEventName> = v.InferOutput<(typeof CONSOLE_EVENTS)[Name]>

/** Errors travel as data: Electron would keep only the message, WebSocket nothing. */
export interface ConsoleFault {
  /** Stable, for programs: 'INVALID_ARGUMENT', 'UNKNOWN_CALL', 'INPUT_REFUSED', 'CLUSTER_UNKNOWN', 'BUSY' … */
  readonly code: string
  /** For people: what happened and what to do. */
  readonly message: string
}

export type ConsoleReply<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: ConsoleFault }

/** What the host offers, whatever carries it. */
export interface ConsoleApi {
  request: <Name extends ConsoleRequestName>(
    name: Name,
    argument: ConsoleArgument<Name>,
  ) => Promise<ConsoleReply<ConsoleAnswer<Name>>>
  /** @returns the function that ends the subscription. */
  subscribe: <Name extends ConsoleEventName>(name: Name, listener: (event: ConsoleEvent<Name>) => void) => () => void
}

/** Frames of the WebSocket; the first from the console must be `hello` with the access token. */
export const clientFrameSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('hello'), token: v.pipe(v.string(), v.maxLength(256)) }),
  v.strictObject({ kind: v.literal('request'), id: positive, name: v.string(), argument: v.unknown() }),
])
export type ClientFrame = v.InferOutput<typeof clientFrameSchema>

const replySchema = v.variant('ok', [
  v.object({ ok: v.literal(true), value: v.unknown() }),
  v.object({ ok: v.literal(false), fault: v.object({ code: v.string(), message: v.string() }) }),
])
export const hostFrameSchema = v.variant('kind', [
  v.object({ kind: v.literal('welcome') }),
  v.object({ kind: v.literal('reply'), id: v.number(), reply: replySchema }),
  v.object({ kind: v.literal('event'), name: v.string(), event: v.unknown() }),
])
export type HostFrame = v.InferOutput<typeof hostFrameSchema>
