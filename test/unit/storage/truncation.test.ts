import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { queryObjects } from 'node:v8'
import Datastore from 'nedb-promises'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { slot } from '../../../core/model/ids.ts'
import { fileOperations } from '../../../core/storage/durable-file.ts'
import type { FileOperations } from '../../../core/storage/durable-file.ts'
import { storageErrorFrom } from '../../../core/storage/errors.ts'
import { openSegment } from '../../../core/storage/segment.ts'
import type { OpenSegment } from '../../../core/storage/segment.ts'
import { copyFolder, removeTemporaryFolders, systemError, temporaryFolder } from './faulty-disk.ts'
import { openLog, readLog, recordOf, recordsOf, segmentNames } from './log-folder.ts'
import { NamesDisk } from './names-disk.ts'
import { TRUNCATED_COUNT, TRUNCATED_SLOT, expectIntact, truncatedOptions, writeLongLog } from './truncated-log.ts'

afterAll(removeTemporaryFolders)

let folder: string

beforeEach(async () => {
  folder = temporaryFolder()
  await writeLongLog(folder)
})

/** A log on which one operation fails or waits when it comes. */
async function openWith(fault: Partial<FileOperations>, options: { openSegment?: OpenSegment } = {}) {
  return openLog(folder, { ...truncatedOptions, ...options, files: { ...fileOperations, ...fault } })
}

describe('a truncation', () => {
  it('drops whole segments that hold no later slot, and the highest ballot in them stays known', async () => {
    const names = segmentNames(folder)
    const { store } = await openLog(folder, truncatedOptions)
    const droppable = store.segments.filter(({ slots }) => slots !== undefined && slots.last <= TRUNCATED_SLOT).length
    expect(droppable).toBeGreaterThan(1)
    await store.truncate(slot(TRUNCATED_SLOT))
    expect(segmentNames(folder)).toEqual(names.slice(droppable))
    const sizes = segmentNames(folder).map((name) => statSync(join(folder, name)).size)
    expect(store.segments.map(({ bytes }) => bytes)).toEqual(sizes)
    expect(store.bytes).toBe(sizes.reduce((sum, size) => sum + size, 0))
    await store.append([recordOf(TRUNCATED_COUNT + 1)])
    await store.close()
    const { found, recovery } = await readLog(folder)
    expect(found[0]).toEqual({ kind: 'promised', ballot: { round: 7, proposer: 'bob' } })
    expect(found.slice(1)).toEqual(recordsOf(TRUNCATED_COUNT + 3 - found.length, TRUNCATED_COUNT + 1))
    expect(recovery).toEqual({ created: false, records: found.length - 1, segments: sizes.length, cutBytes: 0 })
  })

  it('keeps the ballot through later ones, and writes nothing when there is nothing to drop', async () => {
    const disk = new NamesDisk(folder)
    const { store } = await openLog(folder, { ...truncatedOptions, files: disk })
    for (let up = 1; up <= TRUNCATED_COUNT; up += 1) {
      disk.trace.length = 0
      const before = store.segments.length
      await store.truncate(slot(up))
      await store.truncate(slot(1))
      const dropped = before - store.segments.length
      const header = ['write header.json.new', 'rename header.json', 'sync']
      if (dropped === 0 && disk.trace.length === 0) continue
      const removed = disk.trace.filter((operation) => operation.startsWith('remove segment-'))
      expect(disk.trace).toEqual([...header, ...removed, 'sync'])
      expect(expectIntact((await readLog(copyFolder(folder))).found, up)).toBe(TRUNCATED_COUNT)
    }
    expect(store.segments).toHaveLength(1)
    await store.close()
  })

  it('seals the open segment when all in it may go and it is not small, and never drops a small one', async () => {
    const { store } = await openLog(folder, truncatedOptions)
    while ((store.segments.at(-1)?.bytes ?? 0) < 1000) {
      await store.append([{ kind: 'learned', slot: slot(50), value: new Uint8Array(50) }])
    }
    await store.truncate(slot(50))
    expect(store.segments).toMatchObject([{ bytes: 0, slots: undefined }])
    await store.append([{ kind: 'learned', slot: slot(51), value: new Uint8Array(50) }])
    const { segments } = store
    await store.truncate(slot(51))
    expect(store.segments).toEqual(segments)
    await store.close()
    expect((await readLog(folder)).found).toMatchObject([{ kind: 'promised' }, { kind: 'learned', slot: 51 }])
  })

  it('does not hold appends back while files are removed', async () => {
    const removing = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    const { store } = await openWith({
      remove: async (file) => {
        removing.resolve()
        await released.promise
        await fileOperations.remove(file)
      },
    })
    let truncated = false
    const truncation = store.truncate(slot(TRUNCATED_SLOT)).then(() => (truncated = true))
    await removing.promise
    for (let number = 1; number <= 30; number += 1) await store.append([recordOf(TRUNCATED_COUNT + number)])
    expect(truncated).toBe(false)
    released.resolve()
    await truncation
    await store.close()
    expect(expectIntact((await readLog(folder)).found, TRUNCATED_SLOT)).toBe(TRUNCATED_COUNT + 30)
  })

  it('goes one after the other, overlaps with appends, and is refused once the log is closed', async () => {
    const { store } = await openLog(folder, truncatedOptions)
    const truncations = [10, 30, 20, 5].map((up) => store.truncate(slot(up)))
    const appends = recordsOf(TRUNCATED_COUNT + 1, 90).map((record) => store.append([record]))
    const closing = store.close()
    await expect(store.truncate(slot(40))).rejects.toMatchObject({ fault: { code: 'STORAGE_CLOSED' } })
    await Promise.all([...truncations, ...appends, closing])
    expect(expectIntact((await readLog(folder)).found, 30)).toBe(90)
  })
})

describe('a truncation that fails', () => {
  const full = (file: string): Promise<never> => Promise.reject(storageErrorFrom('write', file, systemError('ENOSPC')))

  it('before the header has its name changes nothing: appends go on, and the next one succeeds', async () => {
    for (const operation of ['write', 'rename'] as const) {
      for (const slotTo of [TRUNCATED_SLOT, TRUNCATED_COUNT]) {
        folder = temporaryFolder()
        await writeLongLog(folder)
        let fails = false
        const { store } = await openWith({
          write: (content) => (fails && operation === 'write' ? full(content.file) : fileOperations.write(content)),
          rename: (from, to) => (fails && operation === 'rename' ? full(to) : fileOperations.rename(from, to)),
        })
        const { segments } = store
        fails = true
        await expect(store.truncate(slot(slotTo))).rejects.toMatchObject({ fault: { code: 'STORAGE_FULL' } })
        fails = false
        expect(store.segments).toEqual(segments)
        await store.append([recordOf(TRUNCATED_COUNT + 1)])
        const image = copyFolder(folder)
        expect(segmentNames(image)).toHaveLength(segments.length)
        expect((await readLog(image)).found).toEqual(recordsOf(1, TRUNCATED_COUNT + 1))
        await store.truncate(slot(slotTo))
        await store.close()
        expect(segmentNames(folder).length).toBeLessThan(segments.length)
        expect(expectIntact((await readLog(folder)).found, slotTo)).toBe(TRUNCATED_COUNT + 1)
      }
    }
  })
  it('after the header has its name ends the log, which opens again: the new header or the old one holds', async () => {
    for (const slotTo of [TRUNCATED_SLOT, TRUNCATED_COUNT]) {
      folder = temporaryFolder()
      await writeLongLog(folder)
      const before = copyFolder(folder)
      let fails = false
      const { store } = await openWith({
        syncFolder: (path) =>
          fails ? Promise.reject(storageErrorFrom('sync', path, systemError('EIO'))) : fileOperations.syncFolder(path),
      })
      fails = true
      const fault = { fault: { code: 'STORAGE_SYNC_FAILED', file: folder } }
      await expect(store.truncate(slot(slotTo))).rejects.toMatchObject(fault)
      await expect(store.append([recordOf(TRUNCATED_COUNT + 1)])).rejects.toMatchObject(fault)
      await expect(store.truncate(slot(slotTo))).rejects.toMatchObject(fault)
      await store.close()
      const lost = copyFolder(folder)
      copyFileSync(join(before, 'header.json'), join(lost, 'header.json'))
      for (const image of [folder, lost]) {
        expect(expectIntact((await readLog(image, truncatedOptions)).found, slotTo)).toBe(TRUNCATED_COUNT)
      }
    }
  })

  it('while it removes a file is told, harms nothing, and the next one removes it', async () => {
    let fails = true
    const { store } = await openWith({
      remove: (file) =>
        fails ? Promise.reject(storageErrorFrom('write', file, systemError('EIO'))) : fileOperations.remove(file),
    })
    const { bytes } = store
    const file = join(folder, 'segment-000001.db')
    await expect(store.truncate(slot(TRUNCATED_SLOT))).rejects.toMatchObject({
      fault: { code: 'STORAGE_WRITE_FAILED', file },
    })
    expect([existsSync(file), store.bytes]).toEqual([true, bytes])
    await store.append([recordOf(TRUNCATED_COUNT + 1)])
    fails = false
    await store.truncate(slot(TRUNCATED_SLOT))
    expect(existsSync(file)).toBe(false)
    await store.close()
    expect(expectIntact((await readLog(folder)).found, TRUNCATED_SLOT)).toBe(TRUNCATED_COUNT + 1)
  })

  it('ends the log when the disk does not confirm the removals', async () => {
    let removed = false
    const { store } = await openWith({
      remove: async (file) => {
        await fileOperations.remove(file)
        removed = true
      },
      syncFolder: (path) =>
        removed ? Promise.reject(storageErrorFrom('sync', path, systemError('EIO'))) : fileOperations.syncFolder(path),
    })
    const fault = { fault: { code: 'STORAGE_SYNC_FAILED', file: folder } }
    await expect(store.truncate(slot(TRUNCATED_SLOT))).rejects.toMatchObject(fault)
    await expect(store.append([recordOf(TRUNCATED_COUNT + 1)])).rejects.toMatchObject(fault)
    await store.close()
    expect(expectIntact((await readLog(folder)).found, TRUNCATED_SLOT)).toBe(TRUNCATED_COUNT)
  })

  it('has no room for another segment: the sealed ones go, the open one stays and may be torn', async () => {
    let isFull = false
    const { store } = await openWith(
      {},
      {
        openSegment: async (file) => {
          if (!isFull) return openSegment(file)
          writeFileSync(file, '')
          writeFileSync(`${file}~`, '')
          throw systemError('ENOSPC')
        },
      },
    )
    const open = segmentNames(folder).at(-1)
    isFull = true
    await store.truncate(slot(TRUNCATED_COUNT))
    expect(segmentNames(folder)).toEqual([open])
    isFull = false
    await store.append([recordOf(TRUNCATED_COUNT + 1)])
    const torn = copyFolder(folder)
    writeFileSync(join(torn, open ?? ''), '{"_id":"00', { flag: 'a' })
    await store.close()
    for (const image of [folder, torn]) {
      expect(expectIntact((await readLog(image)).found, TRUNCATED_COUNT)).toBe(TRUNCATED_COUNT + 1)
    }
  })
})

/** A small file system of its own, where this user may mount one. */
function mountTmpfs(): string | undefined {
  const mounted = temporaryFolder()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mounted], { stdio: 'ignore' })
    return mounted
  } catch {
    process.stderr.write('skipped: truncation on a really full disk; mounting a tmpfs is not allowed here\n')
    return undefined
  }
}

const tmpfs = mountTmpfs()
afterAll(() => {
  if (tmpfs !== undefined) execFileSync('umount', [tmpfs])
})

it.skipIf(tmpfs === undefined)(
  'on a disk that is really full fails without harm, and succeeds once there is room',
  async () => {
    folder = join(tmpfs ?? '', 'log')
    await writeLongLog(folder)
    const { store } = await openLog(folder, truncatedOptions)
    const filler = join(tmpfs ?? '', 'filler')
    for (let bytes = 64 * 1024; bytes >= 1; bytes = Math.floor(bytes / 2)) {
      const fills = (): boolean => {
        try {
          writeFileSync(filler, Buffer.alloc(bytes), { flag: 'a' })
          return true
        } catch {
          return false
        }
      }
      while (fills());
    }
    for (const slotTo of [TRUNCATED_SLOT, TRUNCATED_COUNT]) {
      await expect(store.truncate(slot(slotTo))).rejects.toMatchObject({
        fault: { code: 'STORAGE_FULL', file: join(folder, 'header.json') },
      })
    }
    expect(await store.read({ slotFrom: slot(37), slotTo: slot(38), bytesMax: 1e6 })).toHaveLength(2)
    rmSync(filler)
    await store.append([recordOf(TRUNCATED_COUNT + 1)])
    await store.truncate(slot(TRUNCATED_SLOT))
    await store.close()
    expect(expectIntact((await readLog(folder)).found, TRUNCATED_SLOT)).toBe(TRUNCATED_COUNT + 1)
  },
)

it('a sealed segment leaves nothing of NeDB in memory', async () => {
  const { store } = await openLog(folder, truncatedOptions)
  for (let number = 1; number <= 200; number += 1) await store.append([recordOf(TRUNCATED_COUNT + number)])
  expect(store.segments.length).toBeGreaterThan(20)
  expect(queryObjects(Datastore, { format: 'count' })).toBeLessThanOrEqual(2)
  await store.close()
})
