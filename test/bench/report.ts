import type { Cell, Failover, Results } from './bench.ts'
import type { Machine } from './machine.ts'
import type { Operation, Options, SystemName } from './options.ts'
import type { System } from './system.ts'
import { median } from './statistics.ts'
import { KEYS, VALUE_BYTES } from './target.ts'

export interface Report {
  readonly options: Options
  readonly machine: Machine
  readonly systems: readonly Pick<System, 'name' | 'title'>[]
  readonly results: Results
  /** Load average of the last minute when the run ended. */
  readonly loadAfter: number
  /** For people: what was left out, and why. */
  readonly skipped: readonly string[]
}

/** The report as one JSON object. Ratios: above 1, Synod is the better one. */
export function reportJson({ options, machine, systems, results, loadAfter, skipped }: Report): string {
  const { rounds, seconds, warmupSeconds, door, etcdClient } = options
  return JSON.stringify({
    kind: 'synod-bench',
    date: new Date().toISOString(),
    machine: { ...machine, loadAfter },
    method: { rounds, seconds, warmupSeconds, door, etcdClient, keys: KEYS, valueBytes: VALUE_BYTES },
    systems: systems.map(({ name, title }) => ({ name, title })),
    skipped,
    cells: results.cells,
    ratios: pairs(results).map(({ operation, clients, ratio }) => ({ operation, clients, ...ratio })),
    failovers: results.failovers,
    errors: results.cells.reduce((sum, cell) => sum + cell.errors, 0),
  })
}

/** The report for people. */
export function reportText({ options, machine, systems, results, loadAfter, skipped }: Report): string {
  const { cores, memoryGib, platform, node, syncMs, isInMemory, loadBefore } = machine
  const lines = [
    '',
    `${cores} cores, ${memoryGib} GiB, ${platform}, Node ${node}, a sync of 4 KiB ${syncMs} ms, load ${loadBefore} before and ${loadAfter} after`,
    ...(isInMemory
      ? ['The folder is in memory: a sync costs nothing there, so neither system pays for durability.']
      : []),
    ...systems.map(({ title }) => title),
    ...skipped,
    `${VALUE_BYTES}-byte values over ${KEYS} keys, medians of ${options.rounds} rounds of ${options.seconds} s`,
    '',
    ...table(cellRows(results)),
  ]
  if (results.failovers.length > 0) {
    lines.push('', 'kill -9 of the leader to the next reply', ...table(failoverRows(results.failovers)))
  }
  const failed = results.cells.filter(({ errors }) => errors > 0)
  for (const { operation, clients, system, errors, rounds } of failed) {
    const first = rounds.find(({ firstError }) => firstError !== undefined)?.firstError ?? ''
    lines.push(`${system}, ${operation}, ${clients} clients: ${errors} requests failed, the first with: ${first}`)
  }
  return lines.join('\n')
}

interface Pair {
  readonly operation: Operation
  readonly clients: number
  readonly of: ReadonlyMap<SystemName, Cell>
  readonly ratio:
    | {
        readonly perSecond: number
        readonly p50: number
        readonly p99: number
        readonly perCoreSecond: number | undefined
      }
    | undefined
}

function pairs({ cells }: Results): Pair[] {
  const names = [...new Set(cells.map(({ operation, clients }) => `${operation} ${clients}`))]
  return names.flatMap((name) => {
    const both = cells.filter(({ operation, clients }) => `${operation} ${clients}` === name)
    const of = new Map(both.map((cell) => [cell.system, cell]))
    const [first] = both
    return first === undefined ? [] : [{ ...first, of, ratio: ratioOf(of.get('synod'), of.get('etcd')) }]
  })
}

function ratioOf(synod: Cell | undefined, etcd: Cell | undefined): Pair['ratio'] {
  if (synod === undefined || etcd === undefined) return undefined
  return {
    perSecond: synod.perSecond / etcd.perSecond,
    p50: etcd.p50Ms / synod.p50Ms,
    p99: etcd.p99Ms / synod.p99Ms,
    perCoreSecond:
      synod.perCoreSecond === undefined || etcd.perCoreSecond === undefined
        ? undefined
        : synod.perCoreSecond / etcd.perCoreSecond,
  }
}

const HEAD = ['operation', 'clients', 'system', 'per second', 'p50 ms', 'p99 ms', 'per core second']
const HEAD_CORES = ['cores: clients', 'servers', 'others']

function cellRows(results: Results): string[][] {
  const rows: string[][] = [[...HEAD, ...HEAD_CORES]]
  for (const { operation, clients, of, ratio } of pairs(results)) {
    for (const { system, perSecond, p50Ms, p99Ms, perCoreSecond, rounds } of of.values()) {
      const figures = [perSecond.toFixed(0), p50Ms.toFixed(2), p99Ms.toFixed(2), perCoreSecond?.toFixed(0) ?? '']
      rows.push([operation, String(clients), system, ...figures, ...coresOf(rounds)])
    }
    if (ratio === undefined) continue
    const ratios = [ratio.perSecond, ratio.p50, ratio.p99, ratio.perCoreSecond]
    const shown = ratios.map((value) => (value === undefined ? '' : `${value.toFixed(2)}×`))
    rows.push([operation, String(clients), 'ratio', ...shown, '', '', ''])
  }
  return rows
}

function coresOf(rounds: Cell['rounds']): string[] {
  const known = rounds.map(({ cores }) => cores).filter((cores) => cores !== undefined)
  if (known.length === 0) return ['', '', '']
  const servers = known.map((cores) => cores.servers.reduce((sum, used) => sum + used, 0))
  const middle = [known.map(({ client }) => client), servers, known.map(({ others }) => others)]
  return middle.map((values) => median(values).toFixed(2))
}

function failoverRows(failovers: readonly Failover[]): string[][] {
  const rows = failovers.map(({ system, p50Ms, maxMs, rounds }) => [
    system,
    p50Ms.toFixed(0),
    maxMs.toFixed(0),
    String(rounds.length),
  ])
  return [['system', 'p50 ms', 'max ms', 'rounds'], ...rows]
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  '))
}
