import { randomBytes } from 'node:crypto'
import type { ProofView } from '../api/proof.ts'
import { messageOf } from '../base/errors.ts'
import type { Answer, Outcome } from '../client/answers.ts'
import type { Client } from '../client/client.ts'
import { exitOfOutput, show, showProblem } from './answering.ts'
import { connect } from './connect.ts'
import { dataFolderOf } from './data-folder.ts'
import { EXIT } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { CommandError } from './failure.ts'
import { formatOutcome } from './formatting.ts'
import { parseInput } from './input-argument.ts'
import { openProofFile } from './proof-file.ts'
import type { ProofFile } from './proof-file.ts'
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
  /** The file the proof of the Output is written to. */
  readonly proof?: string
  readonly json: boolean
}

/** Submits one Input and shows the Output a majority returned, with every vote. */
export async function submit(text: string, options: SubmitOptions, surroundings: Surroundings): Promise<ExitCode> {
  const input = await parseInput(text, surroundings)
  const api = await connect(dataFolderOf(options, surroundings))
  const { machine, sequence, cluster, timeout: timeoutMs } = options
  const client = options.client ?? `cli-${randomBytes(6).toString('hex')}`
  const argument: Parameters<Client['submit']>[0] = {
    client,
    sequence,
    machine,
    input,
    ...(cluster === undefined ? {} : { cluster }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(options.proof === undefined ? {} : { proof: true }),
  }
  const file = options.proof === undefined ? undefined : await openProofFile(options.proof)
  const answer = await api.submit(argument).catch(async (error: unknown) => {
    await file?.drop()
    throw error
  })
  return tell({ answer, file, client, sequence, json: options.json }, surroundings)
}

interface Told {
  readonly answer: Answer<Outcome>
  readonly file: ProofFile | undefined
  readonly client: string
  readonly sequence: number
  readonly json: boolean
}

async function tell(told: Told, surroundings: Surroundings): Promise<ExitCode> {
  const { answer, file, client, sequence, json } = told
  const again = `--client ${client} --sequence ${sequence}`
  if (!answer.ok) {
    await file?.drop()
    const problem = { ...answer.problem, client, sequence }
    const hint = `The same Input again, never executed twice: ${again}`
    return showProblem(surroundings, { json, problem, ...(isRetried(problem.type) ? { hint } : {}) })
  }
  const { proof } = answer.value
  const problem = file === undefined ? undefined : await kept(file, proof ?? undefined, again)
  const where = file === undefined || problem !== undefined ? [] : [`Proof: ${file.path}`]
  const text = [formatOutcome(answer.value), ...where].join('\n')
  show(surroundings, { json, data: { ...answer.value, client, sequence }, text })
  // After the Output, which holds whatever became of its proof.
  if (problem !== undefined) throw problem
  return exitOfOutput(answer.value.output)
}

/** @returns why there is no proof in the file; the file is gone then. */
async function kept(file: ProofFile, proof: ProofView | undefined, again: string): Promise<CommandError | undefined> {
  const hint = `A retry gets the same Output, executes nothing, and may be given a proof: ${again}`
  if (proof === undefined) {
    await file.drop()
    const message = `Too few replicas signed in time for a proof; the Output holds all the same. ${hint}`
    return new CommandError({ code: 'PROOF_NOT_GIVEN', exit: EXIT.fault }, message)
  }
  try {
    await file.keep(proof)
    return undefined
  } catch (cause) {
    const message = `The proof was not written to ${file.path}: ${messageOf(cause)}. The Output holds. ${hint}`
    return new CommandError({ code: 'PROOF_NOT_WRITTEN', exit: EXIT.fault }, message, { cause })
  }
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
