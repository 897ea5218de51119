/**
 * Synod beside etcd, on one machine in one run: `npm run bench`. How it measures stands in docs/benchmarks.md.
 *
 * Exit code: 0 measured; 1 something failed, or requests were refused; 2 an option is wrong; 130 interrupted.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { runBench } from './bench.ts'
import { etcdVersion, openEtcd } from './etcd-system.ts'
import { loadNow, lookAtMachine } from './machine.ts'
import type { Options } from './options.ts'
import { UsageError } from './option-values.ts'
import { USAGE, readOptions } from './options.ts'
import { reportJson, reportText } from './report.ts'
import { openSynod } from './synod-system.ts'
import type { System } from './system.ts'

/** Unit: ms. Beyond what is measured: founding, filling, failovers, closing. A run that takes longer is stuck. */
const OVERHEAD_MS_MAX = 600_000
const FAILOVER_MS_MAX = 60_000

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interrupted.abort(new Error(`interrupted by ${signal}`))
  })
}
process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  let options: Options
  try {
    options = readOptions(args)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(`${error.message}\n\n${USAGE}`)
    return 2
  }
  const systems: System[] = []
  const measuring = measureAll(options, systems)
  try {
    return await Promise.race([measuring, rejectionOf(interrupted.signal, options)])
  } catch (error) {
    const wasInterrupted = interrupted.signal.aborted
    console.error(error instanceof Error ? error.message : error)
    return wasInterrupted ? 130 : 1
  } finally {
    interrupted.abort()
    // What is under way fails once its processes are gone; a system that was just being opened comes after that.
    await closeAll(systems)
    await measuring.catch(() => undefined)
    await closeAll(systems)
  }
}

async function closeAll(systems: readonly System[]): Promise<void> {
  await Promise.all(systems.map((system) => system.close()))
}

async function measureAll(options: Options, systems: System[]): Promise<number> {
  const { signal } = interrupted
  const tell = (line: string): void => {
    console.error(line)
  }
  const machine = await lookAtMachine(options.folder)
  const skipped: string[] = []
  if (options.systems.includes('synod')) systems.push(await openSynod(options))
  signal.throwIfAborted()
  if (options.systems.includes('etcd')) {
    const version = etcdVersion()
    if (version === undefined) skipped.push('etcd: skipped, there is no etcd on this machine (Debian: etcd-server)')
    else systems.push(await openEtcd(options, version))
  }
  for (const line of skipped) tell(line)
  if (systems.length === 0) return 1
  const results = await runBench({ options, systems, signal, tell })
  const report = { options, machine, systems, results, loadAfter: loadNow(), skipped }
  console.log(reportText(report))
  if (options.json) console.log(reportJson(report))
  return results.cells.some(({ errors }) => errors > 0) ? 1 : 0
}

/** Rejects when the run is interrupted, or takes longer than it can take. */
async function rejectionOf(signal: AbortSignal, options: Options): Promise<never> {
  const { rounds, clients, operations, seconds, warmupSeconds, failovers, systems } = options
  const cells = rounds * clients.length * operations.length
  const cellMs = (seconds + warmupSeconds) * 1000 * 2
  const msMax = OVERHEAD_MS_MAX + (cells * cellMs + failovers * FAILOVER_MS_MAX) * systems.length
  try {
    await sleep(msMax, undefined, { signal, ref: false })
  } catch {
    signal.throwIfAborted()
  }
  throw new Error(`the run took longer than ${Math.round(msMax / 60_000)} minutes`)
}
