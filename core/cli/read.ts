import { exitOfOutput, show, showProblem } from './answering.ts'
import { connect } from './connect.ts'
import { dataFolderOf } from './data-folder.ts'
import type { ExitCode } from './exit-codes.ts'
import { formatReadOutcome } from './formatting.ts'
import { parseInput } from './input-argument.ts'
import type { Surroundings } from './surroundings.ts'

export interface ReadOptions {
  readonly data?: string
  readonly cluster?: string
  readonly machine: string
  readonly stale: boolean
  /** Unit: ms. */
  readonly timeout?: number
  readonly json: boolean
}

/** Asks a machine something that changes nothing. */
export async function read(text: string, options: ReadOptions, surroundings: Surroundings): Promise<ExitCode> {
  const input = await parseInput(text, surroundings)
  const client = await connect(dataFolderOf(options, surroundings))
  const { json, machine, cluster, timeout: timeoutMs } = options
  const answer = await client.read({
    machine,
    input,
    consistency: options.stale ? 'stale' : 'linearizable',
    ...(cluster === undefined ? {} : { cluster }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  })
  if (!answer.ok) return showProblem(surroundings, { json, problem: answer.problem })
  show(surroundings, { json, data: answer.value, text: formatReadOutcome(answer.value) })
  return exitOfOutput(answer.value.output)
}
