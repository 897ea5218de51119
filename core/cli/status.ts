import { show, showProblem } from './answering.ts'
import { connect } from './connect.ts'
import { dataFolderOf } from './data-folder.ts'
import { EXIT } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { formatStatus } from './formatting.ts'
import { CommandError } from './failure.ts'
import type { Surroundings } from './surroundings.ts'

export interface StatusOptions {
  readonly data?: string
  readonly cluster?: string
  readonly json: boolean
}

/** What the host and its clusters are doing. */
export async function status(options: StatusOptions, surroundings: Surroundings): Promise<ExitCode> {
  const client = await connect(dataFolderOf(options, surroundings))
  const answer = await client.status()
  if (!answer.ok) return showProblem(surroundings, { json: options.json, problem: answer.problem })
  const { cluster } = options
  const all = answer.value.clusters
  const clusters = all.filter(({ id, name }) => cluster === undefined || id === cluster || name === cluster)
  if (cluster !== undefined && clusters.length === 0) {
    const names = all.map(({ name }) => `"${name}"`).join(', ')
    const message = `There is no cluster "${cluster}" here. ${all.length === 0 ? 'There is none yet.' : `There are: ${names}.`}`
    throw new CommandError({ code: 'CLUSTER_UNKNOWN', exit: EXIT.wrongArguments }, message)
  }
  const data = { ...answer.value, clusters }
  show(surroundings, { json: options.json, data, text: formatStatus(data) })
  return EXIT.done
}
