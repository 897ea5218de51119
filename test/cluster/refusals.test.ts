import { appendFile, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { forkLauncher, openHost } from '../../core/index.ts'
import { TestHost, isWell } from './harness.ts'

let host: TestHost

beforeAll(async () => {
  host = await TestHost.open()
  await host.found()
})

afterAll(async () => {
  await host.close()
})

async function refusal(argument: { machine: string; input: unknown; client?: string }) {
  const reply = await host.request('cluster.submit', {
    cluster: host.cluster,
    client: 'careless',
    sequence: 1,
    ...argument,
  })
  if (reply.ok) throw new Error('it was let in')
  return reply.fault
}

describe('what is refused before ordering', () => {
  it('is told with what was expected, and leaves the cluster untouched', async () => {
    const before = await host.view()
    expect(await refusal({ machine: 'chess', input: {} })).toEqual({
      code: 'INPUT_REFUSED',
      message: expect.stringMatching(/chess.*expected one of kv, ledger/) as string,
    })
    expect(await refusal({ machine: 'kv', input: { op: 'frobnicate' } })).toEqual({
      code: 'INPUT_REFUSED',
      message: expect.stringMatching(/frobnicate.*get, set, delete/) as string,
    })
    expect(await refusal({ machine: 'kv', input: { op: 'get', key: 7 } })).toEqual({
      code: 'INPUT_REFUSED',
      message: expect.stringContaining('key') as string,
    })
    expect(
      await refusal({ machine: 'kv', input: { op: 'set', key: 'k', value: 'x'.repeat(1_100_000) } }),
    ).toMatchObject({
      code: 'INPUT_TOO_LARGE',
    })
    expect(await refusal({ machine: 'kv', input: { op: 'get', key: 'k' }, client: '~read/1' })).toMatchObject({
      code: 'INPUT_REFUSED',
    })
    expect((await host.view()).slotDecided).toBe(before.slotDecided)
  })

  it('does not include an Input of nearly 1 MiB, which is ordered and voted on like any other', async () => {
    const value = 'x'.repeat(1024 * 1024 - 200)
    expect(await host.value('large', 1, { op: 'set', key: 'large', value })).toEqual({ existed: false })
    expect(await host.read({ op: 'get', key: 'large' })).toEqual({ value, found: true })
  })
})

describe('a second host on the same data folder', () => {
  it('is refused with what to do', async () => {
    await expect(openHost({ dataFolder: host.folder, launcher: forkLauncher(), kind: 'headless' })).rejects.toThrow(
      /Another Synod host is using the data folder .*--data/,
    )
  })
})

describe('a replica whose log is damaged', () => {
  it('stays down and says so, while the others serve; mended, it comes back', async () => {
    await host.value('before', 1, { op: 'set', key: 'k', value: 1 })
    await host.call('replica.stop', { cluster: host.cluster, replica: 'b' })
    const folder = join(host.folder, 'clusters', host.cluster, 'replicas', 'b')
    const segment = (await readdir(folder)).find((name) => name.startsWith('segment-')) ?? ''
    const intact = await readFile(join(folder, segment))
    const damaged = Buffer.from(intact)
    const middle = Math.floor(damaged.length / 3)
    damaged[middle] = damaged[middle] === 65 ? 66 : 65
    await writeFile(join(folder, segment), damaged)
    await host.call('replica.start', { cluster: host.cluster, replica: 'b' })
    const view = await host.until('b has failed', ({ replicas }) =>
      replicas.some((replica) => replica.process === 'failed'),
    )
    expect(view.replicas.find(({ name }) => name === 'b')?.problem).toMatchObject({ code: 'STORAGE_CORRUPT' })
    expect(await host.value('after', 1, { op: 'set', key: 'k', value: 2 })).toEqual({ existed: true })
    await writeFile(join(folder, segment), intact)
    await host.call('replica.start', { cluster: host.cluster, replica: 'b' })
    await host.until('all are well', isWell)
  })

  it('cuts a torn tail off and goes on', async () => {
    await host.call('replica.stop', { cluster: host.cluster, replica: 'c' })
    const folder = join(host.folder, 'clusters', host.cluster, 'replicas', 'c')
    const segment =
      (await readdir(folder))
        .filter((name) => name.startsWith('segment-'))
        .toSorted()
        .at(-1) ?? ''
    await appendFile(join(folder, segment), '{"_id":"000')
    await host.call('replica.start', { cluster: host.cluster, replica: 'c' })
    await host.until('all are well', isWell)
    expect(await host.value('torn', 1, { op: 'set', key: 't', value: 1 })).toEqual({ existed: false })
  })
})

describe('a replica whose log folder is gone', () => {
  it('does not vote as its old self: it stays down and says why', async () => {
    await host.call('replica.stop', { cluster: host.cluster, replica: 'a' })
    const folder = join(host.folder, 'clusters', host.cluster, 'replicas', 'a')
    await rename(folder, `${folder}-elsewhere`)
    await host.call('replica.start', { cluster: host.cluster, replica: 'a' })
    const view = await host.until('a has failed', ({ replicas }) =>
      replicas.some((replica) => replica.process === 'failed'),
    )
    expect(view.replicas.find(({ name }) => name === 'a')?.problem).toMatchObject({ code: 'STORAGE_LOG_GONE' })
    // However often it is tried: nothing may be made anew in the old one's name.
    await host.reopen()
    await host.until('a has failed again', ({ replicas }) => replicas.some((replica) => replica.process === 'failed'))
    await rm(folder, { recursive: true, force: true })
    await rename(`${folder}-elsewhere`, folder)
    await host.call('replica.start', { cluster: host.cluster, replica: 'a' })
    await host.until('all are well', isWell)
  })
})
