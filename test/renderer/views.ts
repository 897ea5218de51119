import type { ClusterView, InputVotesView, ReplicaView, SlotVotesView, VoteView } from '../../core/api/views.ts'

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
    connectedTo: [],
    restarts: 0,
    faults: [],
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
    quorum: 2,
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
