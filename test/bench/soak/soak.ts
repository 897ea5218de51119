import { createPrng } from '../../../core/base/prng.ts'
import type { ClusterView } from '../../../core/api/views.ts'
import { BenchCluster, isWell } from '../bench-cluster.ts'
import { watchProcessorTime } from '../processor-time.ts'
import type { Run } from '../program.ts'
import { percentile } from '../statistics.ts'
import { createValues } from '../values.ts'
import type { SoakOptions } from './options.ts'
import type { ReplicaMost } from './watch.ts'
import { Watch } from './watch.ts'

const MIB = 1024 * 1024
/** Issue 4: the memory of each replica, and its data folder, all the time. */
export const MEMORY_BYTES_MAX = 300 * MIB
export const DISK_BYTES_MAX = 500 * MIB

const WELL_MS_MAX = 60_000
const TELL_MS = 10_000

export interface SoakResults {
  readonly inputs: number
  readonly seconds: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Inputs for each second of processor time of the three replicas together; undefined where it can't be read. */
  readonly perCoreSecond: number | undefined
  /** Taken by every replica. */
  readonly checkpoints: number
  /** From the freeze until it was verified, the longest that was seen. */
  readonly checkpointMsMax: number
  readonly samples: number
  readonly replicas: readonly ReplicaMost[]
  readonly isWithinBounds: boolean
}

/** Orders the Inputs, and watches what the replicas take meanwhile. */
export async function soak(options: SoakOptions, { signal, tell }: Run): Promise<SoakResults> {
  const cluster = await BenchCluster.open(options.folder)
  try {
    const watch = new Watch(cluster)
    const seen = new CheckpointsSeen(cluster)
    const progress = setInterval(() => {
      tell(`${load.ordered} of ${options.inputs}: ${watch.most.map(shortly).join('; ')}`)
    }, TELL_MS)
    const load = new Load(cluster, options)
    const pids = (await cluster.view()).replicas.map(({ pid }) => pid).filter((pid) => pid !== null)
    const usedSince = watchProcessorTime(pids)
    const startedMs = performance.now()
    try {
      await load.run(signal)
    } finally {
      clearInterval(progress)
    }
    const seconds = (performance.now() - startedMs) / 1000
    const cores = usedSince()?.servers.reduce((sum, used) => sum + used, 0)
    signal.throwIfAborted()
    await cluster.until('all replicas are well in the end', isWell, WELL_MS_MAX)
    const replicas = await watch.end()
    seen.end()
    return {
      inputs: options.inputs,
      seconds,
      perSecond: options.inputs / seconds,
      perCoreSecond: cores === undefined ? undefined : options.inputs / seconds / cores,
      ...load.latencies(),
      ...seen.summary(),
      samples: watch.samples,
      replicas,
      isWithinBounds: replicas.every(isWithinBounds),
    }
  } finally {
    await cluster.close()
  }
}

export function isWithinBounds({ memoryBytes, diskBytes, restarts }: ReplicaMost): boolean {
  // A process that was started again has another one's peak, and should not have ended.
  return memoryBytes < MEMORY_BYTES_MAX && diskBytes < DISK_BYTES_MAX && restarts === 0
}

function shortly({ name, memoryBytes, diskBytes }: ReplicaMost): string {
  return `${name} ${Math.round(memoryBytes / MIB)} MiB resident, ${Math.round(diskBytes / MIB)} MiB on disk`
}

/** Clients that ask, wait, ask again, until all Inputs are ordered. */
class Load {
  readonly #cluster: BenchCluster
  readonly #options: SoakOptions
  readonly #latenciesMs: Float64Array
  #next = 0
  #answered = 0

  constructor(cluster: BenchCluster, options: SoakOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#latenciesMs = new Float64Array(options.inputs)
  }

  get ordered(): number {
    return this.#answered
  }

  async run(signal: AbortSignal): Promise<void> {
    const { inputs, keys, bytes, clients } = this.#options
    const valueOf = createValues('text', bytes)
    const prng = createPrng(7)
    const client = async (number: number): Promise<void> => {
      while (this.#next < inputs && !signal.aborted) {
        this.#next += 1
        const value = valueOf(this.#next)
        const startedMs = performance.now()
        await this.#cluster.put(number, `key-${prng.between(0, keys - 1)}`, value)
        this.#latenciesMs[this.#answered] = performance.now() - startedMs
        this.#answered += 1
      }
    }
    await Promise.all(Array.from({ length: clients }, (_, number) => client(number)))
  }

  latencies(): { readonly p50Ms: number; readonly p99Ms: number } {
    const sorted = this.#latenciesMs.subarray(0, this.#answered).toSorted()
    return { p50Ms: percentile(sorted, 0.5), p99Ms: percentile(sorted, 0.99) }
  }
}

/** The checkpoints that the cluster's views show, of all replicas. */
class CheckpointsSeen {
  /** How long each replica took for a slot's. */
  readonly #durationsMs = new Map<string, number>()
  readonly #slots = new Map<number, Set<string>>()
  readonly #members = new Set<string>()
  readonly end: () => void

  constructor(cluster: BenchCluster) {
    this.end = cluster.onView((view) => {
      this.#look(view)
    })
  }

  summary(): { readonly checkpoints: number; readonly checkpointMsMax: number } {
    const everywhere = [...this.#slots.values()].filter((replicas) => replicas.size === this.#members.size)
    return { checkpoints: everywhere.length, checkpointMsMax: Math.max(0, ...this.#durationsMs.values()) }
  }

  #look({ replicas }: ClusterView): void {
    for (const { name, storage } of replicas) {
      this.#members.add(name)
      for (const { slot, durationMs } of storage.checkpoints) {
        this.#slots.set(slot, (this.#slots.get(slot) ?? new Set()).add(name))
        if (durationMs !== null) this.#durationsMs.set(`${name} ${slot}`, durationMs)
      }
    }
  }
}
