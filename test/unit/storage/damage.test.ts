import { readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { present } from '../../../core/base/assert.ts'
import { createPrng } from '../../../core/base/prng.ts'
import { slot } from '../../../core/model/ids.ts'
import { FaultyDisk, copyFolder, removeTemporaryFolders, temporaryFolder } from './faulty-disk.ts'
import { openLog, readLog, recordOf, recordsOf, segmentNames, writeLog } from './log-folder.ts'

const COUNT = 24
const segmentBytesMax = 2500
/** Three segments, every record acknowledged; as they are left by a close, and by a power cut after the last one. */
let closed: string
let cut: string

beforeAll(async () => {
  closed = temporaryFolder()
  await writeLog(closed, COUNT, { segmentBytesMax })
  const disk = new FaultyDisk()
  const folder = temporaryFolder()
  const { store } = await openLog(folder, { segmentBytesMax, openSegment: disk.openSegment })
  for (let number = 1; number <= COUNT; number += 1) await store.append([recordOf(number)])
  cut = disk.imageAfterPowerCut(folder)
  await store.close()
  expect(segmentNames(cut).length).toBeGreaterThanOrEqual(3)
})

afterAll(removeTemporaryFolders)

const NEWLINE = 0x0a

function linesOf(file: string): readonly string[] {
  return readFileSync(file, 'latin1').split('\n').slice(0, -1)
}

function writeLines(file: string, lines: readonly (string | undefined)[]): void {
  writeFileSync(file, lines.map((line) => `${present(line, 'a line')}\n`).join(''), 'latin1')
}

const segmentOf = (folder: string, index: number): string =>
  join(folder, present(segmentNames(folder).at(index), 'a segment'))

/** Opens what must be refused; whatever opening does to the folder is part of the answer. */
async function refusal(folder: string): Promise<unknown> {
  const before = contentOf(folder)
  const outcome = await readLog(folder).then(
    ({ found }) => `opened with ${found.length} records`,
    (error: unknown) => (error instanceof Error && 'fault' in error ? error.fault : error),
  )
  expect(contentOf(folder)).toEqual(before)
  return outcome
}

function contentOf(folder: string): Readonly<Record<string, string>> {
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'latin1')]))
}

describe('a changed byte', () => {
  for (const { image, folderOf } of [
    { image: 'a closed log', folderOf: () => closed },
    { image: 'a log after a power cut', folderOf: () => cut },
  ]) {
    it(`is found wherever it is in ${image}`, async () => {
      const folder = copyFolder(folderOf())
      const prng = createPrng(20260731)
      for (const name of readdirSync(folder)) {
        const file = join(folder, name)
        const whole = readFileSync(file)
        for (let offset = prng.between(0, 4); offset < whole.length; offset += prng.between(3, 9)) {
          const flipped = Buffer.from(whole)
          flipped[offset] =
            present(whole[offset], 'a byte') ^ (prng.chance(0.5) ? 1 << prng.between(0, 7) : prng.between(1, 255))
          writeFileSync(file, flipped)
          const place = `${name} at ${offset}: ${whole[offset]} became ${flipped[offset]}`
          expect(await refusal(folder), place).toMatchObject({ code: 'STORAGE_CORRUPT' })
        }
        writeFileSync(file, whole)
      }
    }, 60_000)

    it(`is found where a line begins or ends in ${image}, also when it became a newline`, async () => {
      const folder = copyFolder(folderOf())
      for (const name of segmentNames(folder)) {
        const file = join(folder, name)
        const whole = readFileSync(file)
        for (let newline = whole.indexOf(NEWLINE); newline !== -1; newline = whole.indexOf(NEWLINE, newline + 1)) {
          for (const [offset, byte] of [
            [newline, 0x0b],
            [newline, 0],
            [newline, 0x4a],
            [newline, 0x7d],
            [newline - 1, NEWLINE],
            [newline - 100, NEWLINE],
            [newline - 100, 0],
          ] as const) {
            const flipped = Buffer.from(whole)
            flipped[offset] = byte
            writeFileSync(file, flipped)
            expect(await refusal(folder), `${name} at ${offset}`).toMatchObject({ code: 'STORAGE_CORRUPT' })
          }
        }
        writeFileSync(file, whole)
      }
    }, 60_000)
  }

  it('is told with its file and the number of its record', async () => {
    const folder = copyFolder(cut)
    const file = segmentOf(folder, 1)
    const before = linesOf(segmentOf(folder, 0)).length
    const [first, second = '', ...rest] = linesOf(file)
    writeLines(file, [first, second.replace('"durable"', '"durablE"'), ...rest])
    expect(await refusal(folder)).toEqual({ code: 'STORAGE_CORRUPT', file, recordIndex: before + 2 })
  })
})

describe('damage that is never skipped', () => {
  const cases: readonly { readonly what: string; readonly damage: (folder: string) => void }[] = [
    {
      what: 'a missing line',
      damage: (folder) => writeLines(segmentOf(folder, -1), linesOf(segmentOf(folder, -1)).toSpliced(1, 1)),
    },
    {
      what: 'two swapped lines at the very end',
      damage: (folder) => {
        const lines = linesOf(segmentOf(folder, -1))
        writeLines(segmentOf(folder, -1), [...lines.slice(0, -2), lines.at(-1), lines.at(-2)])
      },
    },
    {
      what: 'a line that is there twice',
      damage: (folder) => {
        const lines = linesOf(segmentOf(folder, -1))
        writeLines(segmentOf(folder, -1), [...lines, lines.at(-1)])
      },
    },
    {
      what: 'an empty line',
      damage: (folder) => writeLines(segmentOf(folder, -1), [...linesOf(segmentOf(folder, -1)), '']),
    },
    {
      what: 'a foreign line at the end',
      damage: (folder) => writeLines(segmentOf(folder, -1), [...linesOf(segmentOf(folder, -1)), '{"_id":"x"}']),
    },
    {
      what: 'foreign bytes at the end that no write of this log begins with',
      damage: (folder) => writeFileSync(segmentOf(folder, -1), '{"foreign":', { flag: 'a' }),
    },
    {
      what: 'a last line that was finished and is garbled',
      damage: (folder) => {
        const lines = linesOf(segmentOf(folder, -1))
        const last = present(lines.at(-1), 'a line')
        writeLines(segmentOf(folder, -1), [...lines.slice(0, -1), last.slice(0, -20) + last.slice(-10)])
      },
    },
    { what: 'a lost first segment', damage: (folder) => rmSync(segmentOf(folder, 0)) },
    { what: 'a lost segment in the middle', damage: (folder) => rmSync(segmentOf(folder, 1)) },
    { what: 'a lost last segment', damage: (folder) => rmSync(segmentOf(folder, -1)) },
    { what: 'a lost header', damage: (folder) => rmSync(join(folder, 'header.json')) },
    { what: 'an empty header', damage: (folder) => writeFileSync(join(folder, 'header.json'), '') },
    {
      what: 'segments that changed places',
      damage: (folder) => {
        const [first, second] = [segmentOf(folder, 0), segmentOf(folder, 1)]
        renameSync(first, `${first}.x`)
        renameSync(second, first)
        renameSync(`${first}.x`, second)
      },
    },
    {
      what: 'a segment that ends early though another follows',
      damage: (folder) => writeFileSync(segmentOf(folder, 0), readFileSync(segmentOf(folder, 0)).subarray(0, -5)),
    },
    {
      what: 'a segment that ends early though an empty one, not yet noted, follows',
      damage: (folder) => {
        const last = segmentOf(folder, -1)
        writeFileSync(last, readFileSync(last).subarray(0, -5))
        const next = segmentNames(folder).length + 1
        writeFileSync(join(folder, `segment-${String(next).padStart(6, '0')}.db`), '')
      },
    },
    {
      what: 'a segment that lost its last lines though an empty one follows',
      damage: (folder) => {
        writeFileSync(segmentOf(folder, -1), '')
        writeLines(segmentOf(folder, -2), linesOf(segmentOf(folder, -2)).slice(0, -1))
      },
    },
    {
      what: 'a sector of zeros in a record that later ones count as durable',
      damage: (folder) => {
        const bytes = readFileSync(segmentOf(folder, -1))
        bytes.fill(0, 0, 512)
        writeFileSync(segmentOf(folder, -1), bytes)
      },
    },
    {
      what: 'zeros that are not whole sectors',
      damage: (folder) => {
        const bytes = readFileSync(segmentOf(folder, -1))
        bytes.fill(0, bytes.length - 20, bytes.length - 10)
        writeFileSync(segmentOf(folder, -1), bytes)
      },
    },
  ]
  for (const { what, damage } of cases) {
    it(what, async () => {
      for (const image of [closed, cut]) {
        const folder = copyFolder(image)
        damage(folder)
        expect(await refusal(folder)).toMatchObject({ code: 'STORAGE_CORRUPT' })
      }
    })
  }

  it('an end that is missing from a log that was closed', async () => {
    const folder = copyFolder(closed)
    const file = segmentOf(folder, -1)
    writeLines(file, linesOf(file).slice(0, -1))
    expect(await refusal(folder)).toEqual({ code: 'STORAGE_CORRUPT', file, recordIndex: COUNT })
    writeFileSync(file, readFileSync(segmentOf(closed, -1)).subarray(0, -1))
    expect(await refusal(folder)).toEqual({ code: 'STORAGE_CORRUPT', file, recordIndex: COUNT })
  })
})

describe('a truncated log', () => {
  /** The first segment that counts is the third; the files of the first two are kept aside. */
  let truncated: string
  let leftovers: readonly { readonly name: string; readonly bytes: Buffer }[]

  beforeAll(async () => {
    truncated = copyFolder(closed)
    const names = segmentNames(truncated).slice(0, 2)
    leftovers = names.map((name) => ({ name, bytes: readFileSync(join(truncated, name)) }))
    const { store } = await openLog(truncated, { segmentBytesMax })
    const [, second] = store.segments
    await store.truncate(slot(2 + present(second?.slots, 'batches').last))
    await store.close()
    expect(segmentNames(truncated)[0]).toBe('segment-000003.db')
  })

  /** As a truncation leaves it that was interrupted after its header. */
  function interrupted(change: (bytes: Buffer) => Buffer = (bytes) => bytes): string {
    const folder = copyFolder(truncated)
    for (const { name, bytes } of leftovers) writeFileSync(join(folder, name), change(bytes))
    return folder
  }

  it('is refused when its first segment is missing, is another, or its header has any other byte', async () => {
    const first = join('segment-000003.db')
    const missing = copyFolder(truncated)
    renameSync(join(missing, first), join(missing, 'kept-aside'))
    expect(await refusal(missing)).toMatchObject({ code: 'STORAGE_CORRUPT', file: join(missing, first) })
    const other = copyFolder(truncated)
    writeFileSync(join(other, first), present(leftovers[1], 'a second segment').bytes)
    expect(await refusal(other)).toMatchObject({ code: 'STORAGE_CORRUPT', file: join(other, first) })
    const folder = copyFolder(truncated)
    const file = join(folder, 'header.json')
    const whole = readFileSync(file)
    for (let offset = 0; offset < whole.length; offset += 1) {
      const flipped = Buffer.from(whole)
      flipped[offset] = present(whole[offset], 'a byte') ^ (1 << (offset % 8))
      writeFileSync(file, flipped)
      expect(await refusal(folder), `at ${offset}`).toEqual({ code: 'STORAGE_CORRUPT', file, recordIndex: 0 })
    }
  }, 60_000)

  it('loses the segments that a truncation left behind, whatever is in them, and never reads them', async () => {
    const { found } = await readLog(copyFolder(truncated))
    for (const change of [undefined, () => Buffer.from('{"foreign":1}\n'), () => Buffer.alloc(0)]) {
      const folder = interrupted(change)
      writeFileSync(join(folder, 'segment-000002.db~'), 'a copy that NeDB left')
      expect((await readLog(folder)).found).toEqual(found)
      expect(readdirSync(folder)).toEqual(readdirSync(truncated))
    }
  })

  it('keeps what a truncation left behind when it is refused', async () => {
    const folder = interrupted()
    writeFileSync(segmentOf(folder, -1), 'foreign\n')
    expect(await refusal(folder)).toMatchObject({ code: 'STORAGE_CORRUPT', file: segmentOf(folder, -1) })
    expect(segmentNames(folder)[0]).toBe('segment-000001.db')
  })

  it('does not open with the header of another time', async () => {
    const folder = copyFolder(truncated)
    writeFileSync(join(folder, 'header.json'), readFileSync(join(closed, 'header.json')))
    const file = join(folder, 'segment-000001.db')
    expect(await refusal(folder)).toEqual({ code: 'STORAGE_CORRUPT', file, recordIndex: 1 })
  })
})

describe('the end of an interrupted write', () => {
  it('is cut off wherever in the last two records it stops, and appending goes on', async () => {
    const whole = readFileSync(segmentOf(cut, -1))
    const lines = linesOf(segmentOf(cut, -1))
    const [beforeLast = '', last = ''] = lines.slice(-2)
    const twoStart = whole.length - beforeLast.length - last.length - 2
    for (let bytes = twoStart; bytes < whole.length; bytes += 1) {
      const folder = copyFolder(cut)
      writeFileSync(segmentOf(folder, -1), whole.subarray(0, bytes))
      const wholeRecords = bytes < twoStart + beforeLast.length + 1 ? COUNT - 2 : COUNT - 1
      const cutBytes = bytes - (wholeRecords === COUNT - 2 ? twoStart : twoStart + beforeLast.length + 1)
      const { store, found } = await openLog(folder)
      expect({ found, cutBytes: store.recovery.cutBytes }, `cut at ${bytes}`).toEqual({
        found: recordsOf(1, wholeRecords),
        cutBytes,
      })
      const goesOn = bytes % 16 === 0
      if (goesOn) await store.append([recordOf(wholeRecords + 1)])
      await store.close()
      if (goesOn) expect((await readLog(folder)).found).toEqual(recordsOf(1, wholeRecords + 1))
      rmSync(folder, { recursive: true })
    }
  }, 120_000)

  it('is cut off when the file grew and its blocks are still zeros', async () => {
    for (const zeros of [1, 511, 512, 5000]) {
      const folder = copyFolder(cut)
      writeFileSync(segmentOf(folder, -1), Buffer.alloc(zeros), { flag: 'a' })
      const { found, recovery } = await readLog(folder)
      expect(found).toEqual(recordsOf(1, COUNT))
      expect(recovery.cutBytes).toBe(zeros)
    }
  })

  it('may be an empty segment, or one that was never noted, or none', async () => {
    const folder = copyFolder(cut)
    writeFileSync(join(folder, `segment-${String(segmentNames(folder).length + 1).padStart(6, '0')}.db`), '')
    expect((await readLog(folder)).found).toEqual(recordsOf(1, COUNT))
    const fresh = temporaryFolder()
    await (await openLog(fresh)).store.close()
    expect(await readLog(fresh)).toEqual({
      found: [],
      recovery: { created: false, records: 0, segments: 1, cutBytes: 0 },
    })
  })

  it('may be a copy that NeDB had not yet put in the place of its segment, whatever is in it', async () => {
    const folder = copyFolder(cut)
    const copy = `${segmentOf(folder, -1)}~`
    for (const content of ['', '{"_id":"0000', readFileSync(segmentOf(cut, 0))]) {
      writeFileSync(copy, content)
      expect((await readLog(folder)).found).toEqual(recordsOf(1, COUNT))
      expect(readdirSync(folder).filter((name) => name.endsWith('~'))).toEqual([])
    }
  })
})
