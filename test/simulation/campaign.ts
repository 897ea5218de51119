import type { Finding, SeedRange, Totals } from './run-seeds.ts'
import { addTotals, NO_TOTALS } from './run-seeds.ts'
import { Worker } from './workers.ts'

/** Seeds handed to a process at once: some seconds of work at most, so that `--seconds` is kept. */
const SEEDS_AT_ONCE = 20
const PROGRESS_MS = 10_000
const HOUR_MS = 3_600_000

export interface CampaignInit {
  readonly range: SeedRange
  readonly jobs: number
  /** No new seeds after this. Unit: ms. */
  readonly limitMs: number
  readonly json: boolean
}

/** Many seeds over many processes; findings are told as they come. @returns the exit code. */
export async function runCampaign(init: CampaignInit): Promise<number> {
  const began = performance.now()
  const elapsedMs = (): number => performance.now() - began
  let { from } = init.range
  const end = from + init.range.count
  let totals = NO_TOTALS
  let toldMs = PROGRESS_MS
  const serve = async (): Promise<void> => {
    const worker = new Worker()
    while (from < end && elapsedMs() < init.limitMs) {
      const range = { ...init.range, from, count: Math.min(SEEDS_AT_ONCE, end - from) }
      from += range.count
      const chunk = await worker.run(range)
      totals = addTotals(totals, chunk)
      for (const finding of chunk.findings) console.log(findingText(finding))
      if (elapsedMs() < toldMs) continue
      toldMs = elapsedMs() + PROGRESS_MS
      console.log(`${totals.runs.toLocaleString('en')} runs, ${totals.findings.length} violations`)
    }
    worker.end()
  }
  await Promise.all(Array.from({ length: init.jobs }, serve))
  report(totals, init, elapsedMs())
  return totals.findings.length === 0 ? 0 : 1
}

export function findingText({ seed, replicas, violation }: Finding): string {
  return (
    `seed ${seed}, ${replicas} replicas: ${violation}\n` +
    `  replay: npm run simulate -- --seed ${seed} --replicas ${replicas} --trace`
  )
}

function report(totals: Totals, init: CampaignInit, elapsedMs: number): void {
  const perSecond = Math.round((totals.events * 1_000) / Math.max(1, elapsedMs))
  const perCpuSecond = Math.round((totals.events * 1_000) / Math.max(1, totals.cpuMs))
  if (init.json) {
    const { cpuMs: _cpuMs, virtualMs, findings, ...counts } = totals
    const summary = {
      ...counts,
      replicas: init.range.replicas,
      virtualHours: Number((virtualMs / HOUR_MS).toFixed(2)),
      violations: findings.length,
      findings: findings.slice(0, 20),
      jobs: init.jobs,
      seconds: Number((elapsedMs / 1_000).toFixed(1)),
      eventsPerSecond: perSecond,
      eventsPerCpuSecond: perCpuSecond,
    }
    console.log(JSON.stringify(summary))
    return
  }
  const number = (value: number): string => value.toLocaleString('en')
  console.log(
    `${number(totals.seeds)} seeds, ${number(totals.runs)} runs (${init.range.replicas.join(' and ')} replicas), ` +
      `${number(totals.events)} events, ${(totals.virtualMs / HOUR_MS).toFixed(1)} virtual hours, ` +
      `${number(totals.slots)} slots, ${number(totals.elections)} elections: ${totals.findings.length} violations; ` +
      `${number(perSecond)} events a second, ${number(perCpuSecond)} on one core`,
  )
}
