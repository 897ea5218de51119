import type { AuditView, IncidentView } from '../../core/api/audit-views.ts'
import { formatCount } from '../formatting/number.ts'

type AuditSign = AuditView['replicas'][number]['sign']
type StepKind = IncidentView['steps'][number]['kind']

/** Words of Audit: AUDITs, incidents, their evidence, and the repair of a replica. */
export const auditText = {
  audit: {
    now: 'Audit now',
    nowGloss: 'Orders an AUDIT: every replica tells what it holds after that slot. Requests go on meanwhile.',
    failNext: 'Ask again when a majority answers: one AUDIT more does no harm.',
    last: (slot: number) => `The last AUDIT, slot ${formatCount(slot)},`,
    all: (replicas: string) => `all ${replicas} agree.`,
    agree: (names: string, one: boolean) => `${names} ${one ? 'agrees' : 'agree'}`,
    deviate: (names: string, one: boolean) => `${names} ${one ? 'deviates' : 'deviate'} from the majority`,
    missing: (names: string, one: boolean) => `${names} ${one ? 'has' : 'have'} not reported`,
    noMajority: 'no majority agrees',
    numbers: ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'],
    policy: (slots: number, interval: string) =>
      `An AUDIT is ordered after ${formatCount(slots)} slots or ${interval}, whichever comes first.`,
    none: 'No AUDIT yet.',
    noneHint: (interval: string) => `One is ordered every ${interval}, or by Audit now.`,
    stopped: 'The cluster is stopped: no AUDIT is ordered.',
    reading: 'Reading the AUDITs.',
    title: 'AUDITs',
    tableLabel: 'AUDITs, newest first, with what each replica held',
    slot: 'Slot',
    time: 'Ordered',
    verdict: 'Verdict',
    verdicts: {
      agrees: 'agree',
      deviation: 'deviation',
      'no-majority': 'no majority',
    } satisfies Record<AuditView['verdict'], string>,
    signs: {
      agrees: 'agrees',
      deviates: 'deviates',
      missing: 'has not reported',
      reported: 'reported',
    } satisfies Record<AuditSign, string>,
    cell: (name: string, sign: AuditSign) => `${name} ${auditText.audit.signs[sign]}`,
    legend: {
      agrees: 'agrees with the majority',
      deviates: 'deviates',
      missing: 'not reported',
      reported: 'reported, no majority',
    } satisfies Record<AuditSign, string>,
    incident: (number: number) => `#${formatCount(number)}`,
    deviated: (number: number) => `deviated first, #${formatCount(number)}`,
    incidentLabel: (words: string, name: string) => `${words}, incident of replica ${name}`,
    incidentGloss: 'It deviated when it first reported, and was repaired. Its incident tells how.',
    outputsDiffer: 'Outputs',
    outputsGloss: 'The State is the majority’s; the Outputs given since the AUDIT or CHECKPOINT before are not.',
    noMajorityTitle: 'No majority of the replicas holds the same State.',
    noMajorityBody:
      'Nobody was restarted, because no vote can tell which State is right. What was acknowledged is still in the logs.',
    noMajorityNext: (slot: number | null) =>
      `If one computer had trouble with its memory or disk, repair its replica from the menu beside its name: it is rebuilt, and the next AUDIT compares again. If none stands out, stop the cluster and restore ${slot === null ? 'a backup you trust' : `a backup from slot ${formatCount(slot)} or before, where a majority last agreed`}.`,
    result: (slot: number, finding: string) => `The AUDIT at slot ${formatCount(slot)}: ${finding}`,
    resultWaiting: 'The replicas hash what they hold, and report.',
  },
  incidents: {
    title: 'Incidents',
    none: 'No replica has deviated since the host came up.',
    label: (number: number) => `Incident ${formatCount(number)}`,
    number: (number: number) => `#${formatCount(number)}`,
    found: 'found at slot',
    show: (number: number) => `Show incident ${formatCount(number)}`,
    states: {
      open: 'under repair',
      repaired: 'repaired',
      'given-up': 'given up',
    } satisfies Record<IncidentView['state'], string>,
    steps: {
      found: 'found',
      quarantined: 'quarantined',
      evidence: 'evidence',
      restarted: 'restarted',
      transferring: 'transferring',
      verified: 'verified',
      stopped: 'stopped',
      waits: 'waits',
      operator: 'asked for',
    } satisfies Record<StepKind, string>,
    timeline: 'What was done',
    evidence: 'Where it differs',
    evidenceNone: 'Not compared yet: a member looks for the keys that differ while the replica still runs.',
    evidenceNever: 'It was not compared: the replica was gone before a member could look.',
    lasted: (age: string) => `closed after ${age}`,
    openedTitle: 'Found',
    download: 'Download evidence',
    givenUp:
      'The ladder ended: it is stopped and counts as failed. Look at the memory and the disk of its computer before it is repaired by hand.',
    file: (cluster: string, number: number) => `${cluster}-incident-${number}.json`,
    toAudit: 'Open in Audit',
    open: (count: number) =>
      count === 1 ? '1 incident is not closed.' : `${formatCount(count)} incidents are not closed.`,
    badge: (count: number) => `${formatCount(count)} not closed`,
  },
  evidence: {
    differs: {
      state: 'The States differ; the Outputs given were alike.',
      outputs: 'The States are alike; the Outputs given differ.',
      both: 'The States differ, and so do the Outputs given.',
    },
    partitions: (numbers: string, count: number, more: number) =>
      `In ${count === 1 ? 'partition' : 'partitions'} ${numbers}${more > 0 ? ` and ${formatCount(more)} more` : ''} of 1,024.`,
    agreed: (slot: number) => `They last agreed at slot ${formatCount(slot)}.`,
    agreedNone: 'No earlier AUDIT is known at which they agreed.',
    inspector: (name: string, slot: number) => `Compared by ${name}, at slot ${formatCount(slot)}.`,
    keysLabel: 'Keys that differ',
    key: 'Key',
    deviating: (name: string) => `Deviating: ${name}`,
    majority: 'Majority',
    absent: 'not there',
    keysNone: 'No key differs in what could be compared.',
    cut: (characters: number) => `… ${formatCount(characters)} characters alike …`,
    differ: 'differs',
    reportsLabel: 'Signed reports of the AUDIT',
    member: 'Member',
    root: 'State root',
    outputs: 'Outputs',
    signature: 'Signature',
    majorityRow: 'majority',
    copyOutputs: (digest: string) => `Copy digest of Outputs ${digest}`,
  },
  repair: {
    menu: 'Repair…',
    title: (name: string) => `Repair replica ${name}?`,
    body: 'Its process is started anew and rebuilt from its last verified checkpoint and its log; an AUDIT then verifies it. If it still deviates it receives the State from the others. Its Outputs do not count until then.',
    served: (left: number, quorum: number, more: number) =>
      `Meanwhile ${formatCount(left)} others run and ${formatCount(quorum)} make a majority: requests go on, and ${more === 0 ? 'no other may fail' : `${formatCount(more)} more may fail`}.`,
    waits: (left: number, quorum: number) =>
      `Meanwhile ${formatCount(left)} of the ${formatCount(quorum)} members needed for a majority would run: requests wait until it is back. Nothing acknowledged is lost.`,
    confirm: 'Repair the replica',
  },
  quarantine: {
    word: 'quarantined',
    gloss: 'It deviated from a majority: its Outputs do not count until an AUDIT verified it.',
  },
}
