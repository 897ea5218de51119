import { setTimeout as sleep } from 'node:timers/promises'
import type { TaskView } from '../api/views.ts'
import type { Client } from '../client/client.ts'
import { exitOfProblem } from './exit-codes.ts'
import { CommandError } from './failure.ts'
import { formatBytes } from './numbers.ts'
import type { Surroundings } from './surroundings.ts'

const POLL_MS = 200
/** Unit: ms. How often it is said how far the work is. */
const TELL_MS = 2_000

const PHASES: Readonly<Record<TaskView['phase'], string>> = {
  writing: 'Writing',
  verifying: 'Reading it and verifying every byte',
  founding: 'Writing the replicas of the new cluster',
  done: 'Done',
  failed: 'Failed',
}

/** Waits for the end of a task and tells how it goes. @throws CommandError with the task's own fault when it fails */
export async function followTask(
  client: Client,
  begun: TaskView,
  { json, writeOut }: Pick<Surroundings, 'writeOut'> & { readonly json: boolean },
): Promise<TaskView> {
  const told = { phase: '', atMs: 0 }
  for (let task = begun; ; task = await next(client, task)) {
    if (task.phase === 'done') return task
    if (task.fault !== null) throw faultOf(task.fault)
    const nowMs = performance.now()
    const isNew = told.phase !== task.phase
    if (!json && (isNew || nowMs - told.atMs > TELL_MS)) {
      writeOut(`  ${PHASES[task.phase]}${isNew ? '' : howFar(task)} …\n`)
      told.phase = task.phase
      told.atMs = nowMs
    }
    await sleep(POLL_MS)
  }
}

async function next(client: Client, { task }: TaskView): Promise<TaskView> {
  const answer = await client.task(task)
  if (answer.ok) return answer.value
  throw new CommandError({ code: 'TASK_LOST', exit: exitOfProblem(answer.problem.type) }, answer.problem.detail)
}

function howFar({ phase, done, total }: TaskView): string {
  if (phase === 'founding') return `, ${done} of ${total ?? 0}`
  return total === null || total === 0 ? `, ${formatBytes(done)}` : `, ${Math.floor((100 * done) / total)} %`
}

function faultOf({ code, message }: { readonly code: string; readonly message: string }): CommandError {
  return new CommandError({ code, exit: exitOfProblem(code.toLowerCase().replaceAll('_', '-')) }, message)
}
