import { loadNow } from '../machine.ts'
import type { Machine } from '../machine.ts'
import { median } from '../statistics.ts'
import type { Measured } from '../target.ts'
import { perCoreSecond } from '../vote/vote.ts'
import type { AuditCost } from './cost.ts'
import type { Detection } from './detection.ts'
import { isFlawless } from './detection.ts'
import type { AuditOptions } from './options.ts'

/** Issue 5: AUDITs cost at most a twentieth of the throughput. */
const RATIO_MIN = 0.95

interface AuditResults {
  readonly options: AuditOptions
  readonly machine: Machine
  readonly cost: AuditCost | undefined
  readonly detection: Detection | undefined
}

export function auditJson({ options, machine, cost, detection }: AuditResults): string {
  const { rounds, seconds, warmupSeconds, everySeconds, clients, keys, flips, flipKeys, seed } = options
  return JSON.stringify({
    kind: 'synod-bench-audit',
    date: new Date().toISOString(),
    machine: { ...machine, loadAfter: loadNow() },
    method: { rounds, seconds, warmupSeconds, everySeconds, clients, keys, flips, flipKeys, seed },
    goals: { ratioMin: RATIO_MIN },
    ...(cost === undefined ? {} : { cost: { ...cost, isReached: cost.ratio >= RATIO_MIN } }),
    ...(detection === undefined ? {} : { detection: { ...detection, isReached: isFlawless(detection) } }),
  })
}

export function auditText({ options, machine, cost, detection }: AuditResults): string {
  const { cores, memoryGib, platform, node, syncMs, loadBefore } = machine
  return [
    '',
    `${cores} cores, ${memoryGib} GiB, ${platform}, Node ${node}, a sync of 4 KiB ${syncMs} ms, load ${loadBefore} before and ${loadNow()} after`,
    ...(cost === undefined ? [] : costLines(options, cost)),
    ...(detection === undefined ? [] : detectionLines(detection)),
  ].join('\n')
}

function costLines(options: AuditOptions, cost: AuditCost): string[] {
  const { audited, plain, ratio, ratioPerCore, scrubsMs, processorMs } = cost
  const { rounds, seconds, everySeconds, clients, keys } = options
  const perCore = ratioPerCore === undefined ? '' : `; per second of processor time ${ratioPerCore.toFixed(3)}`
  return [
    '',
    `puts by ${clients} clients, 3 replicas with ${keys} keys, ${rounds} rounds of ${seconds} s each, with an AUDIT every ${everySeconds} s and without in turns; medians`,
    `  AUDITs  ${figures(audited)}`,
    `  none    ${figures(plain)}`,
    `  from an AUDIT to the last report: median ${inSeconds(median(scrubsMs))}, longest ${inSeconds(Math.max(...scrubsMs))}, ${scrubsMs.length} AUDITs`,
    ...(processorMs === undefined
      ? []
      : [`  one AUDIT while nobody asks: ${inSeconds(processorMs)} of processor time, all replicas together`]),
    `  ${verdict(ratio >= RATIO_MIN)} throughput with AUDITs as a part of that without (at least ${RATIO_MIN}): ${ratio.toFixed(3)}${perCore}`,
  ]
}

function detectionLines(detection: Detection): string[] {
  const { flips, clusters, replies, failed, wrong, told } = detection
  const count = (is: (flip: Detection['flips'][number]) => boolean): number => flips.filter(is).length
  const foundMs = flips.map((flip) => flip.foundMs).filter((ms) => !Number.isNaN(ms))
  const repairedMs = flips.map((flip) => flip.repairedMs).filter((ms) => !Number.isNaN(ms))
  return [
    '',
    `${flips.length} flipped bytes, one after another, in ${clusters} clusters; ${replies} replies checked meanwhile`,
    `  found: ${count(({ isFound }) => isFound)}, by the very AUDIT that was ordered: ${count(({ isFoundByOrdered }) => isFoundByOrdered)}; key named with both values: ${count(({ isNamed }) => isNamed)}; repaired: ${count(({ isRepaired }) => isRepaired)}`,
    `  requests failed: ${failed}; replies wrong: ${wrong}`,
    `  from the order of the AUDIT until it was found: median ${inSeconds(median(foundMs))}, longest ${inSeconds(Math.max(...foundMs))}`,
    `  from there until it was verified: median ${inSeconds(median(repairedMs))}, longest ${inSeconds(Math.max(...repairedMs))}`,
    ...told.map((words) => `  ! ${words}`),
    `  ${verdict(isFlawless(detection))} all found, named and repaired; no request failed, no reply wrong`,
  ]
}

function verdict(isReached: boolean): string {
  return isReached ? 'reached' : 'MISSED '
}

function inSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
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
