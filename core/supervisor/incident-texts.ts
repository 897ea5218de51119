import type { AuditView, EvidenceView, IncidentView, RepairRung } from '../api/audit-views.ts'
import type { Problem } from './exit-notes.ts'

/** One sentence: what was wrong, and how it ended. */
export function summaryOf(incident: IncidentView): string {
  return `${whatOf(incident)}; ${endOf(incident)}.`
}

function whatOf({ replica, slot, evidence, steps }: IncidentView): string {
  if (evidence !== null) return evidenceWords(replica, evidence)
  if (steps[0]?.kind === 'operator') return `The repair of ${replica} was ordered`
  return `${replica} deviated from the majority at the AUDIT of slot ${count(slot)}`
}

function evidenceWords(replica: string, { keys, partitions, differs }: EvidenceView): string {
  const [first] = keys
  if (first !== undefined) return `${replica} ${keyWords(first, keys.length - 1)}`
  if (differs === 'outputs') return `${replica} gave other Outputs than the majority`
  if (partitions.length === 0) return `${replica} held another State than the majority`
  const parts = partitions.length === 1 ? 'partition' : 'partitions'
  return `${replica} held another State than the majority in ${count(partitions.length)} ${parts}`
}

function keyWords({ key, deviating, majority }: EvidenceView['keys'][number], more: number): string {
  const others = more === 0 ? '' : ` and ${count(more)} more ${more === 1 ? 'key' : 'keys'}`
  if (deviating === null) return `did not hold ${key}${others}, which the majority holds`
  if (majority === null) return `held ${key}${others}, which the majority does not hold`
  return more === 0
    ? `held another value for ${key} than the majority`
    : `held other values for ${key}${others} than the majority`
}

const REPAIRED: Readonly<Record<RepairRung, string>> = {
  restart: 'it was restarted and verified',
  transfer: 'it was restarted with nothing of its own, received the State from others, and was verified',
  stop: 'it was started by hand and verified',
}

function endOf(incident: IncidentView): string {
  const { state, rung, openedMs, closedMs, steps } = incident
  switch (state) {
    case 'repaired': {
      const what = rung === null ? 'it agrees with the majority again' : REPAIRED[rung]
      return closedMs === null ? what : `${what} after ${seconds(closedMs - openedMs)}`
    }
    case 'given-up':
      return 'it was stopped, and a person must act'
    case 'open':
      return steps.at(-1)?.kind === 'waits' ? 'its repair waits until enough others are well' : 'it is under repair'
  }
}

/** 1830 -> "1.8 s". */
function seconds(ms: number): string {
  return `${(Math.max(0, ms) / 1000).toFixed(1)} s`
}

export function foundText(replica: string, slot: number): string {
  return `The AUDIT at slot ${count(slot)} found that ${replica} holds something else than the majority.`
}

export function quarantinedText(replica: string): string {
  return `${replica} knows that it deviates: its Outputs no longer count, and it answers no reads.`
}

export function evidenceText(replica: string, evidence: EvidenceView): string {
  return `${evidence.inspector} looked where it differs: ${evidenceWords(replica, evidence)}.`
}

export function waitsText(replica: string): string {
  return `${replica} is not restarted now: too few others are well, and without it there might be no majority.`
}

export const RUNG_TEXTS: Readonly<Record<RepairRung, (replica: string) => string>> = {
  restart: (replica) => `${replica} is started anew and rebuilt from its newest stable checkpoint and its log.`,
  transfer: (replica) => `${replica} is started anew with nothing of its own State, and receives it from the others.`,
  stop: (replica) => `${replica} is stopped: what was tried did not help.`,
}

export function verifiedText(replica: string, slot: number): string {
  return `The AUDIT at slot ${count(slot)} verified ${replica}: a majority agrees with it, and its Outputs count.`
}

/** What is shown on a replica that was given up. */
export function auditFailed(incident: IncidentView): Problem {
  const { replica, slot, number } = incident
  const message =
    `Replica ${replica} deviated from the majority at the AUDIT of slot ${count(slot)}, and could not be repaired. ` +
    'It was stopped; nothing acknowledged is lost while a majority runs. Check this computer’s memory and disk, see ' +
    `the evidence (synod incident ${number}), then start the replica again: it stays in quarantine until it is verified.`
  return { code: 'AUDIT_FAILED', message, isFinal: true }
}

/** "a and c say 1f2e3d, b says 9a8b7c": by the digests of State and Outputs. */
function sidesOf({ replicas }: AuditView): string {
  const sides = new Map<string, string[]>()
  for (const { name, root, outputs } of replicas) {
    const side =
      root === null || outputs === null ? 'nothing' : `State ${root.slice(0, 8)}, Outputs ${outputs.slice(0, 8)}`
    sides.set(side, [...(sides.get(side) ?? []), name])
  }
  return [...sides]
    .map(([side, names]) => `${names.join(' and ')} ${names.length === 1 ? 'says' : 'say'} ${side}`)
    .join('; ')
}

export function noMajorityText(audit: AuditView): string {
  return (
    `The AUDIT at slot ${count(audit.slot)} found no majority: ${sidesOf(audit)}. Nobody was restarted, because nobody ` +
    'can tell who is right. Suspect the one whose computer had trouble: rebuild it with "synod repair NAME", or stop it.'
  )
}

/** 4812 -> "4,812". */
export function count(value: number): string {
  return value.toLocaleString('en')
}
