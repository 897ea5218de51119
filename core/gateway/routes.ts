import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify'
import * as v from 'valibot'
import { CONSOLE_REQUESTS, readSchema, submitSchema } from '../api/contract.ts'
import type { ConsoleApi, ConsoleReply } from '../api/contract.ts'
import type { TaskView } from '../api/views.ts'
import { answerAudit, answerAudits, answerIncident, answerIncidents, answerRepair } from './audit-routes.ts'
import { decode } from './decoding.ts'
import type { Decoded } from './decoding.ts'
import { answerHeal, answerInject, answerInjected } from './fault-routes.ts'
import type { Guard } from './guard.ts'
import { problem, problemOfFault, sendProblem } from './problems.ts'
import {
  bodyProblem,
  chooseCluster,
  clusterChoice,
  queryNumber,
  requestProblem,
  sendOutcome,
  sendValue,
} from './route-parts.ts'

const submitBodySchema = v.strictObject({ ...submitSchema.entries, ...clusterChoice })
const readBodySchema = v.strictObject({ ...readSchema.entries, ...clusterChoice })
const electionsQuerySchema = v.strictObject(clusterChoice)
const ELECTIONS_SHOWN_MAX = 100
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
/** What may stand in the address where an Output is answered; anything else there is passed over. */
const proofQuerySchema = v.object({ proof: v.optional(v.picklist(['0', '1'], 'proof is 0 or 1')) })
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
  const add = (url: string, handlers: Partial<Readonly<Record<'GET' | 'POST', Handler>>>): void => {
    for (const [method, handler] of Object.entries(handlers)) {
      app.route({ method, url, onRequest: guard.checkToken, handler })
    }
    refuseOtherMethods(app, Object.keys(handlers), url)
  }
  add('/v1/status', { GET: async (_request, reply) => answerStatus(api, reply) })
  add('/v1/elections', { GET: async (request, reply) => answerElections(api, request.query, reply) })
  add('/v1/log', { GET: async (request, reply) => answerLog(api, request.query, reply) })
  add('/v1/inputs', { POST: async (request, reply) => answerInput(api, request, reply) })
  add('/v1/reads', { POST: async (request, reply) => answerRead(api, request, reply) })
  add('/v1/checkpoints', { POST: async (request, reply) => answerCheckpoint(api, request, reply) })
  add('/v1/backups', { POST: async (request, reply) => answerBackup(api, request.body, reply) })
  add('/v1/restores', { POST: async (request, reply) => answerRestore(api, request.body, reply) })
  add('/v1/tasks', { GET: async (request, reply) => answerTask(api, request.query, reply) })
  add('/v1/audits', {
    GET: async (request, reply) => answerAudits(api, request.query, reply),
    POST: async (request, reply) => answerAudit(api, request.body, reply),
  })
  add('/v1/incidents', { GET: async (request, reply) => answerIncidents(api, request.query, reply) })
  add('/v1/incidents/:number', { GET: async (request, reply) => answerIncident(api, request, reply) })
  add('/v1/repairs', { POST: async (request, reply) => answerRepair(api, request.body, reply) })
  add('/v1/faults', {
    GET: async (request, reply) => answerInjected(api, request.query, reply),
    POST: async (request, reply) => answerInject(api, request.body, reply),
  })
  add('/v1/heals', { POST: async (request, reply) => answerHeal(api, request.body, reply) })
  add('/v1/clusters', { POST: async (request, reply) => answerFounding(api, request.body, reply) })
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const satisfies readonly HTTPMethods[]

function refuseOtherMethods(app: FastifyInstance, allowed: readonly string[], url: string): void {
  const allow = allowed.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
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

type Asking = Pick<FastifyRequest, 'query' | 'body'>

/** A body, and `?proof=1`, which says the same as `"proof": true` in it. */
function decodeAsking<T extends { proof?: boolean | undefined }>(
  schema: v.GenericSchema<unknown, T>,
  { query, body }: Asking,
): Decoded<T> {
  const address = decode(proofQuerySchema, query)
  if (!address.ok) return address
  const decoded = decode(schema, body)
  return decoded.ok && address.value.proof === '1' ? { ok: true, value: { ...decoded.value, proof: true } } : decoded
}

/** All of its body may be left out, and so the body. */
async function answerCheckpoint(api: ConsoleApi, request: Asking, reply: FastifyReply): Promise<FastifyReply> {
  const decoded = decodeAsking(checkpointBodySchema, { query: request.query, body: request.body ?? {} })
  if (!decoded.ok) return sendProblem(reply, bodyProblem(decoded.expected, CHECKPOINT_EXAMPLE))
  const { cluster: choice, ...argument } = decoded.value
  const chosen = await chooseCluster(api, choice)
  if (!chosen.ok) return sendProblem(reply, chosen.problem)
  const outcome = await api.request('cluster.checkpoint', { ...argument, cluster: chosen.cluster.id })
  return sendOutcome(reply, { outcome, cluster: chosen.cluster.name })
}

async function answerInput(api: ConsoleApi, request: Asking, reply: FastifyReply): Promise<FastifyReply> {
  const decoded = decodeAsking(submitBodySchema, request)
  if (!decoded.ok) return sendProblem(reply, bodyProblem(decoded.expected, SUBMIT_EXAMPLE))
  const { cluster: choice, ...argument } = decoded.value
  const chosen = await chooseCluster(api, choice)
  if (!chosen.ok) return sendProblem(reply, chosen.problem)
  const outcome = await api.request('cluster.submit', { ...argument, cluster: chosen.cluster.id })
  return sendOutcome(reply, { outcome, cluster: chosen.cluster.name })
}

async function answerRead(api: ConsoleApi, request: Asking, reply: FastifyReply): Promise<FastifyReply> {
  const decoded = decodeAsking(readBodySchema, request)
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
  '{"client":"app-1","sequence":1,"machine":"kv","input":{…}}, with "cluster", "timeoutMs" and "proof" if needed'
const READ_EXAMPLE =
  '{"machine":"kv","input":{…}}, with "consistency" ("linearizable" or "stale"), "cluster", "timeoutMs" and "proof" if needed'
const LOG_EXAMPLE = '/v1/log?from=1&to=50, with "limit" (1 to 500), "replica" and "cluster" if needed'
const CHECKPOINT_EXAMPLE = '{}, with "cluster", "timeoutMs" and "proof" if needed'
const BACKUP_EXAMPLE =
  '{"file":"/an/absolute/path"}, with "replace" if the file may be replaced, and "cluster" if needed'
const RESTORE_EXAMPLE = '{"file":"/an/absolute/path"}, with the new cluster’s "name" if needed'
const FOUND_EXAMPLE = '{"kind":"try","name":"demo"}'
