import { setTimeout as sleep } from 'node:timers/promises'
import type { Operation, Options, SystemName } from './options.ts'
import { median } from './statistics.ts'
import type { System } from './system.ts'
import { untilWell } from './system.ts'
import type { Measured } from './target.ts'

/** Unit: ms. Between two cells: what the last one left behind is written and forgotten. */
const SETTLE_MS = 300
const FILL_MS_MAX = 120_000
/** Unit: ms. Longer than any answer of the driver takes beyond the cell's own time. */
const CELL_MS_MAX = 60_000

export interface Cell {
  readonly operation: Operation
  readonly clients: number
  readonly system: SystemName
  /** Medians over the rounds. */
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /**
   * Operations a second of processor time, clients and servers together: what the system costs, which a machine that
   * others work on blurs less than what it reaches. Undefined where processor time can't be read.
   */
  readonly perCoreSecond: number | undefined
  readonly errors: number
  readonly rounds: readonly Measured[]
}

export interface Failover {
  readonly system: SystemName
  readonly p50Ms: number
  readonly maxMs: number
  readonly rounds: readonly number[]
}

export interface Results {
  readonly cells: readonly Cell[]
  readonly failovers: readonly Failover[]
}

interface Run {
  readonly options: Options
  readonly systems: readonly System[]
  readonly signal: AbortSignal
  /** Says how far the run is. */
  readonly tell: (line: string) => void
}

/** Measures all cells, the systems in turns, so that whatever drifts on this machine drifts for both. */
export async function runBench(run: Run): Promise<Results> {
  for (const system of run.systems) {
    await untilWell(system.members, run)
    run.tell(`${system.name}: up; gives every key a value`)
    await system.driver.call('fill', null, FILL_MS_MAX)
  }
  return { failovers: await measureFailovers(run), cells: await measureCells(run) }
}

async function measureCells({ options, systems, signal, tell }: Run): Promise<Cell[]> {
  const measured = new Map<string, Measured[]>()
  for (let round = 0; round < options.rounds; round += 1) {
    // Who goes first changes, so that nobody always comes after the other.
    const turn = round % 2 === 0 ? systems : systems.toReversed()
    for (const operation of options.operations) {
      for (const clients of options.clients) {
        for (const system of turn) {
          signal.throwIfAborted()
          await sleep(SETTLE_MS)
          const result = await measureCell(system, { options, operation, clients })
          const key = `${operation} ${clients} ${system.name}`
          measured.set(key, [...(measured.get(key) ?? []), result])
          tell(`round ${round + 1}/${options.rounds} ${key}: ${Math.round(result.perSecond)}/s`)
        }
      }
    }
  }
  const cells = options.operations.flatMap((operation) => options.clients.map((clients) => ({ operation, clients })))
  return cells.flatMap((cell) =>
    systems.map(({ name }) => ({
      ...cell,
      system: name,
      ...summary(measured.get(`${cell.operation} ${cell.clients} ${name}`) ?? []),
    })),
  )
}

async function measureCell(
  system: System,
  {
    options,
    operation,
    clients,
  }: { readonly options: Options; readonly operation: Operation; readonly clients: number },
): Promise<Measured> {
  const order = {
    operation,
    clients,
    warmupMs: options.warmupSeconds * 1000,
    measuredMs: options.seconds * 1000,
    serverPids: await system.serverPids(),
  }
  return await system.driver.call('measure', order, order.warmupMs + order.measuredMs + CELL_MS_MAX)
}

function summary(rounds: readonly Measured[]): Omit<Cell, 'operation' | 'clients' | 'system'> {
  return {
    perSecond: median(rounds.map((round) => round.perSecond)),
    p50Ms: median(rounds.map((round) => round.p50Ms)),
    p99Ms: median(rounds.map((round) => round.p99Ms)),
    perCoreSecond: perCoreSecond(rounds),
    errors: rounds.reduce((sum, round) => sum + round.errors, 0),
    rounds,
  }
}

function perCoreSecond(rounds: readonly Measured[]): number | undefined {
  const values = rounds.flatMap(({ perSecond, cores }) =>
    cores === undefined ? [] : [perSecond / cores.servers.reduce((sum, used) => sum + used, cores.client)],
  )
  return values.length === 0 ? undefined : median(values)
}

async function measureFailovers({ options, systems, signal, tell }: Run): Promise<Failover[]> {
  const rounds = new Map<SystemName, number[]>(systems.map(({ name }) => [name, []]))
  const probes = new Map<SystemName, number>()
  for (let round = 0; round < options.failovers; round += 1) {
    for (const system of systems) {
      const leader = (await untilWell(system.members, { signal })).find(({ leads }) => leads)
      if (leader?.pid === undefined) throw new Error(`${system.name} has no leader to kill`)
      await sleep(SETTLE_MS)
      signal.throwIfAborted()
      const order = { pid: leader.pid, victim: leader.name, firstProbe: probes.get(system.name) ?? 0 }
      const { ms, probes: sent } = await system.driver.call('failOver', order, CELL_MS_MAX)
      probes.set(system.name, order.firstProbe + sent)
      rounds.get(system.name)?.push(ms)
      tell(`failover ${round + 1}/${options.failovers} ${system.name}: ${Math.round(ms)} ms`)
      await system.revive(leader.name)
      await untilWell(system.members, { except: leader.pid, signal })
    }
  }
  return [...rounds]
    .filter(([, values]) => values.length > 0)
    .map(([system, values]) => ({ system, p50Ms: median(values), maxMs: Math.max(...values), rounds: values }))
}
