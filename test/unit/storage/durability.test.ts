import { copyFileSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { present } from '../../../core/base/assert.ts'
import { slot } from '../../../core/model/ids.ts'
import { openSegment } from '../../../core/storage/segment.ts'
import type { OpenSegment } from '../../../core/storage/segment.ts'
import { FaultyDisk, removeTemporaryFolders, temporaryFolder } from './faulty-disk.ts'
import { openLog, readLog, recordOf, recordsOf, segmentNames, writeLog } from './log-folder.ts'

afterEach(() => void vi.restoreAllMocks())
afterAll(removeTemporaryFolders)

/** The prototype that every file handle has, where its methods can be watched. */
async function fileHandlePrototype(): Promise<FileHandle> {
  const handle = await open(import.meta.filename, 'r')
  await handle.close()
  const prototype: unknown = Object.getPrototypeOf(handle)
  return prototype as FileHandle
}

describe('a sync', () => {
  it('reaches the operating system for each append, on the file that has the name of the segment', async () => {
    const folder = temporaryFolder()
    const prototype = await fileHandlePrototype()
    const realSync = Reflect.get<FileHandle, 'datasync'>(prototype, 'datasync')
    const syncedInodes: number[] = []
    const datasync = vi.spyOn(prototype, 'datasync').mockImplementation(async function (this: FileHandle) {
      await realSync.call(this)
      syncedInodes.push((await this.stat()).ino)
    })
    const { store } = await openLog(folder, { segmentBytesMax: 1000 })
    for (let number = 1; number <= 8; number += 1) {
      const syncsBefore = datasync.mock.settledResults.length
      await store.append([recordOf(number)])
      const segment = statSync(join(folder, present(segmentNames(folder).at(-1), 'a segment')))
      expect(syncedInodes.at(-1)).toBe(segment.ino)
      expect(datasync.mock.settledResults.slice(syncsBefore)).toEqual([{ type: 'fulfilled', value: undefined }])
    }
    await store.close()
    expect(segmentNames(folder).length).toBeGreaterThan(2)
  })

  it('is shared by the calls that arrive while another one runs', async () => {
    const disk = new FaultyDisk()
    const { store } = await openLog(temporaryFolder(), { openSegment: disk.openSegment })
    const syncing = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    disk.beforeSync = () => {
      syncing.resolve()
      return released.promise
    }
    const first = store.append([recordOf(1)])
    await syncing.promise
    const later = recordsOf(2, 50).map((record) => store.append([record]))
    released.resolve()
    await Promise.all([first, ...later])
    expect({ inserts: disk.insertCount, syncs: disk.syncCount }).toEqual({ inserts: 2, syncs: 2 })
    await store.close()
  })

  it('is shared by the calls of one turn of the loop', async () => {
    const disk = new FaultyDisk()
    const { store } = await openLog(temporaryFolder(), { openSegment: disk.openSegment })
    await Promise.all(recordsOf(1, 50).map((record) => store.append([record])))
    expect({ inserts: disk.insertCount, syncs: disk.syncCount }).toEqual({ inserts: 1, syncs: 1 })
    await store.close()
  })

  it('is not shared by more than one write may hold: large appends go in several, each acknowledged in order', async () => {
    const disk = new FaultyDisk()
    const folder = temporaryFolder()
    const { store } = await openLog(folder, { openSegment: disk.openSegment })
    const value = new Uint8Array(1024 * 1024)
    const records = Array.from({ length: 10 }, (_, index) => ({ kind: 'learned', slot: slot(index), value }) as const)
    await store.append(records)
    await store.close()
    expect({ inserts: disk.insertCount, syncs: disk.syncCount }).toEqual({ inserts: 3, syncs: 3 })
    expect((await readLog(folder)).found).toHaveLength(10)
  })

  it('is never tried again after it failed', async () => {
    const disk = new FaultyDisk()
    const folder = temporaryFolder()
    const { store } = await openLog(folder, { openSegment: disk.openSegment })
    await store.append([recordOf(1)])
    disk.syncFault = 'EIO'
    const file = join(folder, 'segment-000001.db')
    await expect(store.append([recordOf(2)])).rejects.toMatchObject({ fault: { code: 'STORAGE_SYNC_FAILED', file } })
    disk.syncFault = undefined
    const counts = { inserts: disk.insertCount, syncs: disk.syncCount }
    await expect(store.append([recordOf(3)])).rejects.toMatchObject({ fault: { code: 'STORAGE_SYNC_FAILED', file } })
    await store.close()
    expect({ inserts: disk.insertCount, syncs: disk.syncCount }).toEqual(counts)
  })

  it('is missed at once when NeDB and the descriptor no longer mean the same file', async () => {
    const folder = temporaryFolder()
    const { store } = await openLog(folder)
    await store.append([recordOf(1)])
    const file = join(folder, 'segment-000001.db')
    copyFileSync(file, `${file}.copy`)
    renameSync(`${file}.copy`, file)
    await expect(store.append([recordOf(2)])).rejects.toMatchObject({ fault: { code: 'STORAGE_WRITE_FAILED', file } })
    await store.close()
  })
})

it('is not opened when NeDB wrote its segment anew and something is missing', async () => {
  const folder = temporaryFolder()
  await writeLog(folder, 6)
  const openForgetfully: OpenSegment = async (file) => {
    const lines = readFileSync(file, 'utf8').split('\n')
    writeFileSync(file, lines.toSpliced(5, 1).join('\n'))
    return openSegment(file)
  }
  await expect(openLog(folder, { openSegment: openForgetfully })).rejects.toMatchObject({
    fault: { code: 'STORAGE_CORRUPT', recordIndex: 6 },
  })
})

describe('the file', () => {
  it('has one line a record, in order, and keeps them as they are through every opening', async () => {
    const folder = temporaryFolder()
    const { store } = await openLog(folder)
    await Promise.all(recordsOf(1, 40).map((record) => store.append([record])))
    await store.close()
    const file = join(folder, 'segment-000001.db')
    const written = readFileSync(file, 'utf8')
    await readLog(folder)
    expect(readFileSync(file, 'utf8')).toBe(written)
    const ids = written
      .split('\n')
      .slice(0, -1)
      .map((line) => /^\{"_id":"(\d{16})","format":1,/.exec(line)?.[1])
    expect(ids.map(Number)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1))
  })

  it('may be read by nobody else', async () => {
    const folder = join(temporaryFolder(), 'deep', 'log')
    await (await openLog(folder)).store.close()
    const modes = [folder, join(folder, 'segment-000001.db'), join(folder, 'header.json')].map(
      (path) => statSync(path).mode & 0o777,
    )
    expect(modes).toEqual([0o700, 0o600, 0o600])
  })
})
