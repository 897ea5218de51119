import { appendFile, mkdir, mkdtemp, readFile, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { present } from '../../../core/base/assert.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import { createVerifier } from '../../../core/crypto/signer.ts'
import { slot } from '../../../core/model/ids.ts'
import type { Slot } from '../../../core/model/ids.ts'
import { State } from '../../../core/state/state.ts'
import { BackupError } from '../../../core/storage/backup-errors.ts'
import { BACKUP_START, chainAfter, chainStart, endLine, slotLine } from '../../../core/storage/backup-format.ts'
import { readBackup, readBackupHeader } from '../../../core/storage/backup-reading.ts'
import type { BackupReadInit, VerifiedBackup } from '../../../core/storage/backup-reading.ts'
import { publishBackup, refuseExisting } from '../../../core/storage/backup-writing.ts'
import { checksumOf } from '../../../core/storage/checked-line.ts'
import { createFounders, headerOf, stateOf, writeBackup } from './backup-parts.ts'
import type { Content, Founders } from './backup-parts.ts'

let founders: Founders
let folder: string
let file: string

beforeAll(async () => {
  founders = await createFounders()
})

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'synod-backup-'))
  file = join(folder, 'demo.synod')
})

afterEach(async () => {
  await rm(folder, { recursive: true })
})

function batchesOf(count: number, bytes = 40): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, index) => new Uint8Array(bytes).fill(index + 1))
}

function write(content: Partial<Content> = {}): Promise<number> {
  return writeBackup(file, { founders, state: stateOf(3), slotCheckpoint: 20, batches: batchesOf(3), ...content })
}

function read(listen: Partial<BackupReadInit> = {}): Promise<VerifiedBackup> {
  return readBackup({ file, verify: createVerifier(), ...listen })
}

/** The code it is refused with; undefined when it is taken for whole. */
async function refusal(reading: Promise<unknown> = read()): Promise<string | undefined> {
  try {
    await reading
    return undefined
  } catch (error) {
    if (error instanceof BackupError) return error.fault.code
    throw error
  }
}

describe('a backup', () => {
  it('gives back its header, its State and its log, as they were written', async () => {
    const state = stateOf(500, (index) => 'x'.repeat(index))
    const batches = batchesOf(40, 3_000)
    const fileBytes = await write({ state, batches })
    const back = new State(sha256)
    const slots: [Slot, Uint8Array][] = []
    const order: string[] = []
    const backup = await read({
      onHeader: () => void order.push('header'),
      onPartition: (partition, entries) => {
        back.replacePartition(partition, entries)
        if (order.at(-1) !== 'state') order.push('state')
      },
      onLog: () => void order.push('log'),
      onSlot: (slot, value) => void slots.push([slot, value]),
    })
    expect(order).toEqual(['header', 'state', 'log'])
    expect(back.root()).toBe(state.root())
    expect(slots.map(([slot]) => slot)).toEqual(batches.map((_, index) => 21 + index))
    expect(slots.every(([slot, value]) => Buffer.from(batches[slot - 21] ?? []).equals(value))).toBe(true)
    expect(backup).toMatchObject({
      fileBytes,
      totals: { slots: 40 },
      header: { name: 'söme cluster', slotLast: 60, machines: ['kv', 'ledger'], checkpoint: { keys: 500 } },
    })
    expect(await readBackupHeader(file)).toEqual(backup.header)
  })

  it('is whole without a checkpoint, and without anything', async () => {
    await write({ state: undefined, slotCheckpoint: 0 })
    expect((await read()).header).toMatchObject({ checkpoint: undefined, slotLast: 3 })
    await rm(file)
    await write({ state: undefined, slotCheckpoint: 0, batches: [] })
    expect((await read()).totals).toMatchObject({ partitions: 0, slots: 0 })
  })

  it('tells how far it is read, up to its end', async () => {
    const fileBytes = await write({ batches: batchesOf(4, 800_000) })
    const told: [number, number][] = []
    await read({ onProgress: (done, total) => void told.push([done, total]) })
    expect(told.length).toBeGreaterThan(2)
    expect(told.at(-1)).toEqual([fileBytes, fileBytes])
  })

  it('is refused when any one byte of it is another', { timeout: 120_000 }, async () => {
    await write()
    const whole = await readFile(file)
    const unnoticed: number[] = []
    for (let index = 0; index < whole.length; index += 1) {
      const flipped = Buffer.from(whole)
      flipped[index] = (flipped[index] ?? 0) ^ (1 << (index % 8))
      await writeFile(file, flipped)
      if ((await refusal()) === undefined) unnoticed.push(index)
    }
    expect(unnoticed).toEqual([])
    await writeFile(file, whole)
    expect(await refusal()).toBeUndefined()
  })

  it('is refused wherever it was cut off, and when something follows', async () => {
    const bytes = await write()
    const whole = await readFile(file)
    for (const length of [0, 1, 30, 500, bytes - 300, bytes - 2, bytes - 1]) {
      await truncate(file, length)
      expect(await refusal(), `cut after ${length}`).toBe(length < 31 ? 'BACKUP_FOREIGN' : 'BACKUP_DAMAGED')
      await writeFile(file, whole)
    }
    await appendFile(file, '\n')
    expect(await refusal()).toBe('BACKUP_DAMAGED')
  })

  it('is refused when slots or partitions of it were left out, swapped or taken from another one', async () => {
    await write()
    const lines = await parts()
    const [header = '', ...rest] = lines
    rest.pop()
    const isSlot = (part: string): boolean => part.startsWith('{"slot"')
    const slots = rest.filter(isSlot)
    const partitions = rest.filter((part) => !isSlot(part))
    expect([partitions.length, slots.length]).toEqual([3, 3])
    const wrong = [
      [...partitions, ...slots.slice(1)],
      [...partitions, ...slots.slice(0, -1)],
      [...partitions, slots[1], slots[0], slots[2]],
      [...partitions.slice(1), ...slots],
      [...partitions.toReversed(), ...slots],
      [...slots, ...partitions],
    ]
    for (const middle of wrong) {
      await writeWithEnd([header, ...middle])
      expect(await refusal()).toBe('BACKUP_DAMAGED')
    }
    await writeWithEnd([header, ...rest])
    expect(await refusal()).toBeUndefined()
    await rm(file)
    await write({ header: { name: 'other' } })
    const [otherHeader = ''] = await parts()
    await writeWithEnd([otherHeader, ...rest])
    expect(await refusal()).toBe('BACKUP_DAMAGED')
  })

  it('is refused when its State, its totals or its slots are not those its header speaks of', async () => {
    const state = stateOf(3)
    const header = headerOf({ founders, state, slotCheckpoint: 20, batches: batchesOf(3) })
    const checkpoint = present(header.checkpoint, 'it has one')
    await write({ state: stateOf(3, (index) => `VALUE ${index}`), header: { checkpoint } })
    expect(await refusal()).toBe('BACKUP_DAMAGED')
    await rm(file)
    await write({ state, header: { checkpoint: { ...checkpoint, keys: 4 } } })
    expect(await refusal()).toBe('BACKUP_DAMAGED')
    await rm(file)
    await write({ state, batches: [], header: { slotLast: slot(20) } })
    const [first = '', ...partitions] = await parts()
    partitions.pop()
    const later = first.replace(/"slotLast":20/, '"slotLast":21').replace(/,"checksum".*/s, '')
    const line = `${later},"checksum":"${sha256(Buffer.from(later, 'latin1'))}"}\n`
    for (const [number, expected] of [
      [21, undefined],
      [22, 'BACKUP_DAMAGED'],
    ] as const) {
      const value = new Uint8Array(5).fill(65)
      const chain = chainAfter(chainStart(Buffer.from(line, 'latin1')), slot(number), value)
      const item = slotLine({ slot: slot(number), bytes: 5, chain }).toString('latin1') + 'AAAAA'
      await writeWithEnd([line, ...partitions, item])
      expect(await refusal()).toBe(expected)
    }
  })

  it('is refused when fewer than a majority of its members signed the root, or strangers did', async () => {
    await write({ signers: 1 })
    expect(await refusal()).toBe('BACKUP_DAMAGED')
    await rm(file)
    const strangers = await createFounders()
    const members = founders.identities.map(({ replica }, index) => ({ replica, name: `${index}` }))
    await write({ founders: strangers, header: { members } })
    expect(await refusal()).toBe('BACKUP_DAMAGED')
    await rm(file)
    await write({ signers: 3 })
    expect(await refusal()).toBeUndefined()
  })

  it('of a newer format, or no backup at all, is told apart from a damaged one', async () => {
    const fields = { kind: 'synod backup', format: 2, anything: 'else' }
    const line = `${JSON.stringify({ ...fields, checksum: checksumOf(fields).checksum })}\n`
    expect(line.startsWith(BACKUP_START)).toBe(true)
    await writeFile(file, line)
    expect(await refusal()).toBe('BACKUP_FORMAT_NEWER')
    expect(await refusal(readBackupHeader(file))).toBe('BACKUP_FORMAT_NEWER')
    for (const content of ['', 'hello\n', 'x'.repeat(100_000), '{"kind":"something"}\n']) {
      await writeFile(file, content)
      expect(await refusal()).toBe('BACKUP_FOREIGN')
    }
    await rm(file)
    expect(await refusal()).toBe('BACKUP_NOT_FOUND')
    await mkdir(file)
    expect(await refusal()).toBe('BACKUP_UNREADABLE')
  })
})

/** With an end that was written for just these parts: what is wrong with them is seen by themselves. */
async function writeWithEnd(all: readonly (string | undefined)[]): Promise<void> {
  const bytes = Buffer.from(all.join(''), 'latin1')
  const count = (kind: string): number => all.filter((part) => part?.startsWith(`{"${kind}"`)).length
  const totals = { partitions: count('partition'), slots: count('slot'), bytes: bytes.length }
  await writeFile(file, Buffer.concat([bytes, endLine(totals, sha256(bytes))]))
}

/** The file's header, each of its items with the bytes that belong to it, and its end. */
async function parts(): Promise<string[]> {
  const text = await readFile(file, 'latin1')
  return text.split(/(?=\{"(?:partition":|slot":\d+,"bytes|end":))/)
}

describe('writing a backup', () => {
  it('never touches a file that is there, nor follows a link to one', async () => {
    await writeFile(file, 'precious')
    expect(await refusal(write())).toBe('BACKUP_EXISTS')
    expect(await readFile(file, 'utf8')).toBe('precious')
    const target = join(folder, 'elsewhere')
    await rm(file)
    await symlink(target, file)
    expect(await refusal(write())).toBe('BACKUP_EXISTS')
    expect(await readdir(folder)).toEqual(['demo.synod'])
  })

  it('leaves nothing behind when there is no room, and says so', async () => {
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' })
    const create: Content['create'] = async (name) => {
      await writeFile(name, 'begun')
      return { append: () => Promise.reject(full), sync: () => Promise.resolve(), close: () => Promise.resolve() }
    }
    expect(await refusal(write({ create, batches: batchesOf(3, 300_000) }))).toBe('BACKUP_FULL')
    expect(await readdir(folder)).toEqual([])
  })

  it('says when the folder is missing', async () => {
    file = join(folder, 'missing', 'demo.synod')
    expect(await refusal(write())).toBe('BACKUP_NOT_WRITABLE')
  })

  it('gives the name at the end, over a file only when that was wanted, and never over anything else', async () => {
    const other = join(folder, 'wanted.synod')
    await write()
    const whole = await readFile(file)
    await writeFile(other, 'old')
    expect(await refusal(publishBackup(file, other, false))).toBe('BACKUP_EXISTS')
    expect(await readFile(other, 'utf8')).toBe('old')
    await publishBackup(file, other, true)
    expect(await readFile(other)).toEqual(whole)
    expect(await readdir(folder)).toEqual(['wanted.synod'])
    await mkdir(file)
    expect(await refusal(refuseExisting(file, true))).toBe('BACKUP_EXISTS')
    expect(await refusal(refuseExisting(join(folder, 'free'), false))).toBeUndefined()
  })
})
