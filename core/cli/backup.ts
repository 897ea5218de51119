import path from 'node:path'
import { showProblem, show } from './answering.ts'
import { formatBackup } from './backup-formatting.ts'
import { connect } from './connect.ts'
import { dataFolderOf } from './data-folder.ts'
import { EXIT } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { followTask } from './follow-task.ts'
import type { Surroundings } from './surroundings.ts'

export interface BackupOptions {
  readonly data?: string
  readonly cluster?: string
  /** Replace the file if it is there. */
  readonly force: boolean
  readonly json: boolean
}

/** Writes a backup and waits for its end; the cluster goes on meanwhile. */
export async function backup(file: string, options: BackupOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { json, cluster, force } = options
  const client = await connect(dataFolderOf(options, surroundings))
  const begun = await client.backup({
    file: path.resolve(file),
    ...(force ? { replace: true } : {}),
    ...(cluster === undefined ? {} : { cluster }),
  })
  if (!begun.ok) {
    const isThere = begun.problem.type === 'urn:synod:problem:backup-exists'
    const hint = { hint: 'To replace it: --force' }
    return showProblem(surroundings, { json, problem: begun.problem, ...(isThere ? hint : {}) })
  }
  const task = await followTask(client, begun.value, { json, writeOut: surroundings.writeOut })
  const text = [
    `Backed up to ${task.file}.`,
    ...(task.backup === null ? [] : [formatBackup(task.backup)]),
    ...(task.confirmed === false ? [UNCONFIRMED] : []),
  ]
  show(surroundings, { json, data: task, text: text.join('\n') })
  return EXIT.done
}

const UNCONFIRMED =
  'Attention: no majority answered, so it holds what one replica knew. What others acknowledged since may be missing.'
