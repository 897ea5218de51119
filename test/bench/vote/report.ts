import { loadNow } from '../machine.ts'
import type { Machine } from '../machine.ts'
import { median } from '../statistics.ts'
import type { Measured } from '../target.ts'
import type { VoteOptions } from './options.ts'
import type { VoteCell } from './vote.ts'
import { perCoreSecond } from './vote.ts'

/** Issue 5: the vote costs at most a tenth of the throughput. */
const RATIO_MIN = 0.9

interface VoteReport {
  readonly options: VoteOptions
  readonly machine: Machine
  readonly cells: readonly VoteCell[]
}

export function voteJson({ options, machine, cells }: VoteReport): string {
  const { rounds, seconds, warmupSeconds } = options
  return JSON.stringify({
    kind: 'synod-bench-vote',
    date: new Date().toISOString(),
    machine: { ...machine, loadAfter: loadNow() },
    method: { rounds, seconds, warmupSeconds },
    goals: { ratioMin: RATIO_MIN },
    cells: cells.map((cell) => ({ ...cell, isReached: cell.ratio >= RATIO_MIN })),
  })
}

export function voteText({ options, machine, cells }: VoteReport): string {
  const { cores, memoryGib, platform, node, syncMs, loadBefore } = machine
  return [
    '',
    `${cores} cores, ${memoryGib} GiB, ${platform}, Node ${node}, a sync of 4 KiB ${syncMs} ms, load ${loadBefore} before and ${loadNow()} after`,
    `puts, 3 replicas, ${options.rounds} rounds of ${options.seconds} s each, with the vote and without it in turns; medians`,
    ...cells.flatMap(cellLines),
  ].join('\n')
}

function cellLines({ clients, voting, off, ratio, ratioPerCore }: VoteCell): readonly string[] {
  const perCore = ratioPerCore === undefined ? '' : `; per second of processor time ${ratioPerCore.toFixed(3)}`
  const verdict = ratio >= RATIO_MIN ? 'reached' : 'MISSED '
  return [
    '',
    `${clients} clients`,
    `  voting  ${figures(voting)}`,
    `  off     ${figures(off)}`,
    `  ${verdict} throughput with the vote as a part of that without (at least ${RATIO_MIN}): ${ratio.toFixed(3)}${perCore}`,
  ]
}

function figures(rounds: readonly Measured[]): string {
  const of = (value: (measured: Measured) => number): number => median(rounds.map(value))
  const perCore = median(rounds.flatMap(perCoreSecond))
  const others = median(rounds.flatMap(({ cores }) => (cores === undefined ? [] : [cores.others])))
  const errors = rounds.reduce((sum, round) => sum + round.errors, 0)
  return [
    `${of(({ perSecond }) => perSecond).toFixed(0)} puts/s`,
    `p50 ${of(({ p50Ms }) => p50Ms).toFixed(2)} ms`,
    `p99 ${of(({ p99Ms }) => p99Ms).toFixed(2)} ms`,
    `${perCore.toFixed(0)} a second of processor time`,
    `others used ${others.toFixed(2)} cores`,
    ...(errors === 0 ? [] : [`${errors} requests failed`]),
  ].join(', ')
}
