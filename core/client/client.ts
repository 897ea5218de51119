import * as v from 'valibot'
import type { ConsoleArgument, ReadArgument, SubmitArgument } from '../api/contract.ts'
import { taskSchema } from '../api/views.ts'
import type { TaskView } from '../api/views.ts'
import {
  auditsSchema,
  electionsSchema,
  foundedSchema,
  healAnswerSchema,
  incidentFileSchema,
  incidentsSchema,
  injectAnswerSchema,
  logAnswerSchema,
  outcomeSchema,
  problemSchema,
  readOutcomeSchema,
  repairSchema,
  statusSchema,
} from './answers.ts'
import type {
  Answer,
  Audits,
  Elections,
  Founded,
  HealAnswer,
  IncidentFile,
  Incidents,
  InjectAnswer,
} from './answers.ts'
import type { LogAnswer, Outcome, ReadOutcome, Repair, Status } from './answers.ts'
import { ClientError } from './errors.ts'

export interface ClientInit {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string
  /** The access token of the host's data folder. */
  readonly token: string
  readonly fetch?: typeof fetch
}

/** By name or id; without it, the host's only one. */
interface ClusterChoice {
  readonly cluster?: string
}

/** A host, as a program sees it over HTTP. Every method throws ClientError when no answer comes. */
export interface Client {
  status: () => Promise<Answer<Status>>
  /**
   * The same (client, sequence) again is the same Input: a retry is safe. With `proof`, the answer holds the
   * certificate of its Output.
   */
  submit: (argument: SubmitArgument & ClusterChoice) => Promise<Answer<Outcome>>
  read: (argument: ReadArgument & ClusterChoice) => Promise<Answer<ReadOutcome>>
  /** Founds a cluster of three replicas on the host's computer. */
  foundTry: (argument: ConsoleArgument<'cluster.try'>) => Promise<Answer<Founded>>
  /** The newest elections the host saw, newest first. */
  elections: (choice: ClusterChoice) => Promise<Answer<Elections>>
  /** Decided slots as they lie in one replica's log: from `from` up, else the last ones up to `to` or the newest. */
  log: (query: LogQuery & ClusterChoice) => Promise<Answer<LogAnswer>>
  /** Orders a CHECKPOINT; its Output says the slot. Ordering one more does no harm, so a retry is safe. */
  checkpoint: (
    argument: { readonly timeoutMs?: number; readonly proof?: boolean } & ClusterChoice,
  ) => Promise<Answer<Outcome>>
  /** Orders an AUDIT; its Output says the slot. One more does no harm, so a retry is safe. */
  audit: (argument: { readonly timeoutMs?: number } & ClusterChoice) => Promise<Answer<Outcome>>
  /** The newest AUDITs with a verdict, newest first; 50 when not said how many, 500 at most. */
  audits: (query: ListQuery & ClusterChoice) => Promise<Answer<Audits>>
  /** Replicas that deviated, with the evidence, newest first; 50 when not said how many, 500 at most. */
  incidents: (query: ListQuery & ClusterChoice) => Promise<Answer<Incidents>>
  /** One of them as a file, with what is needed to check its reports. */
  incident: (query: { readonly number: number } & ClusterChoice) => Promise<Answer<IncidentFile>>
  /** Begins the repair of a replica that somebody mistrusts. */
  repair: (argument: { readonly replica: string } & ClusterChoice) => Promise<Answer<Repair>>
  /** Rehearsal: a fault begins, and ends by itself. */
  inject: (
    argument: Omit<ConsoleArgument<'cluster.inject'>, 'cluster'> & ClusterChoice,
  ) => Promise<Answer<InjectAnswer>>
  /** Rehearsal: one injected fault ends, or all. */
  heal: (argument: { readonly number?: number } & ClusterChoice) => Promise<Answer<HealAnswer>>
  /** Begins a backup to a file on the host's computer; `task` tells how it goes. */
  backup: (argument: { readonly file: string; readonly replace?: boolean } & ClusterChoice) => Promise<Answer<TaskView>>
  /** Begins the founding of a new cluster from a backup. */
  restore: (argument: ConsoleArgument<'cluster.restore'>) => Promise<Answer<TaskView>>
  task: (task: number) => Promise<Answer<TaskView>>
}

export interface ListQuery {
  readonly limit?: number
}

export interface LogQuery {
  readonly from?: number
  readonly to?: number
  /** 1 to 500. */
  readonly limit?: number
  /** The name of the one whose log it is; any that runs when left out. */
  readonly replica?: string
}

/** What a host without a timeout in the request may take to answer; its own bound for one is 60 s. */
const ANSWER_TIMEOUT_MS = 65_000
/** From a request's own timeout to the moment no answer is expected any more. */
const ANSWER_SLACK_MS = 5000

export function createClient(init: ClientInit): Client {
  const post = <T>(path: string, call: Omit<Call<T>, 'path' | 'method'>): Promise<Answer<T>> =>
    ask(init, { method: 'POST', path, ...call })
  return {
    status: () => ask(init, { method: 'GET', path: '/v1/status', schema: statusSchema }),
    submit: (body) => post('/v1/inputs', { body, schema: outcomeSchema, timeoutMs: answerTimeout(body) }),
    read: (body) => post('/v1/reads', { body, schema: readOutcomeSchema, timeoutMs: answerTimeout(body) }),
    foundTry: (argument) => post('/v1/clusters', { body: { kind: 'try', ...argument }, schema: foundedSchema }),
    elections: (choice) =>
      ask(init, { method: 'GET', path: pathOf('/v1/elections', { ...choice }), schema: electionsSchema }),
    log: (query) => ask(init, { method: 'GET', path: pathOf('/v1/log', { ...query }), schema: logAnswerSchema }),
    audit: (body) => post('/v1/audits', { body, schema: outcomeSchema, timeoutMs: answerTimeout(body) }),
    audits: (query) => ask(init, { method: 'GET', path: pathOf('/v1/audits', { ...query }), schema: auditsSchema }),
    incidents: (query) =>
      ask(init, { method: 'GET', path: pathOf('/v1/incidents', { ...query }), schema: incidentsSchema }),
    incident: ({ number, ...choice }) =>
      ask(init, { method: 'GET', path: pathOf(`/v1/incidents/${number}`, { ...choice }), schema: incidentFileSchema }),
    repair: (body) => post('/v1/repairs', { body, schema: repairSchema }),
    inject: (body) => post('/v1/faults', { body, schema: injectAnswerSchema }),
    heal: (body) => post('/v1/heals', { body, schema: healAnswerSchema }),
    backup: (body) => post('/v1/backups', { body, schema: taskSchema }),
    restore: (body) => post('/v1/restores', { body, schema: taskSchema }),
    task: (task) => ask(init, { method: 'GET', path: pathOf('/v1/tasks', { task }), schema: taskSchema }),
    checkpoint: (body) => post('/v1/checkpoints', { body, schema: outcomeSchema, timeoutMs: answerTimeout(body) }),
  }
}

function pathOf(path: string, query: Readonly<Record<string, string | number | undefined>>): string {
  const words = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  )
  return words.length === 0 ? path : `${path}?${words.join('&')}`
}

function answerTimeout({ timeoutMs }: { readonly timeoutMs?: number | undefined }): number {
  return timeoutMs === undefined ? ANSWER_TIMEOUT_MS : timeoutMs + ANSWER_SLACK_MS
}

interface Call<T> {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: unknown
  readonly schema: v.GenericSchema<unknown, T>
  readonly timeoutMs?: number
}

async function ask<T>(init: ClientInit, call: Call<T>): Promise<Answer<T>> {
  const url = `${init.url}${call.path}`
  const { ok, text } = await exchange(init, { ...call, url })
  const json = parseJson(text)
  if (ok) {
    const decoded = v.safeParse(call.schema, json)
    if (decoded.success) return { ok: true, value: decoded.output }
  } else {
    const decoded = v.safeParse(problemSchema, json)
    if (decoded.success) return { ok: false, problem: decoded.output }
  }
  throw new ClientError(
    { code: 'ANSWER_MALFORMED', url },
    `What answers at ${init.url} does not speak as a Synod host of this version does. Is another program there?`,
  )
}

interface Exchange {
  readonly ok: boolean
  readonly text: string
}

async function exchange<T>(init: ClientInit, call: Call<T> & { readonly url: string }): Promise<Exchange> {
  const { url, method, body, timeoutMs = ANSWER_TIMEOUT_MS } = call
  const headers = { authorization: `Bearer ${init.token}`, 'content-type': 'application/json' }
  const request = { method, headers, redirect: 'error', signal: AbortSignal.timeout(timeoutMs) } as const
  try {
    const send = init.fetch ?? fetch
    const response = await send(url, body === undefined ? request : { ...request, body: JSON.stringify(body) })
    return { ok: response.ok, text: await response.text() }
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'TimeoutError') {
      const message = `The host at ${init.url} did not answer within ${timeoutMs} ms. ${RETRY}`
      throw new ClientError({ code: 'ANSWER_LATE', url }, message, { cause })
    }
    const message = `No host answers at ${init.url}. ${RETRY}`
    throw new ClientError({ code: 'HOST_UNREACHABLE', url }, message, { cause })
  }
}

const RETRY = 'An Input that was under way may have been ordered: send it again with the same client and sequence.'

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
