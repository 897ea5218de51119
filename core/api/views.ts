import * as v from 'valibot'

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
  /** SHA-256 of the Output in hexadecimal. */
  digest: v.nullable(v.string()),
  /** From the request's arrival at the proxy to this vote's. Unit: ms. */
  afterMs: v.nullable(v.number()),
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
  /** Names of the members it is connected to. */
  connectedTo: v.array(v.string()),
  /** Starts of its process after the first, since the host came up. */
  restarts: count,
  /** Injected faults that are active: `lie`. */
  faults: v.array(v.picklist(['lie'])),
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
  /** How many members make a majority. */
  quorum: count,
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
  kind: v.picklist(['input', 'read']),
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
