import path from 'node:path'
import { show, showProblem } from './answering.ts'
import { formatBackup } from './backup-formatting.ts'
import { connect } from './connect.ts'
import { dataFolderOf } from './data-folder.ts'
import { EXIT } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { followTask } from './follow-task.ts'
import type { Surroundings } from './surroundings.ts'
import { waitUntilServing } from './try.ts'

export interface RestoreOptions {
  readonly data?: string
  /** Of the new cluster. */
  readonly name?: string
  readonly json: boolean
}

/** Founds a new cluster from a backup and waits until it serves. */
export async function restore(file: string, options: RestoreOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { json, name } = options
  const client = await connect(dataFolderOf(options, surroundings))
  const begun = await client.restore({ file: path.resolve(file), ...(name === undefined ? {} : { name }) })
  if (!begun.ok) {
    const isTaken = begun.problem.type === 'urn:synod:problem:name-taken'
    const hint = { hint: 'To choose another one: --name' }
    return showProblem(surroundings, { json, problem: begun.problem, ...(isTaken ? hint : {}) })
  }
  const task = await followTask(client, begun.value, { json, writeOut: surroundings.writeOut })
  const served = await waitUntilServing({ client, id: task.clusterId ?? '', tell: () => undefined })
  if (!served.ok) return showProblem(surroundings, { json, problem: served.problem })
  const text = [
    `Cluster "${task.cluster}" serves, founded from ${task.file} with new replicas. The old cluster is untouched.`,
    ...(task.backup === null ? [] : [formatBackup(task.backup)]),
  ]
  show(surroundings, { json, data: { ...task, served: served.value.phase }, text: text.join('\n') })
  return EXIT.done
}
