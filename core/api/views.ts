import * as v from 'valibot'
import { auditSchema } from './audit-views.ts'
import { injectedSchema } from './faults.ts'
import { proofSchema } from './proof.ts'

/**
 * What people and programs are shown. Only cloneable data: the same schema serves Electron IPC, WebSocket and HTTP,
 * and the types follow from it. `null` stands for "not known yet".
 */

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

export const voteSchema = v.object({
  replica: v.string(),
  /** The member's name: "a". */
  name: v.string(),
  /** `none`: no answer yet; `answered`: an Output, and no majority to measure it by; else agrees or dissents. */
  sign: v.picklist(['none', 'answered', 'agrees', 'dissents']),
  /** SHA-256 in hexadecimal, of the Output together with its Input; of the Output alone for a read without a slot. */
  digest: v.nullable(v.string()),
  /** From the request's arrival at the proxy to this vote's. Unit: ms. */
  afterMs: v.nullable(v.number()),
  /** Over the digest of its slot, as it came, in base64; null for a read without a slot. A proof's were checked. */
  signature: v.nullable(v.string()),
})
export type VoteView = v.InferOutput<typeof voteSchema>

export const outputSchema = v.variant('ok', [
  v.object({ ok: v.literal(true), value: v.unknown() }),
  v.object({ ok: v.literal(false), error: v.object({ code: v.string(), message: v.string() }) }),
])
export type OutputView = v.InferOutput<typeof outputSchema>

export const failReasonSchema = v.picklist(['no-majority', 'too-few-outputs'])
export type FailReasonView = v.InferOutput<typeof failReasonSchema>

/** What came of an Input or a read. */
export const outcomeSchema = v.variant('kind', [
  v.object({
    kind: v.literal('output'),
    slot: count,
    output: outputSchema,
    votes: v.array(voteSchema),
    /** There when it was asked for; null: it could not be made in time. The Output holds all the same. */
    proof: v.optional(v.nullable(proofSchema)),
  }),
  v.object({
    kind: v.literal('fail'),
    reason: failReasonSchema,
    /** One sentence for people: what happened, what it means, what to do. */
    message: v.string(),
    slot: v.nullable(count),
    votes: v.array(voteSchema),
  }),
  /** A stale read: one replica's State, no vote. */
  v.object({ kind: v.literal('stale'), slot: count, output: outputSchema, replica: v.string() }),
])
export type OutcomeView = v.InferOutput<typeof outcomeSchema>

export const problemSchema = v.object({
  code: v.string(),
  /** What happened, what it means for the data, what to do. */
  message: v.string(),
})
export type ProblemView = v.InferOutput<typeof problemSchema>

/** A checkpoint on a replica's disk. */
export const checkpointSchema = v.object({
  slot: count,
  /** Ordered time, milliseconds since 1970. */
  timeMs: v.number(),
  /** Digest of the whole State. */
  root: v.string(),
  /** Keys in the State, the clients' sessions and all. */
  keys: count,
  /** The State's encoding; the file is compressed. Unit: bytes. */
  stateBytes: count,
  fileBytes: count,
  /** From the freeze until it was verified on disk; not known of an earlier life. */
  durationMs: v.nullable(v.number()),
  /** A majority attested the same root: it stands for the log before it. */
  stable: v.boolean(),
})
export type CheckpointView = v.InferOutput<typeof checkpointSchema>

/** A replica receives the State from others. */
export const transferSchema = v.object({
  phase: v.picklist(['seeking', 'comparing', 'fetching', 'writing']),
  /** Of the checkpoint that is received; null while one is looked for. */
  slot: v.nullable(count),
  /** Names of the members it comes from. */
  sources: v.array(v.string()),
  /** Partitions that differ from what was here, and those of them that have come. */
  partitionsWanted: count,
  partitionsDone: count,
  /** Received, compressed. */
  bytes: count,
  bytesPerSecond: count,
  secondsLeft: v.nullable(v.number()),
})
export type TransferView = v.InferOutput<typeof transferSchema>

/** What a replica keeps on its disk, and when it keeps less. */
export const storageSchema = v.object({
  /** The log's segment files, and the slots in them: `slotFirst` to the decided index. */
  logBytes: count,
  segments: count,
  slotFirst: count,
  checkpointBytes: count,
  checkpoints: v.array(checkpointSchema),
  /** The slot of the checkpoint that is being written. */
  writing: v.nullable(count),
  /** Executed since the last CHECKPOINT; the next is ordered when one of them reaches the cluster's threshold. */
  sinceSlots: count,
  sinceBytes: count,
  /** Why the log before `slotFirst` could go and what comes after it can't, in one sentence. */
  retention: v.string(),
})
export type StorageView = v.InferOutput<typeof storageSchema>

export const replicaSchema = v.object({
  id: v.string(),
  name: v.string(),
  /** The life of its process. `failed`: it will not be restarted before someone acts on `problem`. */
  process: v.picklist(['starting', 'running', 'stopping', 'stopped', 'restarting', 'failed']),
  pid: v.nullable(count),
  role: v.nullable(v.picklist(['follower', 'candidate', 'leader'])),
  slotDecided: count,
  slotExecuted: count,
  /** Bytes of its Input log on disk. */
  logBytes: count,
  storage: storageSchema,
  transfer: v.nullable(transferSchema),
  /** Resident memory of its process; null while it does not run. */
  memoryBytes: v.nullable(count),
  /** Names of the members it is connected to. */
  connectedTo: v.array(v.string()),
  /** Starts of its process after the first, since the host came up. */
  restarts: count,
  /** Injected faults that are active on it: `lie`, `pause` …, and on its links: `partition` … */
  faults: v.array(v.string()),
  /** It deviated from a majority: its Outputs do not count until an AUDIT verified it. */
  quarantined: v.boolean(),
  /** The newest AUDIT it reported in this life of its process; null: none. */
  slotAudited: v.nullable(count),
  problem: v.nullable(problemSchema),
})
export type ReplicaView = v.InferOutput<typeof replicaSchema>

export const clusterSchema = v.object({
  id: v.string(),
  name: v.string(),
  /** Rises with every change; a reader that sees a gap asks again. */
  version: count,
  /** `founding`: its replicas are being started for the first time. */
  phase: v.picklist(['founding', 'serving', 'no-quorum', 'stopped']),
  /** Fault injection is allowed. */
  rehearsal: v.boolean(),
  epoch: count,
  /** Name of the leader, as a majority sees it. */
  leader: v.nullable(v.string()),
  /** For people: round and proposer's name, "7.b". */
  ballot: v.nullable(v.string()),
  slotDecided: count,
  replicas: v.array(replicaSchema),
  /** The newest AUDIT with a verdict. */
  audit: v.nullable(auditSchema),
  /** Incidents that are not closed, and such as were given up and not started again since. */
  incidentsOpen: count,
  /** Injected faults that are active. */
  injected: v.array(injectedSchema),
  /** An AUDIT is ordered by itself after so many slots, or so long. Unit: ms. */
  auditPolicy: v.object({ slotsMax: count, intervalMs: count }),
  /** How many members make a majority. */
  quorum: count,
  /** A CHECKPOINT is ordered by itself after so many slots, or bytes of Inputs. */
  checkpointPolicy: v.object({ slotsMax: count, bytesMax: count }),
  /** How many more members may fail now, while requests are still served; -1 when they are not. */
  survivable: v.number(),
  /** One sentence, the worst fact first. */
  health: v.object({ level: v.picklist(['good', 'attention', 'danger']), sentence: v.string() }),
  /** Steps of founding, for the progress shown. */
  progress: v.array(v.object({ label: v.string(), done: v.boolean() })),
})
export type ClusterView = v.InferOutput<typeof clusterSchema>

export const machineSchema = v.object({
  name: v.string(),
  title: v.string(),
  description: v.string(),
  /** JSON Schema of its input, for forms and for people. */
  inputSchema: v.record(v.string(), v.unknown()),
  /** A few inputs that work, to start from. */
  examples: v.array(v.object({ title: v.string(), input: v.unknown() })),
  /** Operations that change nothing, so may be asked as reads. */
  reads: v.array(v.string()),
})
export type MachineView = v.InferOutput<typeof machineSchema>

export const hostSchema = v.object({
  version: count,
  /** Of Synod. */
  synod: v.string(),
  host: v.picklist(['desktop', 'headless']),
  dataFolder: v.string(),
  machines: v.array(machineSchema),
  clusters: v.array(clusterSchema),
})
export type HostView = v.InferOutput<typeof hostSchema>

/** One Input of a decided slot with the votes on it, as its proxy knows them. */
export const inputVotesSchema = v.object({
  kind: v.picklist(['input', 'read', 'checkpoint', 'audit']),
  client: v.string(),
  sequence: count,
  machine: v.string(),
  input: v.unknown(),
  /** Name of the proxy. */
  proxy: v.string(),
  output: v.nullable(outputSchema),
  failed: v.nullable(failReasonSchema),
  votes: v.array(voteSchema),
})
export type InputVotesView = v.InferOutput<typeof inputVotesSchema>

export const slotVotesSchema = v.object({
  slot: count,
  ballot: v.string(),
  /** Ordered time, milliseconds since 1970. */
  timeMs: v.number(),
  /** How many Inputs the slot holds; `inputs` shows the first of them. */
  inputCount: count,
  inputs: v.array(inputVotesSchema),
})
export type SlotVotesView = v.InferOutput<typeof slotVotesSchema>

/** One slot of the Input log. */
export const logSlotSchema = v.object({
  slot: count,
  /** "–" for a slot that was fetched from another replica. */
  ballot: v.string(),
  /** Bytes of the batch. */
  bytes: count,
  /** By the leader's clock, milliseconds since 1970; null for a no-op, and for what can't be read. */
  timeMs: v.nullable(v.number()),
  inputCount: count,
  /** The first of its Inputs. */
  inputs: v.array(
    v.object({
      kind: v.picklist(['input', 'read', 'checkpoint', 'audit']),
      client: v.string(),
      sequence: count,
      machine: v.string(),
      input: v.unknown(),
      proxy: v.string(),
      /** This replica's own; null when it is kept no more (the newest slots' are). */
      output: v.nullable(outputSchema),
    }),
  ),
})
export type LogSlotView = v.InferOutput<typeof logSlotSchema>

/** A stretch of one replica's log, by rising slot. */
export const logSchema = v.object({
  /** Whose log it is. */
  replica: v.string(),
  /** The first slot it holds; what was before is in its checkpoints. */
  slotFirst: count,
  slotDecided: count,
  slots: v.array(logSlotSchema),
})
export type LogView = v.InferOutput<typeof logSchema>

/** One election: who leads since when, and why the old leader was given up. */
export const electionSchema = v.object({
  timeMs: v.number(),
  leader: v.string(),
  ballot: v.string(),
  previous: v.nullable(v.object({ leader: v.string(), ballot: v.string() })),
  /** `first`: the new leader knew of none before, since it started. */
  cause: v.picklist(['first', 'silence', 'abdicated', 'lost-quorum', 'disk-stall']),
})
export type ElectionView = v.InferOutput<typeof electionSchema>

/** Something that happened, for "what happened lately". */
export const noteSchema = v.object({
  number: count,
  timeMs: v.number(),
  cluster: v.string(),
  level: v.picklist(['good', 'attention', 'danger']),
  text: v.string(),
})
export type NoteView = v.InferOutput<typeof noteSchema>

/** What a backup file holds: a checkpoint and the log since. */
export const backupSchema = v.object({
  /** The cluster it was taken of. */
  cluster: v.object({ id: v.string(), name: v.string() }),
  /** The Synod that wrote it, and when by that computer's clock, milliseconds since 1970. */
  synod: v.string(),
  createdMs: v.number(),
  machines: v.array(v.string()),
  members: v.array(v.object({ id: v.string(), name: v.string() })),
  /** Null: there was no stable checkpoint yet, and the log is there from its first slot on. */
  checkpoint: v.nullable(
    v.object({ slot: count, timeMs: v.number(), root: v.string(), keys: count, stateBytes: count }),
  ),
  /** Everything decided up to this slot is in it. */
  slotLast: count,
  /** Of the log after the checkpoint. */
  slots: count,
  /** Of the whole file. */
  fileBytes: count,
})
export type BackupView = v.InferOutput<typeof backupSchema>

/** Long work a host was asked for, while it goes on and for a while after. */
export const taskSchema = v.object({
  task: count,
  kind: v.picklist(['backup', 'restore']),
  /** `writing` comes only in a backup, `founding` only in a restore, which replays the log while it verifies. */
  phase: v.picklist(['writing', 'verifying', 'founding', 'done', 'failed']),
  /** The backup's file on the host's computer. */
  file: v.string(),
  /** Name and id of the cluster a backup is taken of, or of the one a restore founds (no id before it is done). */
  cluster: v.string(),
  clusterId: v.nullable(v.string()),
  /** Of this phase; `total` is null where it is not known. Unit: bytes of the file, or replicas that are founded. */
  done: count,
  total: v.nullable(count),
  /**
   * Whether a majority confirmed that everything acknowledged before a backup began is in it. Without a majority the
   * backup holds what the replica that wrote it knew.
   */
  confirmed: v.nullable(v.boolean()),
  startedMs: v.number(),
  /** Null until it ended. */
  durationMs: v.nullable(v.number()),
  /** What is in the file, once that is verified. */
  backup: v.nullable(backupSchema),
  /** Why it failed. Of a failed backup no file is left, of a failed restore no cluster. */
  fault: v.nullable(problemSchema),
})
export type TaskView = v.InferOutput<typeof taskSchema>
