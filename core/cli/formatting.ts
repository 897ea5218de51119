import type { ClusterView, OutputView, ReplicaView, VoteView } from '../api/views.ts'
import type { Outcome, ProblemDetails, ReadOutcome, Status } from '../client/answers.ts'
import { formatLastAudit } from './audit-formatting.ts'
import { formatBytes, formatCount } from './numbers.ts'
import { formatNextCheckpoint, formatStorage, formatTransfer } from './storage-formatting.ts'

/** The signs of the console, so that one glance means the same everywhere. */
const VOTE_SIGNS: Readonly<Record<VoteView['sign'], string>> = {
  agrees: '●',
  none: '○',
  dissents: '✕',
  answered: '◐',
}

const DIGEST_DIGITS_SHOWN = 6

export function formatOutcome(outcome: Outcome): string {
  const head = `Slot ${formatCount(outcome.slot)} · decided · ${formatAgreement(outcome.votes)}`
  return [head, ...formatVotes(outcome.votes), formatOutput(outcome.output)].join('\n')
}

export function formatReadOutcome(outcome: ReadOutcome): string {
  switch (outcome.kind) {
    case 'output':
      return formatOutcome(outcome)
    case 'stale': {
      const head = `Slot ${formatCount(outcome.slot)} · stale · the State of ${outcome.replica} alone, not voted on.`
      return [head, formatOutput(outcome.output)].join('\n')
    }
  }
}

/** FAIL with its votes, or any other problem in two lines. */
export function formatProblem(problem: ProblemDetails): string {
  const { reason, slot, votes } = problem
  if (reason === undefined || votes === undefined) return `${problem.title}.\n${problem.detail}`
  const where = slot === undefined || slot === null ? 'no slot known' : `slot ${formatCount(slot)}`
  const why = reason === 'no-majority' ? 'no majority of equal Outputs' : 'too few Outputs'
  return [`FAIL · ${where} · ${why}.`, ...formatVotes(votes), problem.detail].join('\n')
}

/** "2 of 3 agree; c dissents." */
export function formatAgreement(votes: readonly VoteView[]): string {
  const named = (sign: VoteView['sign']): string[] => votes.filter((vote) => vote.sign === sign).map(({ name }) => name)
  const parts = [`${named('agrees').length} of ${votes.length} agree`]
  const dissenters = named('dissents')
  const late = named('none')
  if (dissenters.length > 0) parts.push(`${dissenters.join(', ')} ${dissenters.length === 1 ? 'dissents' : 'dissent'}`)
  if (late.length > 0) parts.push(`no answer yet from ${late.join(', ')}`)
  return `${parts.join('; ')}.`
}

export function formatVotes(votes: readonly VoteView[]): string[] {
  const width = Math.max(0, ...votes.map(({ name }) => name.length))
  return votes.map(({ sign, name, digest, afterMs }) => {
    const shown = (digest ?? '').slice(0, DIGEST_DIGITS_SHOWN).padEnd(DIGEST_DIGITS_SHOWN)
    const after = afterMs === null ? 'no answer' : `${afterMs < 10 ? afterMs.toFixed(1) : Math.round(afterMs)} ms`
    return `  ${VOTE_SIGNS[sign]} ${name.padEnd(width)}  ${shown}  ${after}`
  })
}

export function formatOutput(output: OutputView): string {
  if (output.ok) return `Output: ${JSON.stringify(output.value)}`
  return `Refused by the machine: ${output.error.code}: ${output.error.message}`
}

export function formatStatus(status: Status): string {
  const head = `Synod ${status.synod} · ${status.host} host · ${status.dataFolder}`
  if (status.clusters.length === 0) return `${head}\nNo cluster yet. Found one with: npx synod try --name demo`
  return [head, ...status.clusters.map(formatCluster)].join('\n\n')
}

function formatCluster(cluster: ClusterView): string {
  const leader = cluster.leader === null ? 'no leader' : `leader ${cluster.leader}`
  const ballot = cluster.ballot === null ? '' : ` (ballot ${cluster.ballot})`
  const facts = [`${cluster.name} · ${cluster.phase}`, `${leader}${ballot}`, `slot ${formatCount(cluster.slotDecided)}`]
  const lines = [
    ...[facts.join(' · '), cluster.health.sentence],
    ...[...formatLastAudit(cluster), formatNextCheckpoint(cluster)],
  ]
  return [...lines, ...cluster.replicas.flatMap((replica) => formatReplica(replica))].join('\n')
}

function formatReplica(replica: ReplicaView): string[] {
  const sign = replica.process === 'running' ? '●' : '○'
  const role = replica.role === null ? '' : ` ${replica.role}`
  const executed = `executed ${formatCount(replica.slotExecuted)} of ${formatCount(replica.slotDecided)}`
  const facts = [`${sign} ${replica.name}  ${replica.process}${role}`, executed, `log ${formatBytes(replica.logBytes)}`]
  const quarantine = replica.quarantined ? ['in quarantine: its Outputs do not count'] : []
  const faults = replica.faults.map((fault) => `rehearsal: ${fault}`)
  const problems = replica.problem === null ? [] : [replica.problem.message]
  const line = `  ${[...facts, ...formatStorage(replica.storage), ...quarantine, ...faults, ...problems].join(' · ')}`
  return replica.transfer === null ? [line] : [line, `      ${formatTransfer(replica.transfer)}`]
}
