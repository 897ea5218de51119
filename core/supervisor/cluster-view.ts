import type { ClusterView, ReplicaView } from '../api/views.ts'
import { majorityOf } from '../model/quorum.ts'
import type { Auditing } from './auditing.ts'
import { healthOf } from './health.ts'
import type { Injections } from './injections.ts'
import type { LocalReplica } from './local-replica.ts'
import type { ClusterFile } from './cluster-file.ts'
import { ballotView } from './vote-views.ts'
import { auditPolicyOf, policyOf, storageView, transferView } from './storage-views.ts'
import type { NameOf } from './vote-views.ts'

export interface ClusterPicture {
  readonly file: ClusterFile
  readonly version: number
  readonly replicas: readonly LocalReplica[]
  readonly nameOf: NameOf
  /** Whether a majority has ever served since this host started the cluster. */
  readonly hasServed: boolean
  readonly injections: Pick<Injections, 'active' | 'kindsOn'>
  readonly auditing: Pick<Auditing, 'last' | 'incidentsOpen' | 'isGivenUp'>
}

/** What people see of a cluster, drawn from what its replicas last told. */
export function clusterView(picture: ClusterPicture): ClusterView {
  const { file, replicas, nameOf, injections, auditing } = picture
  const total = file.members.length
  const quorum = majorityOf(total)
  const leader = agreedLeader(replicas, quorum)
  const running = replicas.filter((replica) => replica.state === 'running').length
  // What a replica in quarantine says does not count.
  const counting = replicas.filter(({ report }) => report?.isQuarantined === false).length
  const serves = leader !== undefined && counting >= quorum
  const survivable = serves ? counting - quorum : -1
  const ballots = replicas.map((replica) => replica.report?.ballot ?? { round: 0, proposer: '' })
  const ballot = ballots.toSorted((left, right) => right.round - left.round)[0]
  const phase = phaseOf(picture, serves)
  return {
    id: file.id,
    name: file.name,
    version: picture.version,
    phase,
    rehearsal: file.rehearsal,
    epoch: file.epoch,
    leader: leader === undefined ? null : nameOf(leader),
    ballot: ballot === undefined || ballot.round === 0 ? null : ballotView(ballot, nameOf),
    slotDecided: Math.max(0, ...replicas.map((replica) => replica.reportLast?.slotDecided ?? 0)),
    replicas: replicas.map((replica) => replicaView(replica, picture)),
    audit: auditing.last ?? null,
    incidentsOpen: auditing.incidentsOpen,
    injected: injections.active.toReversed(),
    auditPolicy: auditPolicyOf(file),
    quorum,
    checkpointPolicy: policyOf(file),
    survivable,
    health: healthOf({
      ...{ phase, replicas, total, quorum, running, counting, survivable },
      leader: leader && nameOf(leader),
      injected: injections.active,
      audit: auditing.last ?? null,
      givenUp: replicas.map(({ name }) => name).filter((name) => auditing.isGivenUp(name)),
    }),
    progress: progress(replicas, serves || picture.hasServed),
  }
}

/** The replica a majority of the members takes for the leader. */
export function agreedLeader(replicas: readonly LocalReplica[], quorum: number): string | undefined {
  const counts = new Map<string, number>()
  for (const { report } of replicas) {
    if (report?.leader === undefined) continue
    counts.set(report.leader, (counts.get(report.leader) ?? 0) + 1)
  }
  const [most] = [...counts].toSorted(([, left], [, right]) => right - left)
  return most !== undefined && most[1] >= quorum ? most[0] : undefined
}

function phaseOf({ file, hasServed }: ClusterPicture, serves: boolean): ClusterView['phase'] {
  if (!file.running) return 'stopped'
  if (serves) return 'serving'
  return hasServed ? 'no-quorum' : 'founding'
}

function replicaView(replica: LocalReplica, { nameOf, injections }: ClusterPicture): ReplicaView {
  const last = replica.reportLast
  return {
    id: replica.id,
    name: replica.name,
    process: replica.state,
    pid: replica.pid ?? null,
    role: replica.report?.role ?? null,
    slotDecided: last?.slotDecided ?? 0,
    slotExecuted: last?.slotExecuted ?? 0,
    logBytes: last?.logBytes ?? 0,
    storage: storageView(last),
    transfer: transferView(replica.report?.transfer, nameOf),
    memoryBytes: replica.report?.memoryBytes ?? null,
    connectedTo: (replica.report?.connectedTo ?? []).map(nameOf).toSorted(),
    restarts: replica.restarts,
    faults: faultsOf(replica, injections),
    quarantined: replica.report?.isQuarantined ?? false,
    slotAudited: replica.report === undefined || replica.report.slotAudited === 0 ? null : replica.report.slotAudited,
    problem: replica.problem === undefined ? null : { code: replica.problem.code, message: replica.problem.message },
  }
}

/** What it does wrong by itself is shown as long as it says so itself. */
function faultsOf({ name, report }: LocalReplica, injections: ClusterPicture['injections']): string[] {
  const kinds = injections.kindsOn(name).filter((kind) => kind !== 'lie' && kind !== 'disable-auditor')
  const own = [
    ...(report?.lies === true ? ['lie'] : []),
    ...(report?.isAuditorDisabled === true ? ['disable-auditor'] : []),
  ]
  return [...kinds, ...own]
}

function progress(replicas: readonly LocalReplica[], serves: boolean): ClusterView['progress'] {
  return [
    { label: 'Keys made', done: true },
    ...replicas.map((replica) => ({
      label: `Replica ${replica.name} started`,
      done: replica.state === 'running' || replica.reportLast !== undefined,
    })),
    { label: 'Leader elected', done: serves },
  ]
}
