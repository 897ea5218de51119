import type { FastifyReply, FastifyRequest } from 'fastify'
import * as v from 'valibot'
import { CONSOLE_REQUESTS } from '../api/contract.ts'
import type { ConsoleApi } from '../api/contract.ts'
import { decode } from './decoding.ts'
import { problem, problemOfFault, sendProblem } from './problems.ts'
import { chooseCluster, clusterChoice, queryNumber, requestProblem, sendOutcome, sendValue } from './route-parts.ts'

const { 'cluster.audit': AUDIT, 'cluster.audits': AUDITS, 'replica.repair': REPAIR } = CONSOLE_REQUESTS

/** When the query does not say how many. */
const SHOWN = 50
/** All that are kept. */
const INCIDENTS_MAX = 500
/** By a number above this a newer Synod says that its evidence is laid out otherwise. */
const INCIDENT_FORMAT = 1

const listQuerySchema = v.pipe(
  v.strictObject({ ...clusterChoice, limit: queryNumber }),
  v.transform(({ limit = SHOWN, ...rest }) => ({ ...rest, limit })),
  v.strictObject({ ...AUDITS.argument.entries, ...clusterChoice }),
)
const auditBodySchema = v.strictObject({ ...AUDIT.argument.entries, ...clusterChoice })
const repairBodySchema = v.strictObject({ ...REPAIR.argument.entries, ...clusterChoice })
const numberSchema = v.object({
  number: v.pipe(v.string(), v.regex(/^\d{1,15}$/, 'a whole number'), v.transform(Number)),
})
const clusterQuerySchema = v.strictObject(clusterChoice)

const LIST_EXAMPLE = 'with "limit" (1 to 500) and "cluster" in the query if needed'
const AUDIT_EXAMPLE = '{}, with "cluster" and "timeoutMs" if needed'
const REPAIR_EXAMPLE = '{"replica":"b"}, with "cluster" if needed'

/** Orders an AUDIT. All of its body may be left out, and so the body. */
export async function answerAudit(api: ConsoleApi, body: unknown, reply: FastifyReply): Promise<FastifyReply> {
  const decoded = decode(auditBodySchema, body ?? {})
  if (!decoded.ok) return sendProblem(reply, requestProblem(decoded.expected, AUDIT_EXAMPLE))
  const { cluster: choice, ...argument } = decoded.value
  const chosen = await chooseCluster(api, choice)
  if (!chosen.ok) return sendProblem(reply, chosen.problem)
  const outcome = await api.request('cluster.audit', { ...argument, cluster: chosen.cluster.id })
  return sendOutcome(reply, { outcome, cluster: chosen.cluster.name })
}

export async function answerAudits(api: ConsoleApi, query: unknown, reply: FastifyReply): Promise<FastifyReply> {
  const decoded = decode(listQuerySchema, query)
  if (!decoded.ok) return sendProblem(reply, requestProblem(decoded.expected, `/v1/audits, ${LIST_EXAMPLE}`))
  const chosen = await chooseCluster(api, decoded.value.cluster)
  if (!chosen.ok) return sendProblem(reply, chosen.problem)
  const { id: cluster, name } = chosen.cluster
  const answer = await api.request('cluster.audits', { cluster, limit: decoded.value.limit })
  if (!answer.ok) return sendProblem(reply, problemOfFault(answer.fault))
  return sendValue(reply, { cluster: name, audits: answer.value.audits })
}

export async function answerIncidents(api: ConsoleApi, query: unknown, reply: FastifyReply): Promise<FastifyReply> {
  const decoded = decode(listQuerySchema, query)
  if (!decoded.ok) return sendProblem(reply, requestProblem(decoded.expected, `/v1/incidents, ${LIST_EXAMPLE}`))
  const chosen = await chooseCluster(api, decoded.value.cluster)
  if (!chosen.ok) return sendProblem(reply, chosen.problem)
  const { id: cluster, name } = chosen.cluster
  const answer = await api.request('cluster.incidents', { cluster, limit: decoded.value.limit })
  if (!answer.ok) return sendProblem(reply, problemOfFault(answer.fault))
  return sendValue(reply, { cluster: name, incidents: answer.value.incidents })
}

/** One incident as a file of its own: with the members' ids, which are the keys its reports are signed with. */
export async function answerIncident(
  api: ConsoleApi,
  { params, query }: Pick<FastifyRequest, 'params' | 'query'>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const asked = decode(numberSchema, params)
  const decoded = decode(clusterQuerySchema, query)
  const example = '/v1/incidents/NUMBER?cluster=NAME'
  if (!asked.ok) return sendProblem(reply, requestProblem(asked.expected, example))
  if (!decoded.ok) return sendProblem(reply, requestProblem(decoded.expected, example))
  const chosen = await chooseCluster(api, decoded.value.cluster)
  if (!chosen.ok) return sendProblem(reply, chosen.problem)
  const { id, name, replicas } = chosen.cluster
  const answer = await api.request('cluster.incidents', { cluster: id, limit: INCIDENTS_MAX })
  if (!answer.ok) return sendProblem(reply, problemOfFault(answer.fault))
  const { number } = asked.value
  const incident = answer.value.incidents.find((candidate) => candidate.number === number)
  if (incident === undefined) {
    const detail = `Cluster ${name} has no incident ${number} here; the newest hundred are kept. See them with: synod incidents`
    return sendProblem(reply, problem('incident-unknown', detail))
  }
  const members = replicas.map((member) => ({ replica: member.id, name: member.name }))
  const file = `synod-incident-${number}.json`
  return sendValue(reply.header('content-disposition', `attachment; filename="${file}"`), {
    kind: 'synod incident',
    format: INCIDENT_FORMAT,
    synod: chosen.synod,
    cluster: { id, name },
    members,
    incident,
  })
}

/** The repair ladder, begun and not done: incidents tell how it goes. */
export async function answerRepair(api: ConsoleApi, body: unknown, reply: FastifyReply): Promise<FastifyReply> {
  const decoded = decode(repairBodySchema, body)
  if (!decoded.ok) return sendProblem(reply, requestProblem(decoded.expected, REPAIR_EXAMPLE))
  const { cluster: choice, replica } = decoded.value
  const chosen = await chooseCluster(api, choice)
  if (!chosen.ok) return sendProblem(reply, chosen.problem)
  const answer = await api.request('replica.repair', { cluster: chosen.cluster.id, replica })
  if (!answer.ok) return sendProblem(reply, problemOfFault(answer.fault))
  return sendValue(reply.code(202), { cluster: chosen.cluster.name, replica })
}
