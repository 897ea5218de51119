import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DriverProcess } from '../driver-process.ts'
import type { Run } from '../program.ts'
import { median } from '../statistics.ts'
import { membersOf, untilWell } from '../system.ts'
import type { Measured } from '../target.ts'
import type { VoteOptions } from './options.ts'

const WITHOUT_VOTES = new URL('without-votes.ts', import.meta.url).href
/** Unit: ms. Between two cells: what the last one left behind is written and forgotten. */
const SETTLE_MS = 300
const FILL_MS_MAX = 120_000
/** Unit: ms. Longer than any answer of the driver takes beyond the cell's own time. */
const CELL_MS_MAX = 60_000

/** One number of clients, with the vote and without it. */
export interface VoteCell {
  readonly clients: number
  readonly voting: readonly Measured[]
  readonly off: readonly Measured[]
  /** Throughput with the vote as a part of that without it: the median over the rounds of each round's own. */
  readonly ratio: number
  /** The same of what a second of one core does, which others on the machine blur less. */
  readonly ratioPerCore: number | undefined
}

interface Cluster {
  readonly driver: DriverProcess
  readonly close: () => Promise<void>
}

/** Two clusters side by side, asked in turns: whatever drifts on this machine drifts for both. */
export async function measureVote(options: VoteOptions, run: Run): Promise<VoteCell[]> {
  const clusters: Cluster[] = []
  try {
    const voting = await open(options, [])
    clusters.push(voting)
    const off = await open(options, ['--import', WITHOUT_VOTES])
    clusters.push(off)
    for (const { driver } of clusters) {
      await untilWell(() => membersOf(driver), run)
      await driver.call('fill', null, FILL_MS_MAX)
    }
    const cells: VoteCell[] = []
    for (const clients of options.clients) cells.push(await measureCell({ options, run, voting, off }, clients))
    return cells
  } finally {
    for (const { close } of clusters.toReversed()) await close()
  }
}

async function open(options: VoteOptions, execArgv: readonly string[]): Promise<Cluster> {
  const folder = await mkdtemp(join(options.folder, 'synod-bench-vote-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  try {
    const driver = await DriverProcess.open({ kind: 'synod', dataFolder: join(folder, 'data') }, execArgv)
    return {
      driver,
      close: async () => {
        await driver.close()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}

interface Bench {
  readonly options: VoteOptions
  readonly run: Run
  readonly voting: Cluster
  readonly off: Cluster
}

async function measureCell({ options, run, voting, off }: Bench, clients: number): Promise<VoteCell> {
  const measured = { voting: new Array<Measured>(), off: new Array<Measured>() }
  for (let round = 0; round < options.rounds; round += 1) {
    // Who goes first changes, so that nobody always comes after the other.
    const turn = round % 2 === 0 ? (['voting', 'off'] as const) : (['off', 'voting'] as const)
    for (const name of turn) {
      run.signal.throwIfAborted()
      await sleep(SETTLE_MS)
      const result = await measureOne(name === 'voting' ? voting : off, { options, clients })
      measured[name].push(result)
      const figures = `${Math.round(result.perSecond)}/s, p99 ${result.p99Ms.toFixed(1)} ms`
      run.tell(`round ${round + 1}/${options.rounds} ${clients} clients, ${name}: ${figures}`)
    }
  }
  const ratios = measured.voting.map(
    ({ perSecond }, index) => perSecond / (measured.off[index]?.perSecond ?? Number.NaN),
  )
  const perCore = [median(measured.voting.flatMap(perCoreSecond)), median(measured.off.flatMap(perCoreSecond))] as const
  const ratioPerCore = perCore[0] / perCore[1]
  return {
    clients,
    ...measured,
    ratio: median(ratios),
    ratioPerCore: Number.isNaN(ratioPerCore) ? undefined : ratioPerCore,
  }
}

async function measureOne(
  { driver }: Cluster,
  { options, clients }: { readonly options: VoteOptions; readonly clients: number },
): Promise<Measured> {
  const members = await membersOf(driver)
  const order = {
    operation: 'put' as const,
    clients,
    warmupMs: options.warmupSeconds * 1000,
    measuredMs: options.seconds * 1000,
    serverPids: members.flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
  }
  return await driver.call('measure', order, order.warmupMs + order.measuredMs + CELL_MS_MAX)
}

/** Operations a second of processor time, clients and servers together; nothing where that can't be read. */
export function perCoreSecond({ perSecond, cores }: Measured): number[] {
  return cores === undefined ? [] : [perSecond / cores.servers.reduce((sum, used) => sum + used, cores.client)]
}
