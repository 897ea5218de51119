import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TaskView } from '../../core/api/views.ts'
import { createClient } from '../../core/client/client.ts'
import { readEndpoint } from '../../core/gateway/endpoint.ts'
import { readToken } from '../../core/gateway/tokens.ts'
import { TestHost, isAlive, isWell, signal, valueOf, waitFor } from './harness.ts'

const COMMAND = join(import.meta.dirname, '../../core/cli/main.ts')
const INCREMENT = { op: 'increment', key: 'counter' }
const KEYS = 300

let host: TestHost
let folder: string
let file: string
let serving: ChildProcess | undefined

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'synod-backup-'))
  file = join(folder, 'demo.synod')
  host = await TestHost.open()
  await host.found('demo')
})

afterEach(async () => {
  if (serving?.pid !== undefined) signal(serving.pid, 'SIGKILL')
  await host.close()
  await rm(folder, { recursive: true, force: true })
})

async function writeKeys(from: number, to: number, text = ''): Promise<void> {
  const keys = Array.from({ length: to - from }, (_, index) => from + index)
  await Promise.all(
    keys.map((key) => host.value(`writer-${key}`, 1, { op: 'set', key: `key-${key}`, value: `${key}${text}` })),
  )
}

async function checkpoint(): Promise<void> {
  const outcome = await host.call('cluster.checkpoint', { cluster: host.cluster })
  const ordered = outcome.slot ?? Infinity
  await host.until('every replica has it stable', ({ replicas }) =>
    replicas.every(({ storage }) => storage.checkpoints.some(({ slot, stable }) => stable && slot >= ordered)),
  )
}

async function ended(begun: TaskView): Promise<TaskView> {
  return waitFor('the task has ended', async () => {
    const task = await host.call('host.task', { task: begun.task })
    return task.durationMs === null ? undefined : task
  })
}

async function backUp(): Promise<TaskView> {
  const task = await ended(await host.call('cluster.backup', { cluster: host.cluster, file }))
  expect(task.fault).toBeNull()
  expect(task).toMatchObject({ phase: 'done', confirmed: true, clusterId: host.cluster })
  return task
}

/** Makes the restored cluster the one that is asked. */
async function restore(name?: string): Promise<TaskView> {
  const task = await ended(await host.call('cluster.restore', { file, ...(name === undefined ? {} : { name }) }))
  expect(task.fault).toBeNull()
  host.cluster = task.clusterId ?? ''
  await host.until('all of the restored cluster are well', isWell)
  return task
}

async function expectKeys(to: number): Promise<void> {
  const found = await host.read({ op: 'scan', prefix: 'key-', limit: 1_000 })
  const entries = (found as { entries: { key: string; value: unknown }[] }).entries
  expect(new Map(entries.map(({ key, value }) => [key, value]))).toEqual(
    new Map(Array.from({ length: to }, (_, key) => [`key-${key}`, `${key}`])),
  )
}

async function clusters(): Promise<string[]> {
  return (await readdir(join(host.folder, 'clusters'))).toSorted()
}

async function restoring(dataFolder: string): Promise<string[]> {
  return readdir(join(dataFolder, 'restoring', 'clusters')).catch(() => [])
}

describe('a backup of a cluster that goes on', () => {
  it('founds a second cluster with everything that was acknowledged, sessions too, and leaves the old one alone', async () => {
    await writeKeys(0, KEYS)
    await checkpoint()
    const old = host.cluster
    const counting = { over: false, acknowledged: 0, atBegin: 0 }
    const first = await host.value('counter', 1, INCREMENT)
    counting.acknowledged = 1
    const counted = (async () => {
      for (let sequence = 2; !counting.over; sequence += 1) {
        valueOf(
          await host.call('cluster.submit', {
            cluster: old,
            client: 'counter',
            sequence,
            machine: 'kv',
            input: INCREMENT,
          }),
        )
        counting.acknowledged = sequence
      }
    })()
    await writeKeys(KEYS, KEYS + 20)
    counting.atBegin = counting.acknowledged
    const { backup, cluster } = await backUp()
    await host.until('requests went on', () => counting.acknowledged > counting.atBegin + 5)
    counting.over = true
    await counted
    expect(cluster).toBe('demo')
    expect(backup?.checkpoint?.keys).toBeGreaterThan(KEYS)
    expect(backup?.slots).toBeGreaterThan(0)
    expect(await readdir(folder)).toEqual(['demo.synod'])

    const { stdout } = await promisify(execFile)(process.execPath, [COMMAND, 'verify', file, '--json'])
    expect(JSON.parse(stdout)).toEqual({ file, ...backup })

    const task = await restore()
    expect(task.cluster).toBe('demo restored')
    expect(host.cluster).not.toBe(old)
    await expectKeys(KEYS + 20)
    const { value } = (await host.read({ op: 'get', key: 'counter' })) as { value: number }
    expect(value).toBeGreaterThanOrEqual(counting.atBegin)
    expect(value).toBeLessThanOrEqual(counting.acknowledged)
    // A retry of what the old cluster answered gets the first Output; one older than that is refused, not executed.
    expect(await host.value('counter', value, INCREMENT)).toEqual({ value })
    expect(await host.value('writer-7', 1, { op: 'set', key: 'key-7', value: 'again' })).toEqual({ existed: false })
    await expect(host.value('counter', 1, INCREMENT)).rejects.toThrow('already used sequence')
    expect(first).toEqual({ value: 1 })
    await expectKeys(KEYS + 20)
    const outcome = await host.submit('newcomer', 1, INCREMENT)
    expect(valueOf(outcome)).toEqual({ value: value + 1 })
    expect(outcome.slot).toBeGreaterThan(backup?.slotLast ?? Infinity)

    // The old cluster goes on where it was; neither knows of the other.
    host.cluster = old
    expect(await host.read({ op: 'get', key: 'counter' })).toMatchObject({ value: counting.acknowledged })
    await host.reopen()
    await host.until('the old one is well', isWell)
    await expectKeys(KEYS + 20)
    host.cluster = task.clusterId ?? ''
    await host.until('the new one is well', isWell)
    expect(await host.read({ op: 'get', key: 'counter' })).toMatchObject({ value: value + 1 })
    const { replicas } = await host.view()
    const members = new Set(backup?.members.map(({ id }) => id))
    expect(replicas.filter(({ id }) => members.has(id))).toEqual([])
  })

  it('needs no checkpoint, and restored it takes one, loses a replica and is backed up like any other', async () => {
    await writeKeys(0, 10)
    const { backup } = await backUp()
    expect(backup).toMatchObject({ checkpoint: null })
    const task = await restore('second')
    expect(task.cluster).toBe('second')
    // All its State is in that one checkpoint: without it a replica must not begin anew at slot 1.
    for (const replica of ['a', 'b']) {
      await host.call('replica.stop', { cluster: host.cluster, replica })
      const own = join(host.folder, 'clusters', host.cluster, 'replicas', replica)
      await rm(join(own, 'checkpoints'), { recursive: true })
    }
    await host.call('replica.stop', { cluster: host.cluster, replica: 'c' })
    for (const replica of ['a', 'b', 'c']) await host.call('replica.start', { cluster: host.cluster, replica })
    await host.until('all are well and level', (view) => isWell(view) && areLevel(view.replicas))
    await expectKeys(10)
    const { leader } = await host.view()
    await host.inject({ kind: 'kill', replica: leader ?? '' })
    await writeKeys(10, 20)
    await checkpoint()
    file = join(folder, 'again.synod')
    const again = await backUp()
    expect(again.backup?.cluster.name).toBe('second')
    expect(again.backup?.checkpoint?.slot).toBeGreaterThan(backup?.slotLast ?? Infinity)
    await restore('third')
    await expectKeys(20)
  })

  it('is written by another replica when the leader is killed or stopped', async () => {
    await writeKeys(0, 200, 'x'.repeat(10_000))
    const { leader, replicas } = await host.until('a leader is there', isWell)
    const begun = await host.call('cluster.backup', { cluster: host.cluster, file })
    await host.inject({ kind: 'kill', replica: leader ?? '' })
    expect(await ended(begun)).toMatchObject({ phase: 'done', fault: null })
    await host.until('all are well again', isWell)
    const pid = replicas.find(({ name }) => name !== leader)?.pid ?? 0
    signal(pid, 'SIGSTOP')
    try {
      await rm(file)
      await backUp()
    } finally {
      signal(pid, 'SIGCONT')
    }
    expect(await readdir(folder)).toEqual(['demo.synod'])
  })

  it('holds what one replica knows when there is no majority, and says so', async () => {
    await writeKeys(0, 5)
    const { replicas } = await host.until('all are level', (view) => isWell(view) && areLevel(view.replicas))
    for (const { name } of replicas.slice(1)) await host.call('replica.stop', { cluster: host.cluster, replica: name })
    const task = await ended(await host.call('cluster.backup', { cluster: host.cluster, file }))
    expect(task).toMatchObject({ phase: 'done', confirmed: false })
    await restore()
    await expectKeys(5)
  })
})

function areLevel(replicas: readonly { readonly slotExecuted: number }[]): boolean {
  return new Set(replicas.map(({ slotExecuted }) => slotExecuted)).size === 1
}

describe('a request for a backup', () => {
  it('is refused with what is wrong, and nothing is touched', async () => {
    const { cluster } = host
    const refusal = async (argument: { readonly file: string; readonly replace?: boolean }): Promise<string> => {
      const reply = await host.request('cluster.backup', { cluster, ...argument })
      return reply.ok ? 'taken' : reply.fault.code
    }
    await writeFile(file, 'precious')
    expect(await refusal({ file })).toBe('BACKUP_EXISTS')
    expect(await refusal({ file: 'relative.synod' })).toBe('INVALID_ARGUMENT')
    expect(await refusal({ file: join(host.folder, 'inside.synod') })).toBe('INVALID_ARGUMENT')
    expect(await refusal({ file: join(host.folder, 'access-token'), replace: true })).toBe('INVALID_ARGUMENT')
    expect(await refusal({ file: join(folder, 'missing', 'demo.synod') })).toBe('BACKUP_NOT_WRITABLE')
    expect(await refusal({ file: folder, replace: true })).toBe('BACKUP_EXISTS')
    expect(await readFile(file, 'utf8')).toBe('precious')
    const begun = await host.call('cluster.backup', { cluster, file, replace: true })
    expect(await refusal({ file: join(folder, 'other') })).toBe('BACKUP_UNDER_WAY')
    expect(await ended(begun)).toMatchObject({ phase: 'done' })
    await host.call('cluster.stop', { cluster })
    expect(await refusal({ file: join(folder, 'other') })).toBe('CLUSTER_STOPPED')
    const unknown = await host.request('host.task', { task: 99 })
    expect(unknown).toMatchObject({ ok: false, fault: { code: 'TASK_UNKNOWN' } })
  })
})

describe('a restore', () => {
  it('of a damaged file founds nothing and leaves nothing', async () => {
    await writeKeys(0, 20)
    await checkpoint()
    await writeKeys(20, 30)
    await backUp()
    const before = await clusters()
    const whole = await readFile(file)
    for (const at of [0.5, 0.7, 0.999]) {
      const flipped = Buffer.from(whole)
      const index = Math.floor(whole.length * at)
      flipped[index] = (flipped[index] ?? 0) ^ 1
      await writeFile(file, flipped)
      const task = await ended(await host.call('cluster.restore', { file }))
      expect(task).toMatchObject({ phase: 'failed', fault: { code: 'BACKUP_DAMAGED' }, clusterId: null })
    }
    await writeFile(file, 'no backup')
    expect(await host.request('cluster.restore', { file })).toMatchObject({ fault: { code: 'BACKUP_FOREIGN' } })
    await writeFile(file, whole)
    expect(await host.request('cluster.restore', { file, name: 'demo' })).toMatchObject({
      fault: { code: 'NAME_TAKEN' },
    })
    expect(await clusters()).toEqual(before)
    expect(await restoring(host.folder)).toEqual([])
    expect((await host.call('host.view', {})).clusters).toHaveLength(1)
  })

  it('that is cut off, by the end of the host or kill -9, leaves no half cluster', async () => {
    await writeKeys(0, 400, 'y'.repeat(8_000))
    await backUp()
    const before = await clusters()
    await host.call('cluster.restore', { file })
    await host.call('cluster.backup', { cluster: host.cluster, file: join(folder, 'cut.synod') })
    await host.reopen()
    expect(await clusters()).toEqual(before)
    expect(await restoring(host.folder)).toEqual([])
    // It may have been done before it was cut off; half of it is never there.
    expect((await readdir(folder)).filter((name) => name.endsWith('.new'))).toEqual([])
    const dataFolder = await mkdtemp(join(tmpdir(), 'synod-restoring-'))
    try {
      const { pid, client } = await serve(dataFolder)
      const begun = await client.restore({ file })
      expect(begun.ok).toBe(true)
      await waitFor('a replica of the new cluster is being written', async () =>
        (await restoring(dataFolder)).length > 0 ? true : undefined,
      )
      signal(pid, 'SIGKILL')
      await waitFor('the host is gone', () => (isAlive(pid) ? undefined : true))
      const again = await serve(dataFolder)
      expect(await again.client.status()).toMatchObject({ ok: true, value: { clusters: [] } })
      expect(await readdir(dataFolder)).not.toContain('restoring')
      expect(await readdir(join(dataFolder, 'clusters'))).toEqual([])
      const retried = await again.client.restore({ file })
      if (!retried.ok) throw new Error(retried.problem.detail)
      await waitFor('it is restored', async () => {
        const task = await again.client.task(retried.value.task)
        return task.ok && task.value.phase === 'done' ? true : undefined
      })
      signal(again.pid, 'SIGTERM')
      await waitFor('the host has closed', () => (isAlive(again.pid) ? undefined : true))
    } finally {
      await rm(dataFolder, { recursive: true, force: true })
    }
  })
})

async function serve(dataFolder: string) {
  serving = spawn(process.execPath, [COMMAND, 'serve', '--data', dataFolder, '--json'], { stdio: 'ignore' })
  const { pid } = serving
  const endpoint = await waitFor('the host serves', async () => {
    const found = await readEndpoint(dataFolder).catch(() => undefined)
    return found?.pid === pid ? found : undefined
  })
  return { pid: pid ?? 0, client: createClient({ url: endpoint.url, token: await readToken(dataFolder) }) }
}
