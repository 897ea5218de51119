import type { AuditView, IncidentView } from '../../../core/api/audit-views.ts'

export function auditView(slot: number, changes: Partial<AuditView> = {}): AuditView {
  const replicas = ['a', 'b', 'c'].map((name) => ({
    name,
    sign: 'agrees' as const,
    root: '1f2e3d4c5b',
    outputs: '5a6b7c8d9e',
  }))
  return { slot, timeMs: Date.UTC(2026, 0, 2, 3, 4, 5), verdict: 'agrees', replicas, ...changes }
}

/** At slot 40 b deviates, and c has not reported. */
export const DEVIATION: AuditView = auditView(40, {
  verdict: 'deviation',
  replicas: [
    { name: 'a', sign: 'agrees', root: '1f2e3d4c5b', outputs: '5a6b7c8d9e' },
    { name: 'b', sign: 'deviates', root: '9900aabbcc', outputs: '5a6b7c8d9e' },
    { name: 'c', sign: 'missing', root: null, outputs: null },
  ],
})

export function incidentView(number: number, changes: Partial<IncidentView> = {}): IncidentView {
  const timeMs = Date.UTC(2026, 0, 2, 3, 4, 5)
  return {
    number,
    replica: 'b',
    slot: 40,
    openedMs: timeMs,
    closedMs: timeMs + 1800,
    state: 'repaired',
    rung: 'restart',
    summary: 'b held another value for kv/alice than the majority; it was restarted and verified after 1.8 s.',
    steps: [
      { timeMs, kind: 'found', text: 'The AUDIT at slot 40 found that b holds something else than the majority.' },
      { timeMs: timeMs + 1800, kind: 'verified', text: 'The AUDIT at slot 44 verified b.' },
    ],
    evidence: {
      slot: 40,
      inspector: 'a',
      slotAgreed: 30,
      reports: [
        { replica: 'p-a', name: 'a', root: '1f2e3d4c5b', outputs: '5a6b7c8d9e', signature: 'c2ln' },
        { replica: 'p-b', name: 'b', root: '9900aabbcc', outputs: '5a6b7c8d9e', signature: 'c2ln' },
      ],
      majority: { root: '1f2e3d4c5b', outputs: '5a6b7c8d9e' },
      differs: 'state',
      partitions: [17],
      keys: [{ key: 'kv/alice', deviating: { value: 1 }, majority: null }],
    },
    ...changes,
  }
}
