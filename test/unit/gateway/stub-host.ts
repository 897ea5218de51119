import type {
  ConsoleApi,
  ConsoleArgument,
  ConsoleEvent,
  ConsoleEventName,
  ConsoleReply,
  ConsoleRequestName,
} from '../../../core/api/contract.ts'
import type { ProofView } from '../../../core/api/proof.ts'
import type { CheckpointView, ClusterView, HostView, LogView, OutcomeView } from '../../../core/api/views.ts'

export interface Call {
  readonly name: ConsoleRequestName
  readonly argument: unknown
}

type Answerer = (argument: unknown) => unknown

/** A host of the test's own behind the real gateway: answers as told, remembers what it was asked. */
export class StubHost implements ConsoleApi {
  readonly calls: Call[] = []
  clusters: ClusterView[] = [clusterView('c1', 'demo')]
  readonly #answers = new Map<ConsoleRequestName, Answerer>()
  readonly #listeners = new Map<ConsoleEventName, Set<(event: never) => void>>()

  /** Answers the calls of one name with what `answer` returns (or rejects with). */
  on(name: ConsoleRequestName, answer: Answerer): this {
    this.#answers.set(name, answer)
    return this
  }

  emit<Name extends ConsoleEventName>(name: Name, event: ConsoleEvent<Name>): void {
    for (const listener of this.#listeners.get(name) ?? []) listener(event as never)
  }

  get listenerCount(): number {
    return [...this.#listeners.values()].reduce((sum, listeners) => sum + listeners.size, 0)
  }

  request = async <Name extends ConsoleRequestName>(
    name: Name,
    argument: ConsoleArgument<Name>,
  ): Promise<ConsoleReply<never>> => {
    this.calls.push({ name, argument })
    const answer = this.#answers.get(name) ?? (name === 'host.view' ? () => ok(this.#view()) : undefined)
    if (answer === undefined) throw new Error(`the test gave no answer for ${name}`)
    return (await answer(argument)) as ConsoleReply<never>
  }

  subscribe = <Name extends ConsoleEventName>(
    name: Name,
    listener: (event: ConsoleEvent<Name>) => void,
  ): (() => void) => {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  #view(): HostView {
    return {
      version: 1,
      synod: '0.1.0',
      host: 'headless',
      dataFolder: '/data',
      machines: [{ name: 'kv', title: 'Keys', description: '', inputSchema: {}, examples: [], reads: ['get'] }],
      clusters: this.clusters,
    }
  }
}

export function ok(value: unknown): ConsoleReply<unknown> {
  return { ok: true, value }
}

export function fault(code: string, message: string): ConsoleReply<unknown> {
  return { ok: false, fault: { code, message } }
}

export const OUTPUT: OutcomeView = {
  kind: 'output',
  slot: 12,
  output: { ok: true, value: { value: '1' } },
  votes: [
    { replica: 'p-a', name: 'a', sign: 'agrees', digest: '3f9a1c00', afterMs: 4, signature: 'c2ln' },
    { replica: 'p-b', name: 'b', sign: 'agrees', digest: '3f9a1c00', afterMs: 6, signature: 'c2ln' },
    { replica: 'p-c', name: 'c', sign: 'dissents', digest: '91ab0000', afterMs: 5, signature: 'c2ln' },
  ],
}

/** As one looks: nobody signed it. */
export const PROOF: ProofView = {
  kind: 'synod proof',
  format: 1,
  cluster: 'c1',
  slot: 12,
  position: 0,
  input: { client: 'app', sequence: 7, machine: 'kv', payload: 'oA==', repeat: false },
  output: { ok: true, value: { value: '1' } },
  digests: ['3f'.repeat(32)],
  signatures: [{ replica: 'p-a', signature: 'c2ln' }],
  members: [{ replica: 'p-a', name: 'a' }],
}

export const FAIL: OutcomeView = {
  kind: 'fail',
  reason: 'too-few-outputs',
  message: 'Only a answered in time; a retry with the same client and sequence is safe.',
  slot: null,
  votes: [
    { replica: 'p-a', name: 'a', sign: 'answered', digest: '3f9a1c00', afterMs: 4, signature: 'c2ln' },
    { replica: 'p-b', name: 'b', sign: 'none', digest: null, afterMs: null, signature: null },
    { replica: 'p-c', name: 'c', sign: 'none', digest: null, afterMs: null, signature: null },
  ],
}

export const LOG: LogView = {
  replica: 'b',
  slotFirst: 5,
  slotDecided: 9,
  slots: [
    {
      slot: 5,
      ballot: '7.a',
      bytes: 120,
      timeMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
      inputCount: 2,
      inputs: [
        {
          ...{ kind: 'input', client: 'app-1', sequence: 7, machine: 'kv', proxy: 'a' },
          input: { op: 'set', key: 'k', value: 1 },
          output: { ok: true, value: { existed: false } },
        },
        {
          ...{ kind: 'read', client: '~read/x', sequence: 1, machine: 'kv', proxy: 'c' },
          input: { op: 'get', key: 'k' },
          output: null,
        },
      ],
    },
    { slot: 6, ballot: '–', bytes: 1, timeMs: null, inputCount: 0, inputs: [] },
    {
      slot: 7,
      ballot: '7.a',
      bytes: 60,
      timeMs: Date.UTC(2026, 0, 2, 3, 4, 6),
      inputCount: 1,
      inputs: [
        {
          ...{ kind: 'checkpoint', client: '~checkpoint/x', sequence: 1, machine: '~checkpoint', proxy: 'b' },
          input: null,
          output: { ok: true, value: { slot: 7 } },
        },
      ],
    },
  ],
}

export function checkpointView(slot: number, changes: Partial<CheckpointView> = {}): CheckpointView {
  return {
    ...{ slot, timeMs: slot, root: '3f9a1c00', keys: 4, stateBytes: 4096, fileBytes: 2048, durationMs: 34 },
    ...{ stable: true, ...changes },
  }
}

export function clusterView(id: string, name: string, changes: Partial<ClusterView> = {}): ClusterView {
  return {
    id,
    name,
    version: 1,
    phase: 'serving',
    rehearsal: true,
    epoch: 1,
    leader: 'a',
    ballot: '7.a',
    slotDecided: 12,
    replicas: ['a', 'b', 'c'].map((replica) => ({
      id: `p-${replica}`,
      name: replica,
      process: 'running' as const,
      pid: 100,
      role: replica === 'a' ? ('leader' as const) : ('follower' as const),
      slotDecided: 12,
      slotExecuted: 12,
      logBytes: 2048,
      storage: {
        logBytes: 2048,
        segments: 1,
        slotFirst: 1,
        checkpointBytes: 0,
        checkpoints: [],
        writing: null,
        sinceSlots: 12,
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
    })),
    audit: null,
    incidentsOpen: 0,
    injected: [],
    auditPolicy: { slotsMax: 100_000, intervalMs: 10_000 },
    quorum: 2,
    checkpointPolicy: { slotsMax: 50_000, bytesMax: 32 * 1024 * 1024 },
    survivable: 1,
    health: { level: 'good', sentence: 'All three replicas agree; one may fail.' },
    progress: [],
    ...changes,
  }
}
