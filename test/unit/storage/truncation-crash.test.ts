import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { slot } from '../../../core/model/ids.ts'
import { openSegment } from '../../../core/storage/segment.ts'
import { copyFolder, removeTemporaryFolders, temporaryFolder } from './faulty-disk.ts'
import { openLog, readLog, recordOf, segmentNames } from './log-folder.ts'
import { NamesDisk } from './names-disk.ts'
import { TRUNCATED_COUNT, TRUNCATED_SLOT, expectIntact, truncatedOptions, writeLongLog } from './truncated-log.ts'

let long: string

beforeAll(async () => {
  long = temporaryFolder()
  await writeLongLog(long)
})

afterAll(removeTemporaryFolders)

const CHILD = fileURLToPath(new URL('./truncate-child.ts', import.meta.url))
const BOUNDARIES_MAX = 60

interface Death {
  /** Undefined when the process got through. */
  readonly boundary: string | undefined
  readonly acknowledged: number
}

function truncateAndDie(
  folder: string,
  { boundary, slotTo, from }: { readonly boundary: number; readonly slotTo: number; readonly from: string },
): Death {
  const { segmentBytesMax } = truncatedOptions
  const args = [CHILD, folder, String(boundary), String(slotTo), String(segmentBytesMax), from, String(TRUNCATED_COUNT)]
  const { stdout, stderr, signal, status } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  const reached = /^boundary (.*)$/m.exec(stdout)?.[1]
  expect({ stderr, signal, status }).toMatchObject(
    reached === undefined ? { stderr: '', signal: null, status: 0 } : { signal: 'SIGKILL' },
  )
  const acknowledged = [...stdout.matchAll(/^acknowledged (\d+)$/gm)].map(([, number]) => Number(number))
  return { boundary: reached, acknowledged: Math.max(TRUNCATED_COUNT, ...acknowledged) }
}

/** Opens what a crash left, checks it, appends, opens again. */
async function expectUsable(folder: string, slotTo: number, acknowledged: number): Promise<void> {
  const { store, found } = await openLog(folder, truncatedOptions)
  const last = expectIntact(found, slotTo)
  expect(last).toBeGreaterThanOrEqual(acknowledged)
  await store.append([recordOf(last + 1)])
  await store.close()
  expect(expectIntact((await readLog(folder)).found, slotTo)).toBe(last + 1)
}

describe('a process that is killed at every step of a truncation', () => {
  it('leaves a log that opens, with every promise, every later slot and all that was acknowledged', async () => {
    const died: string[] = []
    for (let boundary = 1; boundary <= BOUNDARIES_MAX; boundary += 1) {
      const folder = copyFolder(long)
      const death = truncateAndDie(folder, { boundary, slotTo: TRUNCATED_SLOT, from: 'truncating' })
      await expectUsable(folder, TRUNCATED_SLOT, death.acknowledged)
      if (death.boundary === undefined) break
      died.push(death.boundary)
    }
    expect(new Set(died)).toEqual(
      new Set([
        ...['before write', 'in the middle of write', 'after write', 'before rename', 'after rename'],
        ...['before remove', 'after remove', 'before sync', 'after sync', 'before open', 'after open'],
      ]),
    )
    expect(died.length).toBeLessThan(BOUNDARIES_MAX)
  }, 120_000)

  it('also when the open segment goes too', async () => {
    const died: string[] = []
    for (let boundary = 1; boundary <= BOUNDARIES_MAX; boundary += 1) {
      const folder = copyFolder(long)
      const death = truncateAndDie(folder, { boundary, slotTo: TRUNCATED_COUNT, from: 'truncating' })
      await expectUsable(folder, TRUNCATED_COUNT, death.acknowledged)
      if (death.boundary === undefined) {
        expect(segmentNames(folder)).toHaveLength(1)
        break
      }
      died.push(death.boundary)
    }
    expect(died.slice(0, 3)).toEqual(['before open', 'after open', 'before write'])
    expect(died.length).toBeLessThan(BOUNDARIES_MAX)
  }, 120_000)

  it('also while it removes what an interrupted truncation left', async () => {
    const interrupted = copyFolder(long)
    // After the header has its name, and before the folder is synced.
    expect(truncateAndDie(interrupted, { boundary: 5, slotTo: TRUNCATED_SLOT, from: 'truncating' }).boundary).toBe(
      'after rename',
    )
    const died: string[] = []
    for (let boundary = 1; boundary <= BOUNDARIES_MAX; boundary += 1) {
      const folder = copyFolder(interrupted)
      const death = truncateAndDie(folder, { boundary, slotTo: TRUNCATED_SLOT, from: 'opening' })
      await expectUsable(folder, TRUNCATED_SLOT, death.acknowledged)
      if (death.boundary === 'before open' || death.boundary === undefined) break
      died.push(death.boundary)
    }
    expect(died.slice(0, 4)).toEqual(['before sync', 'after sync', 'before remove', 'after remove'])
    expect(died.slice(-2)).toEqual(['before sync', 'after sync'])
  }, 120_000)
})

/** Truncates on a disk that loses power at every boundary, with every choice of what of the names it keeps. */
async function truncateOn(disk: NamesDisk, folder: string, slotTo: number, stopAfter?: string): Promise<number> {
  let images = 0
  let stopped = false
  const { store } = await openLog(folder, {
    ...truncatedOptions,
    files: disk,
    openSegment: async (file) => {
      const segment = await openSegment(file)
      // NeDB syncs the folder once it has created a segment.
      disk.sync()
      return segment
    },
  })
  disk.onBoundary = async (boundary) => {
    if (stopped) throw new Error('the process is gone')
    for (const image of disk.imagesAfterPowerCut()) {
      images += 1
      expectIntact((await readLog(image, truncatedOptions)).found, slotTo)
    }
    stopped = boundary === stopAfter
    if (stopped) throw new Error('the process is gone')
  }
  const [outcome] = await Promise.allSettled([store.truncate(slot(slotTo))])
  expect(outcome.status).toBe(stopAfter === undefined ? 'fulfilled' : 'rejected')
  await Promise.allSettled([store.close()])
  disk.onBoundary = () => Promise.resolve()
  return images
}

describe('a power cut at every step of a truncation', () => {
  for (const slotTo of [TRUNCATED_SLOT, TRUNCATED_COUNT]) {
    it(`leaves a usable log whichever names it keeps: up to slot ${slotTo}`, async () => {
      const folder = copyFolder(long)
      expect(await truncateOn(new NamesDisk(folder), folder, slotTo)).toBeGreaterThan(30)
    }, 120_000)
  }

  it('does so too when the process died before, and the header it wrote was in memory only', async () => {
    const folder = copyFolder(long)
    const disk = new NamesDisk(folder)
    await truncateOn(disk, folder, TRUNCATED_SLOT, 'after rename header.json')
    let images = 0
    disk.trace.length = 0
    disk.onBoundary = async () => {
      for (const image of disk.imagesAfterPowerCut()) {
        images += 1
        expectIntact((await readLog(image, truncatedOptions)).found, TRUNCATED_SLOT)
      }
    }
    const { store } = await openLog(folder, { ...truncatedOptions, files: disk })
    await store.close()
    expect(disk.trace.slice(0, 2)).toEqual(['sync', 'remove segment-000001.db'])
    expect(images).toBeGreaterThan(20)
  }, 120_000)
})
