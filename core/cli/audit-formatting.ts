import type { AuditView, EvidenceView, IncidentView } from '../api/audit-views.ts'
import type { ClusterView } from '../api/views.ts'
import { formatCount } from './numbers.ts'

/** The signs of the console, so that one glance means the same everywhere. */
const SIGNS: Readonly<Record<AuditView['replicas'][number]['sign'], string>> = {
  agrees: '●',
  missing: '○',
  deviates: '✕',
  reported: '◐',
}

const DIGEST_DIGITS_SHOWN = 8
const VALUE_CHARACTERS_SHOWN = 80

/** "AUDIT at slot 4,812 · c deviates." with a line for each replica. */
export function formatAudit(audit: AuditView): string {
  const head = `AUDIT at slot ${formatCount(audit.slot)} · ${verdictWords(audit)}`
  const width = Math.max(0, ...audit.replicas.map(({ name }) => name.length))
  const lines = audit.replicas.map(({ sign, name, root, outputs }) => {
    const what =
      root === null || outputs === null ? 'no report yet' : `State ${digits(root)}  Outputs ${digits(outputs)}`
    return `  ${SIGNS[sign]} ${name.padEnd(width)}  ${what}`
  })
  return [head, ...lines, ...adviceOf(audit)].join('\n')
}

/** What status shows of the newest AUDIT, and of incidents that stand. */
export function formatLastAudit({ audit, incidentsOpen }: Pick<ClusterView, 'audit' | 'incidentsOpen'>): string[] {
  const last = audit === null ? [] : [`Last AUDIT at slot ${formatCount(audit.slot)}: ${verdictWords(audit)}`]
  if (incidentsOpen === 0) return last
  return [
    ...last,
    `${incidentsOpen} ${incidentsOpen === 1 ? 'incident is' : 'incidents are'} open. See: npx synod incidents`,
  ]
}

/** Newest first, one a line. */
export function formatAudits(audits: readonly AuditView[]): string {
  if (audits.length === 0) return 'No AUDIT has a verdict yet. Order one with: npx synod audit'
  return audits
    .map((audit) => `${time(audit.timeMs)}  slot ${formatCount(audit.slot)}  ${verdictWords(audit)}`)
    .join('\n')
}

function verdictWords({ verdict, replicas }: AuditView): string {
  const named = (wanted: AuditView['replicas'][number]['sign']): string[] =>
    replicas.filter(({ sign }) => sign === wanted).map(({ name }) => name)
  const missing = named('missing')
  const late = missing.length === 0 ? '' : `; no report yet from ${missing.join(', ')}`
  if (verdict === 'no-majority') return `no majority: the replicas hold different States${late}.`
  const who = named('deviates')
  const deviating = who.length === 0 ? '' : `; ${who.join(', ')} ${who.length === 1 ? 'deviates' : 'deviate'}`
  return `${named('agrees').length} of ${replicas.length} agree${deviating}${late}.`
}

function adviceOf({ verdict }: AuditView): string[] {
  switch (verdict) {
    case 'agrees':
      return []
    case 'deviation':
      return ['Who deviates is repaired by its host. See: npx synod incidents']
    case 'no-majority':
      return [
        'Nobody is restarted, because nobody can tell who is right. Repair the one you suspect: npx synod repair NAME',
      ]
  }
}

/** Newest first, one a line. */
export function formatIncidents(incidents: readonly IncidentView[]): string {
  if (incidents.length === 0) return 'No replica has deviated.'
  return incidents
    .map(({ number, openedMs, state, summary }) => `${formatCount(number)}  ${time(openedMs)}  ${state}  ${summary}`)
    .join('\n')
}

/** One incident with its steps and its evidence. */
export function formatIncident(incident: IncidentView): string {
  const { number, replica, slot, state, summary, steps, evidence } = incident
  const head = `Incident ${formatCount(number)} · ${replica} · AUDIT at slot ${formatCount(slot)} · ${state}`
  const lines = steps.map(({ timeMs, kind, text }) => `  ${time(timeMs)}  ${kind.padEnd(STEP_WIDTH)}  ${text}`)
  return [
    head,
    summary,
    ...lines,
    ...(evidence === null ? ['No evidence was gathered.'] : formatEvidence(replica, evidence)),
  ].join('\n')
}

const STEP_WIDTH = 'transferring'.length

function formatEvidence(
  replica: string,
  { inspector, slotAgreed, reports, majority, partitions, keys }: EvidenceView,
): string[] {
  const since = slotAgreed === null ? 'an unknown slot' : `slot ${formatCount(slotAgreed)}`
  const where = partitions.length === 0 ? [] : [`  partitions that differ: ${partitions.join(', ')}`]
  return [
    `Evidence, gathered by ${inspector}; last agreed at ${since}:`,
    ...reports.map(({ name, root, outputs }) => {
      const sign = root === majority.root && outputs === majority.outputs ? SIGNS.agrees : SIGNS.deviates
      return `  ${sign} ${name}  State ${digits(root)}  Outputs ${digits(outputs)}  signed`
    }),
    ...where,
    ...keys.flatMap(({ key, deviating, majority: right }) => [
      `  ${key}`,
      `    ${replica}: ${cut(deviating)}`,
      `    majority: ${cut(right)}`,
    ]),
  ]
}

function cut(value: unknown): string {
  if (value === null) return '(not there)'
  const text = JSON.stringify(value)
  return text.length > VALUE_CHARACTERS_SHOWN ? `${text.slice(0, VALUE_CHARACTERS_SHOWN)}…` : text
}

function digits(digest: string): string {
  return digest.slice(0, DIGEST_DIGITS_SHOWN)
}

function time(timeMs: number): string {
  return new Date(timeMs).toISOString()
}
