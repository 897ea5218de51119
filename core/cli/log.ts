import type { LogSlotView, OutputView } from '../api/views.ts'
import type { LogAnswer } from '../client/answers.ts'
import type { Client } from '../client/client.ts'
import { show, showProblem } from './answering.ts'
import { connect } from './connect.ts'
import { dataFolderOf } from './data-folder.ts'
import { EXIT } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { CommandError } from './failure.ts'
import { formatCount } from './numbers.ts'
import type { Surroundings } from './surroundings.ts'

export interface LogOptions {
  readonly data?: string
  readonly cluster?: string
  readonly from?: number
  readonly to?: number
  readonly limit: number
  readonly replica?: string
  readonly json: boolean
}

/** Of one question to the host. */
export const LOG_SLOTS_MAX = 500
/** The whole of it is in `--json`. */
const SHOWN_CHARACTERS_MAX = 160

/** Decided slots as they lie in one replica's log, with their Inputs and that replica's Outputs. */
export async function log(options: LogOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { json, cluster, from, to, limit, replica } = options
  if (from !== undefined && to !== undefined && from > to) {
    const message = `--from ${from} is after --to ${to}. Give the lower slot as --from.`
    throw new CommandError({ code: 'WRONG_ARGUMENTS', exit: EXIT.wrongArguments }, message)
  }
  const client = await connect(dataFolderOf(options, surroundings))
  const query: Parameters<Client['log']>[0] = {
    ...(cluster === undefined ? {} : { cluster }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(replica === undefined ? {} : { replica }),
    limit,
  }
  const answer = await client.log(query)
  if (!answer.ok) return showProblem(surroundings, { json, problem: answer.problem })
  if (json) {
    show(surroundings, { json, data: answer.value, text: '' })
    return EXIT.done
  }
  const gone = (from ?? Infinity) < answer.value.slotFirst ? await goneLine(client, answer.value, from) : undefined
  show(surroundings, { json, data: answer.value, text: formatLog(answer.value, options, gone) })
  return EXIT.done
}

/** Where the slots are that were asked for and no longer lie in the log. */
async function goneLine(client: Client, { cluster, replica, slotFirst }: LogAnswer, from = 1): Promise<string> {
  const status = await client.status()
  const clusters = status.ok ? status.value.clusters : []
  const member = clusters.find(({ name }) => name === cluster)?.replicas.find(({ name }) => name === replica)
  const slots = member?.storage.checkpoints.map(({ slot }) => slot).filter((slot) => slot >= slotFirst - 1) ?? []
  const where =
    slots.length === 0 ? 'in its checkpoints' : `in the checkpoint at slot ${formatCount(Math.min(...slots))}`
  const range =
    from === slotFirst - 1
      ? `Slot ${formatCount(from)} is`
      : `Slots ${formatCount(from)} to ${formatCount(slotFirst - 1)} are`
  return `${range} ${where}; the log begins at slot ${formatCount(slotFirst)}.`
}

function formatLog(answer: LogAnswer, { from, to }: LogOptions, gone: string | undefined): string {
  const { replica, slotDecided, slots } = answer
  const lines = slots.flatMap(slotLines)
  if (gone !== undefined) lines.unshift(gone)
  const last = slots.at(-1)?.slot
  if (last === undefined) lines.push(emptyLine(answer, from))
  const wanted = Math.min(to ?? slotDecided, slotDecided)
  if (last !== undefined && last < wanted) {
    lines.push(`${formatCount(wanted - last)} more up to slot ${formatCount(wanted)}: --from ${last + 1}`)
  }
  return [`Log of replica ${replica} · decided slot ${formatCount(slotDecided)}`, ...lines].join('\n')
}

function emptyLine({ slotDecided }: LogAnswer, from: number | undefined): string {
  if (slotDecided === 0) return 'No slot is decided yet.'
  return from !== undefined && from > slotDecided
    ? `Slot ${formatCount(from)} is not decided yet.`
    : 'None of these slots is in the log.'
}

/** One line an Input. */
function slotLines({ slot, ballot, timeMs, inputs, inputCount }: LogSlotView): string[] {
  const time = timeMs === null ? '–'.padEnd(ISO_LENGTH) : new Date(timeMs).toISOString()
  const head = `${formatCount(slot)}  ${ballot.padEnd(5)} ${time}`
  if (inputCount === 0) return [`${head}  nothing: a gap filled by a leader`]
  const lines = inputs.map((input) => `${head}  ${inputWords(input)}  ${outputWords(input.output)}`)
  const more = inputCount - inputs.length
  return more === 0 ? lines : [...lines, `${head}  … and ${formatCount(more)} more`]
}

const ISO_LENGTH = '2026-01-01T00:00:00.000Z'.length

function inputWords({ kind, client, sequence, machine, input, proxy }: LogSlotView['inputs'][number]): string {
  switch (kind) {
    case 'checkpoint':
      return `CHECKPOINT through ${proxy}`
    case 'audit':
      return `AUDIT through ${proxy}`
    case 'read':
      return `${machine} read through ${proxy} ${cut(JSON.stringify(input))}`
    case 'input':
      return `${machine} ${client} #${formatCount(sequence)} ${cut(JSON.stringify(input))}`
  }
}

function outputWords(output: OutputView | null): string {
  if (output === null) return '-> (Output no longer kept)'
  return output.ok ? `-> ${cut(JSON.stringify(output.value))}` : `-> refused: ${output.error.code}`
}

function cut(line: string): string {
  return line.length > SHOWN_CHARACTERS_MAX ? `${line.slice(0, SHOWN_CHARACTERS_MAX)}…` : line
}
