import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ReplicaView } from '../../../core/api/views.ts'
import { CHECKPOINT_POLICY } from '../../../core/checkpoint/policy.ts'
import { EXIT } from '../../../core/cli/exit-codes.ts'
import { POLICY_DEFAULT } from '../../../core/cli/try.ts'
import { openDoors } from '../../../core/gateway/doors.ts'
import { traceNothing } from '../../../core/ports/trace.ts'
import { FAIL, LOG, OUTPUT, StubHost, checkpointView, clusterView, fault, ok } from '../gateway/stub-host.ts'
import { World } from './surroundings.ts'

let data: string
let host: StubHost
let world: World
const closers: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  data = await mkdtemp(path.join(tmpdir(), 'synod-cli-'))
  closers.push(() => rm(data, { recursive: true }))
  host = new StubHost()
  world = new World()
  const doors = await openDoors({ api: host, dataFolder: data, port: 0, trace: traceNothing })
  closers.push(() => doors.close())
})

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

function run(verb: string, ...words: readonly string[]): Promise<number> {
  return world.run(verb, '--data', data, ...words)
}

/** The stub's cluster, with something changed about each of its replicas. */
function withReplicas(change: (replica: ReplicaView) => Partial<ReplicaView>): void {
  const cluster = clusterView('c1', 'demo')
  host.clusters = [{ ...cluster, replicas: cluster.replicas.map((replica) => ({ ...replica, ...change(replica) })) }]
}

describe('log', () => {
  it('shows a line an Input, with the Output of the one whose log it is', async () => {
    host.on('cluster.log', () => ok(LOG))
    expect(await run('log', '--replica', 'b', '--to', '7', '--limit', '3')).toBe(EXIT.done)
    expect(host.calls.at(-1)?.argument).toEqual({ cluster: 'c1', replica: 'b', slotTo: 7, limit: 3 })
    expect(world.said.out.split('\n')).toEqual([
      'Log of replica b · decided slot 9',
      '5  7.a   2026-01-02T03:04:05.006Z  kv app-1 #7 {"op":"set","key":"k","value":1}  -> {"existed":false}',
      '5  7.a   2026-01-02T03:04:05.006Z  kv read through c {"op":"get","key":"k"}  -> (Output no longer kept)',
      '6  –     –                         nothing: a gap filled by a leader',
      '7  7.a   2026-01-02T03:04:06.000Z  CHECKPOINT through b  -> {"slot":7}',
      '',
    ])
  })

  it('says where the slots are that the log no longer holds, and what follows those shown', async () => {
    host.on('cluster.log', () => ok(LOG))
    withReplicas((replica) => ({
      storage: {
        ...replica.storage,
        slotFirst: 5,
        checkpoints: [checkpointView(3), checkpointView(4), checkpointView(7)],
      },
    }))
    expect(await run('log', '--from', '1')).toBe(EXIT.done)
    expect(host.calls.find(({ name }) => name === 'cluster.log')?.argument).toMatchObject({ slotFrom: 1, limit: 50 })
    expect(world.said.out).toContain('Slots 1 to 4 are in the checkpoint at slot 4; the log begins at slot 5.\n')
    expect(world.said.out).toContain('2 more up to slot 9: --from 8\n')
  })

  it('says that a slot is not decided yet', async () => {
    host.on('cluster.log', () => ok({ ...LOG, slots: [] }))
    await run('log', '--from', '1000')
    expect(world.said.out).toContain('Slot 1,000 is not decided yet.\n')
    host.on('cluster.log', () => ok({ ...LOG, slotFirst: 1, slotDecided: 0, slots: [] }))
    await run('log')
    expect(world.said.out).toContain('No slot is decided yet.\n')
  })

  it('prints one JSON object for programs, and asks for nothing more', async () => {
    host.on('cluster.log', () => ok(LOG))
    expect(await run('log', '--json', '--from', '1')).toBe(EXIT.done)
    expect(world.json()).toEqual({ cluster: 'demo', ...LOG })
    expect(host.calls.map(({ name }) => name)).toEqual(['host.view', 'cluster.log'])
  })

  it.each([
    ['REPLICA_UNKNOWN', EXIT.wrongArguments],
    ['REPLICA_STOPPED', EXIT.refusedBeforeOrdering],
    ['LOG_UNREADABLE', EXIT.fault],
  ])('tells %s in the host’s words and ends with %i', async (code, exit) => {
    host.on('cluster.log', () => fault(code, `words about ${code}`))
    expect(await run('log')).toBe(exit)
    expect(world.said.error).toContain(`words about ${code}`)
  })

  it.each([[['--from', '9', '--to', '3']], [['--limit', '501']], [['--from', '0']], [['--to', 'x']]])(
    'ends with 2 for %j, without asking the host',
    async (words) => {
      expect(await run('log', ...words)).toBe(EXIT.wrongArguments)
      expect(host.calls).toEqual([])
    },
  )
})

describe('checkpoint', () => {
  it('says the slot and the votes', async () => {
    host.on('cluster.checkpoint', () => ok(OUTPUT))
    expect(await run('checkpoint', '--timeout', '900')).toBe(EXIT.done)
    expect(host.calls.at(-1)?.argument).toEqual({ cluster: 'c1', timeoutMs: 900 })
    expect(world.said.out).toContain('CHECKPOINT at slot 12 · decided · 2 of 3 agree; c dissents.\n')
    expect(world.said.out).toContain('Each replica writes its State at that slot now.')
  })

  it('ends with 5 at FAIL and says that it may be asked for again', async () => {
    host.on('cluster.checkpoint', () => ok(FAIL))
    expect(await run('checkpoint', '--wait')).toBe(EXIT.fail)
    expect(world.said.out).toContain('Ask again: one CHECKPOINT more does no harm.')
  })

  it('waits until a majority has it stable, and tells each step once', async () => {
    let looks = 0
    host.on('cluster.checkpoint', () => ok(OUTPUT))
    // What each look at the status finds: nothing, written, stable at one, stable at two.
    host.on('host.view', () => {
      looks += 1
      const stable = looks < 4 ? [] : looks < 5 ? ['a'] : ['a', 'b']
      withReplicas((replica) => {
        const own =
          looks < 3 || replica.name === 'c' ? [] : [checkpointView(12, { stable: stable.includes(replica.name) })]
        return { storage: { ...replica.storage, checkpoints: own, writing: replica.name === 'c' ? 12 : null } }
      })
      return ok({
        version: 1,
        synod: '0.1.0',
        host: 'headless',
        dataFolder: '/',
        machines: [],
        clusters: host.clusters,
      })
    })
    expect(await run('checkpoint', '--wait')).toBe(EXIT.done)
    expect(looks).toBe(5)
    expect(world.said.out.match(/◐ a {2}on disk, waits/g)).toHaveLength(1)
    expect(world.said.out).toContain('  ○ c  writes\n')
    expect(world.said.out).toContain('  ● a  stable, 4.0 KiB of State written as 2.0 KiB in 34 ms\n')
    expect(world.said.out).toContain('Stable at 2 of 3 replicas.')
  })

  it('takes a later stable one for it, and tells programs who has it', async () => {
    host.on('cluster.checkpoint', () => ok(OUTPUT))
    withReplicas((replica) => ({ storage: { ...replica.storage, checkpoints: [checkpointView(99)] } }))
    expect(await run('checkpoint', '--wait', '--json')).toBe(EXIT.done)
    expect(world.said.out.trim().split('\n')).toHaveLength(1)
    expect(world.json()).toMatchObject({ cluster: 'demo', slot: 12, stable: ['a', 'b', 'c'] })
  })

  it('gives up when the cluster is stopped meanwhile', async () => {
    host.on('cluster.checkpoint', () => ok(OUTPUT))
    host.clusters = [clusterView('c1', 'demo', { phase: 'stopped' })]
    expect(await run('checkpoint', '--wait')).toBe(EXIT.fault)
    expect(world.said.error).toContain('ordered at slot 12')
  })
})

describe('status', () => {
  it('shows checkpoints, how near the next one is, and a state transfer', async () => {
    withReplicas((replica) => ({
      storage: {
        ...replica.storage,
        segments: 3,
        slotFirst: 5,
        writing: 12,
        checkpoints: [checkpointView(4), checkpointView(8, { stable: false })],
      },
      transfer:
        replica.name === 'c'
          ? {
              phase: 'fetching',
              ...{ slot: 4812, sources: ['a', 'b'], partitionsWanted: 200, partitionsDone: 86 },
              ...{ bytes: 12 * 1024 * 1024, bytesPerSecond: 3 * 1024 * 1024, secondsLeft: 12 },
            }
          : null,
    }))
    expect(await run('status')).toBe(EXIT.done)
    const { out } = world.said
    expect(out).toContain('Next checkpoint after 50,000 slots (12 so far) or 32.0 MiB of Inputs (2.0 KiB so far).\n')
    expect(out).toContain(
      'log 2.0 KiB · 3 segments · from slot 5 · checkpoint 8 (waits for a majority), 4 · writes one at slot 12\n',
    )
    expect(out).toContain(
      '      receives the State at slot 4,812 from a, b: fetches · 43 % · 12.0 MiB · 3.0 MiB/s · 12 s left\n',
    )
    expect(out.match(/receives the State/g)).toHaveLength(1)
  })
})

describe('try', () => {
  it.each([
    [['--checkpoint-slots', '200'], { slotsMax: 200, bytesMax: CHECKPOINT_POLICY.bytesMax }],
    [['--checkpoint-bytes', '65536'], { slotsMax: CHECKPOINT_POLICY.slotsMax, bytesMax: 65_536 }],
    [['--checkpoint-slots', '7', '--checkpoint-bytes', '70000'], { slotsMax: 7, bytesMax: 70_000 }],
  ])('takes %j for when a checkpoint is ordered', async (words, checkpointPolicy) => {
    host.on('cluster.try', () => ok({ cluster: 'c1' }))
    expect(await run('try', '--name', 'mine', ...words)).toBe(EXIT.done)
    expect(host.calls.find(({ name }) => name === 'cluster.try')?.argument).toEqual({ name: 'mine', checkpointPolicy })
  })

  it('knows what holds without a word', () => {
    expect(CHECKPOINT_POLICY).toMatchObject(POLICY_DEFAULT)
  })
})
