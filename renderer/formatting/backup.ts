import type { BackupView, TaskView } from '../../core/api/views.ts'
import type { TaskRun } from '../stores/tasks.ts'
import { text } from '../text.ts'
import { formatBytes } from './number.ts'
import { percentOf, shareOf } from './storage.ts'

/** What a dialog about long work shows. */
export type TaskStage = 'form' | 'replace' | 'progress' | 'done'

/**
 * The form stays until the host has begun, so that a refusal is read beside what was refused.
 * @param asksReplace the person is asked whether a file may be replaced
 */
export function stageOf(run: TaskRun | null, asksReplace: boolean): TaskStage {
  if (run?.kind === 'going') return 'progress'
  if (run?.kind === 'done') return 'done'
  return asksReplace ? 'replace' : 'form'
}

/** A file beside the host's data folder, which must not hold it: "<folder>/<cluster>-<date>.synod". */
export function suggestedFile(dataFolder: string, cluster: string, nowMs: number): string {
  const slash = isWindowsPath(dataFolder) ? '\\' : '/'
  const folder = dataFolder.replace(/[\\/]+$/, '')
  const parent = folder.slice(0, Math.max(0, folder.lastIndexOf(slash)))
  // What no file system minds, and no shell; letters of every script are kept.
  const name = cluster.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[.-]+|-+$/g, '')
  return `${parent}${slash}${name === '' ? 'cluster' : name}-${dateOf(nowMs)}.synod`
}

/** @returns what is wrong with a path before the host is asked; `null` if nothing is. */
export function pathProblem(path: string, dataFolder: string): string | null {
  const file = path.trim()
  if (file === '') return text.path.missing
  const isWindows = isWindowsPath(dataFolder)
  const isAbsolute = isWindows ? /^([a-z]:[\\/]|\\\\)/i.test(file) : file.startsWith('/')
  return isAbsolute ? null : text.path.notAbsolute(isWindows ? 'C:\\Backups\\demo.synod' : '/backups/demo.synod')
}

/** For a shell on the host's computer. */
export function restoreCommand(file: string, dataFolder: string): string {
  return `npx synod restore ${quoted(file, dataFolder)} --data ${quoted(dataFolder, dataFolder)}`
}

/** Of the phase under way, 0 to 1; `null` where its end is not known. */
export function taskShare({ done, total }: TaskView): number | null {
  return total === null || total === 0 ? null : shareOf(done, total)
}

/** How far the phase under way is: "43 % · 12 MB of 28 MB", "12 MB", "1 of 3 replicas". */
export function taskFacts(task: TaskView): string {
  const { phase, done, total } = task
  const words = text.task
  if (phase === 'founding') return total === null ? '' : words.replicasOf(done, total)
  if (total === null || total === 0) return done === 0 ? '' : formatBytes(done)
  return `${words.percent(percentOf(taskShare(task) ?? 0))} · ${words.bytesOf(formatBytes(done), formatBytes(total))}`
}

type StepState = 'done' | 'now' | 'pending'

/** The phases of the work in their order. */
export function taskSteps({
  kind,
  phase,
}: Pick<TaskView, 'kind' | 'phase'>): readonly { readonly phase: keyof typeof text.task.phases; state: StepState }[] {
  const phases = kind === 'backup' ? (['writing', 'verifying'] as const) : (['verifying', 'founding'] as const)
  const current = phases.findIndex((one) => one === phase)
  return phases.map((one, index) => ({
    phase: one,
    state: index < current || phase === 'done' ? 'done' : index === current ? 'now' : 'pending',
  }))
}

/** The slots of the log that are in a backup, beside its State. */
export function logWords({ checkpoint, slotLast, slots }: BackupView): string {
  const words = text.backup
  if (slots === 0) return checkpoint === null ? words.logEmpty : words.logNone(slotLast)
  return slots === 1 ? words.logOne(slotLast) : words.logRange(slotLast - slots + 1, slotLast)
}

function isWindowsPath(path: string): boolean {
  return /^([a-z]:|\\\\)/i.test(path)
}

function quoted(word: string, dataFolder: string): string {
  if (/^[\p{L}\p{N}_./:@%+=,-]+$/u.test(word)) return word
  // Windows' names hold no quotes; elsewhere only the single quote needs care.
  return isWindowsPath(dataFolder) ? `"${word}"` : `'${word.replaceAll("'", String.raw`'\''`)}'`
}

function dateOf(timeMs: number): string {
  const time = new Date(timeMs)
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
}
