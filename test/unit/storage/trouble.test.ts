import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { nodeDisk } from '../../../core/storage/checkpoint-disk.ts'
import { StorageError } from '../../../core/storage/errors.ts'
import { refuseWhereGone } from '../../../core/storage/segment-folder.ts'
import { certificateOf, faultOf, openCheckpoints, stateOf, writeCheckpoint } from './checkpoint-parts.ts'
import { FaultyDisk, removeTemporaryFolders, temporaryFolder } from './faulty-disk.ts'
import { openLog, readLog, recordOf, recordsOf, segmentNames, writeLog } from './log-folder.ts'

afterAll(removeTemporaryFolders)

/** A replica's folder with a log of two segments and a checkpoint with its certificate. */
async function replicaFolder(): Promise<string> {
  const folder = temporaryFolder()
  await writeLog(folder, 9, { segmentBytesMax: 1000 })
  const store = await openCheckpoints(folder)
  await store.certify(certificateOf(await writeCheckpoint(store, 4, stateOf(10))))
  await store.close()
  return folder
}

describe('a folder in which a log was begun', () => {
  const losses: readonly (readonly [string, (folder: string) => void])[] = [
    ['emptied', (folder) => rmSync(folder, { recursive: true })],
    [
      'without its log, its checkpoints there',
      (folder) => {
        for (const name of [...segmentNames(folder), 'header.json']) rmSync(join(folder, name))
      },
    ],
    [
      'with nothing of the log but a copy NeDB left, and a header that was never named',
      (folder) => {
        for (const name of [...segmentNames(folder), 'header.json']) rmSync(join(folder, name))
        for (const name of ['segment-000001.db~', 'header.json.new']) writeFileSync(join(folder, name), '')
      },
    ],
  ]

  it.each(losses)('%s is refused, however often, and nothing is made in its place', async (_, lose) => {
    const folder = await replicaFolder()
    lose(folder)
    const before = existsSync(folder) ? readdirSync(folder, { recursive: true }) : undefined
    const fault = { code: 'STORAGE_LOG_GONE', folder }
    await expect(refuseWhereGone(folder)).rejects.toMatchObject({ fault })
    await expect(openLog(folder, { mustExist: true })).rejects.toMatchObject({ fault })
    await expect(openLog(folder, { mustExist: true })).rejects.toMatchObject({ fault })
    expect(existsSync(folder) ? readdirSync(folder, { recursive: true }) : undefined).toEqual(before)
  })

  it('that has its log is not refused; with a part of it, it is damaged and not gone', async () => {
    const folder = await replicaFolder()
    await refuseWhereGone(folder)
    expect((await readLog(folder, { mustExist: true })).found).toEqual(recordsOf(1, 9))
    rmSync(join(folder, 'header.json'))
    expect(await faultOf(openLog(folder, { mustExist: true }))).toMatchObject({ code: 'STORAGE_CORRUPT' })
    const other = await replicaFolder()
    for (const name of segmentNames(other)) rmSync(join(other, name))
    expect(await faultOf(openLog(other, { mustExist: true }))).toMatchObject({ code: 'STORAGE_CORRUPT' })
  })

  it('that can’t be looked into is not taken for one that is gone', async () => {
    const file = join(temporaryFolder(), 'file')
    writeFileSync(file, '')
    expect(await faultOf(refuseWhereGone(file))).toEqual({ code: 'STORAGE_READ_FAILED', file })
  })
})

describe('checkpoints that can’t be opened', () => {
  const planted = (code: string) => Promise.reject(Object.assign(new Error(`${code}: planted`), { code }))

  it.each([
    ['createFolder', 'ENOSPC', 'STORAGE_FULL', /no room left .* Free some space/],
    ['createFolder', 'EACCES', 'STORAGE_READ_ONLY', /may not be read or written/],
    ['list', 'EACCES', 'STORAGE_READ_ONLY', /may not be read or written/],
    ['list', 'EIO', 'STORAGE_READ_FAILED', /cannot be read/],
    ['open', 'EMFILE', 'STORAGE_READ_FAILED', /cannot be read/],
    ['rename', 'EIO', 'STORAGE_WRITE_FAILED', /failed/],
    ['syncFolder', 'EIO', 'STORAGE_SYNC_FAILED', /did not confirm/],
  ] as const)('at %s with %s: the replica does not start, and says why', async (failing, code, expected, words) => {
    const folder = await replicaFolder()
    // A damaged one is set aside at opening.
    writeFileSync(join(folder, 'checkpoints', 'checkpoint-000000000007.synod'), 'damaged')
    const disk = { ...nodeDisk, [failing]: () => planted(code) }
    const error: unknown = await openCheckpoints(folder, { disk }).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(StorageError)
    expect(error).toMatchObject({ fault: { code: expected }, message: expect.stringMatching(words) as string })
    expect(String(error)).toContain('started again by itself')
    expect(String(error)).not.toContain('goes on')
  })

  it('because a file stands in their place are left as they are', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'checkpoints'), 'x')
    expect(await faultOf(openCheckpoints(folder))).toMatchObject({ code: 'STORAGE_WRITE_FAILED' })
    rmSync(join(folder, 'checkpoints'))
    mkdirSync(join(folder, 'checkpoints'))
    await (await openCheckpoints(folder)).close()
  })
})

describe('a disk whose sync takes long', () => {
  it('acknowledges nothing before it is done, and all that waited with the next', async () => {
    const disk = new FaultyDisk()
    const { store } = await openLog(temporaryFolder(), { openSegment: disk.openSegment })
    const gate = Promise.withResolvers<void>()
    disk.beforeSync = () => gate.promise
    const acknowledged: number[] = []
    const appends = [1, 2, 3].map(async (number) => {
      await store.append([recordOf(number)])
      acknowledged.push(number)
    })
    await expect.poll(() => disk.syncCount).toBe(1)
    const later = store.append([recordOf(4)])
    expect([acknowledged, disk.insertCount]).toEqual([[], 1])
    gate.resolve()
    await Promise.all([...appends, later])
    expect([acknowledged, disk.syncCount]).toEqual([[1, 2, 3], 2])
    await store.close()
  })

  it('and fails at last ends the log; what was acknowledged before is there', async () => {
    const disk = new FaultyDisk()
    const folder = temporaryFolder()
    const { store } = await openLog(folder, { openSegment: disk.openSegment })
    await store.append(recordsOf(1, 5))
    const gate = Promise.withResolvers<void>()
    disk.beforeSync = () => gate.promise
    const append = store.append([recordOf(6)])
    await expect.poll(() => disk.syncCount).toBe(2)
    disk.syncFault = 'EIO'
    gate.resolve()
    await expect(append).rejects.toMatchObject({ fault: { code: 'STORAGE_SYNC_FAILED' } })
    await store.close()
    expect((await readLog(folder)).found.slice(0, 5)).toEqual(recordsOf(1, 5))
  })
})

it('a fault of the disk under NeDB has its own code, and half a line that it left is cut off', async () => {
  const disk = new FaultyDisk()
  const folder = temporaryFolder()
  const { store } = await openLog(folder, { openSegment: disk.openSegment })
  await store.append(recordsOf(1, 3))
  disk.insertFault = 'EROFS'
  expect(await faultOf(store.append([recordOf(4)]))).toMatchObject({ code: 'STORAGE_READ_ONLY' })
  await store.close()
  const again = await readLog(folder)
  expect([again.found, again.recovery.cutBytes]).toEqual([recordsOf(1, 3), 10])
})
