import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { CheckpointInfo } from '../../../core/model/checkpoint.ts'
import {
  certificateOf,
  checkpointPath,
  loaded,
  nameOf,
  namesIn,
  openCheckpoints,
  slotsOf,
  stateOf,
  writeCheckpoint,
} from './checkpoint-parts.ts'
import { copyFolder, removeTemporaryFolders, temporaryFolder } from './faulty-disk.ts'

const CHILD = fileURLToPath(new URL('./checkpoint-child.ts', import.meta.url))
const CHANGES_MAX = 30

/** Checkpoints of the slots 10 and 20; the second has its certificate. */
const base = temporaryFolder()
afterAll(removeTemporaryFolders)

beforeAll(async () => {
  const store = await openCheckpoints(base)
  await writeCheckpoint(store, 10, stateOf(30, 1))
  await store.certify(certificateOf(await writeCheckpoint(store, 20, stateOf(40, 2))))
  await store.close()
})

interface Found {
  readonly slots: readonly number[]
  readonly roots: readonly string[]
  readonly certified: readonly number[]
  readonly names: readonly string[]
}

/** What a replica finds that starts after the crash; each checkpoint is loaded whole. */
async function reopened(folder: string): Promise<Found> {
  const damaged: unknown[] = []
  const store = await openCheckpoints(folder, { onDamaged: (error) => damaged.push(error) })
  for (const { slot, root } of store.checkpoints) expect((await loaded(store, slot)).root()).toBe(root)
  const isCertified = ({ certificate }: CheckpointInfo): boolean => certificate !== undefined
  const certified = store.checkpoints.filter(isCertified).map(({ slot }) => Number(slot))
  const roots = store.checkpoints.map(({ root }) => root)
  expect(damaged).toEqual([])
  const found = { slots: slotsOf(store), roots, certified, names: namesIn(folder) }
  await store.close()
  return found
}

/**
 * Lets a process act on a copy of `before`, once for each change it makes on disk, and kills it there.
 *
 * @returns what was found after each kill, and in the end, after it was not killed.
 */
async function killedAtEveryBoundary(scenario: string, before: string): Promise<readonly Found[]> {
  const found: Found[] = []
  for (let boundary = 1; boundary <= CHANGES_MAX; boundary += 1) {
    for (const when of ['before', 'half']) {
      const folder = copyFolder(before)
      const child = fork(CHILD, [folder, scenario, String(boundary), when], { stdio: 'inherit' })
      await once(child, 'exit')
      const outcome = await reopened(folder)
      const names = outcome.slots.map((at) => nameOf(at))
      expect(outcome.names.filter((name) => name.endsWith('.synod'))).toEqual(names)
      const certificates = outcome.certified.map((at) => nameOf(at, 'certificate'))
      expect(outcome.names.filter((name) => name.endsWith('.certificate'))).toEqual(certificates)
      expect(outcome.names.filter((name) => name.endsWith('.new'))).toEqual([])
      found.push(outcome)
      if (child.signalCode === null) {
        expect(child.exitCode).toBe(0)
        return found
      }
      expect(child.signalCode).toBe('SIGKILL')
    }
  }
  throw new Error('it never ended')
}

it('leaves the old checkpoints, or these and the new one, wherever a write is killed', async () => {
  const found = await killedAtEveryBoundary('write', base)
  expect(found.length).toBeGreaterThan(12)
  for (const { slots, certified } of found) {
    expect([
      [10, 20],
      [10, 20, 30],
    ]).toContainEqual(slots)
    expect(certified).toEqual([20])
  }
  expect(found[0]?.slots).toEqual([10, 20])
  expect(found.at(-1)?.slots).toEqual([10, 20, 30])
}, 120_000)

it('leaves the old checkpoint with its certificate, or the new one without, when one is written again', async () => {
  const found = await killedAtEveryBoundary('replace', base)
  const newRoot = stateOf(40, 9).root()
  for (const { slots, roots, certified } of found) {
    expect(slots).toEqual([10, 20])
    expect(certified).toEqual(roots[1] === newRoot ? [] : [20])
  }
  expect(found[0]?.roots[1]).toBe(stateOf(40, 2).root())
  expect(found.at(-1)?.roots[1]).toBe(newRoot)
}, 120_000)

it('leaves a whole certificate or none, wherever its writing is killed', async () => {
  const found = await killedAtEveryBoundary('certify', base)
  expect(found.length).toBeGreaterThan(10)
  for (const { slots, certified } of found) {
    expect(slots).toEqual([10, 20])
    expect([[20], [10, 20]]).toContainEqual(certified)
  }
  expect(found[0]?.certified).toEqual([20])
  expect(found.at(-1)?.certified).toEqual([10, 20])
}, 120_000)

it('leaves each checkpoint whole or gone, wherever a removal is killed', async () => {
  const before = copyFolder(base)
  const store = await openCheckpoints(before)
  await store.certify(certificateOf(await writeCheckpoint(store, 30, stateOf(50, 3))))
  await store.close()
  const found = await killedAtEveryBoundary('keep', before)
  expect(found.length).toBeGreaterThan(10)
  for (const { slots, certified } of found) {
    expect([[10, 20, 30], [20, 30], [20]]).toContainEqual(slots)
    expect(certified).toEqual(slots.filter((at) => at !== 10))
  }
  expect(found[0]?.slots).toEqual([10, 20, 30])
  expect(found.at(-1)?.slots).toEqual([20])
}, 120_000)

it('tidies up at the next opening what an opening that was killed did not', async () => {
  const before = copyFolder(base)
  cpSync(checkpointPath(before, 20), checkpointPath(before, 40))
  writeFileSync(checkpointPath(before, 30, 'synod.new'), 'half')
  writeFileSync(checkpointPath(before, 30, 'certificate.new'), '')
  writeFileSync(checkpointPath(before, 5, 'damaged'), 'older evidence')
  cpSync(checkpointPath(before, 20, 'certificate'), checkpointPath(before, 10, 'certificate'))
  const found: Found[] = []
  for (let boundary = 1; boundary <= CHANGES_MAX; boundary += 1) {
    const folder = copyFolder(before)
    const child = fork(CHILD, [folder, 'tidy', String(boundary), 'before'], { stdio: 'inherit' })
    await once(child, 'exit')
    const store = await openCheckpoints(folder)
    await store.close()
    found.push(await reopened(folder))
    if (child.signalCode === null) break
  }
  expect(found.length).toBeGreaterThan(6)
  for (const { slots, certified, names } of found) {
    expect(slots).toEqual([10, 20])
    expect(certified).toEqual([20])
    expect(names).toEqual([nameOf(10), nameOf(20, 'certificate'), nameOf(20), nameOf(40, 'damaged')])
  }
}, 120_000)
