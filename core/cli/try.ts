import { setTimeout as sleep } from 'node:timers/promises'
import type { ConsoleArgument } from '../api/contract.ts'
import type { ClusterView } from '../api/views.ts'
import type { Answer } from '../client/answers.ts'
import type { Client } from '../client/client.ts'
import { show, showProblem } from './answering.ts'
import { connect } from './connect.ts'
import { dataFolderOf } from './data-folder.ts'
import { EXIT } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { CommandError } from './failure.ts'
import type { Surroundings } from './surroundings.ts'

export interface TryOptions {
  readonly data?: string
  readonly name: string
  readonly leaseClockBound?: number
  readonly checkpointSlots?: number
  /** Of Inputs. */
  readonly checkpointBytes?: number
  /** Unit: s. */
  readonly auditEvery?: number
  readonly json: boolean
}

const POLL_MS = 200
/** What holds for the one that is not named where the other one is: the cluster's own values without any. */
export const POLICY_DEFAULT = { slotsMax: 50_000, bytesMax: 32 * 1024 * 1024 } as const
const AUDIT_SLOTS_MAX = 100_000
const FOUNDING_TIMEOUT_MS = 60_000

/** Founds a cluster of three replicas on the host's computer and waits until it serves. */
export async function tryCluster(options: TryOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { json, name } = options
  const client = await connect(dataFolderOf(options, surroundings))
  const lease = options.leaseClockBound === undefined ? {} : { leaseClockBoundMs: options.leaseClockBound }
  const founded = await client.foundTry({ name, ...lease, ...policyOf(options), ...auditPolicyOf(options) })
  if (!founded.ok) return showProblem(surroundings, { json, problem: founded.problem })
  const { cluster: id } = founded.value
  const told = new Set<string>()
  const tell = (view: ClusterView): void => {
    for (const { label, done } of view.progress) {
      if (!done || told.has(label) || json) continue
      told.add(label)
      surroundings.writeOut(`  ● ${label}\n`)
    }
  }
  const served = await waitUntilServing({ client, id, tell })
  if (!served.ok) return showProblem(surroundings, { json, problem: served.problem })
  const folder = options.data === undefined ? '' : ` --data ${options.data}`
  const next = `npx synod submit${folder} --machine kv '{"op":"set","key":"greeting","value":"hello"}'`
  const text = `Cluster "${name}" serves. Next: ${next}`
  show(surroundings, { json, data: { cluster: id, name, phase: served.value.phase }, text })
  return EXIT.done
}

function auditPolicyOf({ auditEvery }: TryOptions): Partial<ConsoleArgument<'cluster.try'>> {
  if (auditEvery === undefined) return {}
  return { auditPolicy: { slotsMax: AUDIT_SLOTS_MAX, intervalMs: auditEvery * 1000 } }
}

function policyOf({ checkpointSlots, checkpointBytes }: TryOptions): Partial<ConsoleArgument<'cluster.try'>> {
  if (checkpointSlots === undefined && checkpointBytes === undefined) return {}
  const slotsMax = checkpointSlots ?? POLICY_DEFAULT.slotsMax
  return { checkpointPolicy: { slotsMax, bytesMax: checkpointBytes ?? POLICY_DEFAULT.bytesMax } }
}

interface Waiting {
  readonly client: Client
  readonly id: string
  readonly tell: (view: ClusterView) => void
}

export async function waitUntilServing({ client, id, tell }: Waiting): Promise<Answer<ClusterView>> {
  const deadlineMs = performance.now() + FOUNDING_TIMEOUT_MS
  for (;;) {
    const status = await client.status()
    if (!status.ok) return status
    const view = status.value.clusters.find((cluster) => cluster.id === id)
    if (view !== undefined) tell(view)
    if (view?.phase === 'serving') return { ok: true, value: view }
    if (performance.now() > deadlineMs) {
      const health = view === undefined ? 'it is not there any more' : view.health.sentence
      const message = `The cluster does not serve after ${FOUNDING_TIMEOUT_MS / 1000} s: ${health} See: npx synod status`
      throw new CommandError({ code: 'CLUSTER_NOT_SERVING', exit: EXIT.fault }, message)
    }
    await sleep(POLL_MS)
  }
}
