import type { AuditView, EvidenceView, IncidentView } from '../../core/api/audit-views.ts'
import type { InjectedView } from '../../core/api/faults.ts'
import type {
  BackupView,
  CheckpointView,
  ClusterView,
  InputVotesView,
  LogSlotView,
  ReplicaView,
  SlotVotesView,
  StorageView,
  TaskView,
  VoteView,
} from '../../core/api/views.ts'

/** Views as a host would send them, for tests that change one thing about them. */

export function replicaView(name: string, change: Partial<ReplicaView> = {}): ReplicaView {
  return {
    id: `replica-${name}`,
    name,
    process: 'running',
    pid: 100,
    role: 'follower',
    slotDecided: 10,
    slotExecuted: 10,
    logBytes: 2048,
    storage: {
      logBytes: 2048,
      segments: 1,
      slotFirst: 1,
      checkpointBytes: 0,
      checkpoints: [],
      writing: null,
      sinceSlots: 10,
      sinceBytes: 2048,
      retention: 'Nothing may be dropped: no checkpoint is stable yet.',
    },
    transfer: null,
    memoryBytes: 96 * 1024 * 1024,
    connectedTo: [],
    restarts: 0,
    faults: [],
    quarantined: false,
    slotAudited: null,
    problem: null,
    ...change,
  }
}

export function clusterView(change: Partial<ClusterView> = {}): ClusterView {
  return {
    id: 'cluster-1',
    name: 'rehearsal',
    version: 1,
    phase: 'serving',
    rehearsal: true,
    epoch: 1,
    leader: 'a',
    ballot: '1.a',
    slotDecided: 10,
    replicas: ['a', 'b', 'c'].map((name) => replicaView(name)),
    audit: null,
    incidentsOpen: 0,
    injected: [],
    auditPolicy: { slotsMax: 100_000, intervalMs: 10_000 },
    quorum: 2,
    checkpointPolicy: { slotsMax: 50_000, bytesMax: 32_000_000 },
    survivable: 1,
    health: { level: 'good', sentence: 'All 3 replicas agree.' },
    progress: [],
    ...change,
  }
}

export function votesOf(signs: string): readonly VoteView[] {
  const words = { '+': 'agrees', x: 'dissents', o: 'none', '?': 'answered' } as const
  return Array.from(signs, (sign, index) => ({
    replica: `replica-${'abc'[index]}`,
    name: 'abc'[index] ?? '',
    sign: words[sign as keyof typeof words],
    digest: null,
    afterMs: null,
    signature: null,
  }))
}

export function inputVotes(signs: string, change: Partial<InputVotesView> = {}): InputVotesView {
  return {
    kind: 'input',
    client: 'client-1',
    sequence: 1,
    machine: 'kv',
    input: { op: 'get', key: 'x' },
    proxy: 'a',
    output: { ok: true, value: null },
    failed: null,
    votes: [...votesOf(signs)],
    ...change,
  }
}

/** A slot with one Input for each word of signs: `+` agrees, `x` dissents, `o` none, `?` answered. */
export function slotVotes(slot: number, ...inputs: readonly string[]): SlotVotesView {
  return {
    slot,
    ballot: '1.a',
    timeMs: slot * 1000,
    inputCount: inputs.length,
    inputs: inputs.map((signs) => inputVotes(signs)),
  }
}

export function storageView(change: Partial<StorageView> = {}): StorageView {
  return { ...replicaView('a').storage, ...change }
}

export function checkpointView(slot: number, change: Partial<CheckpointView> = {}): CheckpointView {
  const root = 'a85612ff'.repeat(8)
  return {
    ...{ slot, timeMs: slot * 1000, root, keys: 11, stateBytes: 4000, fileBytes: 1700, durationMs: 34, stable: true },
    ...change,
  }
}

/** A slot of the log with so many Inputs, of which the host sent at most 32. */
export function logSlot(slot: number, inputCount = 1): LogSlotView {
  return {
    slot,
    ballot: '1.a',
    bytes: 200,
    timeMs: inputCount === 0 ? null : slot * 1000,
    inputCount,
    inputs: Array.from({ length: Math.min(32, inputCount) }, (_, index) => ({
      kind: 'input',
      client: 'client-1',
      sequence: index + 1,
      machine: 'kv',
      input: { op: 'get', key: 'x' },
      proxy: 'a',
      output: { ok: true, value: null },
    })),
  }
}

export function backupView(change: Partial<BackupView> = {}): BackupView {
  return {
    cluster: { id: 'cluster-1', name: 'rehearsal' },
    synod: '0.1.0',
    createdMs: 1000,
    machines: ['kv'],
    members: ['a', 'b', 'c'].map((name) => ({ id: `replica-${name}`, name })),
    checkpoint: { slot: 1456, timeMs: 900, root: 'a85612ff'.repeat(8), keys: 10_004, stateBytes: 2_600_000 },
    slotLast: 1710,
    slots: 254,
    fileBytes: 1_200_000,
    ...change,
  }
}

/** A backup of `cluster-1` that has just begun. */
export function taskView(change: Partial<TaskView> = {}): TaskView {
  return {
    ...{ task: 1, kind: 'backup', phase: 'writing', file: '/backups/demo.synod', cluster: 'rehearsal' },
    ...{ clusterId: 'cluster-1', done: 0, total: null, confirmed: null, startedMs: 5, durationMs: null },
    ...{ backup: null, fault: null },
    ...change,
  }
}

/** An AUDIT of a, b and c: `+` agrees, `x` deviates, `o` missing, `?` reported. */
export function auditView(slot: number, signs = '+++', change: Partial<AuditView> = {}): AuditView {
  const words = { '+': 'agrees', x: 'deviates', o: 'missing', '?': 'reported' } as const
  return {
    slot,
    timeMs: slot * 1000,
    verdict: signs.includes('?') ? 'no-majority' : signs.includes('x') ? 'deviation' : 'agrees',
    replicas: Array.from(signs, (sign, index) => ({
      name: 'abc'[index] ?? '',
      sign: words[sign as keyof typeof words],
      root: sign === 'o' ? null : (sign === 'x' ? 'bad0' : 'a856').repeat(16),
      outputs: sign === 'o' ? null : '12ff'.repeat(16),
    })),
    ...change,
  }
}

export function evidenceView(change: Partial<EvidenceView> = {}): EvidenceView {
  const sides = { majority: { root: 'a856'.repeat(16), outputs: '12ff'.repeat(16) } }
  return {
    ...{ slot: 40, inspector: 'a', slotAgreed: 30, reports: [], differs: 'state', partitions: [417] },
    ...{ ...sides, keys: [{ key: 'treasure', deviating: 'kepu', majority: 'kept' }] },
    ...change,
  }
}

export function incidentView(number: number, change: Partial<IncidentView> = {}): IncidentView {
  return {
    ...{ number, replica: 'b', slot: 40, openedMs: 1000, closedMs: null, state: 'open', rung: null },
    ...{ summary: 'b deviated; it is under repair.', steps: [], evidence: null },
    ...change,
  }
}

export function injectedView(number: number, change: Partial<InjectedView> = {}): InjectedView {
  return {
    ...{ number, fault: { kind: 'lie', replica: 'b', how: 'always' }, text: 'b lies in every Output' },
    ...{ startedMs: 1000, endsMs: 31_000, endedMs: null },
    ...change,
  }
}
