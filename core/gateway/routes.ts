import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify'
import * as v from 'valibot'
import { CONSOLE_REQUESTS, readSchema, submitSchema } from '../api/contract.ts'
import type { ConsoleApi, ConsoleReply } from '../api/contract.ts'
import type { ClusterView, OutcomeView, TaskView } from '../api/views.ts'
import { decode } from './decoding.ts'
import type { Guard } from './guard.ts'
import { problem, problemOfFault, sendProblem } from './problems.ts'
import type { Problem } from './problems.ts'

/** A cluster's name or id; without it, the only one of the host. */
const clusterChoice = { cluster: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(64))) }
const submitBodySchema = v.strictObject({ ...submitSchema.entries, ...clusterChoice })
const readBodySchema = v.strictObject({ ...readSchema.entries, ...clusterChoice })
const electionsQuerySchema = v.strictObject(clusterChoice)
const ELECTIONS_SHOWN_MAX = 100
/** What a query carries is text; whether the number is one that may be asked for is the contract's to say. */
const queryNumber = v.optional(v.pipe(v.string(), v.regex(/^\d{1,15}$/, 'a whole number'), v.transform(Number)))
const logQuerySchema = v.pipe(
  v.strictObject({
    ...clusterChoice,
    replica: v.optional(v.string()),
    from: queryNumber,
    to: queryNumber,
    limit: queryNumber,
  }),
  v.transform(({ from, to, limit = LOG_SLOTS, ...rest }) => ({ ...rest, slotFrom: from, slotTo: to, limit })),
  v.strictObject({ ...CONSOLE_REQUESTS['cluster.log'].argument.entries, ...clusterChoice }),
)
/** Slots of the log when the query does not say how many. */
const LOG_SLOTS = 100
const checkpointBodySchema = v.strictObject({
  ...CONSOLE_REQUESTS['cluster.checkpoint'].argument.entries,
  ...clusterChoice,
})
const { 'cluster.backup': BACKUP, 'cluster.restore': RESTORE } = CONSOLE_REQUESTS
const backupBodySchema = v.strictObject({ ...BACKUP.argument.entries, ...clusterChoice })
const restoreBodySchema = RESTORE.argument
const taskQuerySchema = v.pipe(v.strictObject({ task: queryNumber }), CONSOLE_REQUESTS['host.task'].argument)
const foundBodySchema = v.strictObject({
  kind: v.literal('try'),
  ...CONSOLE_REQUESTS['cluster.try'].argument.entries,
})

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

interface RouteTable {
  readonly api: ConsoleApi
  readonly guard: Guard
}

/** The addresses for programs, all under /v1 and all behind the access token. */
export function registerRoutes(app: FastifyInstance, { api, guard }: RouteTable): void {
  const add = (method: HTTPMethods, url: string, handler: Handler): void => {
    app.route({ method, url, onRequest: guard.checkToken, handler })
    refuseOtherMethods(app, method, url)
  }
  add('GET', '/v1/status', async (_request, reply) => answerStatus(api, reply))
  add('GET', '/v1/elections', async (request, reply) => answerElections(api, request.query, reply))
  add('GET', '/v1/log', async (request, reply) => answerLog(api, request.query, reply))
  add('POST', '/v1/inputs', async (request, reply) => answerInput(api, request.body, reply))
  add('POST', '/v1/reads', async (request, reply) => answerRead(api, request.body, reply))
  add('POST', '/v1/checkpoints', async (request, reply) => answerCheckpoint(api, request.body, reply))
  add('POST', '/v1/backups', async (request, reply) => answerBackup(api, request.body, reply))
  add('POST', '/v1/restores', async (request, reply) => answerRestore(api, request.body, reply))
  add('GET', '/v1/tasks', async (request, reply) => answerTask(api, request.query, reply))
  add('POST', '/v1/clusters', async (request, reply) => answerFounding(api, request.body, reply))
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const satisfies readonly HTTPMethods[]

function refuseOtherMethods(app: FastifyInstance, allowed: HTTPMethods, url: string): void {
  const allow = allowed === 'GET' ? ['GET', 'HEAD'] : [allowed]
  const refuse = (request: FastifyRequest, reply: FastifyReply): void => {
    const detail = `${url} does not take ${request.method}; expected ${allow.join(' or ')}.`
    sendProblem(reply.header('allow', allow.join(', ')), problem('method-not-allowed', detail))
  }
  app.route({
    method: METHODS.filter((method) => !allow.includes(method)),
    url,
    // Before the body is read: what it holds no longer matters.
    onRequest: refuse,
    handler: refuse,
  })
}

async function answerStatus(api: ConsoleApi, reply: FastifyReply): Promise<FastifyReply> {
  const view = await api.request('host.view', {})
  if (!view.ok) return sendProblem(reply, problemOfFault(view.fault))
  const { synod, host, dataFolder, version, machines, clusters } = view.value
  return sendValue(reply, {
    synod,
    host,
    dataFolder,
    version,
    machines: machines.map(({ name, title, reads }) => ({ name, title, reads })),
    clusters,
  })
}

async function answerElections(api: ConsoleApi, query: unknown, reply: FastifyReply): Promise<FastifyReply> {
  const decoded = decode(electionsQuerySchema, query)
  if (!decoded.ok) return sendProblem(reply, bodyProblem(decoded.expected, '/v1/elections?cluster=NAME'))
  const chosen = await chooseCluster(api, decoded.value.cluster)
  if (!chosen.ok) return sendProblem(reply, chosen.problem)
  const answer = await api.request('cluster.elections', { cluster: chosen.cluster.id, limit: ELECTIONS_SHOWN_MAX })
  if (!answer.ok) return sendProblem(reply, problemOfFault(answer.fault))
  return sendValue(reply, { cluster: chosen.cluster.name, elections: answer.value.elections })
}

async function answerLog(api: ConsoleApi, query: unknown, reply: FastifyReply): Promise<FastifyReply> {
  const decoded = decode(logQuerySchema, query)
  if (!decoded.ok) return sendProblem(reply, bodyProblem(decoded.expected, LOG_EXAMPLE))
  const { cluster: choice, ...argument } = decoded.value
  const chosen = await chooseCluster(api, choice)
  if (!chosen.ok) return sendProblem(reply, chosen.problem)
  const answer = await api.request('cluster.log', { ...argument, cluster: chosen.cluster.id })
  if (!answer.ok) return sendProblem(reply, problemOfFault(answer.fault))
  return sendValue(reply, { cluster: chosen.cluster.name, ...answer.value })
}

/** All of its body may be left out, and so the body. */
async function answerCheckpoint(api: ConsoleApi, body: unknown, reply: FastifyReply): Promise<FastifyReply> {
  const decoded = decode(checkpointBodySchema, body ?? {})
  if (!decoded.ok) return sendProblem(reply, bodyProblem(decoded.expected, CHECKPOINT_EXAMPLE))
  const { cluster: choice, ...argument } = decoded.value
  const chosen = await chooseCluster(api, choice)
  if (!chosen.ok) return sendProblem(reply, chosen.problem)
  const outcome = await api.request('cluster.checkpoint', { ...argument, cluster: chosen.cluster.id })
  return sendOutcome(reply, { outcome, cluster: chosen.cluster.name })
}

async function answerInput(api: ConsoleApi, body: unknown, reply: FastifyReply): Promise<FastifyReply> {
  const decoded = decode(submitBodySchema, body)
  if (!decoded.ok) return sendProblem(reply, bodyProblem(decoded.expected, SUBMIT_EXAMPLE))
  const { cluster: choice, ...argument } = decoded.value
  const chosen = await chooseCluster(api, choice)
  if (!chosen.ok) return sendProblem(reply, chosen.problem)
  const outcome = await api.request('cluster.submit', { ...argument, cluster: chosen.cluster.id })
  return sendOutcome(reply, { outcome, cluster: chosen.cluster.name })
}

async function answerRead(api: ConsoleApi, body: unknown, reply: FastifyReply): Promise<FastifyReply> {
  const decoded = decode(readBodySchema, body)
  if (!decoded.ok) return sendProblem(reply, bodyProblem(decoded.expected, READ_EXAMPLE))
  const { cluster: choice, ...argument } = decoded.value
  const chosen = await chooseCluster(api, choice)
  if (!chosen.ok) return sendProblem(reply, chosen.problem)
  const outcome = await api.request('cluster.read', { ...argument, cluster: chosen.cluster.id })
  return sendOutcome(reply, { outcome, cluster: chosen.cluster.name })
}

/** Begun, not done: the task tells how it goes. */
async function answerBackup(api: ConsoleApi, body: unknown, reply: FastifyReply): Promise<FastifyReply> {
  const decoded = decode(backupBodySchema, body)
  if (!decoded.ok) return sendProblem(reply, requestProblem(decoded.expected, BACKUP_EXAMPLE))
  const { cluster: choice, ...argument } = decoded.value
  const chosen = await chooseCluster(api, choice)
  if (!chosen.ok) return sendProblem(reply, chosen.problem)
  return sendTask(reply.code(202), await api.request('cluster.backup', { ...argument, cluster: chosen.cluster.id }))
}

async function answerRestore(api: ConsoleApi, body: unknown, reply: FastifyReply): Promise<FastifyReply> {
  const decoded = decode(restoreBodySchema, body)
  if (!decoded.ok) return sendProblem(reply, requestProblem(decoded.expected, RESTORE_EXAMPLE))
  return sendTask(reply.code(202), await api.request('cluster.restore', decoded.value))
}

async function answerTask(api: ConsoleApi, query: unknown, reply: FastifyReply): Promise<FastifyReply> {
  const decoded = decode(taskQuerySchema, query)
  if (!decoded.ok) return sendProblem(reply, requestProblem(decoded.expected, '/v1/tasks?task=NUMBER'))
  return sendTask(reply, await api.request('host.task', decoded.value))
}

function sendTask(reply: FastifyReply, answer: ConsoleReply<TaskView>): FastifyReply {
  return answer.ok ? sendValue(reply, answer.value) : sendProblem(reply, problemOfFault(answer.fault))
}

async function answerFounding(api: ConsoleApi, body: unknown, reply: FastifyReply): Promise<FastifyReply> {
  const decoded = decode(foundBodySchema, body)
  if (!decoded.ok) return sendProblem(reply, bodyProblem(decoded.expected, FOUND_EXAMPLE))
  const { kind: _kind, ...argument } = decoded.value
  const founded = await api.request('cluster.try', argument)
  if (!founded.ok) return sendProblem(reply, problemOfFault(founded.fault))
  return sendValue(reply.code(201), founded.value)
}

const SUBMIT_EXAMPLE =
  '{"client":"app-1","sequence":1,"machine":"kv","input":{…}}, with "cluster" and "timeoutMs" if needed'
const READ_EXAMPLE =
  '{"machine":"kv","input":{…}}, with "consistency" ("linearizable" or "stale"), "cluster" and "timeoutMs" if needed'
const LOG_EXAMPLE = '/v1/log?from=1&to=50, with "limit" (1 to 500), "replica" and "cluster" if needed'
const CHECKPOINT_EXAMPLE = '{}, with "cluster" and "timeoutMs" if needed'
const BACKUP_EXAMPLE =
  '{"file":"/an/absolute/path"}, with "replace" if the file may be replaced, and "cluster" if needed'
const RESTORE_EXAMPLE = '{"file":"/an/absolute/path"}, with the new cluster’s "name" if needed'
const FOUND_EXAMPLE = '{"kind":"try","name":"demo"}'

function bodyProblem(what: string, example: string): Problem {
  return problem('invalid-argument', `${what}. Expected ${example}. Nothing was ordered.`)
}

function requestProblem(what: string, example: string): Problem {
  return problem('invalid-argument', `${what}. Expected ${example}. Nothing was done.`)
}

type Choice =
  | { readonly ok: true; readonly cluster: Pick<ClusterView, 'id' | 'name'> }
  | { readonly ok: false; readonly problem: Problem }

/** Asked anew for every request: a cluster founded a moment ago must make an unnamed one ambiguous at once. */
async function chooseCluster(api: ConsoleApi, choice: string | undefined): Promise<Choice> {
  const view = await api.request('host.view', {})
  if (!view.ok) return { ok: false, problem: problemOfFault(view.fault) }
  const { clusters } = view.value
  const exact = clusters.filter(({ id }) => id === choice)
  const named = exact.length > 0 ? exact : clusters.filter(({ name }) => choice === undefined || name === choice)
  const [cluster, ...more] = named
  if (cluster !== undefined && more.length === 0) return { ok: true, cluster }
  return { ok: false, problem: choiceProblem(choice, named.length > 0 ? named : clusters) }
}

function choiceProblem(choice: string | undefined, clusters: readonly ClusterView[]): Problem {
  const extensions = { clusters: clusters.map(({ id, name }) => ({ id, name })) }
  const list = clusters.map(({ id, name }) => `"${name}" (${id})`).join(', ')
  if (clusters.length === 0) {
    const detail = 'This host has no cluster yet. Found one in the console, or with: synod try --name demo'
    return problem('cluster-unknown', detail, extensions)
  }
  if (choice === undefined) {
    return problem('cluster-not-named', `This host has several clusters: ${list}. Name one as "cluster".`, extensions)
  }
  if (clusters.some(({ name }) => name === choice)) {
    const detail = `Several clusters are named "${choice}": ${list}. Give the id as "cluster".`
    return problem('cluster-not-named', detail, extensions)
  }
  return problem('cluster-unknown', `There is no cluster "${choice}" here. There are: ${list}.`, extensions)
}

interface Answer {
  readonly outcome: ConsoleReply<OutcomeView>
  /** The cluster's name. */
  readonly cluster: string
}

function sendOutcome(reply: FastifyReply, { outcome, cluster }: Answer): FastifyReply {
  if (!outcome.ok) return sendProblem(reply, problemOfFault(outcome.fault))
  const { kind, ...rest } = outcome.value
  if (outcome.value.kind !== 'fail') return sendValue(reply, { kind, cluster, ...rest })
  const { message, reason, slot, votes } = outcome.value
  return sendProblem(reply, problem('fail', message, { reason, slot, votes, cluster }))
}

function sendValue(reply: FastifyReply, value: unknown): FastifyReply {
  return reply.header('cache-control', 'no-store').type('application/json').send(JSON.stringify(value))
}
