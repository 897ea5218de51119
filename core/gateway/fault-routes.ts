import type { FastifyReply } from 'fastify'
import * as v from 'valibot'
import { CONSOLE_REQUESTS } from '../api/contract.ts'
import type { ConsoleApi } from '../api/contract.ts'
import { decode } from './decoding.ts'
import { problemOfFault, sendProblem } from './problems.ts'
import { chooseCluster, clusterChoice, queryNumber, requestProblem, sendValue } from './route-parts.ts'

const { 'cluster.inject': INJECT, 'cluster.heal': HEAL, 'cluster.injected': INJECTED } = CONSOLE_REQUESTS

/** When the query does not say how many. */
const SHOWN = 50

const injectBodySchema = v.strictObject({ ...INJECT.argument.entries, ...clusterChoice })
const healBodySchema = v.strictObject({ ...HEAL.argument.entries, ...clusterChoice })
const listQuerySchema = v.pipe(
  v.strictObject({ ...clusterChoice, limit: queryNumber }),
  v.transform(({ limit = SHOWN, ...rest }) => ({ ...rest, limit })),
  v.strictObject({ ...INJECTED.argument.entries, ...clusterChoice }),
)

const INJECT_EXAMPLE = '{"fault":{"kind":"kill","replica":"b"}}, with "durationMs" and "cluster" if needed'
const HEAL_EXAMPLE = '{}, with "number" and "cluster" if needed'
const LIST_EXAMPLE = '/v1/faults, with "limit" (1 to 500) and "cluster" in the query if needed'

/** Rehearsal: a fault begins. */
export async function answerInject(api: ConsoleApi, body: unknown, reply: FastifyReply): Promise<FastifyReply> {
  const decoded = decode(injectBodySchema, body)
  if (!decoded.ok) return sendProblem(reply, requestProblem(decoded.expected, INJECT_EXAMPLE))
  const { cluster: choice, ...argument } = decoded.value
  const chosen = await chooseCluster(api, choice)
  if (!chosen.ok) return sendProblem(reply, chosen.problem)
  const answer = await api.request('cluster.inject', { ...argument, cluster: chosen.cluster.id })
  if (!answer.ok) return sendProblem(reply, problemOfFault(answer.fault))
  return sendValue(reply.code(201), { cluster: chosen.cluster.name, injected: answer.value })
}

/** Ends one fault, or all. All of its body may be left out, and so the body. */
export async function answerHeal(api: ConsoleApi, body: unknown, reply: FastifyReply): Promise<FastifyReply> {
  const decoded = decode(healBodySchema, body ?? {})
  if (!decoded.ok) return sendProblem(reply, requestProblem(decoded.expected, HEAL_EXAMPLE))
  const { cluster: choice, ...argument } = decoded.value
  const chosen = await chooseCluster(api, choice)
  if (!chosen.ok) return sendProblem(reply, chosen.problem)
  const answer = await api.request('cluster.heal', { ...argument, cluster: chosen.cluster.id })
  if (!answer.ok) return sendProblem(reply, problemOfFault(answer.fault))
  return sendValue(reply, { cluster: chosen.cluster.name })
}

export async function answerInjected(api: ConsoleApi, query: unknown, reply: FastifyReply): Promise<FastifyReply> {
  const decoded = decode(listQuerySchema, query)
  if (!decoded.ok) return sendProblem(reply, requestProblem(decoded.expected, LIST_EXAMPLE))
  const chosen = await chooseCluster(api, decoded.value.cluster)
  if (!chosen.ok) return sendProblem(reply, chosen.problem)
  const { id: cluster, name } = chosen.cluster
  const answer = await api.request('cluster.injected', { cluster, limit: decoded.value.limit })
  if (!answer.ok) return sendProblem(reply, problemOfFault(answer.fault))
  return sendValue(reply, { cluster: name, injected: answer.value.injected })
}
