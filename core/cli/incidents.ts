import { open } from 'node:fs/promises'
import { messageOf } from '../base/errors.ts'
import type { IncidentFile } from '../client/answers.ts'
import { show, showProblem } from './answering.ts'
import { formatIncident, formatIncidents } from './audit-formatting.ts'
import { connect } from './connect.ts'
import { dataFolderOf } from './data-folder.ts'
import { EXIT } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { CommandError } from './failure.ts'
import type { Surroundings } from './surroundings.ts'

export interface IncidentsOptions {
  readonly data?: string
  readonly cluster?: string
  readonly limit: number
  readonly json: boolean
}

export interface IncidentOptions {
  readonly data?: string
  readonly cluster?: string
  /** The file the evidence is written to. */
  readonly out?: string
  readonly json: boolean
}

export interface RepairOptions {
  readonly data?: string
  readonly cluster?: string
  readonly json: boolean
}

/** Replicas that deviated, newest first. */
export async function incidents(options: IncidentsOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { json, cluster, limit } = options
  const client = await connect(dataFolderOf(options, surroundings))
  const answer = await client.incidents({ ...(cluster === undefined ? {} : { cluster }), limit })
  if (!answer.ok) return showProblem(surroundings, { json, problem: answer.problem })
  show(surroundings, { json, data: answer.value, text: formatIncidents(answer.value.incidents) })
  return EXIT.done
}

/** One of them, with its steps and evidence; with `--out`, all of it to a file for somebody else. */
export async function incident(
  number: number,
  options: IncidentOptions,
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { json, cluster, out } = options
  const client = await connect(dataFolderOf(options, surroundings))
  const answer = await client.incident({ number, ...(cluster === undefined ? {} : { cluster }) })
  if (!answer.ok) return showProblem(surroundings, { json, problem: answer.problem })
  if (out !== undefined) await writeNew(out, answer.value)
  const where = out === undefined ? [] : [`Evidence: ${out}`]
  show(surroundings, { json, data: answer.value, text: [formatIncident(answer.value.incident), ...where].join('\n') })
  return EXIT.done
}

/** Has the host start a replica anew, in quarantine until an AUDIT verified it. */
export async function repair(replica: string, options: RepairOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { json, cluster } = options
  const client = await connect(dataFolderOf(options, surroundings))
  const answer = await client.repair({ replica, ...(cluster === undefined ? {} : { cluster }) })
  if (!answer.ok) return showProblem(surroundings, { json, problem: answer.problem })
  const text = `The repair of ${replica} was ordered: it is started anew, and counts when an AUDIT verified it. See: npx synod incidents`
  show(surroundings, { json, data: answer.value, text })
  return EXIT.done
}

/** Never over a file that is there: it may be the evidence of another incident. */
async function writeNew(file: string, data: IncidentFile): Promise<void> {
  try {
    const handle = await open(file, 'wx', 0o600)
    try {
      await handle.writeFile(`${JSON.stringify(data, null, 2)}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (cause) {
    const message = `The evidence was not written to ${file}: ${messageOf(cause)}. Name a file that is not there yet.`
    throw new CommandError({ code: 'FILE_NOT_WRITTEN', exit: EXIT.wrongArguments }, message, { cause })
  }
}
