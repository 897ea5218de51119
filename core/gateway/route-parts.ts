import type { FastifyReply } from 'fastify'
import * as v from 'valibot'
import type { ConsoleApi, ConsoleReply } from '../api/contract.ts'
import type { ClusterView, OutcomeView } from '../api/views.ts'
import { problem, problemOfFault, sendProblem } from './problems.ts'
import type { Problem } from './problems.ts'

/** A cluster's name or id; without it, the only one of the host. */
export const clusterChoice = { cluster: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(64))) }
/** What a query carries is text; whether the number is one that may be asked for is the contract's to say. */
export const queryNumber = v.optional(v.pipe(v.string(), v.regex(/^\d{1,15}$/, 'a whole number'), v.transform(Number)))

export function bodyProblem(what: string, example: string): Problem {
  return problem('invalid-argument', `${what}. Expected ${example}. Nothing was ordered.`)
}

export function requestProblem(what: string, example: string): Problem {
  return problem('invalid-argument', `${what}. Expected ${example}. Nothing was done.`)
}

type Choice =
  | {
      readonly ok: true
      readonly cluster: Pick<ClusterView, 'id' | 'name' | 'replicas'>
      /** The host's version. */
      readonly synod: string
    }
  | { readonly ok: false; readonly problem: Problem }

/** Asked anew for every request: a cluster founded a moment ago must make an unnamed one ambiguous at once. */
export async function chooseCluster(api: ConsoleApi, choice: string | undefined): Promise<Choice> {
  const view = await api.request('host.view', {})
  if (!view.ok) return { ok: false, problem: problemOfFault(view.fault) }
  const { clusters, synod } = view.value
  const exact = clusters.filter(({ id }) => id === choice)
  const named = exact.length > 0 ? exact : clusters.filter(({ name }) => choice === undefined || name === choice)
  const [cluster, ...more] = named
  if (cluster !== undefined && more.length === 0) return { ok: true, cluster, synod }
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

export function sendOutcome(reply: FastifyReply, { outcome, cluster }: Answer): FastifyReply {
  if (!outcome.ok) return sendProblem(reply, problemOfFault(outcome.fault))
  const { kind, ...rest } = outcome.value
  if (outcome.value.kind !== 'fail') return sendValue(reply, { kind, cluster, ...rest })
  const { message, reason, slot, votes } = outcome.value
  return sendProblem(reply, problem('fail', message, { reason, slot, votes, cluster }))
}

export function sendValue(reply: FastifyReply, value: unknown): FastifyReply {
  return reply.header('cache-control', 'no-store').type('application/json').send(JSON.stringify(value))
}
