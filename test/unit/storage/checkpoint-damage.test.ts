import { cpSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { clusterId } from '../../../core/model/ids.ts'
import type { StorageError } from '../../../core/storage/errors.ts'
import { checkedLine } from '../../../core/storage/checkpoint-file.ts'
import {
  certificateOf,
  checkpointPath,
  faultOf,
  loaded,
  nameOf,
  namesIn,
  openCheckpoints,
  slotsOf,
  stateOf,
  watchedDisk,
  writeCheckpoint,
} from './checkpoint-parts.ts'
import { copyFolder, removeTemporaryFolders, temporaryFolder } from './faulty-disk.ts'
import { alice, bob, cluster } from './log-folder.ts'

afterAll(removeTemporaryFolders)

/** A folder with the certified checkpoints of slots 10 and 20. */
async function twoCheckpoints(keys = 12): Promise<string> {
  const folder = temporaryFolder()
  const store = await openCheckpoints(folder)
  for (const at of [10, 20]) await store.certify(certificateOf(await writeCheckpoint(store, at, stateOf(keys, at))))
  await store.close()
  return folder
}

/** What became of the newer of two checkpoints, and that the older one is loaded whatever happened. */
async function outcomeOf(folder: string): Promise<'refused at opening' | 'refused by load' | 'loaded'> {
  const told: StorageError[] = []
  const store = await openCheckpoints(folder, { onDamaged: (error) => told.push(error) })
  const file = checkpointPath(folder, 20)
  const damage = { code: 'STORAGE_CHECKPOINT_DAMAGED', file }
  let outcome: Awaited<ReturnType<typeof outcomeOf>> = 'loaded'
  if (!slotsOf(store).includes(20)) {
    outcome = 'refused at opening'
    expect(told.map(({ fault }) => fault)).toEqual([damage])
  } else if ((await faultOf(loaded(store, 20))) !== undefined) {
    outcome = 'refused by load'
    expect(told.map(({ fault }) => fault)).toEqual([damage])
  }
  if (outcome === 'loaded') expect((await loaded(store, 20)).root()).toBe(stateOf(12, 20).root())
  expect((await loaded(store, 10)).root()).toBe(stateOf(12, 10).root())
  expect(slotsOf(store)).toEqual(outcome === 'loaded' ? [10, 20] : [10])
  await store.close()
  const kept = outcome === 'loaded' ? [nameOf(20, 'certificate'), nameOf(20)] : [nameOf(20, 'damaged')]
  expect(namesIn(folder)).toEqual([nameOf(10, 'certificate'), nameOf(10), ...kept])
  return outcome
}

describe('a damaged checkpoint is told, set aside and not used', () => {
  it('whichever byte of it was changed, unless the State is the same for it', async () => {
    const folder = await twoCheckpoints()
    const pristine = copyFolder(folder)
    const file = checkpointPath(folder, 20)
    const whole = readFileSync(file)
    expect(await outcomeOf(folder)).toBe('loaded')
    const packedBytes = whole.indexOf('{"format"')
    expect(packedBytes).toBeGreaterThan(500)
    let harmless = 0
    const indexEnd = whole.length - 40
    for (let offset = 0; offset < whole.length; offset += 1) {
      // Within the index one checksum covers all: some of it will do.
      if (offset > packedBytes + 20 && offset < indexEnd && offset % 11 !== 0) continue
      const changed = Buffer.from(whole)
      changed.writeUInt8(whole.readUInt8(offset) ^ (1 << (offset % 8)), offset)
      writeFileSync(file, changed)
      cpSync(checkpointPath(pristine, 20, 'certificate'), checkpointPath(folder, 20, 'certificate'))
      rmSync(checkpointPath(folder, 20, 'damaged'), { force: true })
      const outcome = await outcomeOf(folder)
      if (outcome === 'loaded') harmless += 1
      else expect(outcome).toBe(offset < packedBytes ? 'refused by load' : 'refused at opening')
    }
    // Zstandard has a few bits in a frame's head that mean nothing: what is loaded then is the right State.
    expect(harmless).toBeLessThan(packedBytes / 50)
  }, 120_000)

  it('wherever it ends too early, or goes on too long', async () => {
    const folder = await twoCheckpoints()
    const file = checkpointPath(folder, 20)
    const whole = readFileSync(file)
    for (let length = 0; length < whole.length; length += 17) {
      writeFileSync(file, whole.subarray(0, length))
      expect(await outcomeOf(folder)).toBe('refused at opening')
    }
    for (const more of ['\n', 'x', whole]) {
      writeFileSync(file, Buffer.concat([whole, Buffer.from(more)]))
      expect(await outcomeOf(folder)).toBe('refused at opening')
    }
  }, 60_000)

  it('when there is nothing in it, only zeros, or something else', async () => {
    const folder = await twoCheckpoints()
    const { size } = statSync(checkpointPath(folder, 20))
    for (const content of [Buffer.alloc(0), Buffer.alloc(size), Buffer.from('not a checkpoint\n'), Buffer.alloc(28)]) {
      writeFileSync(checkpointPath(folder, 20), content)
      expect(await outcomeOf(folder)).toBe('refused at opening')
    }
    const endless = Buffer.from('synod checkpoint 9999999999\n')
    writeFileSync(checkpointPath(folder, 20), endless)
    expect(await outcomeOf(folder)).toBe('refused at opening')
  })

  it('when it is the checkpoint of another slot under this name', async () => {
    const folder = await twoCheckpoints()
    cpSync(checkpointPath(folder, 10), checkpointPath(folder, 20))
    expect(await outcomeOf(folder)).toBe('refused at opening')
  })

  it('when a partition that is not the last holds the bytes of another', async () => {
    const folder = await twoCheckpoints()
    const bytes = readFileSync(checkpointPath(folder, 20))
    bytes.copyWithin(0, 40, 140)
    writeFileSync(checkpointPath(folder, 20), bytes)
    expect(await outcomeOf(folder)).toBe('refused by load')
  })

  it('when a sector of it cannot be read', async () => {
    const folder = await twoCheckpoints()
    const disk = watchedDisk(() => Promise.resolve())
    const told: StorageError[] = []
    let isBroken = false
    const failing = {
      ...disk,
      open: async (file: string) => {
        const opened = await disk.open(file)
        const read = (position: number, length: number): Promise<Buffer> =>
          isBroken && file === checkpointPath(folder, 20)
            ? Promise.reject(Object.assign(new Error('EIO: planted'), { code: 'EIO' }))
            : opened.read(position, length)
        return { bytes: opened.bytes, read, close: opened.close }
      },
    }
    const store = await openCheckpoints(folder, { disk: failing, onDamaged: (error) => told.push(error) })
    isBroken = true
    const fault = { code: 'STORAGE_CHECKPOINT_DAMAGED', file: checkpointPath(folder, 20) }
    expect(await faultOf(loaded(store, 20))).toEqual(fault)
    expect(told.map((error) => error.fault)).toEqual([fault])
    expect(told[0]?.message).toContain('An older checkpoint, or the State of the other replicas, takes its place')
    await store.close()
    expect(namesIn(folder)).toContain(nameOf(20, 'damaged'))
  })

  it('and only the newest of several is kept as evidence, however they were found', async () => {
    const folder = await twoCheckpoints()
    writeFileSync(checkpointPath(folder, 10), 'damaged')
    const first = await openCheckpoints(folder)
    expect(first.bytes).toBe(
      statSync(checkpointPath(folder, 20)).size + statSync(checkpointPath(folder, 20, 'certificate')).size + 7,
    )
    const bytes = readFileSync(checkpointPath(folder, 20))
    bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20)
    writeFileSync(checkpointPath(folder, 20), bytes)
    expect((await faultOf(loaded(first, 20)))?.code).toBe('STORAGE_CHECKPOINT_DAMAGED')
    await first.close()
    expect(first.bytes).toBe(bytes.length)
    expect(namesIn(folder)).toEqual([nameOf(20, 'damaged')])
    for (const at of [30, 40]) writeFileSync(checkpointPath(folder, at), 'damaged')
    await (await openCheckpoints(folder)).close()
    expect(namesIn(folder)).toEqual([nameOf(40, 'damaged')])
  })
})

describe('a certificate', () => {
  it('that is missing, damaged or of another root leaves its checkpoint without one', async () => {
    const folder = await twoCheckpoints()
    const file = checkpointPath(folder, 20, 'certificate')
    const whole = readFileSync(file)
    const other = readFileSync(checkpointPath(folder, 10, 'certificate'))
    const changed = Array.from({ length: Math.ceil(whole.length / 3) }, (_, third) => {
      const copy = Buffer.from(whole)
      copy.writeUInt8(whole.readUInt8(third * 3) ^ (1 << (third % 8)), third * 3)
      return copy
    })
    const planted = [...changed, other, Buffer.alloc(0), whole.subarray(0, 50), Buffer.alloc(70_000, 'x'), undefined]
    for (const content of planted) {
      if (content === undefined) rmSync(file, { force: true })
      else writeFileSync(file, content)
      const told: string[] = []
      const store = await openCheckpoints(folder, { onDamaged: ({ fault }) => told.push(fault.code) })
      expect(slotsOf(store)).toEqual([10, 20])
      expect(store.checkpoints[1]?.certificate).toBeUndefined()
      expect(told).toEqual(content === undefined || content === other ? [] : ['STORAGE_CHECKPOINT_DAMAGED'])
      await store.close()
      expect(namesIn(folder)).not.toContain(nameOf(20, 'certificate'))
    }
  }, 60_000)

  it('without its checkpoint is removed', async () => {
    const folder = await twoCheckpoints()
    rmSync(checkpointPath(folder, 20))
    await (await openCheckpoints(folder)).close()
    expect(namesIn(folder)).toEqual([nameOf(10, 'certificate'), nameOf(10)])
  })
})

describe('what is refused', () => {
  /** Something to tidy up, which a refusal must not do. */
  async function untidyFolder(): Promise<string> {
    const folder = await twoCheckpoints()
    writeFileSync(checkpointPath(folder, 5), 'damaged')
    writeFileSync(checkpointPath(folder, 30, 'synod.new'), 'half')
    return folder
  }

  async function expectUnchanged(folder: string, attempt: () => Promise<void>): Promise<void> {
    const before = namesIn(folder)
    await attempt()
    expect(namesIn(folder)).toEqual(before)
  }

  it('of another cluster or replica: the whole folder, and nothing in it is changed', async () => {
    const folder = await untidyFolder()
    const fault = { code: 'STORAGE_FOREIGN', folder: join(folder, 'checkpoints'), cluster, replica: alice }
    await expectUnchanged(folder, async () => {
      expect(await faultOf(openCheckpoints(folder, { cluster: clusterId('c2') }))).toEqual(fault)
      expect(await faultOf(openCheckpoints(folder, { replica: bob }))).toEqual(fault)
    })
  })

  it('of a newer format, a checkpoint or a certificate: the whole folder, and nothing in it is changed', async () => {
    for (const suffix of ['synod', 'certificate']) {
      const folder = await untidyFolder()
      const file = checkpointPath(folder, 20, suffix)
      const line = Buffer.from(checkedLine({ format: 2, of: 'a later version' }))
      const footer = suffix === 'synod' ? `synod checkpoint ${String(line.length).padStart(10, '0')}\n` : ''
      writeFileSync(file, Buffer.concat([line, Buffer.from(footer)]))
      await expectUnchanged(folder, async () => {
        expect(await faultOf(openCheckpoints(folder))).toEqual({ code: 'STORAGE_FORMAT_NEWER', file, format: 2 })
      })
    }
  })

  it('is no file with a name that is not of ours: it is left alone', async () => {
    const folder = await twoCheckpoints()
    const foreign = ['checkpoint-1.synod', 'checkpoint-000000000010.synod.bak', 'notes.txt', 'x.new']
    for (const name of foreign) writeFileSync(join(folder, 'checkpoints', name), 'mine')
    const store = await openCheckpoints(folder, {
      onDamaged: (error) => {
        throw error
      },
    })
    expect(slotsOf(store)).toEqual([10, 20])
    await store.close()
    expect(namesIn(folder)).toEqual(expect.arrayContaining(foreign))
  })
})
