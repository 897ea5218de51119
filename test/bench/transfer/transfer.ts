import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClusterView } from '../../../core/api/views.ts'
import { PARTITIONS, partitionOf } from '../../../core/state/partition.ts'
import { BenchCluster, isWell } from '../bench-cluster.ts'
import type { Run } from '../program.ts'
import type { ValueKind } from '../values.ts'
import { createValues } from '../values.ts'
import type { Latencies, Window } from './load.ts'
import { TransferLoad } from './load.ts'
import type { Transferred } from './observer.ts'
import { watchTransfer } from './observer.ts'
import type { TransferOptions } from './options.ts'

/** The replica that is away and comes back. */
const RECEIVER = 'c'
const FILL_CLIENTS = 256
/** No other client of the run has this number. */
const CHANGER = 900
/** More than the tail of slots that is kept behind the newest. */
const TAIL_PUTS = 400
/** With the partitions of the changing client's session and of the ordered time: 1 % of 1,024. */
const CHANGED_PARTITIONS = Math.round(PARTITIONS / 100) - 2
/** Two AUDITs are in it, as in the time of a checkpoint: what they cost is not the checkpoint's. */
const BASELINE_MS = 20_000
const CHECKPOINTS = 3
const SETTLE_MS = 2_000
const STABLE_MS_MAX = 120_000
/** CHECKPOINTs are ordered by this run alone. */
const NEVER = { slotsMax: 1_000_000_000, bytesMax: 1_000_000_000_000 }

export interface TransferFigures extends Transferred {
  /** What of the State changed since the receiver had it: everything, or 1 % of the partitions. */
  readonly part: 'full' | 'partial'
  /** Undefined without load. */
  readonly latencies: Latencies | undefined
  /** Seen meanwhile: one explains waits of seconds. */
  readonly elections: number
}

export interface CheckpointFigures {
  readonly stateBytes: number
  /** From the freeze until it was verified, of the slowest replica. */
  readonly durationMs: number
  readonly latencies: Latencies
  /** Seen meanwhile. */
  readonly elections: number
}

export interface KindResults {
  readonly values: ValueKind
  readonly fillSeconds: number
  /** Of the State's encoding, the part that its checkpoint takes on the disk. */
  readonly packedPart: number
  readonly baseline: Latencies
  readonly checkpoints: readonly CheckpointFigures[]
  readonly transfers: readonly TransferFigures[]
  readonly errors: number
}

/** All parts with one kind of values, in a cluster of its own. */
export async function measureTransfers(
  options: TransferOptions,
  values: ValueKind,
  { signal, tell }: Run,
): Promise<KindResults> {
  const cluster = await BenchCluster.open(options.folder, NEVER)
  try {
    const bench = new TransferBench(cluster, options, values)
    await cluster.stop(RECEIVER)
    const fillSeconds = await bench.fill(signal)
    tell(`${values}: ${options.keys} keys in ${fillSeconds.toFixed(1)} s`)
    const transfers: TransferFigures[] = []
    const told = (figures: TransferFigures): void => {
      transfers.push(figures)
      tell(`${values}: ${transferLine(figures)}`)
      signal.throwIfAborted()
    }
    await bench.changeAndCheckpoint()
    told(await bench.transfer('full', undefined))
    let errors = 0
    const underLoad = async <T>(measure: (load: TransferLoad) => Promise<T>): Promise<T> => {
      const load = bench.load()
      try {
        return await measure(load)
      } finally {
        await load.end()
        errors += load.errors
      }
    }
    const { baseline, checkpoints } = await underLoad(async (load) => ({
      baseline: await bench.baseline(load),
      checkpoints: await bench.checkpoints(load, signal),
    }))
    tell(`${values}: before: p50 ${baseline.p50Ms.toFixed(1)} ms, p99 ${baseline.p99Ms.toFixed(1)} ms`)
    await bench.leaveReceiver()
    told(await bench.transfer('partial', undefined))
    await bench.leaveReceiver()
    told(await underLoad((load) => bench.transfer('partial', load)))
    await bench.emptyReceiver()
    told(await underLoad((load) => bench.transfer('full', load)))
    return { values, fillSeconds, packedPart: await bench.packedPart(), baseline, checkpoints, transfers, errors }
  } finally {
    await cluster.close()
  }
}

export function transferLine({
  part,
  latencies,
  stateBytes,
  bytes,
  partitions,
  fromMs,
  toMs,
  phasesMs,
  elections,
}: TransferFigures) {
  const seconds = (toMs - fromMs) / 1000
  const rate = (stateBytes / 1e6 / seconds).toFixed(1)
  const phases = Object.entries(phasesMs).map(([phase, ms]) => `${phase} ${(ms / 1000).toFixed(1)}`)
  const wait =
    latencies === undefined
      ? 'no load'
      : `${latencies.requests} requests, p50 ${latencies.p50Ms.toFixed(1)} ms, p99 ${latencies.p99Ms.toFixed(1)} ms`
  return `${part}: ${rate} MB/s of State (${(stateBytes / 1e6).toFixed(1)} MB in ${seconds.toFixed(1)} s: ${phases.join(', ')}), ${(bytes / 1e6).toFixed(2)} MB moved of ${partitions} partitions (${((100 * bytes) / stateBytes).toFixed(2)} % of the State), ${wait}, ${elections} elections`
}

class TransferBench {
  readonly #cluster: BenchCluster
  readonly #options: TransferOptions
  readonly #valueOf: (number: number) => string
  #changes = 0

  constructor(cluster: BenchCluster, options: TransferOptions, values: ValueKind) {
    this.#cluster = cluster
    this.#options = options
    this.#valueOf = createValues(values, options.bytes)
  }

  load(): TransferLoad {
    const { clients, rate, keys } = this.#options
    return new TransferLoad({ cluster: this.#cluster, clients, rate, keyOf, keys, valueOf: this.#valueOf })
  }

  /** @returns seconds. */
  async fill(signal: AbortSignal): Promise<number> {
    const { keys } = this.#options
    const startedMs = performance.now()
    let next = 0
    const client = async (number: number): Promise<void> => {
      while (next < keys && !signal.aborted) {
        const key = next
        next += 1
        await this.#cluster.put(number, keyOf(key), this.#valueOf(key))
      }
    }
    await Promise.all(Array.from({ length: FILL_CLIENTS }, (_, number) => client(number)))
    signal.throwIfAborted()
    return (performance.now() - startedMs) / 1000
  }

  /** Changes 1 % of the partitions, and lets the others drop every slot from before. */
  async changeAndCheckpoint(): Promise<void> {
    for (let count = 0; count < 2; count += 1) {
      await this.#change()
      const slot = await this.#cluster.checkpoint()
      await this.#cluster.until(
        `the checkpoint at slot ${slot} is stable`,
        (view) => isStable(view, slot),
        STABLE_MS_MAX,
      )
    }
  }

  /** The receiver goes, comes to miss 1 % of the State, and what it misses is in no log. */
  async leaveReceiver(): Promise<void> {
    await this.#well()
    await this.#cluster.stop(RECEIVER)
    await this.changeAndCheckpoint()
  }

  /** The receiver loses its checkpoints; its log does not reach back to the beginning. */
  async emptyReceiver(): Promise<void> {
    await this.#well()
    // Its own log is cut at the older of two checkpoints, so that without them the State is missing.
    await this.changeAndCheckpoint()
    await this.#cluster.stop(RECEIVER)
    await rm(join(await this.#cluster.folderOf(RECEIVER), 'checkpoints'), { recursive: true })
  }

  async transfer(part: TransferFigures['part'], load: TransferLoad | undefined): Promise<TransferFigures> {
    if (load !== undefined) await sleep(SETTLE_MS)
    const before = await this.#cluster.elections()
    const transferred = await watchTransfer(this.#cluster, RECEIVER, () => this.#cluster.start(RECEIVER))
    const latencies = await load?.within(transferred)
    return { ...transferred, part, latencies, elections: (await this.#cluster.elections()) - before }
  }

  async baseline(load: TransferLoad): Promise<Latencies> {
    await this.#well()
    await sleep(SETTLE_MS)
    const fromMs = performance.now()
    await sleep(BASELINE_MS)
    return await load.within({ fromMs, toMs: performance.now() })
  }

  async checkpoints(load: TransferLoad, signal: AbortSignal): Promise<readonly CheckpointFigures[]> {
    const figures: CheckpointFigures[] = []
    for (let count = 0; count < CHECKPOINTS; count += 1) {
      signal.throwIfAborted()
      figures.push(await this.#checkpoint(load))
    }
    return figures
  }

  /** A CHECKPOINT under load, from its order until all replicas have written and verified it. */
  async #checkpoint(load: TransferLoad): Promise<CheckpointFigures> {
    const before = await this.#cluster.elections()
    const fromMs = performance.now()
    const slot = await this.#cluster.checkpoint()
    const view = await this.#cluster.until(`slot ${slot} is kept`, (seen) => isStable(seen, slot), STABLE_MS_MAX)
    const window: Window = { fromMs, toMs: performance.now() }
    const written = view.replicas.flatMap(({ storage }) => storage.checkpoints.filter((kept) => kept.slot === slot))
    const durationMs = Math.max(...written.map((kept) => kept.durationMs ?? 0))
    const latencies = await load.within(window)
    const elections = (await this.#cluster.elections()) - before
    await sleep(SETTLE_MS)
    return { stateBytes: written[0]?.stateBytes ?? 0, durationMs, latencies, elections }
  }

  async packedPart(): Promise<number> {
    const [replica] = (await this.#cluster.view()).replicas
    const newest = replica?.storage.checkpoints.at(-1)
    return newest === undefined ? Number.NaN : newest.fileBytes / newest.stateBytes
  }

  async #change(): Promise<void> {
    const keys = keysOfPartitions(CHANGED_PARTITIONS)
    for (let count = 0; count < TAIL_PUTS; count += 1) {
      this.#changes += 1
      await this.#cluster.put(CHANGER, keys[count % keys.length] ?? '', this.#valueOf(this.#changes))
    }
  }

  async #well(): Promise<void> {
    await this.#cluster.until('all replicas are well', isWell, STABLE_MS_MAX)
  }
}

function keyOf(number: number): string {
  return `key-${number}`
}

/** One key of the fill in each of the first so many partitions. */
function keysOfPartitions(count: number): readonly string[] {
  const keys = new Map<number, string>()
  for (let number = 0; keys.size < count; number += 1) {
    // As the machine `kv` holds it in the State.
    const partition = partitionOf(`kv/entry/${keyOf(number)}`)
    if (partition < count && !keys.has(partition)) keys.set(partition, keyOf(number))
  }
  return [...keys.values()]
}

/** Every replica that runs has it on disk, attested by a majority. */
function isStable({ replicas }: ClusterView, slot: number): boolean {
  const running = replicas.filter(({ process: state }) => state === 'running')
  return running.every(({ storage }) => storage.checkpoints.some((kept) => kept.slot === slot && kept.stable))
}
