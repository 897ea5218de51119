import type { ElectionView } from '../api/views.ts'
import { show, showProblem } from './answering.ts'
import { connect } from './connect.ts'
import { dataFolderOf } from './data-folder.ts'
import { EXIT } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import type { Surroundings } from './surroundings.ts'

export interface ElectionsOptions {
  readonly data?: string
  readonly cluster?: string
  readonly json: boolean
}

const CAUSES: Readonly<Record<ElectionView['cause'], string>> = {
  first: 'no leader was known before',
  silence: 'was silent',
  abdicated: 'handed over',
  'lost-quorum': 'reached no quorum',
  'disk-stall': 'its disk stalled',
}

/** Who was elected when, and why the old leader was given up. */
export async function elections(options: ElectionsOptions, surroundings: Surroundings): Promise<ExitCode> {
  const client = await connect(dataFolderOf(options, surroundings))
  const { json, cluster } = options
  const answer = await client.elections(cluster === undefined ? {} : { cluster })
  if (!answer.ok) return showProblem(surroundings, { json, problem: answer.problem })
  const lines = answer.value.elections.map(line)
  const text = lines.length === 0 ? 'No election since this host came up.' : lines.join('\n')
  show(surroundings, { json, data: answer.value, text })
  return EXIT.done
}

function line({ timeMs, leader, ballot, previous, cause }: ElectionView): string {
  const why = previous === null ? CAUSES.first : `${previous.leader} (ballot ${previous.ballot}) ${CAUSES[cause]}`
  return `${new Date(timeMs).toISOString()}  ${leader} leads, ballot ${ballot}; ${why}`
}
