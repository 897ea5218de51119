import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { present } from '../../core/base/assert.ts'
import { expectEqualStates, notesOf, replicaFolder, replicaOf } from './disk-trouble-parts.ts'
import { TestHost, isWell } from './harness.ts'

/** The replica whose disk has trouble. */
const NAME = 'b'
/** Values that fill a segment of the log, 8 MiB in base64, and begin the next. */
const LARGE_BYTES = 256 * 1024
const LARGE_COUNT = 28
/** More than the tail of slots that is kept behind a checkpoint. */
const SMALL_COUNT = 300

let host: TestHost
let acknowledged = 0
let folder = ''

async function increment(): Promise<void> {
  const value = await host.value('counter', acknowledged + 1, { op: 'increment', key: 'counter' })
  acknowledged += 1
  expect(value).toEqual({ value: acknowledged })
}

/** Of one replica, by rising slot, as its disk has them. */
function checkpointFiles(suffix: 'synod' | 'certificate'): readonly string[] {
  const names = readdirSync(join(folder, 'checkpoints')).filter((name) => name.endsWith(`.${suffix}`))
  return names.toSorted().map((name) => join('checkpoints', name))
}

const segments = (): readonly string[] =>
  readdirSync(folder)
    .filter((name) => /^segment-\d+\.db$/.test(name))
    .toSorted()
const newest = (names: readonly string[]): string => present(names.at(-1), 'a file')
const oldest = (names: readonly string[]): string => present(names[0], 'a file')

beforeAll(async () => {
  host = await TestHost.open()
  await host.found()
  folder = replicaFolder(host, NAME)
  const fill = async (label: string): Promise<void> => {
    const value = label.repeat(LARGE_BYTES)
    await Promise.all(
      Array.from({ length: LARGE_COUNT }, (_, index) =>
        host.value(`${label}-${index}`, 1, { op: 'set', key: `large-${index % 4}`, value }),
      ),
    )
  }
  await fill('x')
  await expectEqualStates(host)
  await fill('y')
  for (let count = 0; count < SMALL_COUNT; count += 1) await increment()
  await expectEqualStates(host)
  await host.until('the log was dropped up to the older one', ({ replicas }) =>
    replicas.every(({ storage }) => storage.slotFirst > 1 && storage.checkpoints.length === 2),
  )
}, 180_000)

afterAll(async () => {
  await host.close()
})

function change(name: string, damage: (bytes: Buffer) => Buffer): void {
  const file = join(folder, name)
  writeFileSync(file, damage(readFileSync(file)))
}

const flipped =
  (at: number) =>
  (bytes: Buffer): Buffer => {
    const changed = Buffer.from(bytes)
    const offset = Math.floor(bytes.length * at)
    changed[offset] = (changed[offset] ?? 0) ^ 1
    return changed
  }
const cut = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length >> 1)

/** A checked line as a newer version would write it. */
function resealed(line: string): string {
  const covered = line.slice(0, line.lastIndexOf(',"checksum"')).replace(/"format":(\d+)/, '"format":99')
  return `${covered},"checksum":"${createHash('sha256').update(covered).digest('hex')}"}\n`
}

const newerHeader = (bytes: Buffer): Buffer => Buffer.from(resealed(bytes.toString('utf8')))

function newerCheckpoint(bytes: Buffer): Buffer {
  const footer = bytes.subarray(-28)
  const indexBytes = Number(footer.toString('latin1').slice('synod checkpoint '.length))
  const index = Buffer.from(resealed(bytes.subarray(-28 - indexBytes, -28).toString('utf8')))
  const length = String(index.length).padStart(10, '0')
  return Buffer.concat([bytes.subarray(0, -28 - indexBytes), index, Buffer.from(`synod checkpoint ${length}\n`)])
}

const stopped = (): Promise<unknown> => host.call('replica.stop', { cluster: host.cluster, replica: NAME })
const started = (): Promise<unknown> => host.call('replica.start', { cluster: host.cluster, replica: NAME })

/** A stopped replica's folder, put back as it was: nothing was promised in between. */
async function withFolderAside(perform: (aside: string) => Promise<void>): Promise<void> {
  await stopped()
  const aside = `${folder}-aside`
  cpSync(folder, aside, { recursive: true })
  await perform(aside)
  rmSync(folder, { recursive: true, force: true })
  renameSync(aside, folder)
  await started()
  await host.until('all are well', isWell)
}

/** The replica stays down, says why, and changed nothing; the others go on, and nothing acknowledged is lost. */
async function expectRefused(code: string, words: RegExp): Promise<void> {
  const before = contentOf(folder)
  await started()
  const view = await host.until('it stays down', (seen) => replicaOf(seen, NAME).process === 'failed')
  const { problem } = replicaOf(view, NAME)
  expect(problem?.code).toBe(code)
  expect(problem?.message).toMatch(words)
  await host.until('the others serve', ({ phase, leader }) => phase === 'serving' && leader !== null)
  await increment()
  expect(await notesOf(host)).toContain(`Replica b stays down until it is started by hand: ${problem?.message ?? ''}`)
  expect(await host.read({ op: 'get', key: 'counter' })).toEqual({ value: acknowledged, found: true })
  expect(contentOf(folder)).toEqual(before)
}

function contentOf(path: string): readonly string[] {
  if (!existsSync(path)) return []
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const file = join(entry.parentPath, entry.name)
      return entry.isFile() ? `${file} ${createHash('sha256').update(readFileSync(file)).digest('hex')}` : file
    })
    .toSorted()
}

const SEALED = /log is damaged at record \d+, in .*segment-\d+\.db.* must not vote again .* join again as a new replica/
const HEADER = /header of this replica's log is damaged or missing: .*header\.json/
const NEWER = /written by a newer version of Synod \(format 99\)\. Nothing in it was changed\. Update Synod/

describe('a replica whose folder is not what it wrote stays down, says why, and changes nothing', () => {
  const damages: readonly (readonly [string, string, RegExp, () => void])[] = [
    ['a byte of a sealed segment', 'STORAGE_CORRUPT', SEALED, () => change(oldest(segments()), flipped(0.5))],
    ['a byte of the open segment', 'STORAGE_CORRUPT', SEALED, () => change(newest(segments()), flipped(0.5))],
    ['a byte of the header', 'STORAGE_CORRUPT', HEADER, () => change('header.json', flipped(0.5))],
    ['half of a sealed segment', 'STORAGE_CORRUPT', SEALED, () => change(oldest(segments()), cut)],
    ['half of the open segment', 'STORAGE_CORRUPT', SEALED, () => change(newest(segments()), cut)],
    ['half of the header', 'STORAGE_CORRUPT', HEADER, () => change('header.json', cut)],
    ['a sealed segment', 'STORAGE_CORRUPT', SEALED, () => rmSync(join(folder, oldest(segments())))],
    ['the open segment', 'STORAGE_CORRUPT', SEALED, () => rmSync(join(folder, newest(segments())))],
    ['the header', 'STORAGE_CORRUPT', HEADER, () => rmSync(join(folder, 'header.json'))],
    ['a newer header', 'STORAGE_FORMAT_NEWER', NEWER, () => change('header.json', newerHeader)],
    [
      'a newer checkpoint',
      'STORAGE_FORMAT_NEWER',
      NEWER,
      () => change(newest(checkpointFiles('synod')), newerCheckpoint),
    ],
    [
      'the folder of another replica',
      'STORAGE_FOREIGN',
      /holds the data of replica 12D3\w+ of cluster \w+, not of this replica\. .* put the right one back/,
      () => {
        rmSync(folder, { recursive: true })
        cpSync(replicaFolder(host, 'c'), folder, { recursive: true })
      },
    ],
    [
      'the log gone, the checkpoints there',
      'STORAGE_LOG_GONE',
      /log is gone from .* may have forgotten what it promised, .* Put the folder back/,
      () => {
        for (const name of [...segments(), 'header.json']) rmSync(join(folder, name))
      },
    ],
    [
      'an empty folder',
      'STORAGE_LOG_GONE',
      /log is gone/,
      () => {
        rmSync(folder, { recursive: true })
        mkdirSync(folder)
      },
    ],
    ['no folder', 'STORAGE_LOG_GONE', /log is gone/, () => rmSync(folder, { recursive: true })],
  ]

  it.each(damages)('%s', async (_, code, words, damage) => {
    await withFolderAside(async () => {
      damage()
      await expectRefused(code, words)
    })
  })

  it('the folder of another cluster', async () => {
    const { cluster } = await host.call('cluster.try', { name: 'other' })
    const begun = async (): Promise<boolean> => {
      const { clusters } = await host.call('host.view', {})
      return clusters.some(({ id, phase }) => id === cluster && phase === 'serving')
    }
    await expect.poll(begun, { timeout: 60_000 }).toBe(true)
    await host.call('cluster.stop', { cluster })
    await withFolderAside(async () => {
      rmSync(folder, { recursive: true })
      cpSync(join(host.folder, 'clusters', cluster, 'replicas', NAME), folder, { recursive: true })
      await expectRefused('STORAGE_FOREIGN', new RegExp(`of cluster ${cluster}, not of this replica`))
    })
    await host.call('cluster.delete', { cluster, name: 'other' })
  })
})

/** The replica starts and is level with the others again. @returns what was told of it meanwhile. */
async function expectBack(damage: () => void): Promise<readonly string[]> {
  await stopped()
  const { length } = await notesOf(host)
  damage()
  await increment()
  await started()
  await host.until('all are well and level', (view) => {
    const slots = new Set(view.replicas.map(({ slotExecuted }) => slotExecuted))
    return isWell(view) && slots.size === 1 && replicaOf(view, NAME).transfer === null
  })
  await increment()
  expect(await host.read({ op: 'get', key: 'counter' })).toEqual({ value: acknowledged, found: true })
  await expectEqualStates(host)
  const told = (await notesOf(host)).slice(length)
  // Two stable ones again, for the next.
  await host.until('two checkpoints', (view) => replicaOf(view, NAME).storage.checkpoints.length === 2)
  return told.filter((text) => text.startsWith(`Replica ${NAME}`))
}

const DAMAGED = /^Replica b: A checkpoint of this replica is damaged: .* set aside as evidence .* no promise is lost/
const RECEIVES = /^Replica b receives the State at slot \d+ from/
const HAS = /^Replica b has the State at slot \d+, verified/

function expectTold(told: readonly string[], expected: readonly RegExp[], unexpected: readonly RegExp[]): void {
  for (const words of expected) expect(told).toContainEqual(expect.stringMatching(words))
  for (const words of unexpected) expect(told).not.toContainEqual(expect.stringMatching(words))
}

describe('a replica whose checkpoints are damaged comes back by itself', () => {
  const ofNewest: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
    ['a byte of its State', flipped(0.01)],
    ['a byte of its index', (bytes) => flipped((bytes.length - 200) / bytes.length)(bytes)],
    ['half of it', cut],
    ['all of it', () => Buffer.alloc(0)],
  ]

  it.each(ofNewest)('from the older one and its log, without transfer: the newest lost %s', async (_, damage) => {
    const damaged = newest(checkpointFiles('synod'))
    const told = await expectBack(() => change(damaged, damage))
    expectTold(told, [DAMAGED], [RECEIVES])
    expect(existsSync(join(folder, damaged.replace('.synod', '.damaged')))).toBe(true)
  })

  it.each([
    ['a byte', flipped(0.5)],
    ['half', cut],
  ])('also when it is the certificate that lost %s', async (_, damage) => {
    const told = await expectBack(() => change(newest(checkpointFiles('certificate')), damage))
    expectTold(told, [DAMAGED], [RECEIVES])
  })

  it.each(['synod', 'certificate'] as const)('also when the file of the newest (%s) is gone', async (suffix) => {
    const told = await expectBack(() => rmSync(join(folder, newest(checkpointFiles(suffix)))))
    expectTold(told, [], [DAMAGED, RECEIVES])
  })

  it('by state transfer, when both are damaged and the log before them is gone', async () => {
    const told = await expectBack(() => {
      for (const name of checkpointFiles('synod')) change(name, flipped(0.01))
    })
    expectTold(told, [DAMAGED, RECEIVES, HAS], [])
  })

  it('by state transfer, when both are gone', async () => {
    const told = await expectBack(() => rmSync(join(folder, 'checkpoints'), { recursive: true }))
    expectTold(told, [RECEIVES, HAS], [])
  })
})

describe('a replica that was killed while it wrote', () => {
  it('comes back: the end of the write is cut off', async () => {
    await increment()
    await host.inject({ kind: 'kill', replica: NAME })
    const told = await expectBack(() => change(newest(segments()), (bytes) => bytes.subarray(0, -10)))
    expectTold(told, [], [/damaged/, RECEIVES])
  })
})
