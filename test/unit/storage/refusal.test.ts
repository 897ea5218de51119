import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { clusterId } from '../../../core/model/ids.ts'
import { StorageError, storageErrorFrom } from '../../../core/storage/errors.ts'
import { copyFolder, removeTemporaryFolders, temporaryFolder } from './faulty-disk.ts'
import { alice, bob, cluster, openLog, readLog, recordOf, recordsOf, segmentNames, writeLog } from './log-folder.ts'

afterAll(removeTemporaryFolders)

/** Changes a checked line and gives it the checksum it would have been written with. */
function resealed(line: string, change: (covered: string) => string): string {
  const covered = change(line.slice(0, line.lastIndexOf(',"checksum"')))
  return `${covered},"checksum":"${createHash('sha256').update(covered).digest('hex')}"}`
}

describe('a folder', () => {
  it('of another cluster or replica is refused', async () => {
    const folder = temporaryFolder()
    await writeLog(folder, 3)
    const fault = { code: 'STORAGE_FOREIGN', folder, cluster, replica: alice }
    await expect(openLog(folder, { replica: bob })).rejects.toMatchObject({ fault })
    await expect(openLog(folder, { cluster: clusterId('c2') })).rejects.toMatchObject({ fault })
    expect((await readLog(folder)).found).toEqual(recordsOf(1, 3))
  })

  it('that got the segments of another replica is refused', async () => {
    const folder = temporaryFolder()
    await writeLog(folder, 3)
    const other = temporaryFolder()
    await writeLog(other, 3, { replica: bob })
    const file = join(folder, 'segment-000001.db')
    writeFileSync(file, readFileSync(join(other, 'segment-000001.db')))
    await expect(openLog(folder)).rejects.toMatchObject({ fault: { code: 'STORAGE_CORRUPT', file, recordIndex: 1 } })
  })

  it('in which a file of another origin takes the place of the next segment fails the store', async () => {
    const folder = temporaryFolder()
    const { store } = await openLog(folder, { segmentBytesMax: 1 })
    await store.append([recordOf(1)])
    const file = join(folder, 'segment-000002.db')
    writeFileSync(file, '{"_id":"0000000000000002"}\n')
    await expect(store.append([recordOf(2)])).rejects.toMatchObject({ fault: { code: 'STORAGE_CORRUPT', file } })
    await store.close()
    await expect(openLog(folder)).rejects.toMatchObject({ fault: { code: 'STORAGE_CORRUPT', file } })
  })

  it('of a newer format is refused, whether the header says so or a record does', async () => {
    const folder = temporaryFolder()
    await writeLog(folder, 3)
    for (const { name, format } of [
      { name: 'header.json', format: 2 },
      { name: 'segment-000001.db', format: 1 },
    ]) {
      const copy = copyFolder(folder)
      const file = join(copy, name)
      const [line = '', ...rest] = readFileSync(file, 'utf8').split('\n')
      const newer = resealed(line, (covered) =>
        covered.replace(`"format":${format}`, `"format":${format + 1},"more":[1]`),
      )
      writeFileSync(file, [newer, ...rest].join('\n'))
      const fault = { code: 'STORAGE_FORMAT_NEWER', file, format: format + 1 }
      await expect(openLog(copy)).rejects.toMatchObject({ fault })
    }
  })

  it('whose header was written before logs were truncated is read, and goes on', async () => {
    const folder = temporaryFolder()
    await writeLog(folder, 9, { segmentBytesMax: 1000 })
    const segments = segmentNames(folder).length
    const fields = { format: 1, cluster, replica: alice, segmentLast: segments, durable: 9 }
    const older = resealed(`${JSON.stringify(fields).slice(0, -1)},"checksum":""}`, (covered) => covered)
    writeFileSync(join(folder, 'header.json'), `${older}\n`)
    const { store, found } = await openLog(folder, { segmentBytesMax: 1000 })
    expect(found).toEqual(recordsOf(1, 9))
    await store.append([recordOf(10)])
    await store.close()
    expect((await readLog(folder)).found).toEqual(recordsOf(1, 10))
    expect(readFileSync(join(folder, 'header.json'), 'utf8')).toContain('{"format":2,')
  })

  it('that is new says so, and one that was there does not', async () => {
    const folder = temporaryFolder()
    const first = await readLog(folder)
    const second = await readLog(folder)
    expect([first.recovery.created, second.recovery.created]).toEqual([true, false])
  })
})

describe('a fault', () => {
  it('has a code for programs that follows from what the system said', () => {
    const codes = (['read', 'write', 'sync'] as const).map((operation) =>
      ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EIO'].map(
        (code) => storageErrorFrom(operation, 'f', Object.assign(new Error(code), { code })).fault.code,
      ),
    )
    const named = ['STORAGE_FULL', 'STORAGE_FULL', 'STORAGE_READ_ONLY', 'STORAGE_READ_ONLY']
    expect(codes).toEqual([
      [...named, 'STORAGE_READ_FAILED'],
      [...named, 'STORAGE_WRITE_FAILED'],
      [...named, 'STORAGE_SYNC_FAILED'],
    ])
  })

  it('is found behind the error NeDB wraps around a failed flush', () => {
    const cause = Object.assign(new Error('Failed to flush to storage'), {
      errorOnFsync: Object.assign(new Error('no space'), { code: 'ENOSPC' }),
    })
    expect(storageErrorFrom('write', 'f', cause).fault).toEqual({ code: 'STORAGE_FULL', file: 'f' })
  })

  it('says what happened, what it means for the data, and what to do', () => {
    const error = new StorageError({ code: 'STORAGE_CORRUPT', file: 'segment-000001.db', recordIndex: 7 })
    expect(error.message).toContain('damaged at record 7, in segment-000001.db')
    expect(error.message).toContain('Nothing acknowledged is lost while a majority of the other members is healthy.')
    expect(error.message).toContain('join again as a new replica')
  })
})

/** A small file system of its own, where this user may mount one. */
function mountTmpfs(): string | undefined {
  const folder = temporaryFolder()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder], { stdio: 'ignore' })
    return folder
  } catch {
    process.stderr.write('skipped: a really full and a really read-only disk; mounting a tmpfs is not allowed here\n')
    return undefined
  }
}

const tmpfs = mountTmpfs()
afterAll(() => {
  if (tmpfs !== undefined) execFileSync('umount', [tmpfs])
})

describe.skipIf(tmpfs === undefined)('a real disk', () => {
  const folder = join(tmpfs ?? '', 'log')

  it('that is full fails the store, and once there is room all that was acknowledged is there', async () => {
    const { store } = await openLog(folder)
    let acknowledged = 0
    let failure: unknown
    while (failure === undefined) {
      await store.append([recordOf(acknowledged + 1)]).then(
        () => (acknowledged += 1),
        (error: unknown) => (failure = error),
      )
    }
    expect(failure).toMatchObject({ fault: { code: 'STORAGE_FULL', file: join(folder, 'segment-000001.db') } })
    await expect(store.append([recordOf(1)])).rejects.toBe(failure)
    await store.close()
    await expect(openLog(folder)).rejects.toMatchObject({ fault: { code: 'STORAGE_FULL' } })
    execFileSync('mount', ['-o', 'remount,size=4m', tmpfs ?? ''])
    const again = await openLog(folder)
    expect(again.found).toEqual(recordsOf(1, again.found.length))
    expect(again.found.length).toBeGreaterThanOrEqual(acknowledged)
    await again.store.append([recordOf(again.found.length + 1)])
    await again.store.close()
    expect((await readLog(folder)).found).toEqual(recordsOf(1, again.found.length + 1))
  })

  it('that may only be read is refused as such', async () => {
    execFileSync('mount', ['-o', 'remount,ro', tmpfs ?? ''])
    await expect(openLog(folder)).rejects.toMatchObject({ fault: { code: 'STORAGE_READ_ONLY' } })
    execFileSync('mount', ['-o', 'remount,rw', tmpfs ?? ''])
    expect((await readLog(folder)).found.length).toBeGreaterThan(0)
  })
})
