import { loadNow } from '../machine.ts'
import type { Machine } from '../machine.ts'
import { median } from '../statistics.ts'
import type { TransferOptions } from './options.ts'
import type { KindResults } from './transfer.ts'
import { transferLine } from './transfer.ts'

/** Issue 4. */
const GOALS = { stateMBPerSecondMin: 25, partialBytesPartMax: 0.03, p99RatioMax: 2 }

interface TransferReport {
  readonly options: TransferOptions
  readonly machine: Machine
  readonly results: readonly KindResults[]
}

interface Goal {
  readonly what: string
  readonly value: number
  readonly isReached: boolean
}

export function transferJson({ options, machine, results }: TransferReport): string {
  const { keys, bytes, clients, rate } = options
  return JSON.stringify({
    kind: 'synod-bench-transfer',
    date: new Date().toISOString(),
    machine: { ...machine, loadAfter: loadNow() },
    method: { keys, bytes, clients, rate },
    goals: GOALS,
    results: results.map((result) => ({ ...result, goals: goalsOf(result) })),
  })
}

export function transferText({ options, machine, results }: TransferReport): string {
  const { keys, bytes, clients, rate } = options
  const { cores, memoryGib, platform, node, syncMs, loadBefore } = machine
  return [
    '',
    `${cores} cores, ${memoryGib} GiB, ${platform}, Node ${node}, a sync of 4 KiB ${syncMs} ms, load ${loadBefore} before and ${loadNow()} after`,
    `${keys} keys of ${bytes} bytes; load: ${clients} clients, ${rate === 0 ? 'closed loop' : `${rate} puts a second in all`}`,
    ...results.flatMap(kindLines),
  ].join('\n')
}

function kindLines(result: KindResults): readonly string[] {
  const { values, packedPart, baseline, checkpoints, transfers, errors } = result
  return [
    '',
    `${values} values, which pack to ${(100 * packedPart).toFixed(0)} %`,
    ...transfers.map((figures) => `  ${transferLine(figures)}`),
    `  before: ${baseline.requests} requests, p50 ${baseline.p50Ms.toFixed(1)} ms, p99 ${baseline.p99Ms.toFixed(1)} ms`,
    ...checkpoints.map(
      ({ durationMs, stateBytes, latencies, elections }) =>
        `  checkpoint of ${(stateBytes / 1e6).toFixed(1)} MB in ${durationMs} ms: ${latencies.requests} requests, p50 ${latencies.p50Ms.toFixed(1)} ms, p99 ${latencies.p99Ms.toFixed(1)} ms, ${elections} elections`,
    ),
    ...goalsOf(result).map(
      ({ what, value, isReached }) => `  ${isReached ? 'reached' : 'MISSED '}  ${what}: ${value.toFixed(3)}`,
    ),
    ...(errors === 0 ? [] : [`  ${errors} requests failed`]),
  ]
}

function goalsOf({ baseline, checkpoints, transfers }: KindResults): readonly Goal[] {
  const goals: Goal[] = []
  for (const { part, latencies, stateBytes, bytes, fromMs, toMs } of transfers) {
    const which = `${part} transfer ${latencies === undefined ? 'without' : 'under'} load`
    // Under load a transfer is to leave the requests their time, not to be fast.
    if (part === 'full' && latencies === undefined) {
      const perSecond = stateBytes / 1e6 / ((toMs - fromMs) / 1000)
      const isReached = perSecond >= GOALS.stateMBPerSecondMin
      goals.push({
        what: `${which}, MB/s of State (at least ${GOALS.stateMBPerSecondMin})`,
        value: perSecond,
        isReached,
      })
    } else if (part === 'partial') {
      const value = bytes / stateBytes
      const isReached = value < GOALS.partialBytesPartMax
      goals.push({ what: `${which}, bytes moved of the State (below ${GOALS.partialBytesPartMax})`, value, isReached })
    }
    if (latencies !== undefined) goals.push(ratioGoal(`${which}, p99`, latencies.p99Ms / baseline.p99Ms))
  }
  const ratios = checkpoints.map(({ latencies }) => latencies.p99Ms / baseline.p99Ms)
  return [...goals, ratioGoal('checkpoints, the median of their p99s', median(ratios))]
}

function ratioGoal(what: string, value: number): Goal {
  const isReached = value <= GOALS.p99RatioMax
  return { what: `${what} as a multiple of the p99 before (at most ${GOALS.p99RatioMax})`, value, isReached }
}
