import { setTimeout as sleep } from 'node:timers/promises'
import type { CheckpointView, ClusterView } from '../api/views.ts'
import type { Outcome } from '../client/answers.ts'
import type { Client } from '../client/client.ts'
import { exitOfOutput, show, showProblem } from './answering.ts'
import { connect } from './connect.ts'
import { dataFolderOf } from './data-folder.ts'
import { EXIT } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { CommandError } from './failure.ts'
import { formatAgreement, formatVotes } from './formatting.ts'
import { formatBytes, formatCount } from './numbers.ts'
import type { Surroundings } from './surroundings.ts'

export interface CheckpointOptions {
  readonly data?: string
  readonly cluster?: string
  /** Unit: ms; for the Output, not for the writing. */
  readonly timeout?: number
  readonly wait: boolean
  readonly json: boolean
}

const POLL_MS = 200
/** A State of some gigabytes on a slow disk is written within this. */
const STABLE_TIMEOUT_MS = 10 * 60_000

/** Orders a CHECKPOINT; with `--wait`, ends when a majority has it on disk and stable. */
export async function checkpoint(options: CheckpointOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { json, cluster, timeout: timeoutMs } = options
  const client = await connect(dataFolderOf(options, surroundings))
  const answer = await client.checkpoint({
    ...(cluster === undefined ? {} : { cluster }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  })
  if (!answer.ok) {
    const hint = 'Ask again: one CHECKPOINT more does no harm.'
    return showProblem(surroundings, { json, problem: answer.problem, hint })
  }
  const ordered = answer.value
  if (!options.wait || !ordered.output.ok) {
    show(surroundings, { json, data: ordered, text: formatOrdered(ordered, options.wait) })
    return exitOfOutput(ordered.output)
  }
  if (!json) surroundings.writeOut(`${formatOrdered(ordered, true)}\n`)
  const tell = (line: string): void => {
    if (!json) surroundings.writeOut(`${line}\n`)
  }
  const view = await waitUntilStable({ client, ordered, tell })
  const stable = view.replicas
    .filter(({ storage }) => isStable(storage.checkpoints, ordered.slot))
    .map(({ name }) => name)
  const text = `Stable at ${stable.length} of ${view.replicas.length} replicas. The log before it may go when the next one is stable.`
  show(surroundings, { json, data: { ...ordered, stable }, text })
  return EXIT.done
}

function formatOrdered({ slot, votes, output }: Outcome, waits: boolean): string {
  const head = `CHECKPOINT at slot ${formatCount(slot)} · decided · ${formatAgreement(votes)}`
  if (!output.ok)
    return [head, ...formatVotes(votes), `Refused: ${output.error.code}: ${output.error.message}`].join('\n')
  const next = waits ? [] : ['Each replica writes its State at that slot now. See: npx synod status']
  return [head, ...formatVotes(votes), ...next].join('\n')
}

interface Waiting {
  readonly client: Client
  readonly ordered: Outcome
  readonly tell: (line: string) => void
}

async function waitUntilStable({ client, ordered, tell }: Waiting): Promise<ClusterView> {
  const deadlineMs = performance.now() + STABLE_TIMEOUT_MS
  const told = new Set<string>()
  for (;;) {
    const status = await client.status()
    const view = status.ok ? status.value.clusters.find(({ name }) => name === ordered.cluster) : undefined
    if (status.ok && (view === undefined || view.phase === 'stopped'))
      throw notStable(ordered, 'the cluster was stopped')
    for (const line of view === undefined ? [] : progressLines(view, ordered.slot)) {
      if (told.has(line)) continue
      told.add(line)
      tell(line)
    }
    const stable = view?.replicas.filter(({ storage }) => isStable(storage.checkpoints, ordered.slot)) ?? []
    if (view !== undefined && stable.length >= view.quorum) return view
    if (performance.now() > deadlineMs) throw notStable(ordered, view?.health.sentence ?? 'the host shows no cluster')
    await sleep(POLL_MS)
  }
}

/** A later one that is stable stands for it: only the newest two are kept. */
function isStable(checkpoints: readonly CheckpointView[], slot: number): boolean {
  return checkpoints.some((one) => one.slot >= slot && one.stable)
}

function progressLines(view: ClusterView, slot: number): string[] {
  return view.replicas.flatMap(({ name, storage }) => {
    const own = storage.checkpoints.find((one) => one.slot === slot)
    if (isStable(storage.checkpoints, slot)) return [`  ● ${name}  stable${own === undefined ? '' : writtenWords(own)}`]
    if (own !== undefined) return [`  ◐ ${name}  on disk, waits for a majority to attest the same State`]
    return storage.writing === slot ? [`  ○ ${name}  writes`] : []
  })
}

function writtenWords({ stateBytes, fileBytes, durationMs }: CheckpointView): string {
  const took = durationMs === null ? '' : ` in ${formatCount(durationMs)} ms`
  return `, ${formatBytes(stateBytes)} of State written as ${formatBytes(fileBytes)}${took}`
}

function notStable({ slot }: Outcome, why: string): CommandError {
  const message = `The CHECKPOINT is ordered at slot ${formatCount(slot)}, but not known to be stable: ${why}. Nothing is lost: the log is kept until it is. See: npx synod status`
  return new CommandError({ code: 'CHECKPOINT_NOT_STABLE', exit: EXIT.fault }, message)
}
