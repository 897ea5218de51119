import { setTimeout as sleep } from 'node:timers/promises'
import { createPrng } from '../../../core/base/prng.ts'
import type { BenchCluster } from '../bench-cluster.ts'
import { percentile } from '../statistics.ts'

/** Puts of clients from this number on: no other client of the run has one of them. */
const CLIENT_FIRST = 1_000

export interface LoadInit {
  readonly cluster: BenchCluster
  readonly clients: number
  /** Requests a second of all clients together; 0: a closed loop. */
  readonly rate: number
  readonly keyOf: (number: number) => string
  readonly keys: number
  readonly valueOf: (number: number) => string
}

const LOOK_MS = 50
/** Unit: ms. A client that was refused waits so long before it asks again. */
const REFUSED_MS = 10

interface Timed {
  readonly atMs: number
  readonly latencyMs: number
}

/** A stretch of the run. Unit: ms of `performance.now()`. */
export interface Window {
  readonly fromMs: number
  readonly toMs: number
}

export interface Latencies {
  readonly requests: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Clients at work until they are told to end; every request is timed. */
export class TransferLoad {
  readonly #init: LoadInit
  readonly #timed: Timed[] = []
  readonly #ended: Promise<unknown>
  /** When each client's next request is due; of those before, all are answered. */
  readonly #due: number[]
  #ends = false
  #errors = 0

  constructor(init: LoadInit) {
    this.#init = init
    this.#due = Array.from({ length: init.clients }, () => 0)
    this.#ended = Promise.all(Array.from({ length: init.clients }, (_, number) => this.#client(number)))
  }

  /** Requests that were not answered with success. */
  get errors(): number {
    return this.#errors
  }

  async end(): Promise<void> {
    this.#ends = true
    await this.#ended
  }

  /** Of the requests that were due within a window, when the last of them is answered. */
  async within({ fromMs, toMs }: Window): Promise<Latencies> {
    while (!this.#ends && this.#due.some((dueMs) => dueMs < toMs)) await sleep(LOOK_MS)
    const latencies = this.#timed.filter(({ atMs }) => atMs >= fromMs && atMs < toMs).map(({ latencyMs }) => latencyMs)
    const sorted = Float64Array.from(latencies).sort()
    return { requests: sorted.length, p50Ms: percentile(sorted, 0.5), p99Ms: percentile(sorted, 0.99) }
  }

  async #client(number: number): Promise<void> {
    const { cluster, clients, rate, keyOf, keys, valueOf } = this.#init
    const prng = createPrng(number)
    const everyMs = rate === 0 ? 0 : (1000 * clients) / rate
    let dueMs = performance.now() + prng.next() * everyMs
    while (!this.#ends) {
      const nowMs = performance.now()
      if (everyMs === 0) dueMs = nowMs
      this.#due[number] = dueMs
      if (dueMs > nowMs) {
        await sleep(dueMs - nowMs)
        continue
      }
      try {
        await cluster.put(CLIENT_FIRST + number, keyOf(prng.between(0, keys - 1)), valueOf(prng.between(0, keys)))
        // From when it was due: a client that is held up must not hide how long the next one would have waited.
        this.#timed.push({ atMs: dueMs, latencyMs: performance.now() - dueMs })
      } catch {
        this.#errors += 1
        await sleep(REFUSED_MS)
      }
      dueMs += everyMs
    }
  }
}
