import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { OutcomeView } from '../../core/api/views.ts'
import { createPrng } from '../../core/base/prng.ts'
import type { CanonicalValue } from '../../core/model/canonical.ts'
import { toCanonical } from '../../core/model/canonical.ts'
import { check } from '../linearizability/checker.ts'
import { kv } from '../linearizability/models/kv.ts'
import type { KvInput, KvOutput } from '../linearizability/models/kv.ts'
import { HistoryRecorder } from '../linearizability/recorder.ts'
import { TestHost, isWell, signal } from './harness.ts'

const CLIENTS = 8
const KEYS = 4
/** Unit: ms. An operation without an answer by then is in doubt. */
const TIMEOUT_MS = 3_000
/** Between two faults: what the nemesis waits for is time itself. Unit: ms. */
const FAULT_EVERY_MS = 700
const FAULTS = 8

type Recorder = HistoryRecorder<KvInput, KvOutput>

let host: TestHost
const paused = new Set<number>()

beforeEach(async () => {
  host = await TestHost.open()
})

afterEach(async () => {
  for (const pid of paused) signal(pid, 'SIGCONT')
  paused.clear()
  await host.close()
})

describe('what concurrent clients see while replicas are killed, paused and restarted', () => {
  it.each([
    { seed: 1, words: 'the log as it is', settings: {} },
    // So many that whoever was away finds the log gone, and receives the State while requests and faults go on.
    {
      seed: 2,
      words: 'a checkpoint every few slots',
      settings: { checkpointPolicy: { slotsMax: 150, bytesMax: 1024 * 1024 } },
    },
  ])('is linearizable ($words)', async ({ seed, settings }) => {
    await host.found('test', settings)
    const recorder: Recorder = new HistoryRecorder()
    let over = false
    const clients = Array.from({ length: CLIENTS }, (_, index) => runClient(recorder, index, seed, () => over))
    await strike(seed)
    await host.until('all are well', isWell)
    over = true
    await Promise.all(clients)
    const history = recorder.history()
    expect(history.filter(({ returned }) => returned !== undefined).length).toBeGreaterThan(CLIENTS * 10)
    expect(check(kv, history)).toMatchObject({ kind: 'linearizable' })
  })
})

/** One client: one operation after another; after one in doubt it goes on under a new name. */
async function runClient(recorder: Recorder, index: number, seed: number, isOver: () => boolean): Promise<void> {
  const prng = createPrng(seed * 1_000 + index)
  let name = `client-${index}`
  for (let sequence = 1, life = 1; !isOver(); sequence += 1) {
    const input = drawInput(prng.between(0, 99), `k${prng.between(0, KEYS - 1)}`, index * 100_000 + sequence)
    const invocation = recorder.invoke(name, input)
    const outcome = await ask(name, sequence, input)
    if (outcome === undefined || outcome.kind === 'fail') {
      invocation.info()
      life += 1
      name = `client-${index}.${life}`
    } else {
      invocation.ok(outputOf(outcome))
    }
  }
}

function drawInput(die: number, key: string, fresh: number): KvInput {
  if (die < 45) return { op: 'get', key }
  if (die < 75) return { op: 'set', key, value: fresh }
  if (die < 90) return { op: 'compare-and-set', key, expected: null, value: fresh }
  return { op: 'delete', key }
}

/** Reads go by read index, the others through the log. */
async function ask(client: string, sequence: number, input: KvInput): Promise<OutcomeView | undefined> {
  const { cluster } = host
  const timeoutMs = TIMEOUT_MS
  const reply =
    input.op === 'get'
      ? await host.request('cluster.read', { cluster, machine: 'kv', input, timeoutMs })
      : await host.request('cluster.submit', { cluster, client, sequence, machine: 'kv', input, timeoutMs })
  return reply.ok ? reply.value : undefined
}

function outputOf(outcome: Exclude<OutcomeView, { kind: 'fail' }>): KvOutput {
  const { output } = outcome
  if (!output.ok) return { kind: 'rejected', code: output.error.code }
  const value: CanonicalValue = toCanonical(output.value)
  return { kind: 'accepted', value }
}

/** Kills (SIGKILL), pauses (SIGSTOP, later SIGCONT) and restarts replicas, the leader more often than the others. */
async function strike(seed: number): Promise<void> {
  const prng = createPrng(seed)
  for (let fault = 0; fault < FAULTS; fault += 1) {
    await sleep(FAULT_EVERY_MS)
    const { leader, replicas } = await host.view()
    const isForLeader = leader !== null && prng.chance(0.6)
    const target = replicas.find(({ name }) => name === leader && isForLeader) ?? replicas[prng.between(0, 2)]
    if (target?.pid === undefined || target.pid === null || target.process !== 'running') continue
    const kind = prng.between(0, 2)
    if (kind === 0) signal(target.pid, 'SIGKILL')
    else if (kind === 1) pause(target.pid, prng.between(300, 2_500))
    else await restart(target.name)
  }
}

function pause(pid: number, forMs: number): void {
  signal(pid, 'SIGSTOP')
  paused.add(pid)
  setTimeout(() => {
    if (!paused.delete(pid)) return
    signal(pid, 'SIGCONT')
  }, forMs)
}

async function restart(replica: string): Promise<void> {
  await host.call('replica.stop', { cluster: host.cluster, replica })
  await host.call('replica.start', { cluster: host.cluster, replica })
}
