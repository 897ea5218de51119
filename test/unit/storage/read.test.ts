import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { present } from '../../../core/base/assert.ts'
import { slot } from '../../../core/model/ids.ts'
import type { LogRecord } from '../../../core/model/record.ts'
import type { StoredSlot } from '../../../core/ports/record-store.ts'
import type { NedbRecordStore } from '../../../core/storage/nedb-record-store.ts'
import { removeTemporaryFolders, temporaryFolder } from './faulty-disk.ts'
import { alice, bob, openLog, segmentNames } from './log-folder.ts'

afterAll(removeTemporaryFolders)

const options = { segmentBytesMax: 3000 }
const COUNT = 30
let folder: string

beforeEach(() => {
  folder = temporaryFolder()
})

const ballot = { round: 3, proposer: bob }
const valueOf = (number: number, length = 40): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (number * 31 + index) % 256)
const accepted = (number: number, value = valueOf(number)): LogRecord => ({
  kind: 'accepted',
  slot: slot(number),
  ballot,
  value,
})
const storedOf = (number: number): StoredSlot => ({ slot: slot(number), ballot, value: valueOf(number) })
const stored = (first: number, last: number): readonly StoredSlot[] =>
  Array.from({ length: last - first + 1 }, (_, index) => storedOf(first + index))
const all = { slotFrom: slot(1), slotTo: slot(1000), bytesMax: 1e9 }

/** Slots 1 to `COUNT`, each with a record of another kind behind it. */
async function writeSlots(): Promise<NedbRecordStore> {
  const { store } = await openLog(folder, options)
  for (let number = 1; number <= COUNT; number += 1) {
    await store.append([accepted(number), { kind: 'decided', slot: slot(number) }])
  }
  expect(segmentNames(folder).length).toBeGreaterThan(3)
  return store
}

describe('a read', () => {
  it('gives the slots asked for, from every segment, and from the log as it was opened again', async () => {
    const written = await writeSlots()
    expect(await written.read(all)).toEqual(stored(1, COUNT))
    await written.close()
    const { store } = await openLog(folder, options)
    expect(await store.read(all)).toEqual(stored(1, COUNT))
    expect(await store.read({ slotFrom: slot(4), slotTo: slot(17), bytesMax: 1e9 })).toEqual(stored(4, 17))
    expect(await store.read({ slotFrom: slot(9), slotTo: slot(9), bytesMax: 1e9 })).toEqual(stored(9, 9))
    expect(await store.read({ slotFrom: slot(9), slotTo: slot(8), bytesMax: 1e9 })).toEqual([])
    expect(await store.read({ ...all, slotFrom: slot(COUNT + 1) })).toEqual([])
    expect(await store.read({ ...all, slotFrom: slot(0) })).toEqual([])
    await store.close()
  })

  it('ends before the values pass the maximum together, and gives at least one', async () => {
    const store = await writeSlots()
    const read = async (bytesMax: number): Promise<number> => (await store.read({ ...all, bytesMax })).length
    expect([await read(0), await read(1), await read(79), await read(80), await read(400), await read(439)]).toEqual([
      1, 1, 1, 2, 10, 10,
    ])
    await store.close()
  })

  it('ends before the first slot that is not held', async () => {
    const { store } = await openLog(folder, options)
    await store.append([accepted(2), accepted(3), accepted(5)])
    expect(await store.read({ ...all, slotFrom: slot(2) })).toEqual(stored(2, 3))
    expect(await store.read(all)).toEqual([])
    await store.append([accepted(4), accepted(1)])
    expect(await store.read(all)).toEqual(stored(1, 5))
    await store.close()
  })

  it('gives the newest batch of a slot, in one segment and across segments, and no ballot of a fetched one', async () => {
    const { store } = await openLog(folder, options)
    const later = { round: 9, proposer: alice }
    await store.append([accepted(1, valueOf(100)), accepted(2), accepted(1)])
    for (let number = 3; number <= COUNT; number += 1) await store.append([accepted(number)])
    await store.append([
      { kind: 'accepted', slot: slot(2), ballot: later, value: valueOf(200) },
      { kind: 'learned', slot: slot(3), value: valueOf(3) },
    ])
    const expected = [
      storedOf(1),
      { slot: slot(2), ballot: later, value: valueOf(200) },
      { slot: slot(3), ballot: undefined, value: valueOf(3) },
      ...stored(4, COUNT),
    ]
    expect(await store.read(all)).toEqual(expected)
    await store.close()
    const again = await openLog(folder, options)
    expect(await again.store.read(all)).toEqual(expected)
    await again.store.close()
  })

  it('gives values larger than what is read at once', async () => {
    const { store } = await openLog(folder)
    const records = [1, 2, 3].map((number) => accepted(number, valueOf(number, 700_000)))
    await store.append(records)
    const found = await store.read(all)
    expect(found.map(({ value }, index) => Buffer.compare(value, valueOf(index + 1, 700_000)))).toEqual([0, 0, 0])
    await store.close()
  })

  it('overlaps with appends and truncations: what it gives is right, and ends where the log was dropped', async () => {
    const store = await writeSlots()
    const reads = Array.from({ length: 20 }, (_, index) => store.read({ ...all, slotFrom: slot(1 + index) }))
    const appends = Array.from({ length: 10 }, (_, index) => store.append([accepted(COUNT + 1 + index)]))
    const truncation = store.truncate(slot(18))
    for (const [index, found] of (await Promise.all(reads)).entries()) {
      expect(found).toEqual(stored(1 + index, index + found.length))
    }
    await Promise.all([...appends, truncation])
    const first = present(store.segments[0]?.slots, 'batches').first
    expect(first).toBeGreaterThan(10)
    expect(await store.read({ ...all, slotFrom: first })).toEqual(stored(first, COUNT + 10))
    expect(await store.read({ ...all, slotFrom: slot(first - 1) })).toEqual([])
    await store.close()
  })

  it('is refused once the log is closed, and closing waits for it', async () => {
    const store = await writeSlots()
    const reading = store.read(all)
    let given = false
    void reading.then(() => (given = true))
    await store.close()
    expect(given).toBe(true)
    await expect(store.read(all)).rejects.toMatchObject({ fault: { code: 'STORAGE_CLOSED' } })
  })
})

describe('a read of damage', () => {
  /** Where the line of the slot lies in the first segment. */
  function lineOf(number: number): { readonly file: string; readonly start: number; readonly end: number } {
    const file = join(folder, 'segment-000001.db')
    const bytes = readFileSync(file)
    const start = bytes.lastIndexOf('\n', bytes.indexOf(`"slot":${number},"round"`)) + 1
    return { file, start, end: bytes.indexOf('\n', start) }
  }

  it('is refused wherever a byte is another, and appends and other slots go on', async () => {
    const store = await writeSlots()
    const { file, start, end } = lineOf(2)
    const whole = readFileSync(file)
    for (let offset = start; offset < end; offset += 1) {
      const flipped = Buffer.from(whole)
      flipped[offset] = present(whole[offset], 'a byte') ^ (1 << (offset % 8))
      writeFileSync(file, flipped)
      await expect(store.read({ ...all, slotFrom: slot(2) }), `at ${offset}`).rejects.toMatchObject({
        fault: { code: 'STORAGE_CORRUPT', file, recordIndex: 3 },
      })
    }
    expect(await store.read({ ...all, slotTo: slot(1) })).toEqual(stored(1, 1))
    expect(await store.read({ ...all, slotFrom: slot(3) })).toEqual(stored(3, COUNT))
    await store.append([accepted(COUNT + 1)])
    await store.close()
  })

  it('is refused when an older record of the same slot lies there, whole', async () => {
    const { store } = await openLog(folder, options)
    await store.append([accepted(2), accepted(2)])
    const file = join(folder, 'segment-000001.db')
    const [older = '', newer = ''] = readFileSync(file, 'utf8').split('\n')
    expect(newer).toHaveLength(older.length)
    writeFileSync(file, `${older}\n${older}\n`)
    await expect(store.read({ ...all, slotFrom: slot(2) })).rejects.toMatchObject({
      fault: { code: 'STORAGE_CORRUPT', file, recordIndex: 2 },
    })
    await store.close()
  })

  it('is refused when a whole line of another record lies there, or the file ends, or is gone', async () => {
    const store = await writeSlots()
    const [second, third] = [lineOf(2), lineOf(3)]
    const { file } = second
    const whole = readFileSync(file)
    expect(third.end - third.start).toBe(second.end - second.start)
    writeFileSync(file, Buffer.from(whole).fill(whole.subarray(third.start, third.end), second.start, second.end))
    const damaged = { fault: { code: 'STORAGE_CORRUPT', file, recordIndex: 3 } }
    await expect(store.read({ ...all, slotFrom: slot(2) })).rejects.toMatchObject(damaged)
    writeFileSync(file, whole.subarray(0, second.end - 1))
    await expect(store.read({ ...all, slotFrom: slot(2) })).rejects.toMatchObject(damaged)
    renameSync(file, `${file}.aside`)
    await expect(store.read(all)).rejects.toMatchObject({ fault: { code: 'STORAGE_READ_FAILED', file } })
    await store.close()
  })
})

it('segments are told with their slots and bytes, the same after opening', async () => {
  const store = await writeSlots()
  const told = store.segments
  expect(told.map(({ bytes }) => bytes)).toEqual(segmentNames(folder).map((name) => statSync(join(folder, name)).size))
  const slots = told.map((segment) => present(segment.slots, 'batches'))
  expect(slots.map(({ first }) => Number(first))).toEqual([1, ...slots.slice(0, -1).map(({ last }) => last + 1)])
  expect(slots.at(-1)?.last).toBe(COUNT)
  await store.close()
  const again = await openLog(folder, options)
  expect(again.store.segments).toEqual(told)
  await again.store.close()
  const fresh = await openLog(temporaryFolder())
  await fresh.store.append([{ kind: 'promised', ballot }])
  expect(fresh.store.segments).toEqual([{ number: 1, bytes: fresh.store.bytes, slots: undefined }])
  await fresh.store.close()
})
