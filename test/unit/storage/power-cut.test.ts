import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { present } from '../../../core/base/assert.ts'
import { createPrng } from '../../../core/base/prng.ts'
import type { Prng } from '../../../core/base/prng.ts'
import { slot } from '../../../core/model/ids.ts'
import type { LogRecord } from '../../../core/model/record.ts'
import { FaultyDisk, copyFolder, removeTemporaryFolders, temporaryFolder } from './faulty-disk.ts'
import { openLog, readLog, segmentNames } from './log-folder.ts'

afterAll(removeTemporaryFolders)

const SECTOR_BYTES = 512
const SEEDS = 40

function randomRecords(prng: Prng, first: number): readonly LogRecord[] {
  return Array.from({ length: prng.between(1, 5) }, (_, index): LogRecord => {
    const value = Uint8Array.from({ length: prng.between(0, 3000) }, () => prng.between(0, 255))
    return { kind: 'learned', slot: slot(first + index), value }
  })
}

/** What a disk may make of the bytes that were not synced: an early end, lost sectors in any order, or both. */
function damageUnsynced(file: string, synced: number, prng: Prng): void {
  const bytes = readFileSync(file)
  for (let sector = Math.floor(synced / SECTOR_BYTES) * SECTOR_BYTES; sector < bytes.length; sector += SECTOR_BYTES) {
    if (prng.chance(0.3)) bytes.fill(0, Math.max(sector, synced), Math.min(sector + SECTOR_BYTES, bytes.length))
  }
  const end = prng.chance(0.5) ? bytes.length : prng.between(synced, bytes.length)
  writeFileSync(file, bytes.subarray(0, end))
}

it('keeps what was acknowledged and opens again whatever became of what was not synced', async () => {
  const recovered = { torn: 0, whole: 0 }
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const prng = createPrng(seed)
    const options = { segmentBytesMax: prng.between(1, 9000) }
    let folder = temporaryFolder()
    let appended: readonly LogRecord[] = []
    for (let round = 0; round < 3; round += 1) {
      const disk = new FaultyDisk()
      const { store, found } = await openLog(folder, { ...options, openSegment: disk.openSegment })
      expect(found, `seed ${seed}, round ${round}`).toEqual(appended.slice(0, found.length))
      appended = found
      for (let call = prng.between(0, 3); call > 0; call -= 1) {
        const records = randomRecords(prng, appended.length + 1)
        appended = [...appended, ...records]
        await store.append(records)
      }
      const acknowledged = appended.length
      const written = Promise.withResolvers<void>()
      const released = Promise.withResolvers<void>()
      disk.beforeSync = () => {
        written.resolve()
        return released.promise
      }
      const inFlight = randomRecords(prng, appended.length + 1)
      appended = [...appended, ...inFlight]
      const call = store.append(inFlight)
      await written.promise
      const image = copyFolder(folder)
      const last = present(segmentNames(image).at(-1), 'a segment')
      damageUnsynced(join(image, last), disk.syncedBytes(last), prng)
      released.resolve()
      await call
      await store.close()
      const reread = await readLog(copyFolder(image))
      expect(reread.found.length, `seed ${seed}, round ${round}`).toBeGreaterThanOrEqual(acknowledged)
      recovered[reread.recovery.cutBytes > 0 ? 'torn' : 'whole'] += 1
      folder = image
    }
  }
  expect(recovered.torn).toBeGreaterThan(SEEDS)
  expect(recovered.whole).toBeGreaterThan(SEEDS / 10)
}, 120_000)

it('acknowledges nothing that a power cut can take', async () => {
  const disk = new FaultyDisk()
  const folder = temporaryFolder()
  const { store } = await openLog(folder, { segmentBytesMax: 1500, openSegment: disk.openSegment })
  for (let number = 1; number <= 20; number += 1) {
    await store.append([{ kind: 'decided', slot: slot(number) }])
    const { found } = await readLog(disk.imageAfterPowerCut(folder))
    expect(found).toHaveLength(number)
  }
  await store.close()
})

it('is as big on disk as it says', async () => {
  const folder = temporaryFolder()
  const { store } = await openLog(folder, { segmentBytesMax: 1500 })
  for (let number = 1; number <= 20; number += 1) await store.append([{ kind: 'decided', slot: slot(number) }])
  const sizes = segmentNames(folder).map((name) => statSync(join(folder, name)).size)
  expect(store.bytes).toBe(sizes.reduce((sum, size) => sum + size, 0))
  expect(sizes.length).toBeGreaterThan(2)
  await store.close()
})
