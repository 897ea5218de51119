import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BackupView, TaskView } from '../../../core/api/views.ts'
import { EXIT } from '../../../core/cli/exit-codes.ts'
import { openDoors } from '../../../core/gateway/doors.ts'
import { traceNothing } from '../../../core/ports/trace.ts'
import { StubHost, fault, ok } from '../gateway/stub-host.ts'
import { createFounders, stateOf, writeBackup } from '../storage/backup-parts.ts'
import { World } from './surroundings.ts'

let data: string
let file: string
let host: StubHost
let world: World
const closers: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  data = await mkdtemp(path.join(tmpdir(), 'synod-cli-'))
  closers.push(() => rm(data, { recursive: true }))
  file = path.join(data, 'demo.synod')
  host = new StubHost()
  world = new World()
})

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** The stub host behind the real gateway, on a real port. */
async function open(): Promise<void> {
  const doors = await openDoors({ api: host, dataFolder: data, port: 0, trace: traceNothing })
  closers.push(() => doors.close())
}

const HELD: BackupView = {
  cluster: { id: 'c1', name: 'demo' },
  synod: '0.1.0',
  createdMs: Date.UTC(2026, 10, 23, 9, 20),
  machines: ['kv'],
  members: [
    { id: 'id-a', name: 'a' },
    { id: 'id-b', name: 'b' },
  ],
  checkpoint: { slot: 1_200, timeMs: 5, root: 'ab12cd34ef56'.padEnd(64, '0'), keys: 10_004, stateBytes: 2_621_440 },
  slotLast: 1_344,
  slots: 144,
  fileBytes: 1_258_291,
}

const HELD_TEXT = [
  'Backup of cluster "demo" (a, b), 2026-11-23T09:20:00.000Z, by Synod 0.1.0',
  '  State  at slot 1,200, 10,004 keys, 2.5 MiB, root ab12cd34ef56…, attested by a majority',
  '  Log    slots 1,201 to 1,344',
  '  File   1.2 MiB',
].join('\n')

function task(change: Partial<TaskView> = {}): TaskView {
  return {
    task: 4,
    kind: 'backup',
    phase: 'writing',
    file,
    cluster: 'demo',
    clusterId: 'c1',
    done: 0,
    total: null,
    confirmed: null,
    startedMs: 1,
    durationMs: null,
    backup: null,
    fault: null,
    ...change,
  }
}

/** The task goes on to the last of these views, which stays. */
function answerTasks(...views: readonly TaskView[]): void {
  let next = 0
  host.on('host.task', (argument) => {
    expect(argument).toEqual({ task: 4 })
    next += 1
    return ok(views[Math.min(next, views.length) - 1])
  })
}

describe('backup', () => {
  it('names the file absolutely, tells the phases and what is in the file at the end', async () => {
    await open()
    host.on('cluster.backup', () => ok(task()))
    const done = task({ phase: 'done', confirmed: true, durationMs: 900, backup: HELD })
    answerTasks(task({ phase: 'verifying', done: 3, total: 10 }), done)
    const relative = path.relative(process.cwd(), file)
    expect(await world.run('backup', relative, '--data', data)).toBe(EXIT.done)
    expect(host.calls.find(({ name }) => name === 'cluster.backup')?.argument).toEqual({ cluster: 'c1', file })
    expect(world.said).toEqual({
      error: '',
      out: `  Writing …\n  Reading it and verifying every byte …\nBacked up to ${file}.\n${HELD_TEXT}\n`,
    })
    world = new World()
    expect(await world.run('backup', file, '--force', '--json', '--data', data)).toBe(EXIT.done)
    expect(world.json()).toEqual(done)
    expect(host.calls.findLast(({ name }) => name === 'cluster.backup')?.argument).toMatchObject({ replace: true })
  })

  it('says so when no majority could confirm what it holds', async () => {
    await open()
    host.on('cluster.backup', () => ok(task({ phase: 'done', confirmed: false, durationMs: 900, backup: HELD })))
    expect(await world.run('backup', file, '--data', data)).toBe(EXIT.done)
    expect(world.said.out).toContain('no majority answered')
  })

  it.each([
    ['BACKUP_EXISTS', EXIT.wrongArguments],
    ['BACKUP_NOT_WRITABLE', EXIT.wrongArguments],
    ['BACKUP_UNDER_WAY', EXIT.busy],
    ['CLUSTER_STOPPED', EXIT.refusedBeforeOrdering],
    ['INVALID_ARGUMENT', EXIT.wrongArguments],
  ])('that is refused with %s ends with %i', async (code, exit) => {
    await open()
    host.on('cluster.backup', () => fault(code, 'in words'))
    expect(await world.run('backup', file, '--data', data)).toBe(exit)
    expect(world.said.error).toContain('in words')
    expect(world.said.error.includes('--force')).toBe(code === 'BACKUP_EXISTS')
  })

  it('that fails on the way tells why, and in JSON as a problem', async () => {
    await open()
    host.on('cluster.backup', () => ok(task()))
    const message = 'There is no room left.'
    answerTasks(task({ phase: 'failed', durationMs: 5, fault: { code: 'BACKUP_FULL', message } }))
    expect(await world.run('backup', file, '--json', '--data', data)).toBe(EXIT.fault)
    expect(world.json()).toMatchObject({ type: 'urn:synod:problem:backup-full', detail: message, exit: EXIT.fault })
  })

  it('without a host says how to start one', async () => {
    expect(await world.run('backup', file, '--data', data)).toBe(EXIT.hostNotReached)
    expect(world.said.error).toContain('npx synod serve')
  })
})

describe('restore', () => {
  it('waits until the new cluster serves', async () => {
    await open()
    const begun = task({ kind: 'restore', phase: 'verifying', cluster: 'second', clusterId: null })
    host.on('cluster.restore', () => ok(begun))
    answerTasks({ ...begun, phase: 'done', clusterId: 'c1', durationMs: 7, backup: HELD })
    expect(await world.run('restore', file, '--name', 'second', '--data', data)).toBe(EXIT.done)
    expect(host.calls.find(({ name }) => name === 'cluster.restore')?.argument).toEqual({ file, name: 'second' })
    expect(world.said.out).toContain(`Cluster "second" serves, founded from ${file} with new replicas.`)
    expect(world.said.out).toContain(HELD_TEXT)
  })

  it.each([
    ['BACKUP_DAMAGED', EXIT.refusedByMachine],
    ['BACKUP_FOREIGN', EXIT.refusedByMachine],
    ['BACKUP_NOT_FOUND', EXIT.wrongArguments],
    ['NAME_TAKEN', EXIT.wrongArguments],
  ])('that is refused with %s, at once or later, ends with %i', async (code, exit) => {
    await open()
    host.on('cluster.restore', () => fault(code, 'in words'))
    expect(await world.run('restore', file, '--data', data)).toBe(exit)
    host.on('cluster.restore', () => ok(task({ phase: 'failed', fault: { code, message: 'in words' } })))
    expect(await world.run('restore', file, '--data', data)).toBe(exit)
    expect(world.said.error).toContain('in words')
  })
})

describe('verify', () => {
  it('needs no host: tells what the file holds and ends with 0, or with 1 where a byte is another', async () => {
    const founders = await createFounders()
    await writeBackup(file, { founders, state: stateOf(20), slotCheckpoint: 7, batches: [new Uint8Array(100)] })
    expect(await world.run('verify', file)).toBe(EXIT.done)
    expect(world.said.out).toContain('  State  at slot 7, 20 keys')
    expect(world.said.out).toContain('Verified: every byte is as it was written.')
    expect(await world.run('verify', file, '--json')).toBe(EXIT.done)
    expect(world.json()).toMatchObject({ file, cluster: { name: 'söme cluster' }, slotLast: 8, slots: 1 })
    const whole = await readFile(file)
    whole[whole.length - 400] = (whole[whole.length - 400] ?? 0) ^ 1
    await writeFile(file, whole)
    expect(await world.run('verify', file)).toBe(1)
    expect(world.said.error).toContain(`The backup ${file} is damaged`)
    expect(await world.run('verify', file, '--json')).toBe(1)
    expect(world.json()).toMatchObject({ type: 'urn:synod:problem:backup-damaged', exit: 1 })
    expect(await world.run('verify', path.join(data, 'nowhere'))).toBe(EXIT.wrongArguments)
    expect(await world.run('verify', data)).toBe(1)
  })
})
