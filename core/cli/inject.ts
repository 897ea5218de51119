import type { FaultArgument, FaultKind, InjectedView } from '../api/faults.ts'
import { INSTANT_FAULTS, faultSchema } from '../api/faults.ts'
import { show, showProblem } from './answering.ts'
import { connect } from './connect.ts'
import { dataFolderOf } from './data-folder.ts'
import { EXIT } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import type { Surroundings } from './surroundings.ts'

export interface InjectOptions {
  readonly data?: string
  readonly cluster?: string
  readonly replica?: string
  readonly from?: string
  readonly to?: string
  readonly bothWays: boolean
  /** Of the messages, 0 to 1. */
  readonly part?: number
  /** Unit: ms. */
  readonly by?: number
  readonly how?: string
  readonly key?: string
  /** Unit: ms. */
  readonly duration?: number
  readonly json: boolean
}

export interface HealOptions {
  readonly data?: string
  readonly cluster?: string
  readonly json: boolean
}

export const FAULT_KINDS: readonly FaultKind[] = faultSchema.options.map(({ entries }) => entries.kind.literal)

/** Rehearsal: does something to a replica or to a link. */
export async function inject(kind: string, options: InjectOptions, surroundings: Surroundings): Promise<ExitCode> {
  const client = await connect(dataFolderOf(options, surroundings))
  const { json, cluster, duration: durationMs } = options
  const answer = await client.inject({
    // Its schema is the host's to check: there the message says what was expected.
    fault: faultOf(kind, options) as FaultArgument,
    ...(durationMs === undefined ? {} : { durationMs }),
    ...(cluster === undefined ? {} : { cluster }),
  })
  if (!answer.ok) return showProblem(surroundings, { json, problem: answer.problem })
  show(surroundings, { json, data: answer.value, text: textOf(answer.value.injected) })
  return EXIT.done
}

/** Rehearsal: ends one injected fault, or all. */
export async function heal(
  number: number | undefined,
  options: HealOptions,
  surroundings: Surroundings,
): Promise<ExitCode> {
  const client = await connect(dataFolderOf(options, surroundings))
  const { json, cluster } = options
  const answer = await client.heal({
    ...(number === undefined ? {} : { number }),
    ...(cluster === undefined ? {} : { cluster }),
  })
  if (!answer.ok) return showProblem(surroundings, { json, problem: answer.problem })
  const text = number === undefined ? 'No injected fault is active.' : `Injected fault ${number} ended.`
  show(surroundings, { json, data: answer.value, text })
  return EXIT.done
}

function faultOf(kind: string, options: InjectOptions): Readonly<Record<string, unknown>> {
  const { replica, from, to, bothWays, part, by: byMs, how, key } = options
  const given = { replica, from, to, part, byMs, how, key, bothWays: bothWays || undefined }
  return { kind, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) }
}

function textOf({ number, fault, text, startedMs, endsMs }: InjectedView): string {
  const head = `Injected fault ${number}: ${text}.`
  if (INSTANT_FAULTS.includes(fault.kind) || endsMs === null) return head
  return `${head} It ends by itself in ${Math.round((endsMs - startedMs) / 1000)} s, or with: npx synod heal ${number}`
}
