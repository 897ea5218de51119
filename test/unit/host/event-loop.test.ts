import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../../core/base/assert.ts'
import { createPrng } from '../../../core/base/prng.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import { EventLoop } from '../../../core/host/event-loop.ts'
import { builtInMachines, createRegistry } from '../../../core/machine/registry.ts'
import type { Configuration } from '../../../core/model/configuration.ts'
import { encodeCanonical } from '../../../core/model/canonical.ts'
import type { ReplicaId } from '../../../core/model/ids.ts'
import { clientId, clusterId, sequence, slot } from '../../../core/model/ids.ts'
import type { Reply } from '../../../core/replica/effects.ts'
import { Replica } from '../../../core/replica/replica.ts'
import type { Message } from '../../../core/wire/message.ts'
import { StorageError } from '../../../core/storage/errors.ts'
import { HandClock, HeldStore, NoCheckpoints, NotingTransport, settled } from '../../support/host-parts.ts'
import { valueOf } from '../../support/inputs.ts'
import { testSigner } from '../../support/memory-disk.ts'
import { a, b, ballotOf, c, configurationOf, three } from '../../support/members.ts'

/** The shipping replica and loop, on a disk and a network whose every move the test sees. */
class Bench {
  readonly store = new HeldStore()
  readonly transport = new NotingTransport(a)
  readonly clock = new HandClock()
  readonly checkpoints = new NoCheckpoints()
  readonly failures: unknown[] = []
  readonly replies: { request: number; reply: Reply }[][] = []
  readonly troubles: string[] = []
  /** Its listeners throw. */
  isDeaf = false
  readonly replica: Replica
  readonly loop: EventLoop

  constructor(configuration: Configuration = three) {
    this.replica = new Replica({
      self: a,
      cluster: clusterId('1a'.repeat(16)),
      configuration,
      signer: testSigner(a),
      registry: createRegistry(builtInMachines),
      hash: sha256,
      life: 'test',
      prng: createPrng(1),
    })
    this.replica.start(this.clock.read())
    this.loop = new EventLoop(this, {
      onReplies: (replies) => {
        if (this.isDeaf) throw new Error('too deep')
        this.replies.push([...replies])
      },
      onNote: () => {
        if (this.isDeaf) throw new Error('too deep')
      },
      onTrouble: (message) => {
        if (!this.isDeaf) throw new Error(message)
        this.troubles.push(message)
      },
      onFailure: (error) => this.failures.push(error),
    })
  }

  hear(from: ReplicaId, ...messages: readonly Message[]): void {
    for (const message of messages) this.loop.push({ kind: 'message', from, message })
  }

  /** What went to others and binds. */
  bound(): string[] {
    return this.transport.frames.flatMap(({ to, kinds }) =>
      kinds.filter((kind) => kind === 'promise' || kind === 'accepted').map((kind) => `${kind} to ${to}`),
    )
  }
}

const READ = encodeCanonical({ op: 'get', key: 'n' })
const ballot = ballotOf(1, b)
const prepare: Message = { kind: 'prepare', ballot, slotDecided: slot(0) }
const accept = (number: number): Message => ({
  kind: 'accept',
  ballot,
  slot: slot(number),
  value: valueOf(`v${number}`),
  slotDecided: slot(0),
})

describe('what binds', () => {
  it('does not leave before its record is durable, and leaves then', async () => {
    const bench = new Bench()
    bench.hear(b, prepare)
    await settled()
    expect([bench.store.appends, bench.bound()]).toEqual([[[{ kind: 'promised', ballot }]], []])
    bench.store.sync()
    await settled()
    expect(bench.bound()).toEqual(['promise to b'])
  })

  it('is not sent while an earlier sync is under way, even though its own record is only queued', async () => {
    const bench = new Bench()
    bench.hear(b, prepare)
    await settled()
    bench.hear(b, accept(1))
    await settled()
    expect(bench.store.appends.length).toBe(1)
    bench.store.sync()
    await settled()
    expect([bench.bound(), bench.store.appends.length]).toEqual([['promise to b'], 2])
    bench.store.sync()
    await settled()
    expect(bench.bound()).toEqual(['promise to b', 'accepted to b', 'accepted to c'])
  })

  it('comes to this replica itself only after the sync, too', async () => {
    const bench = new Bench()
    bench.hear(b, accept(1))
    bench.hear(b, { kind: 'accepted', ballot, slot: slot(1) })
    await settled()
    expect(bench.replica.status.slotDecided).toBe(0)
    bench.store.sync()
    await settled()
    expect(bench.replica.status.slotDecided).toBe(1)
  })

  it('is not held up for what binds nobody', async () => {
    const bench = new Bench()
    bench.hear(b, prepare, { kind: 'heartbeat', ballot, beat: 1, slotDecided: slot(0) })
    await settled()
    expect(bench.transport.frames.filter(({ to }) => to === b).map(({ kinds }) => kinds)).toEqual([['heartbeat-reply']])
  })
})

describe('a turn', () => {
  it('writes all its records in one append, in order', async () => {
    const bench = new Bench()
    bench.hear(b, prepare, accept(1), accept(2), accept(3))
    await settled()
    expect(bench.store.appends.map((records) => records.map((record) => record.kind))).toEqual([
      ['promised', 'accepted', 'accepted', 'accepted'],
    ])
  })

  it('sends one frame to each peer for what one sync made durable', async () => {
    const bench = new Bench()
    bench.hear(b, accept(1), accept(2))
    await settled()
    bench.store.sync()
    await settled()
    const frames = bench.transport.frames.filter(({ kinds }) => kinds.includes('accepted'))
    expect(frames.map(({ to, kinds }) => [to, kinds])).toEqual([
      [b, ['accepted', 'accepted']],
      [c, ['accepted', 'accepted']],
    ])
  })

  it('gathers what comes while a sync runs into the next one', async () => {
    const bench = new Bench()
    bench.hear(b, accept(1))
    await settled()
    for (const number of [2, 3]) {
      bench.hear(b, accept(number))
      await settled()
    }
    bench.store.sync()
    await settled()
    expect(bench.store.appends.map((records) => records.length)).toEqual([1, 2])
  })

  it('is bounded: a flood of events is handled in several, all of them in the end', async () => {
    const bench = new Bench()
    const flood = 2_000
    for (let beat = 1; beat <= flood; beat += 1)
      bench.hear(b, { kind: 'heartbeat', ballot, beat, slotDecided: slot(0) })
    await settled()
    const replies = bench.transport.frames
      .filter(({ to }) => to === b)
      .map(({ kinds }) => kinds.filter((kind) => kind === 'heartbeat-reply').length)
    expect(replies.reduce((sum, count) => sum + count, 0)).toBe(flood)
    expect(replies.length).toBeGreaterThan(3)
  })
})

describe('an append that fails', () => {
  const full = new StorageError({ code: 'STORAGE_CLOSED', folder: 'test' })

  it('is told once, and nothing bound leaves, then or later', async () => {
    const bench = new Bench()
    bench.hear(b, prepare)
    await settled()
    bench.hear(b, accept(1))
    await settled()
    bench.store.fail(full)
    await settled()
    expect([bench.failures, bench.bound(), bench.store.appends.length]).toEqual([[full], [], 1])
  })

  it('stops everything: no event is handled any more', async () => {
    const bench = new Bench()
    bench.hear(b, prepare)
    await settled()
    bench.store.fail(full)
    await settled()
    const framesBefore = bench.transport.frames.length
    bench.hear(b, { kind: 'heartbeat', ballot, beat: 1, slotDecided: slot(0) }, accept(1))
    await settled()
    expect([bench.transport.frames.length, bench.store.appends.length]).toEqual([framesBefore, 1])
  })
})

describe('a step that breaks an invariant', () => {
  /** A record is to be written, and then more is said to be durable than was ever handed to the disk. */
  function breakIt(bench: Bench): void {
    bench.hear(b, accept(1))
    bench.loop.push({ kind: 'persisted', count: 99 })
  }

  it('is told once, and nothing of that turn leaves', async () => {
    const bench = new Bench()
    breakIt(bench)
    await settled()
    expect(bench.failures).toEqual([expect.any(InvariantError)])
    expect([bench.transport.frames, bench.store.appends]).toEqual([[], []])
  })

  it('stops everything, what a sync under way would have let go included', async () => {
    const bench = new Bench()
    bench.hear(b, prepare)
    await settled()
    breakIt(bench)
    await settled()
    bench.store.sync()
    await settled()
    expect([bench.failures.length, bench.bound(), bench.store.appends.length]).toEqual([1, [], 1])
  })
})

describe('the end', () => {
  it('handles what is there, and waits until it is durable and sent', async () => {
    const bench = new Bench()
    bench.hear(b, accept(1))
    let isOver = false
    const end = bench.loop.end().then(() => {
      isOver = true
    })
    await settled()
    expect([isOver, bench.store.appends.length, bench.bound()]).toEqual([false, 1, []])
    bench.store.sync()
    await end
    expect(bench.bound()).toEqual(['accepted to b', 'accepted to c'])
  })

  it('waits for a sync that was under way, and for the one after it', async () => {
    const bench = new Bench()
    bench.hear(b, prepare)
    await settled()
    bench.hear(b, accept(1))
    const end = bench.loop.end()
    await settled()
    bench.store.sync()
    await settled()
    bench.store.sync()
    await end
    expect(bench.bound()).toEqual(['promise to b', 'accepted to b', 'accepted to c'])
  })

  it('takes no event afterwards, and ticks no more', async () => {
    const bench = new Bench()
    bench.loop.start()
    await bench.loop.end()
    bench.hear(b, prepare)
    bench.clock.nowMs = 10_000
    await settled()
    expect([bench.store.appends, bench.transport.frames]).toEqual([[], []])
  })

  it('does not hide that the last records could not be written', async () => {
    const bench = new Bench()
    bench.hear(b, prepare)
    const end = bench.loop.end()
    await settled()
    const full = new StorageError({ code: 'STORAGE_CLOSED', folder: 'test' })
    bench.store.fail(full)
    await end.catch((error: unknown) => bench.failures.push(error))
    expect([bench.failures, bench.bound()]).toEqual([[full], []])
  })
})

describe('a replica alone', () => {
  it('is driven by the loop’s own ticks to lead, order and answer, each step after its sync', async () => {
    const bench = new Bench(configurationOf(a))
    const submit = {
      kind: 'submit',
      request: 7,
      client: clientId('alice'),
      sequence: sequence(1),
      machine: 'kv',
      payload: encodeCanonical({ op: 'increment', key: 'n' }),
      timeoutMs: 60_000,
    } as const
    bench.loop.push(submit)
    for (let round = 0; round < 200 && bench.replies.length === 0; round += 1) {
      bench.clock.nowMs += 20
      bench.loop.push({ kind: 'tick' })
      await settled()
      if (bench.store.waiting > 0) bench.store.sync()
      await settled()
    }
    expect(bench.replies).toMatchObject([
      [{ request: 7, reply: { kind: 'output', slot: 1, output: { ok: true, value: { value: 1 } } } }],
    ])
  })

  it('goes on when what it says can’t be told, and says so', async () => {
    const bench = new Bench(configurationOf(a))
    bench.isDeaf = true
    for (let round = 0; round < 200 && bench.replica.status.role !== 'leader'; round += 1) {
      bench.clock.nowMs += 20
      bench.loop.push({ kind: 'tick' })
      await settled()
      if (bench.store.waiting > 0) bench.store.sync()
      await settled()
    }
    expect([bench.replica.status.role, bench.failures]).toEqual(['leader', []])
    expect(bench.troubles).toContain('A listener failed: too deep')
    const told = bench.troubles.length
    bench.loop.push({ kind: 'read', request: 1, machine: 'kv', payload: READ, consistency: 'stale', timeoutMs: 1_000 })
    await settled()
    expect([bench.troubles.length, bench.failures]).toEqual([told + 1, []])
    bench.isDeaf = false
    bench.loop.push({ kind: 'read', request: 2, machine: 'kv', payload: READ, consistency: 'stale', timeoutMs: 1_000 })
    await settled()
    expect(bench.replies).toMatchObject([[{ request: 2, reply: { kind: 'stale' } }]])
  })
})
