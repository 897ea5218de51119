import type { AuditView, EvidenceView } from '../api/audit-views.ts'
import type { AuditReport, DifferingKey, Evidence } from '../model/audit.ts'
import type { CanonicalValue } from '../model/canonical.ts'
import type { Member } from '../model/configuration.ts'
import type { Note } from '../replica/effects.ts'
import type { NameOf } from './vote-views.ts'

/** A longer value is cut in the evidence: what is of use is that, and where, it differs. */
const VALUE_CHARACTERS_MAX = 4_096
/** Levels that are shown. A value of a State has fewer; what a liar tells of its own need not be one. */
const VALUE_DEPTH_MAX = 40

export type AuditResult = Extract<Note, { kind: 'audit-result' }>

export function auditView(result: AuditResult, members: readonly Member[]): AuditView {
  const { slot, timeMs, verdict, reports, deviating } = result
  return {
    slot,
    timeMs,
    verdict,
    replicas: members.map(({ replica, name }) => {
      const report = reports.find((candidate) => candidate.replica === replica)
      if (report === undefined) return { name, sign: 'missing', root: null, outputs: null }
      const { root, outputs } = report.findings
      const sign = verdict === 'no-majority' ? 'reported' : deviating.includes(replica) ? 'deviates' : 'agrees'
      return { name, sign, root, outputs }
    }),
  }
}

export function evidenceView(evidence: Evidence, nameOf: NameOf): EvidenceView {
  const { slot, inspector, slotAgreed, reports, majority, partitions, keys } = evidence
  return {
    slot,
    inspector: nameOf(inspector),
    slotAgreed: slotAgreed ?? null,
    reports: reports.map((report) => reportView(report, nameOf)),
    majority: { root: majority.root, outputs: majority.outputs },
    differs: differs(evidence),
    partitions: [...partitions],
    keys: keys.map(keyView),
  }
}

function reportView({ replica, findings, signature }: AuditReport, nameOf: NameOf): EvidenceView['reports'][number] {
  const { root, outputs } = findings
  return { replica, name: nameOf(replica), root, outputs, signature: Buffer.from(signature).toString('base64') }
}

function differs({ reports, replica, majority }: Evidence): EvidenceView['differs'] {
  const own = reports.find((report) => report.replica === replica)?.findings
  const isState = own?.root !== majority.root
  const isOutputs = own?.outputs !== majority.outputs
  if (isState && isOutputs) return 'both'
  return isOutputs ? 'outputs' : 'state'
}

function keyView({ key, deviating, majority }: DifferingKey): EvidenceView['keys'][number] {
  return { key, deviating: shown(deviating), majority: shown(majority) }
}

/** Safe for whatever a replica claims to hold: bounded in depth, and of nothing but what JSON can hold. */
function shown(value: CanonicalValue | undefined): unknown {
  if (value === undefined) return null
  const plain = plainOf(value)
  const text = JSON.stringify(plain)
  if (text.length <= VALUE_CHARACTERS_MAX) return plain
  return `${text.slice(0, VALUE_CHARACTERS_MAX)}… (${text.length} characters)`
}

/** As JSON can hold it: bytes as base64, what is no value of a State in words. */
function plainOf(value: unknown, depth = 0): unknown {
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString('base64') }
  if (typeof value === 'bigint') return `${value} (an integer beyond what a State holds)`
  if (value === undefined) return null
  if (typeof value !== 'object' || value === null) return value
  if (depth >= VALUE_DEPTH_MAX) return '…'
  if (Array.isArray(value)) return value.map((item) => plainOf(item, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainOf(item, depth + 1)]))
}
