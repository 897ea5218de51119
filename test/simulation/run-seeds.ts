import { createPrng } from '../../core/base/prng.ts'
import type { SimulationOptions } from './cluster.ts'
import { SimulatedCluster } from './cluster.ts'
import type { Scenario } from './faults.ts'
import { drawFaults } from './faults.ts'
import type { RunResult } from './run-result.ts'

/** Which seeds to run, each with each number of replicas. */
export interface SeedRange {
  readonly from: number
  readonly count: number
  readonly replicas: readonly number[]
  readonly checks?: SimulationOptions['checks']
  /** Only seeds that draw this scenario. */
  readonly scenario?: Scenario | undefined
}

export interface Finding {
  readonly seed: number
  readonly replicas: number
  readonly violation: string
}

/** What many runs came to. */
export interface Totals {
  readonly seeds: number
  readonly runs: number
  readonly events: number
  readonly virtualMs: number
  readonly slots: number
  readonly inputs: number
  readonly reads: number
  readonly failed: number
  readonly elections: number
  /** Operations of clients in the histories, and keys on which the linearizability checker reached its bound. */
  readonly operations: number
  readonly undecided: number
  readonly faults: Readonly<Record<string, number>>
  readonly findings: readonly Finding[]
  /** All runs' digests together, whatever their order: two machines that ran the same seeds alike have one. */
  readonly digest: string
  /** Processor time the runs took. */
  readonly cpuMs: number
}

export const NO_TOTALS: Totals = {
  seeds: 0,
  runs: 0,
  events: 0,
  virtualMs: 0,
  slots: 0,
  inputs: 0,
  reads: 0,
  failed: 0,
  elections: 0,
  operations: 0,
  undecided: 0,
  faults: {},
  findings: [],
  digest: '0000000000000000',
  cpuMs: 0,
}

export function runSeeds({ from, count, replicas, checks, scenario }: SeedRange): Totals {
  let totals = NO_TOTALS
  const began = process.cpuUsage()
  for (let seed = from; seed < from + count; seed += 1) {
    for (const size of replicas) {
      if (scenario !== undefined && drawFaults(createPrng(seed), size).scenario !== scenario) continue
      totals = addTotals(totals, totalsOf(new SimulatedCluster(seed, size, { checks }).run()))
    }
  }
  const { user, system } = process.cpuUsage(began)
  return { ...totals, seeds: count, cpuMs: (user + system) / 1_000 }
}

export function addTotals(left: Totals, right: Totals): Totals {
  const faults: Record<string, number> = { ...left.faults }
  for (const [kind, count] of Object.entries(right.faults)) faults[kind] = (faults[kind] ?? 0) + count
  return {
    seeds: left.seeds + right.seeds,
    runs: left.runs + right.runs,
    events: left.events + right.events,
    virtualMs: left.virtualMs + right.virtualMs,
    slots: left.slots + right.slots,
    inputs: left.inputs + right.inputs,
    reads: left.reads + right.reads,
    failed: left.failed + right.failed,
    elections: left.elections + right.elections,
    operations: left.operations + right.operations,
    undecided: left.undecided + right.undecided,
    faults,
    findings: [...left.findings, ...right.findings],
    digest: xor(left.digest, right.digest),
    cpuMs: left.cpuMs + right.cpuMs,
  }
}

function totalsOf(result: RunResult): Totals {
  const {
    seed,
    replicas,
    violation,
    events,
    virtualMs,
    slots,
    inputs,
    reads,
    failed,
    elections,
    operations,
    undecided,
  } = result
  return {
    ...{ seeds: 0, runs: 1, cpuMs: 0, events, virtualMs, slots, inputs, reads, failed },
    ...{ elections, operations, undecided },
    faults: result.faults,
    findings: violation === undefined ? [] : [{ seed, replicas, violation }],
    digest: result.digest,
  }
}

function xor(left: string, right: string): string {
  return (BigInt(`0x${left}`) ^ BigInt(`0x${right}`)).toString(16).padStart(16, '0')
}
