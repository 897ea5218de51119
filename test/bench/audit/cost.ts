import { setTimeout as sleep } from 'node:timers/promises'
import { createPrng } from '../../../core/base/prng.ts'
import type { TestHost } from '../../cluster/harness.ts'
import { valueOf } from '../../cluster/harness.ts'
import { watchProcessorTime } from '../processor-time.ts'
import type { Run } from '../program.ts'
import { median, percentile } from '../statistics.ts'
import type { Measured } from '../target.ts'
import { VALUE_BYTES } from '../target.ts'
import { createValues } from '../values.ts'
import { perCoreSecond } from '../vote/vote.ts'
import { within } from '../workload.ts'
import { keyOf, openFilled } from './clusters.ts'
import type { AuditOptions } from './options.ts'

/** Unit: ms. Between two rounds: what the last one left behind is written and forgotten. */
const SETTLE_MS = 300
/** Unit: ms. A client that was refused waits so long before it asks again. */
const REFUSED_MS = 10
/** Unit: ms. From an AUDIT to the last report, at most; then the run is given up. */
const REPORTS_MS_MAX = 120_000
/** Unit: ms. */
const ANSWERS_MS_MAX = 60_000
/** Stretches with an AUDIT, and as many without, in which nobody asks for anything. */
const STRETCHES = 2

export interface AuditCost {
  readonly audited: readonly Measured[]
  readonly plain: readonly Measured[]
  /** Throughput with AUDITs as a part of that without: the median over the rounds of each round's own. */
  readonly ratio: number
  /** The same of what a second of one core does, which others on the machine blur less. */
  readonly ratioPerCore: number | undefined
  /** From the Output of each AUDIT until the report of the last replica has come. Unit: ms. */
  readonly scrubsMs: readonly number[]
  /**
   * What one AUDIT takes of the processors, all replicas together, while nobody asks for anything: others on the machine
   * blur this least. Undefined where it can't be read. Unit: ms.
   */
  readonly processorMs: number | undefined
}

/** One cluster, asked with AUDITs and without in turns: whatever drifts on this machine drifts for both. */
export async function measureCost(options: AuditOptions, run: Run): Promise<AuditCost> {
  const { folder, keys } = options
  const values = createValues('text', VALUE_BYTES)
  const host = await openFilled({ folder, keys, valueOf: values, signal: run.signal })
  try {
    run.tell(`${keys} keys are there`)
    const bench = new CostBench(host, options, values)
    const measured = { audited: new Array<Measured>(), plain: new Array<Measured>() }
    for (let round = 0; round < options.rounds; round += 1) {
      // Who goes first changes, so that nobody always comes after the other.
      const turn = round % 2 === 0 ? (['audited', 'plain'] as const) : (['plain', 'audited'] as const)
      for (const name of turn) {
        run.signal.throwIfAborted()
        await sleep(SETTLE_MS)
        const result = await bench.measure(name === 'audited')
        measured[name].push(result)
        const figures = `${Math.round(result.perSecond)}/s, p99 ${result.p99Ms.toFixed(1)} ms`
        run.tell(`round ${round + 1}/${options.rounds} ${name}: ${figures}`)
      }
    }
    const ratios = measured.audited.map(
      ({ perSecond }, index) => perSecond / (measured.plain[index]?.perSecond ?? Number.NaN),
    )
    const perCore = median(measured.audited.flatMap(perCoreSecond)) / median(measured.plain.flatMap(perCoreSecond))
    const ratioPerCore = Number.isNaN(perCore) ? undefined : perCore
    const processorMs = await bench.processorMs(run)
    return { ...measured, ratio: median(ratios), ratioPerCore, scrubsMs: bench.scrubsMs, processorMs }
  } finally {
    await host.close()
  }
}

class CostBench {
  readonly scrubsMs: number[] = []
  readonly #host: TestHost
  readonly #options: AuditOptions
  readonly #values: (number: number) => string
  readonly #sequences: number[]
  #rounds = 0

  constructor(host: TestHost, options: AuditOptions, values: (number: number) => string) {
    this.#host = host
    this.#options = options
    this.#values = values
    this.#sequences = Array.from({ length: options.clients }, () => 0)
  }

  /** Closed loop: each client puts, waits for the Output, puts again. */
  async measure(isAudited: boolean): Promise<Measured> {
    const { warmupSeconds, seconds, clients } = this.#options
    const pids = await this.#host.pids()
    const fromMs = performance.now() + warmupSeconds * 1000
    const toMs = fromMs + seconds * 1000
    const seen = { latenciesMs: new Array<number>(), errors: 0, firstError: undefined as string | undefined }
    this.#rounds += 1
    const client = async (number: number): Promise<void> => {
      const prng = createPrng(this.#rounds * clients + number)
      for (let startedMs = performance.now(); startedMs < toMs; startedMs = performance.now()) {
        try {
          await this.#put(number, prng.between(0, this.#options.keys - 1), prng.between(0, 0xffff))
          const endedMs = performance.now()
          if (endedMs >= fromMs && endedMs < toMs) seen.latenciesMs.push(endedMs - startedMs)
        } catch (error) {
          seen.errors += 1
          seen.firstError ??= String(error)
          await sleep(REFUSED_MS)
        }
      }
    }
    const asking = Promise.all(Array.from({ length: clients }, (_, number) => client(number)))
    await sleep(fromMs - performance.now())
    const usedSince = watchProcessorTime(pids)
    const auditing = isAudited ? this.#audit(toMs) : Promise.resolve()
    await sleep(toMs - performance.now())
    const cores = usedSince()
    await within(ANSWERS_MS_MAX, asking, 'requests of a round were never answered')
    // The next round is not to pay for what this one began.
    await auditing
    const sorted = Float64Array.from(seen.latenciesMs).sort()
    return {
      perSecond: sorted.length / seconds,
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
      operations: sorted.length,
      errors: seen.errors,
      firstError: seen.firstError,
      cores,
    }
  }

  /** Stretches with an AUDIT and without in turns; the difference of their medians. */
  async processorMs({ signal, tell }: Run): Promise<number | undefined> {
    const used = { audited: new Array<number>(), plain: new Array<number>() }
    const pids = await this.#host.pids()
    for (let stretch = 0; stretch < 2 * STRETCHES; stretch += 1) {
      signal.throwIfAborted()
      const isAudited = stretch % 2 === 0
      const usedSince = watchProcessorTime(pids)
      const fromMs = performance.now()
      await Promise.all([isAudited ? this.#auditOnce() : undefined, sleep(this.#options.everySeconds * 1000)])
      const cores = usedSince()
      if (cores === undefined) return undefined
      const ms = cores.servers.reduce((sum, share) => sum + share, 0) * (performance.now() - fromMs)
      used[isAudited ? 'audited' : 'plain'].push(ms)
      tell(`nobody asks, ${isAudited ? 'an AUDIT' : 'none'}: ${ms.toFixed(0)} ms of processor`)
    }
    return median(used.audited) - median(used.plain)
  }

  async #put(client: number, key: number, value: number): Promise<void> {
    const sequence = (this.#sequences[client] ?? 0) + 1
    this.#sequences[client] = sequence
    await this.#host.value(`bench-${client}`, sequence, { op: 'set', key: keyOf(key), value: this.#values(value) })
  }

  /** The first AUDIT at once, then one after the other at their pace until the round is over. */
  async #audit(toMs: number): Promise<void> {
    const scrubs: Promise<void>[] = []
    for (let dueMs = performance.now(); dueMs < toMs; dueMs += this.#options.everySeconds * 1000) {
      await sleep(Math.max(0, dueMs - performance.now()))
      scrubs.push(this.#auditOnce())
    }
    await Promise.all(scrubs)
  }

  /** @throws Error when replicas differ, or do not report. */
  async #auditOnce(): Promise<void> {
    const { cluster, api } = this.#host
    const reported = new Map<number, string>()
    let look = (): void => undefined
    const end = api.subscribe('audit.changed', ({ audit }) => {
      if (audit.replicas.some(({ sign }) => sign === 'missing')) return
      reported.set(audit.slot, audit.verdict)
      look()
    })
    try {
      const outcome = await this.#host.call('cluster.audit', { cluster, timeoutMs: 20_000 })
      valueOf(outcome)
      const executedMs = performance.now()
      const slot = outcome.slot ?? 0
      const all = new Promise<void>((resolve) => {
        look = () => {
          if (reported.has(slot)) resolve()
        }
        look()
      })
      await within(REPORTS_MS_MAX, all, `the reports of the AUDIT of slot ${slot} have not all come`)
      this.scrubsMs.push(performance.now() - executedMs)
      if (reported.get(slot) !== 'agrees') throw new Error(`the AUDIT of slot ${slot}: ${reported.get(slot) ?? ''}`)
    } finally {
      end()
    }
  }
}
