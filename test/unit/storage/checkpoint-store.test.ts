import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { InvariantError, present } from '../../../core/base/assert.ts'
import { concatBytes } from '../../../core/base/bytes.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import type { CheckpointInfo } from '../../../core/model/checkpoint.ts'
import { slot } from '../../../core/model/ids.ts'
import type { CheckpointStore, PackedPiece } from '../../../core/ports/checkpoint-store.ts'
import { digestOfEntries, partitionOf, PARTITIONS } from '../../../core/state/partition.ts'
import { State } from '../../../core/state/state.ts'
import type { CheckpointDisk } from '../../../core/storage/checkpoint-disk.ts'
import {
  certificateOf,
  checkpointPath,
  faultOf,
  loaded,
  nameOf,
  namesIn,
  openCheckpoints,
  slotsOf,
  stateOf,
  watchedDisk,
  writeCheckpoint,
} from './checkpoint-parts.ts'
import type { Change } from './checkpoint-parts.ts'
import { removeTemporaryFolders, temporaryFolder } from './faulty-disk.ts'

afterAll(removeTemporaryFolders)

const calm = (): Promise<void> => Promise.resolve()

/** The real disk, whose reads wait for `gate` and which counts its open files. */
function gatedDisk(): { readonly disk: CheckpointDisk; gate: Promise<unknown>; openFiles: number } {
  const disk = watchedDisk(calm)
  const gated = {
    gate: Promise.resolve() as Promise<unknown>,
    openFiles: 0,
    disk: {
      ...disk,
      open: async (file: string) => {
        const opened = await disk.open(file)
        gated.openFiles += 1
        return {
          bytes: opened.bytes,
          read: async (position: number, length: number) => {
            await gated.gate
            return opened.read(position, length)
          },
          close: async () => {
            gated.openFiles -= 1
            await opened.close()
          },
        }
      },
    },
  }
  return gated
}

describe('a checkpoint', () => {
  it('gives back the State it was written from, now and after the store was opened again', async () => {
    const folder = temporaryFolder()
    const state = stateOf(5000)
    const store = await openCheckpoints(folder)
    const info = await writeCheckpoint(store, 1234, state)
    const file = checkpointPath(folder, 1234)
    expect(info).toMatchObject({ slot: 1234, timeMs: 1_700_000_001_234, keys: 5000, certificate: undefined })
    expect(info.root).toBe(state.scrub())
    expect(info.fileBytes).toBe(statSync(file).size)
    expect(info.stateBytes).toBeGreaterThan(info.fileBytes)
    expect(info.durationMs).toBeGreaterThan(0)
    expect(store.checkpoints).toEqual([info])
    await store.close()
    const again = await openCheckpoints(folder)
    expect(again.checkpoints).toEqual([{ ...info, durationMs: undefined }])
    expect(again.bytes).toBe(info.fileBytes)
    const restored = await loaded(again, 1234)
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      expect(restored.entries(partition)).toEqual(state.entries(partition))
    }
    expect(await again.digests(slot(1234))).toEqual(state.partitionDigests())
    expect(statSync(file).mode & 0o777).toBe(0o600)
    await again.close()
  })

  it('of an empty State is one, too', async () => {
    const folder = temporaryFolder()
    const store = await openCheckpoints(folder)
    const empty = new State(sha256).freeze()
    const info = await writeCheckpoint(store, 0, empty)
    expect(info).toMatchObject({ keys: 0, stateBytes: 0, root: empty.root() })
    expect((await loaded(store, 0)).size).toBe(0)
    await store.close()
    const again = await openCheckpoints(folder)
    expect((await loaded(again, 0)).root()).toBe(empty.root())
    await again.close()
  })

  it('holds the State as it was frozen, whatever is written while it is written', async () => {
    const store = await openCheckpoints(temporaryFolder())
    const state = new State(sha256)
    for (let key = 0; key < 3000; key += 1) state.set(`key-${key}`, key)
    const root = state.root()
    const writing = writeCheckpoint(store, 1, state.freeze())
    for (let key = 0; key < 3000; key += 2) state.set(`key-${key}`, 'later')
    expect((await writing).root).toBe(root)
    expect((await loaded(store, 1)).root()).toBe(root)
    await store.close()
  })

  it('is synced before it has its name, and its name before it counts; so is a certificate', async () => {
    const changes: string[] = []
    const note = (change: Change, file: string): Promise<void> => {
      changes.push(`${change} ${basename(file)}`)
      return Promise.resolve()
    }
    const store = await openCheckpoints(temporaryFolder(), { disk: watchedDisk(note) })
    changes.length = 0
    const info = await writeCheckpoint(store, 7, stateOf(10))
    const unfinished = `${nameOf(7)}.new`
    const made = (name: string): readonly string[] => ['create', 'append', 'sync', 'close'].map((it) => `${it} ${name}`)
    expect(changes).toEqual([...made(unfinished), `rename ${nameOf(7)}`, 'syncFolder checkpoints'])
    changes.length = 0
    await store.certify(certificateOf(info))
    const name = nameOf(7, 'certificate')
    expect(changes).toEqual([...made(`${name}.new`), `rename ${name}`, 'syncFolder checkpoints'])
    await store.close()
  })

  it('of a slot that has one takes its place, and keeps its certificate only for the same root', async () => {
    const folder = temporaryFolder()
    const store = await openCheckpoints(folder)
    const certificate = certificateOf(await writeCheckpoint(store, 5, stateOf(20, 1)))
    await store.certify(certificate)
    expect(await writeCheckpoint(store, 5, stateOf(20, 1))).toMatchObject({ certificate })
    const other = await writeCheckpoint(store, 5, stateOf(20, 2))
    expect(other.certificate).toBeUndefined()
    expect(store.checkpoints).toEqual([other])
    expect((await loaded(store, 5)).root()).toBe(stateOf(20, 2).root())
    expect(namesIn(folder)).toEqual([nameOf(5)])
    await store.close()
  })

  it('keeps the loop for a few milliseconds at a time, however large a partition is', async () => {
    const state = new State(sha256)
    for (let key = 0, held = 0; held < 60; key += 1) {
      if (partitionOf(`k${key}`) !== 17) continue
      state.set(`k${key}`, Buffer.alloc(500_000, `${key} and some more`).toString('latin1'))
      held += 1
    }
    const store = await openCheckpoints(temporaryFolder())
    const turns = await turnsWhile(() => writeCheckpoint(store, 1, state.freeze()))
    const loadTurns = await turnsWhile(() => loaded(store, 1))
    for (const { totalMs, longestMs } of [turns, loadTurns]) expect(longestMs).toBeLessThan(Math.max(15, totalMs / 4))
    await store.close()
  }, 60_000)
})

/** Processor time of this thread alone, as others may want the processor at the same time. Unit: ms. */
async function turnsWhile(perform: () => Promise<unknown>): Promise<{ totalMs: number; longestMs: number }> {
  const nowMs = (): number => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1000
  }
  const startMs = nowMs()
  let [lastMs, longestMs] = [startMs, 0]
  let isDone = false
  const turn = (): void => {
    longestMs = Math.max(longestMs, nowMs() - lastMs)
    lastMs = nowMs()
    if (!isDone) setImmediate(turn)
  }
  setImmediate(turn)
  await perform()
  isDone = true
  return { totalMs: nowMs() - startMs, longestMs }
}

describe('a certificate', () => {
  it('is with its checkpoint again after the store was opened again', async () => {
    const folder = temporaryFolder()
    const store = await openCheckpoints(folder)
    const info = await writeCheckpoint(store, 5, stateOf(20))
    const certificate = certificateOf(info)
    await store.certify(certificate)
    expect(store.checkpoints).toEqual([{ ...info, certificate }])
    const bytes = info.fileBytes + statSync(checkpointPath(folder, 5, 'certificate')).size
    expect(store.bytes).toBe(bytes)
    await store.close()
    const again = await openCheckpoints(folder)
    expect(again.checkpoints).toEqual([{ ...info, certificate, durationMs: undefined }])
    expect(again.bytes).toBe(bytes)
    await again.close()
  })

  it('of a checkpoint that is not there is refused, and one of another root is a bug', async () => {
    const store = await openCheckpoints(temporaryFolder())
    const info = await writeCheckpoint(store, 5, stateOf(20))
    expect((await faultOf(store.certify(certificateOf({ ...info, slot: slot(6) }))))?.code).toBe(
      'STORAGE_CHECKPOINT_GONE',
    )
    await expect(store.certify(certificateOf({ ...info, root: stateOf(21).root() }))).rejects.toThrow(InvariantError)
    await store.close()
  })
})

describe('a failed write', () => {
  const faults: readonly (readonly [Change, string, string])[] = [
    ['create', 'EACCES', 'read-only'],
    ['create', 'EROFS', 'read-only'],
    ['append', 'ENOSPC', 'full'],
    ['append', 'EIO', 'write'],
    ['sync', 'EIO', 'sync'],
    ['close', 'EIO', 'write'],
    ['rename', 'EIO', 'write'],
    ['syncFolder', 'EIO', 'sync'],
  ]

  it.each(faults)('at %s with %s is told, and leaves what was there', async (failing, code, reason) => {
    const folder = temporaryFolder()
    let isBroken = false
    const disk = watchedDisk((change) => {
      const fails = isBroken && change === failing
      return fails ? Promise.reject(Object.assign(new Error(`${code}: planted`), { code })) : Promise.resolve()
    })
    const store = await openCheckpoints(folder, { disk })
    const first = await writeCheckpoint(store, 1, stateOf(20))
    isBroken = true
    const failed = { code: 'STORAGE_CHECKPOINT_FAILED', reason }
    expect(await faultOf(writeCheckpoint(store, 2, stateOf(30)))).toMatchObject(failed)
    expect(await faultOf(store.certify(certificateOf(first)))).toMatchObject(failed)
    isBroken = false
    expect(store.checkpoints).toEqual([first])
    expect(namesIn(folder).filter((name) => !name.endsWith('.certificate'))).toEqual([nameOf(1)])
    const second = await writeCheckpoint(store, 2, stateOf(30))
    expect(store.checkpoints).toEqual([first, second])
    await store.close()
  })

  it.each([0, 200, -100, -40])('whose bytes are not those on the disk, at %d, is noticed', async (at) => {
    const folder = temporaryFolder()
    const disk = watchedDisk((change, file) => {
      if (change !== 'sync') return Promise.resolve()
      const bytes = readFileSync(file)
      const offset = at < 0 ? bytes.length + at : at
      bytes.writeUInt8(bytes.readUInt8(offset) ^ 4, offset)
      writeFileSync(file, bytes)
      return Promise.resolve()
    })
    const store = await openCheckpoints(folder, { disk })
    const state = new State(sha256)
    // Does not shrink, so that every byte of it counts.
    state.set('key', createHash('shake256', { outputLength: 300 }).update('seed').digest())
    expect(await faultOf(writeCheckpoint(store, 1, state.freeze()))).toMatchObject({ reason: 'differs' })
    expect(store.checkpoints).toEqual([])
    expect(namesIn(folder)).toEqual([])
    await store.close()
  })
})

describe('pieces', () => {
  async function allPieces(store: CheckpointStore, at: number, partition: number, bytesMax: number) {
    const pieces: PackedPiece[] = []
    for (let offset = 0; ;) {
      const piece = await store.piece({ slot: slot(at), partition, offset, bytesMax })
      pieces.push(piece)
      offset += piece.bytes.length
      if (offset >= piece.packedBytes) return pieces
    }
  }

  it('put together and unpacked give the partitions', async () => {
    const store = await openCheckpoints(temporaryFolder())
    const state = stateOf(3000)
    await writeCheckpoint(store, 1, state)
    const digests = await store.digests(slot(1))
    let packedBytes = 0
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const pieces = await allPieces(store, 1, partition, 100)
      const { rawBytes } = present(pieces[0], 'a piece')
      const packed = concatBytes(pieces.map(({ bytes }) => bytes))
      packedBytes += packed.length
      const expected = { rawBytes, digest: present(digests[partition], 'a digest') }
      expect(await store.unpack(packed, expected)).toEqual(state.entries(partition))
    }
    expect(packedBytes).toBeLessThan(present(store.checkpoints[0], 'a checkpoint').fileBytes)
    await store.close()
  })

  it('of an empty partition, or from outside of one, have no bytes', async () => {
    const store = await openCheckpoints(temporaryFolder())
    const state = new State(sha256)
    state.set('key', 'value')
    await writeCheckpoint(store, 1, state.freeze())
    const full = partitionOf('key')
    const at = { slot: slot(1), offset: 0, bytesMax: 1000 }
    const nothing = { packedBytes: 0, rawBytes: 0, bytes: new Uint8Array() }
    const empty = { ...nothing, partition: (full + 1) % PARTITIONS, offset: 0 }
    expect(await store.piece({ ...at, partition: empty.partition })).toEqual(empty)
    const digest = digestOfEntries(sha256, [])
    expect(await store.unpack(new Uint8Array(), { rawBytes: 0, digest })).toEqual([])
    for (const partition of [-1, PARTITIONS, 0.5, Number.NaN]) {
      expect(await store.piece({ ...at, partition })).toEqual({ ...nothing, partition, offset: 0 })
    }
    for (const offset of [-1, 10_000, Number.MAX_SAFE_INTEGER, 0.5]) {
      const piece = await store.piece({ ...at, partition: full, offset })
      expect(piece.bytes).toHaveLength(0)
      expect(piece.packedBytes).toBeGreaterThan(0)
    }
    for (const bytesMax of [0, -5])
      expect((await store.piece({ ...at, partition: full, bytesMax })).bytes).toHaveLength(0)
    await store.close()
  })

  it('keep few files open, and none when the store is closed', async () => {
    const gated = gatedDisk()
    const store = await openCheckpoints(temporaryFolder(), { disk: gated.disk })
    for (let at = 1; at <= 6; at += 1) await writeCheckpoint(store, at, stateOf(10, at))
    expect(gated.openFiles).toBe(0)
    for (const at of [1, 2, 3, 4, 5, 6, 1, 3, 6, 2]) {
      const [piece] = await allPieces(store, at, partitionOf('kv/key-1'), 1000)
      expect(piece?.rawBytes).toBeGreaterThan(0)
    }
    expect(gated.openFiles).toBeLessThanOrEqual(4)
    await store.close()
    expect(gated.openFiles).toBe(0)
  })
})

describe('removal', () => {
  it('leaves what is to be kept', async () => {
    const folder = temporaryFolder()
    const store = await openCheckpoints(folder)
    for (const at of [1, 2, 3]) await store.certify(certificateOf(await writeCheckpoint(store, at, stateOf(10, at))))
    await store.keep([slot(2), slot(99)])
    expect(slotsOf(store)).toEqual([2])
    expect(namesIn(folder)).toEqual([nameOf(2, 'certificate'), nameOf(2)])
    expect((await faultOf(loaded(store, 1)))?.code).toBe('STORAGE_CHECKPOINT_GONE')
    expect((await faultOf(store.digests(slot(3))))?.code).toBe('STORAGE_CHECKPOINT_GONE')
    await store.close()
    expect(slotsOf(await openCheckpoints(folder))).toEqual([2])
  })

  it('of a checkpoint that is read waits until it was read, and it is read whole', async () => {
    const folder = temporaryFolder()
    const gated = gatedDisk()
    const store = await openCheckpoints(folder, { disk: gated.disk })
    const infos: CheckpointInfo[] = []
    for (const at of [1, 2]) infos.push(await writeCheckpoint(store, at, stateOf(500, at)))
    const gate = Promise.withResolvers<void>()
    gated.gate = gate.promise
    const loading = loaded(store, 1)
    const removing = store.keep([slot(2)])
    expect(slotsOf(store)).toEqual([2])
    // The queue is free meanwhile: certificates are written, one after the other, and the file is still there.
    const certificate = certificateOf(present(infos[1], 'the second'))
    for (let time = 0; time < 2; time += 1) await store.certify(certificate)
    expect(existsSync(checkpointPath(folder, 1))).toBe(true)
    gate.resolve()
    expect((await loading).root()).toBe(infos[0]?.root)
    await removing
    expect(namesIn(folder)).toEqual([nameOf(2, 'certificate'), nameOf(2)])
    await store.close()
  })

  it('that fails is tried again by the next one', async () => {
    const folder = temporaryFolder()
    let isBroken = true
    const disk = watchedDisk((change) =>
      isBroken && change === 'remove'
        ? Promise.reject(Object.assign(new Error('EACCES: planted'), { code: 'EACCES' }))
        : Promise.resolve(),
    )
    const store = await openCheckpoints(folder, { disk })
    await writeCheckpoint(store, 1, stateOf(10))
    expect(await faultOf(store.keep([]))).toMatchObject({ reason: 'read-only' })
    expect(slotsOf(store)).toEqual([1])
    isBroken = false
    await store.keep([])
    expect(slotsOf(store)).toEqual([])
    expect(store.bytes).toBe(0)
    expect(namesIn(folder)).toEqual([])
    await store.close()
  })

  it('does not take a new checkpoint of the same slot', async () => {
    const folder = temporaryFolder()
    const store = await openCheckpoints(folder)
    await writeCheckpoint(store, 1, stateOf(10, 1))
    const writing = writeCheckpoint(store, 1, stateOf(10, 2))
    await Promise.all([store.keep([]), writing])
    const { root } = await writing
    await store.close()
    const again = await openCheckpoints(folder)
    const found = again.checkpoints.map((info) => info.root)
    expect(found).toEqual(store.checkpoints.map((info) => info.root))
    for (const kept of found) expect(kept).toBe(root)
    await again.close()
  })
})

describe('a store that is closed', () => {
  it('waits for what is read, gives up what is written, and refuses the rest', async () => {
    const folder = temporaryFolder()
    const store = await openCheckpoints(folder)
    const { root } = await writeCheckpoint(store, 1, stateOf(3000))
    const [loading, writing] = [loaded(store, 1), faultOf(writeCheckpoint(store, 2, stateOf(3000, 1)))]
    await store.close()
    expect((await loading).root()).toBe(root)
    expect((await writing)?.code).toBe('STORAGE_CLOSED')
    expect(namesIn(folder)).toEqual([nameOf(1)])
    const late = [loaded(store, 1), writeCheckpoint(store, 3, stateOf(1)), store.keep([]), store.digests(slot(1))]
    for (const attempt of late) expect((await faultOf(attempt))?.code).toBe('STORAGE_CLOSED')
    await store.close()
  })
})
