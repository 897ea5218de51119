import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { ConsoleArgument, ConsoleFault, ConsoleReply } from '../../core/api/contract.ts'
import type { TaskView } from '../../core/api/views.ts'
import { bridge } from '../bridge.ts'
import { text } from '../text.ts'

/** How often the host is asked how it goes. Unit: ms. */
const POLL_MS = 250
/** While the host does not answer. Unit: ms. */
const AWAY_POLL_MS = 1000

/** Long work that was asked for from here. It goes on at the host, whatever becomes of the dialog. */
export type TaskRun =
  | { readonly kind: 'asking' }
  | { readonly kind: 'going'; readonly task: TaskView }
  | { readonly kind: 'done'; readonly task: TaskView }
  /** Without a task the host refused before it began anything. */
  | { readonly kind: 'failed'; readonly task: TaskView | null; readonly fault: ConsoleFault }

/** Backups, one a cluster, and one restore; each is kept until its end was seen. */
export const useTasksStore = defineStore('tasks', () => {
  const runs = shallowRef<ReadonlyMap<string, TaskRun>>(new Map())

  function backupOf(cluster: string): TaskRun | null {
    return runs.value.get(backupKey(cluster)) ?? null
  }

  function restoreRun(): TaskRun | null {
    return runs.value.get(RESTORE) ?? null
  }

  async function backUp(argument: ConsoleArgument<'cluster.backup'>): Promise<void> {
    await run(backupKey(argument.cluster), () => bridge.request('cluster.backup', argument))
  }

  async function restore(argument: ConsoleArgument<'cluster.restore'>): Promise<void> {
    await run(RESTORE, () => bridge.request('cluster.restore', argument))
  }

  /** Forgets what has ended; what goes on stays. */
  function seenBackup(cluster: string): void {
    seen(backupKey(cluster))
  }

  function seenRestore(): void {
    seen(RESTORE)
  }

  function seen(key: string): void {
    if (!isUnderWay(runs.value.get(key))) keep(key, null)
  }

  async function run(key: string, ask: () => Promise<ConsoleReply<TaskView>>): Promise<void> {
    if (isUnderWay(runs.value.get(key))) return
    keep(key, { kind: 'asking' })
    const reply = await ask()
    if (reply.ok) await follow(key, reply.value)
    else keep(key, { kind: 'failed', task: null, fault: reply.fault })
  }

  async function follow(key: string, begun: TaskView): Promise<void> {
    let task = begun
    for (;;) {
      const shown = runOf(task)
      keep(key, shown)
      if (shown.kind !== 'going') return
      await pause(POLL_MS)
      const next = await askAfter(task)
      if (!next.ok) {
        keep(key, { kind: 'failed', task, fault: next.fault })
        return
      }
      task = next.value
    }
  }

  /** Waits through a broken connection: the work goes on at the host. */
  async function askAfter(task: TaskView): Promise<ConsoleReply<TaskView>> {
    for (;;) {
      const reply = await bridge.request('host.task', { task: task.task })
      // A host that was started anew counts its tasks from 1 again.
      if (reply.ok) return reply.value.startedMs === task.startedMs ? reply : lost(task)
      if (reply.fault.code === 'TASK_UNKNOWN') return lost(task)
      if (reply.fault.code !== text.connection.lostCode) return reply
      await pause(AWAY_POLL_MS)
    }
  }

  function keep(key: string, one: TaskRun | null): void {
    const next = new Map(runs.value)
    if (one === null) next.delete(key)
    else next.set(key, one)
    runs.value = next
  }

  return { backupOf, restoreRun, backUp, restore, seenBackup, seenRestore }
})

const RESTORE = 'restore'

function backupKey(cluster: string): string {
  return `backup:${cluster}`
}

export function isUnderWay(run: TaskRun | null | undefined): boolean {
  return run?.kind === 'asking' || run?.kind === 'going'
}

function runOf(task: TaskView): TaskRun {
  if (task.phase === 'done') return { kind: 'done', task }
  if (task.fault !== null) return { kind: 'failed', task, fault: task.fault }
  return { kind: 'going', task }
}

function lost({ kind }: TaskView): ConsoleReply<TaskView> {
  const words = text.task
  const message = kind === 'backup' ? words.lostBackup : words.lostRestore
  return { ok: false, fault: { code: words.lostCode, message } }
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => {
    window.setTimeout(resolve, ms)
  })
}
