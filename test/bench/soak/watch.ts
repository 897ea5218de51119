import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchCluster } from '../bench-cluster.ts'
import { diskBytesOf, memoryOf } from '../resources.ts'

const SAMPLE_MS = 1_000

/** The most that was seen of one replica. */
export interface ReplicaMost {
  readonly name: string
  /** Of its processes, resident, by the kernel's own count of the peak. */
  readonly memoryBytes: number
  /** In the samples alone. */
  readonly memorySampledBytes: number
  /** Of its data folder, as du counts. */
  readonly diskBytes: number
  /** Its process ended and was started again so often. */
  readonly restarts: number
}

/** Looks every second at what each replica takes, until it is told to end. */
export class Watch {
  readonly #cluster: BenchCluster
  readonly #most = new Map<string, ReplicaMost>()
  readonly #folders = new Map<string, string>()
  readonly #end = new AbortController()
  readonly #ended: Promise<void>
  #samples = 0

  constructor(cluster: BenchCluster) {
    this.#cluster = cluster
    this.#ended = this.#watch()
  }

  get samples(): number {
    return this.#samples
  }

  get most(): readonly ReplicaMost[] {
    return [...this.#most.values()]
  }

  /** Looks once more. */
  async end(): Promise<readonly ReplicaMost[]> {
    this.#end.abort()
    await this.#ended
    return this.most
  }

  async #watch(): Promise<void> {
    while (!this.#end.signal.aborted) {
      await this.#sample()
      await sleep(SAMPLE_MS, undefined, { signal: this.#end.signal }).catch(() => undefined)
    }
    await this.#sample()
  }

  async #sample(): Promise<void> {
    const { replicas } = await this.#cluster.view()
    for (const { name, pid, restarts } of replicas) {
      const folder = this.#folders.get(name) ?? (await this.#cluster.folderOf(name))
      this.#folders.set(name, folder)
      const memory = pid === null ? undefined : memoryOf(pid)
      const diskBytes = await diskBytesOf(folder)
      const before = this.#most.get(name)
      this.#most.set(name, {
        name,
        memoryBytes: Math.max(before?.memoryBytes ?? 0, memory?.peakBytes ?? 0),
        memorySampledBytes: Math.max(before?.memorySampledBytes ?? 0, memory?.residentBytes ?? 0),
        diskBytes: Math.max(before?.diskBytes ?? 0, diskBytes),
        restarts,
      })
    }
    this.#samples += 1
  }
}
