import type { AuditView, EvidenceView, IncidentView } from '../../core/api/audit-views.ts'
import type { ClusterView } from '../../core/api/views.ts'
import { text } from '../text.ts'
import { formatAge } from './time.ts'
import type { Sign } from './votes.ts'

export type AuditedReplica = AuditView['replicas'][number]

/** The sign of the house for how a member stood at an AUDIT. */
export function auditSign(sign: AuditedReplica['sign']): Sign {
  return ({ agrees: 'agrees', deviates: 'dissents', missing: 'none', reported: 'answered' } as const)[sign]
}

/** A row of the matrix: one AUDIT, with a cell a replica, in their order. */
export interface AuditRow {
  readonly audit: AuditView
  readonly cells: readonly AuditCell[]
}

export interface AuditCell {
  readonly name: string
  /** `null` for one that the AUDIT did not know. */
  readonly audited: AuditedReplica | null
  /** Number of the incident this AUDIT found: it deviated at first, whatever it reported after its repair. */
  readonly incident: number | null
}

export function auditRows(
  audits: readonly AuditView[],
  names: readonly string[],
  incidents: readonly IncidentView[],
): readonly AuditRow[] {
  return audits.map((audit) => ({
    audit,
    cells: names.map((name) => ({
      name,
      audited: audit.replicas.find((one) => one.name === name) ?? null,
      incident: incidents.find(({ slot, replica }) => slot === audit.slot && replica === name)?.number ?? null,
    })),
  }))
}

/** What an AUDIT found, worst first: "c deviates from the majority; a and b agree." */
export function auditFinding({ replicas, verdict }: AuditView): string {
  const words = text.audit
  const of = (sign: AuditedReplica['sign']): readonly string[] =>
    replicas.filter((replica) => replica.sign === sign).map(({ name }) => name)
  const [agree, deviate, missing] = [of('agrees'), of('deviates'), of('missing')]
  if (agree.length === replicas.length) return words.all(numberWord(replicas.length))
  const parts = [
    ...(verdict === 'no-majority' ? [words.noMajority] : []),
    ...(deviate.length > 0 ? [words.deviate(listed(deviate), deviate.length === 1)] : []),
    ...(agree.length > 0 ? [words.agree(listed(agree), agree.length === 1)] : []),
    ...(missing.length > 0 ? [words.missing(listed(missing), missing.length === 1)] : []),
  ]
  return `${parts.join('; ')}.`
}

/** "a", "a and b", "a, b and c". */
export function listed(names: readonly string[]): string {
  const last = names.at(-1) ?? ''
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} and ${last}`
}

function numberWord(count: number): string {
  return text.audit.numbers[count] ?? String(count)
}

/** How bad the newest AUDIT is. */
export function auditLevel(audit: AuditView): 'good' | 'attention' | 'danger' {
  if (audit.verdict === 'no-majority') return 'danger'
  return audit.replicas.every(({ sign }) => sign === 'agrees') ? 'good' : 'attention'
}

/** Its State is the majority's, what it answered is not: its root would say nothing. */
export function differsInOutputs(replica: AuditedReplica, { replicas }: AuditView): boolean {
  if (replica.sign !== 'deviates') return false
  return replicas.some(({ sign, root }) => sign === 'agrees' && root === replica.root)
}

/** The newest AUDIT before that one at which a majority agreed. Newest first. */
export function slotAgreedBefore(audits: readonly AuditView[], slot: number): number | null {
  return audits.find((one) => one.slot < slot && one.verdict !== 'no-majority')?.slot ?? null
}

export function policyWords({ auditPolicy: { slotsMax, intervalMs } }: ClusterView): string {
  return text.audit.policy(slotsMax, formatAge(intervalMs))
}

/** Partitions that are named; of the others it is said how many they are. */
const PARTITIONS_SHOWN = 12

export function partitionWords({ partitions }: EvidenceView): string {
  const shown = partitions.slice(0, PARTITIONS_SHOWN)
  const numbers = partitions.length === shown.length ? listed(shown.map(String)) : shown.join(', ')
  return text.evidence.partitions(numbers, partitions.length, partitions.length - shown.length)
}

/** A value of the evidence in one line; `null` where a side has none. */
export function valueJson(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value)
}

/** Newest first and without repeats, `changes` winning, bounded. */
export function mergeAudits(
  held: readonly AuditView[],
  changes: readonly AuditView[],
  max: number,
): readonly AuditView[] {
  const bySlot = new Map([...held, ...changes].map((one) => [one.slot, one]))
  return [...bySlot.values()].sort((one, other) => other.slot - one.slot).slice(0, max)
}

/** Newest first and without repeats, `changes` winning, bounded. */
export function mergeIncidents(
  held: readonly IncidentView[],
  changes: readonly IncidentView[],
  max: number,
): readonly IncidentView[] {
  const byNumber = new Map([...held, ...changes].map((one) => [one.number, one]))
  return [...byNumber.values()].sort((one, other) => other.number - one.number).slice(0, max)
}

/** What a person keeps of an incident, as `synod incident` writes it: with the keys its reports are signed with. */
export function incidentFile(
  incident: IncidentView,
  cluster: ClusterView,
  synod: string,
): { readonly name: string; readonly json: string } {
  const { id, name } = cluster
  const members = cluster.replicas.map((replica) => ({ replica: replica.id, name: replica.name }))
  const kept = { kind: 'synod incident', format: 1, synod, cluster: { id, name }, members, incident }
  const slug = name.replaceAll(/[^\p{L}\p{N}]+/gu, '-').replaceAll(/^-|-$/g, '') || 'cluster'
  return { name: text.incidents.file(slug, incident.number), json: `${JSON.stringify(kept, null, 2)}\n` }
}
