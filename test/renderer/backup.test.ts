import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ConsoleReply } from '../../core/api/contract.ts'
import type { TaskView } from '../../core/api/views.ts'
import {
  logWords,
  pathProblem,
  restoreCommand,
  stageOf,
  suggestedFile,
  taskFacts,
  taskShare,
  taskSteps,
} from '../../renderer/formatting/backup.ts'
import { useTasksStore } from '../../renderer/stores/tasks.ts'
import { text } from '../../renderer/text.ts'
import { backupView, taskView } from './views.ts'

interface Asked {
  readonly name: string
  readonly argument: unknown
  readonly answer: (reply: ConsoleReply<unknown>) => void
}

/** The host at the other end of the bridge: questions wait until the test answers them. */
const host = vi.hoisted(() => ({ asked: [] as Asked[] }))

vi.mock('../../renderer/bridge.ts', () => ({
  bridge: {
    request: (name: string, argument: unknown) =>
      new Promise((answer) => {
        host.asked.push({ name, argument: structuredClone(argument), answer })
      }),
    subscribe: () => () => undefined,
  },
}))

const FILE = '/backups/demo.synod'
const exists = { code: 'BACKUP_EXISTS', message: 'It is there already.' }

beforeEach(() => {
  host.asked.length = 0
  setActivePinia(createPinia())
  vi.useFakeTimers()
  vi.stubGlobal('window', { setTimeout })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** Answers the oldest question; one that is asked later is waited for, up to two seconds. */
async function reply(answer: ConsoleReply<TaskView>): Promise<readonly [string, unknown]> {
  for (let waited = 0; host.asked.length === 0 && waited < 2000; waited += 50) await vi.advanceTimersByTimeAsync(50)
  const question = host.asked.shift()
  if (question === undefined) throw new Error('nothing was asked')
  question.answer(answer)
  await vi.advanceTimersByTimeAsync(0)
  return [question.name, question.argument]
}

function told(change: Partial<TaskView>): ConsoleReply<TaskView> {
  return { ok: true, value: taskView(change) }
}

describe('a backup that was asked for', () => {
  it('is followed through its phases to its end', async () => {
    const store = useTasksStore()
    void store.backUp({ cluster: 'cluster-1', file: FILE })
    expect(store.backupOf('cluster-1')).toEqual({ kind: 'asking' })
    expect(stageOf(store.backupOf('cluster-1'), false)).toBe('form')
    expect(await reply(told({}))).toEqual(['cluster.backup', { cluster: 'cluster-1', file: FILE }])
    expect(stageOf(store.backupOf('cluster-1'), false)).toBe('progress')
    expect(await reply(told({ phase: 'verifying', done: 5, total: 10 }))).toEqual(['host.task', { task: 1 }])
    expect(store.backupOf('cluster-1')).toMatchObject({ kind: 'going', task: { phase: 'verifying', done: 5 } })
    await reply(told({ phase: 'done', durationMs: 40, confirmed: true, backup: backupView() }))
    expect(stageOf(store.backupOf('cluster-1'), false)).toBe('done')
    await vi.advanceTimersByTimeAsync(5000)
    expect(host.asked).toEqual([])
    store.seenBackup('cluster-1')
    expect(store.backupOf('cluster-1')).toBeNull()
  })

  it('stays at the form with the words of a refusal, from which replacing is asked', async () => {
    const store = useTasksStore()
    void store.backUp({ cluster: 'cluster-1', file: FILE })
    await reply({ ok: false, fault: exists })
    const refused = store.backupOf('cluster-1')
    expect(refused).toEqual({ kind: 'failed', task: null, fault: exists })
    expect([stageOf(refused, false), stageOf(refused, true)]).toEqual(['form', 'replace'])
    void store.backUp({ cluster: 'cluster-1', file: FILE, replace: true })
    // The question stays until the host has begun.
    expect(stageOf(store.backupOf('cluster-1'), true)).toBe('replace')
    expect(await reply(told({}))).toEqual(['cluster.backup', { cluster: 'cluster-1', file: FILE, replace: true }])
    expect(stageOf(store.backupOf('cluster-1'), true)).toBe('progress')
  })

  it('ends with the fault the host tells', async () => {
    const store = useTasksStore()
    void store.backUp({ cluster: 'cluster-1', file: FILE })
    await reply(told({}))
    const fault = { code: 'BACKUP_FULL', message: 'No room.' }
    await reply(told({ phase: 'failed', fault, durationMs: 3 }))
    expect(store.backupOf('cluster-1')).toMatchObject({ kind: 'failed', fault, task: { file: FILE } })
  })

  it('is one a cluster, and not forgotten while it goes on', async () => {
    const store = useTasksStore()
    void store.backUp({ cluster: 'cluster-1', file: FILE })
    void store.backUp({ cluster: 'cluster-1', file: FILE })
    void store.backUp({ cluster: 'cluster-2', file: FILE })
    expect(host.asked.map(({ argument }) => argument)).toEqual([
      { cluster: 'cluster-1', file: FILE },
      { cluster: 'cluster-2', file: FILE },
    ])
    store.seenBackup('cluster-1')
    await reply(told({}))
    store.seenBackup('cluster-1')
    expect(store.backupOf('cluster-1')).toMatchObject({ kind: 'going' })
  })

  it('is followed again after the connection broke', async () => {
    const store = useTasksStore()
    void store.backUp({ cluster: 'cluster-1', file: FILE })
    await reply(told({}))
    await reply({ ok: false, fault: { code: text.connection.lostCode, message: text.connection.lost } })
    expect(store.backupOf('cluster-1')).toMatchObject({ kind: 'going' })
    await reply(told({ phase: 'done', backup: backupView() }))
    expect(store.backupOf('cluster-1')).toMatchObject({ kind: 'done' })
  })

  it.each([
    ['knows it no more', { ok: false, fault: { code: 'TASK_UNKNOWN', message: 'no task 1' } }],
    ['has another of that number', { ok: true, value: taskView({ startedMs: 99 }) }],
  ] as const)('is told to be lost when a host that was started anew %s', async (_, answer) => {
    const store = useTasksStore()
    void store.backUp({ cluster: 'cluster-1', file: FILE })
    await reply(told({}))
    await reply(answer)
    const fault = { code: text.task.lostCode, message: text.task.lostBackup }
    expect(store.backupOf('cluster-1')).toMatchObject({ kind: 'failed', fault })
  })
})

describe('a restore that was asked for', () => {
  it('ends with the id of the new cluster', async () => {
    const store = useTasksStore()
    void store.restore({ file: FILE, name: 'second' })
    const begun = { kind: 'restore', phase: 'verifying', cluster: 'second', clusterId: null } as const
    expect(await reply(told(begun))).toEqual(['cluster.restore', { file: FILE, name: 'second' }])
    expect(store.restoreRun()).toMatchObject({ kind: 'going' })
    await reply(told({ ...begun, phase: 'done', clusterId: 'cluster-9' }))
    expect(store.restoreRun()).toMatchObject({ kind: 'done', task: { clusterId: 'cluster-9' } })
    store.seenRestore()
    expect(store.restoreRun()).toBeNull()
  })
})

describe('how far it is', () => {
  it('has a share only where the end is known, and bytes before', () => {
    const writing = taskView({ done: 12_000_000 })
    expect([taskShare(writing), taskFacts(writing)]).toEqual([null, '12.0 MB'])
    const verifying = taskView({ phase: 'verifying', done: 999, total: 1000 })
    expect([taskShare(verifying), taskFacts(verifying)]).toEqual([0.999, '99 % · 999 B of 1.00 kB'])
    expect(taskFacts(taskView({ kind: 'restore', phase: 'founding', done: 1, total: 3 }))).toBe('1 of 3 replicas')
    expect(taskFacts(taskView({ done: 0 }))).toBe('')
  })

  it('is told by steps', () => {
    const states = (kind: TaskView['kind'], phase: TaskView['phase']): readonly string[] =>
      taskSteps({ kind, phase }).map((step) => `${step.phase} ${step.state}`)
    expect(states('backup', 'writing')).toEqual(['writing now', 'verifying pending'])
    expect(states('backup', 'verifying')).toEqual(['writing done', 'verifying now'])
    expect(states('restore', 'founding')).toEqual(['verifying done', 'founding now'])
    expect(states('restore', 'done')).toEqual(['verifying done', 'founding done'])
  })
})

describe('the file of a backup', () => {
  const nowMs = new Date(2026, 10, 3, 12).getTime()

  it.each([
    ['/home/me/data', 'rehearsal', '/home/me/rehearsal-2026-11-03.synod'],
    ['/home/me/data/', 'a b/c:d', '/home/me/a-b-c-d-2026-11-03.synod'],
    ['/data', '..', '/cluster-2026-11-03.synod'],
    [String.raw`C:\Users\me\synod`, 'Größe', String.raw`C:\Users\me\Größe-2026-11-03.synod`],
  ])('is suggested beside the data folder %s for %s', (dataFolder, name, file) => {
    expect(suggestedFile(dataFolder, name, nowMs)).toBe(file)
  })

  it('must be there and absolute, as the host’s computer sees it', () => {
    const windows = String.raw`C:\Users\me\synod`
    expect(pathProblem(' ', '/data')).toBe(text.path.missing)
    expect(pathProblem('backups/demo.synod', '/data')).toMatch(/^Name the whole path/)
    expect(pathProblem(' /backups/demo.synod', '/data')).toBeNull()
    expect(pathProblem('/backups/demo.synod', windows)).toMatch(/^Name the whole path/)
    expect(pathProblem(String.raw`d:\demo.synod`, windows)).toBeNull()
    expect(pathProblem(String.raw`\\server\share\demo.synod`, windows)).toBeNull()
  })

  it('is one word in the command that restores it', () => {
    expect(restoreCommand(FILE, '/data')).toBe('npx synod restore /backups/demo.synod --data /data')
    expect(restoreCommand("/it's here/$x.synod", '/data')).toBe(
      String.raw`npx synod restore '/it'\''s here/$x.synod' --data /data`,
    )
    expect(restoreCommand(String.raw`C:\a b.synod`, String.raw`C:\synod`)).toBe(
      String.raw`npx synod restore "C:\a b.synod" --data "C:\synod"`,
    )
  })

  it('tells which slots of the log are in it', () => {
    expect(logWords(backupView())).toBe('slots 1,457 to 1,710')
    expect(logWords(backupView({ slots: 1 }))).toBe('slot 1,710')
    expect(logWords(backupView({ slots: 0 }))).toMatch(/everything up to slot 1,710 is in the State/)
    expect(logWords(backupView({ checkpoint: null, slots: 0, slotLast: 0 }))).toBe('no slot yet')
  })
})
