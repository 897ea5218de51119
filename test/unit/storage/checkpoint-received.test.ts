import { constants, zstdCompressSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { sha256 } from '../../../core/crypto/hash.ts'
import { slot } from '../../../core/model/ids.ts'
import type { CheckpointStore } from '../../../core/ports/checkpoint-store.ts'
import type { FrozenState } from '../../../core/state/frozen-state.ts'
import { PARTITIONS, partitionOf } from '../../../core/state/partition.ts'
import { State } from '../../../core/state/state.ts'
import { encodePartition } from '../../../core/storage/checkpoint-partition.ts'
import { Slices } from '../../../core/storage/checkpoint-slices.ts'
import { ReceivedPartitions } from '../../../core/storage/received-partitions.ts'
import { loaded, openCheckpoints } from './checkpoint-parts.ts'
import { removeTemporaryFolders, temporaryFolder } from './faulty-disk.ts'

afterAll(removeTemporaryFolders)

const KEYS = 20_000
/** Packs otherwise than this replica does: the same bytes show that nothing was packed again. */
const LEVEL_OF_ANOTHER = 12

interface Given {
  readonly packed: Uint8Array
  readonly rawBytes: number
}

/** What another replica gives of a State; one partition is packed not at all. */
async function givenOf(state: FrozenState): Promise<ReadonlyMap<number, Given>> {
  const given = new Map<number, Given>()
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const encoded = await encodePartition(state.entries(partition), new Slices())
    if (encoded === undefined) throw new Error('no partition is too large')
    const { raw } = encoded
    const params = { [constants.ZSTD_c_compressionLevel]: LEVEL_OF_ANOTHER }
    given.set(partition, { packed: partition === 5 ? raw : zstdCompressSync(raw, { params }), rawBytes: raw.length })
  }
  return given
}

function source(): FrozenState {
  const state = new State(sha256)
  for (let key = 0; key < KEYS; key += 1)
    state.set(`key-${key}`, [`value ${key} of some length, ${'and more '.repeat(4)}`])
  return state.freeze()
}

/** Takes in what is given, as a state transfer does. */
async function received(store: CheckpointStore, from: FrozenState, given: ReadonlyMap<number, Given>): Promise<State> {
  const state = new State(sha256)
  for (const [partition, { packed, rawBytes }] of given) {
    const digest = from.partitionDigest(partition)
    const entries = await store.unpack(packed, { rawBytes, digest })
    if (entries === undefined) throw new Error('what is given is sound')
    state.replacePartition(partition, entries, digest)
  }
  return state
}

async function packedIn(store: CheckpointStore, at: number, partition: number): Promise<Uint8Array> {
  return (await store.piece({ slot: slot(at), partition, offset: 0, bytesMax: 1_000_000 })).bytes
}

/** The partitions of a checkpoint that lie there as they were given. */
async function asGiven(store: CheckpointStore, at: number, given: ReadonlyMap<number, Given>): Promise<number[]> {
  const same: number[] = []
  for (const [partition, { packed }] of given) {
    if (Buffer.compare(await packedIn(store, at, partition), packed) === 0) same.push(partition)
  }
  return same
}

describe('a State that was received', () => {
  it('is written as it came when it is awaited, read back, and loaded as any other', async () => {
    const store = await openCheckpoints(temporaryFolder())
    const from = source()
    const given = await givenOf(from)
    const state = await received(store, from, given)
    const info = await store.write({ slot: slot(1), timeMs: 1, state: state.freeze(), isAwaited: true })
    expect(info).toMatchObject({ root: from.root(), keys: KEYS })
    expect(info.stateBytes).toBe([...given.values()].reduce((sum, { rawBytes }) => sum + rawBytes, 0))
    expect(await asGiven(store, 1, given)).toHaveLength(PARTITIONS)
    expect((await loaded(store, 1)).scrub()).toBe(from.root())
    await store.close()
  })

  it('is packed here where something was written since, and where nobody waits for it', async () => {
    const store = await openCheckpoints(temporaryFolder())
    const from = source()
    const given = await givenOf(from)
    const state = await received(store, from, given)
    state.set('key-1', 'written since')
    const info = await store.write({ slot: slot(1), timeMs: 1, state: state.freeze(), isAwaited: true })
    expect(info.root).toBe(state.scrub())
    const others = [...given.keys()].filter((partition) => partition !== partitionOf('key-1'))
    expect(await asGiven(store, 1, given)).toEqual(others)
    // What is kept for one write is let go with it; nor does a calm one take what was kept.
    await received(store, from, given)
    for (const [at, isAwaited] of [
      [2, false],
      [3, true],
    ] as const) {
      expect(await store.write({ slot: slot(at), timeMs: 1, state: from, isAwaited })).toMatchObject({
        root: from.root(),
      })
      expect(await asGiven(store, at, given)).toEqual([])
    }
    await store.close()
  })

  it('whose bytes rot before they are written is refused when it is read back', async () => {
    const store = await openCheckpoints(temporaryFolder())
    const from = source()
    const given = await givenOf(from)
    const state = await received(store, from, given)
    const rotten = given.get(7)?.packed
    if (rotten === undefined) throw new Error('every partition is given')
    rotten[rotten.length >> 1] = (rotten[rotten.length >> 1] ?? 0) ^ 0x10
    const writing = store.write({ slot: slot(1), timeMs: 1, state: state.freeze(), isAwaited: true })
    await expect(writing).rejects.toMatchObject({ fault: { code: 'STORAGE_CHECKPOINT_FAILED', reason: 'differs' } })
    expect(store.checkpoints).toEqual([])
    // Nothing of it is used again.
    expect(await store.write({ slot: slot(1), timeMs: 1, state: state.freeze(), isAwaited: true })).toMatchObject({
      root: from.root(),
    })
    await store.close()
  })

  it('is kept within bounds', () => {
    const received = new ReceivedPartitions(100)
    const of = (bytes: number) => ({ packed: new Uint8Array(bytes), rawBytes: bytes, keys: 1 })
    const digests = ['a', 'b', 'c'].map((name) => sha256(Buffer.from(name)))
    for (const [index, digest] of digests.entries()) received.put(digest, of([60, 60, 40][index] ?? 0))
    expect(digests.map((digest) => received.get(digest)?.rawBytes)).toEqual([60, undefined, 40])
    received.clear()
    for (const digest of digests) received.put(digest, of(30))
    expect(digests.map((digest) => received.get(digest)?.rawBytes)).toEqual([30, 30, 30])
  })
})

describe('slices', () => {
  it('rest after each for as long as was asked for, however long it took, or only go round the loop once', async () => {
    const rested = async (busyMs: number): Promise<number> => {
      const slices = new Slices(() => 8)
      const startMs = performance.now()
      while (performance.now() - startMs < busyMs);
      expect(slices.spent).toBe(true)
      const pausedMs = performance.now()
      await slices.pause()
      return performance.now() - pausedMs
    }
    // A timer may be early by less than a millisecond.
    expect(await rested(1)).toBeGreaterThan(7)
    expect(await rested(4)).toBeGreaterThan(7)
    // Without a rest the loop only goes round once: the shortest of many shows it, however busy the computer is.
    const slices = new Slices()
    const rests: number[] = []
    for (let count = 0; count < 100; count += 1) {
      const pausedMs = performance.now()
      await slices.pause()
      rests.push(performance.now() - pausedMs)
    }
    expect(Math.min(...rests)).toBeLessThan(7)
  })

  it('rest together where several work at the same time, and ask each time for how long', async () => {
    const asked: number[] = []
    const slices = new Slices(() => {
      asked.push(asked.length)
      return 2
    })
    await Promise.all(Array.from({ length: 50 }, () => slices.pause()))
    expect(asked).toHaveLength(1)
    await slices.pause()
    expect(asked).toHaveLength(2)
  })
})
