import { loadNow } from '../machine.ts'
import type { Machine } from '../machine.ts'
import type { SoakOptions } from './options.ts'
import type { SoakResults } from './soak.ts'
import { DISK_BYTES_MAX, isWithinBounds, MEMORY_BYTES_MAX } from './soak.ts'

const MIB = 1024 * 1024

interface SoakReport {
  readonly options: SoakOptions
  readonly machine: Machine
  readonly results: SoakResults
}

export function soakJson({ options, machine, results }: SoakReport): string {
  const { keys, bytes, clients } = options
  return JSON.stringify({
    kind: 'synod-bench-soak',
    date: new Date().toISOString(),
    machine: { ...machine, loadAfter: loadNow() },
    method: { keys, bytes, clients },
    bounds: { memoryBytesMax: MEMORY_BYTES_MAX, diskBytesMax: DISK_BYTES_MAX },
    ...results,
  })
}

export function soakText({ options, machine, results }: SoakReport): string {
  const { keys, bytes, clients } = options
  const { cores, memoryGib, platform, node, syncMs, loadBefore } = machine
  const { inputs, seconds, perSecond, perCoreSecond, p50Ms, p99Ms, checkpoints, checkpointMsMax, replicas } = results
  return [
    '',
    `${cores} cores, ${memoryGib} GiB, ${platform}, Node ${node}, a sync of 4 KiB ${syncMs} ms, load ${loadBefore} before and ${loadNow()} after`,
    `${inputs} puts of ${bytes} bytes over ${keys} keys by ${clients} clients in ${Math.round(seconds)} s: ${Math.round(perSecond)}/s, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms; ${Math.round(perCoreSecond ?? Number.NaN)} for each second of the replicas’ processor time`,
    `${checkpoints} checkpoints at every replica, the longest took ${Math.round(checkpointMsMax)} ms; ${results.samples} samples`,
    ...replicas.map(
      (replica) =>
        `${replica.name}: at most ${mib(replica.memoryBytes)} MiB resident (bound ${mib(MEMORY_BYTES_MAX)}; ${mib(replica.memorySampledBytes)} in the samples), ${mib(replica.diskBytes)} MiB in its data folder (bound ${mib(DISK_BYTES_MAX)})${
          replica.restarts === 0 ? '' : `, ${replica.restarts} restarts`
        }${isWithinBounds(replica) ? '' : ' – NOT within the bounds'}`,
    ),
    results.isWithinBounds ? 'The bounds held throughout.' : 'The bounds did not hold.',
  ].join('\n')
}

function mib(bytes: number): number {
  return Math.round(bytes / MIB)
}
