import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify'
import * as v from 'valibot'
import { CONSOLE_REQUESTS, readSchema, submitSchema } from '../api/contract.ts'
import type { ConsoleApi, ConsoleReply } from '../api/contract.ts'
import type { ClusterView, OutcomeView } from '../api/views.ts'
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
  add('POST', '/v1/inputs', async (request, reply) => answerInput(api, request.body, reply))
  add('POST', '/v1/reads', async (request, reply) => answerRead(api, request.body, reply))
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
const FOUND_EXAMPLE = '{"kind":"try","name":"demo"}'

function bodyProblem(what: string, example: string): Problem {
  return problem('invalid-argument', `${what}. Expected ${example}. Nothing was ordered.`)
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
