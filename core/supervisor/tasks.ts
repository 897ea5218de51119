import type { TaskView } from '../api/views.ts'
import { RefusedError } from './errors.ts'

/** Those that ended are remembered until so many have come after them. */
const TASKS_MAX = 100

/** One piece of long work, as whoever does it tells of it. */
export interface Task {
  readonly view: TaskView
  update: (change: Partial<Pick<TaskView, 'phase' | 'done' | 'total' | 'backup' | 'confirmed'>>) => void
  /** It is done; `clusterId` of the cluster it was about. */
  end: (clusterId: string) => void
  fail: (fault: { readonly code: string; readonly message: string }) => void
}

/** The long work of a host, bounded. */
export class Tasks {
  readonly #tasks = new Map<number, TaskView>()
  #number = 0

  begin(about: Pick<TaskView, 'kind' | 'phase' | 'file' | 'cluster' | 'clusterId'>): Task {
    this.#number += 1
    const number = this.#number
    const startedMs = Date.now()
    const unknown = { confirmed: null, durationMs: null, backup: null, fault: null }
    this.#keep({ task: number, ...about, done: 0, total: null, startedMs, ...unknown })
    const change = (changed: Partial<TaskView>): void => {
      const view = this.#tasks.get(number)
      if (view !== undefined) this.#tasks.set(number, { ...view, ...changed })
    }
    const ended = (): Pick<TaskView, 'durationMs'> => ({ durationMs: Math.max(0, Date.now() - startedMs) })
    const find = (): TaskView => this.find(number)
    return {
      get view() {
        return find()
      },
      update: change,
      end: (clusterId) => {
        change({ phase: 'done', clusterId, ...ended() })
      },
      fail: (fault) => {
        change({ phase: 'failed', fault, ...ended() })
      },
    }
  }

  /** @throws RefusedError TASK_UNKNOWN */
  find(number: number): TaskView {
    const view = this.#tasks.get(number)
    if (view !== undefined) return view
    const message = `This host knows of no task ${number}, or no longer: it remembers the newest ${TASKS_MAX} since it started.`
    throw new RefusedError('TASK_UNKNOWN', message)
  }

  #keep(view: TaskView): void {
    this.#tasks.set(view.task, view)
    for (const { task, durationMs } of this.#tasks.values()) {
      if (this.#tasks.size <= TASKS_MAX) return
      if (durationMs !== null) this.#tasks.delete(task)
    }
  }
}
