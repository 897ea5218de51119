import type { ClusterView, ReplicaView } from '../api/views.ts'
import { majorityOf } from '../model/quorum.ts'
import type { LocalReplica } from './local-replica.ts'
import type { ClusterFile } from './cluster-file.ts'
import { ballotView } from './vote-views.ts'
import { policyOf, storageView, transferView } from './storage-views.ts'
import type { NameOf } from './vote-views.ts'

export interface ClusterPicture {
  readonly file: ClusterFile
  readonly version: number
  readonly replicas: readonly LocalReplica[]
  readonly nameOf: NameOf
  /** Whether a majority has ever served since this host started the cluster. */
  readonly hasServed: boolean
}

/** What people see of a cluster, drawn from what its replicas last told. */
export function clusterView(picture: ClusterPicture): ClusterView {
  const { file, replicas, nameOf } = picture
  const total = file.members.length
  const quorum = majorityOf(total)
  const leader = agreedLeader(replicas, quorum)
  const running = replicas.filter((replica) => replica.state === 'running').length
  const serves = leader !== undefined && running >= quorum
  const survivable = serves ? running - quorum : -1
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
    replicas: replicas.map((replica) => replicaView(replica, nameOf)),
    quorum,
    checkpointPolicy: policyOf(file),
    survivable,
    health: health({ phase, replicas, total, quorum, running, survivable, leader: leader && nameOf(leader) }),
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

function replicaView(replica: LocalReplica, nameOf: NameOf): ReplicaView {
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
    faults: replica.report?.lies === true ? ['lie'] : [],
    problem: replica.problem === undefined ? null : { code: replica.problem.code, message: replica.problem.message },
  }
}

interface HealthFacts {
  readonly phase: ClusterView['phase']
  readonly replicas: readonly LocalReplica[]
  readonly total: number
  readonly quorum: number
  readonly running: number
  readonly survivable: number
  readonly leader: string | undefined
}

/** One sentence or two, the worst fact first. */
function health(facts: HealthFacts): ClusterView['health'] {
  const { phase, replicas, total, quorum, running, survivable, leader } = facts
  const away = replicas.filter((replica) => replica.state !== 'running').map((replica) => replica.name)
  const liars = replicas.filter((replica) => replica.report?.lies === true).map((replica) => replica.name)
  if (phase === 'stopped') return { level: 'attention', sentence: 'Stopped. Nothing is served; the log is kept.' }
  if (phase === 'founding') {
    return { level: 'attention', sentence: `Starting. ${running} of ${total} replicas run; a leader is being elected.` }
  }
  if (phase === 'no-quorum') {
    const missing = quorum - running
    const what =
      missing > 0
        ? `No majority: ${running} of ${total} replicas run, ${quorum} are needed. Requests fail until ${missing} more ${missing === 1 ? 'starts' : 'start'}.`
        : 'No leader: an election is under way. Requests wait.'
    return { level: 'danger', sentence: what }
  }
  const led = leader === undefined ? '' : ` Leader: ${leader}.`
  if (survivable === 0) {
    const who = away.length > 0 ? ` ${away.join(', ')} ${away.length === 1 ? 'is' : 'are'} down.` : ''
    return {
      level: 'attention',
      sentence: `No failure is survivable now: ${running} of ${total} replicas run.${who}${led}`,
    }
  }
  if (liars.length > 0) {
    return {
      level: 'attention',
      sentence: `${liars.join(', ')} lies (injected) and is outvoted. Can lose ${survivable} of ${total}.${led}`,
    }
  }
  const receiving = replicas.filter((replica) => replica.report?.transfer !== undefined).map((replica) => replica.name)
  if (receiving.length > 0) {
    const who = `${receiving.join(', ')} ${receiving.length === 1 ? 'receives' : 'receive'} the State`
    return { level: 'attention', sentence: `${who} from the others. Can lose ${survivable} of ${total}.${led}` }
  }
  if (away.length > 0) {
    return { level: 'attention', sentence: `${away.join(', ')} down. Can lose ${survivable} more of ${total}.${led}` }
  }
  return { level: 'good', sentence: `Healthy. Can lose ${survivable} of ${total}.${led}` }
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
