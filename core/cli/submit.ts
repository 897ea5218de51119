import { randomBytes } from 'node:crypto'
import type { Client } from '../client/client.ts'
import { exitOfOutput, show, showProblem } from './answering.ts'
import { connect } from './connect.ts'
import { dataFolderOf } from './data-folder.ts'
import type { ExitCode } from './exit-codes.ts'
import { formatOutcome } from './formatting.ts'
import { parseInput } from './input-argument.ts'
import type { Surroundings } from './surroundings.ts'

export interface SubmitOptions {
  readonly data?: string
  readonly cluster?: string
  readonly machine: string
  /** Without one, a name nobody else has. */
  readonly client?: string
  readonly sequence: number
  /** Unit: ms. */
  readonly timeout?: number
  readonly json: boolean
}

/** Submits one Input and shows the Output a majority returned, with every vote. */
export async function submit(text: string, options: SubmitOptions, surroundings: Surroundings): Promise<ExitCode> {
  const input = await parseInput(text, surroundings)
  const api = await connect(dataFolderOf(options, surroundings))
  const { json, machine, sequence, cluster, timeout: timeoutMs } = options
  const client = options.client ?? `cli-${randomBytes(6).toString('hex')}`
  const argument: Parameters<Client['submit']>[0] = {
    client,
    sequence,
    machine,
    input,
    ...(cluster === undefined ? {} : { cluster }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  }
  const answer = await api.submit(argument)
  if (answer.ok) {
    const data = { ...answer.value, client, sequence }
    show(surroundings, { json, data, text: formatOutcome(answer.value) })
    return exitOfOutput(answer.value.output)
  }
  const problem = { ...answer.problem, client, sequence }
  const hint = `The same Input again, never executed twice: --client ${client} --sequence ${sequence}`
  return showProblem(surroundings, { json, problem, ...(isRetried(problem.type) ? { hint } : {}) })
}

/** The Input may have been ordered, or may be yet. */
function isRetried(type: string): boolean {
  return RETRIED_TYPES.has(type)
}

const RETRIED_TYPES: ReadonlySet<string> = new Set([
  'urn:synod:problem:fail',
  'urn:synod:problem:busy',
  'urn:synod:problem:host-closing',
])
