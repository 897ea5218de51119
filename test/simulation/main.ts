/**
 * `npm run simulate`: the shipping core on virtual time, under every fault its plan can draw, seed after seed.
 *
 *   --seeds N --from S --replicas 3,5 --jobs J --seconds T --json   a campaign; the last line is its summary
 *   --seed S --replicas 3 [--trace]                                 one seed again, with every event in words
 *   --mutants [--only NAME] [--json]                                every planted bug, and when it was caught
 *
 * Exit code: 0 all held (every planted bug was caught); 1 not so; 2 not understood.
 *
 * The core is imported only once its mutation, if there is one, is in place.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { plantBug } from './mutants/plant.ts'
import type { WorkerOrder } from './workers.ts'

const SEEDS_DEFAULT = 1_000

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const options = optionsOf(args)
  if (typeof options === 'string') {
    console.error(options)
    return 2
  }
  if (options.mutant !== undefined) plantBug(options.mutant)
  if (options.worker) return serve()
  const { replicas, jobs, json, limitMs } = options
  if (options.mutants) {
    const { runMutants } = await import('./mutants/run.ts')
    return runMutants({ only: options.only, jobs, json })
  }
  if (options.seed !== undefined) return replay(options.seed, replicas, options.trace)
  const { runCampaign } = await import('./campaign.ts')
  return runCampaign({ range: { from: options.from, count: options.seeds, replicas }, jobs, json, limitMs })
}

/** One seed again; with `trace`, one line an event. */
async function replay(seed: number, replicas: readonly number[], trace: boolean): Promise<number> {
  const { SimulatedCluster } = await import('./cluster.ts')
  let violations = 0
  for (const size of replicas) {
    const tell = trace
      ? (line: string): void => {
          console.log(line)
        }
      : undefined
    const { violation, ...result } = new SimulatedCluster(seed, size, { tell }).run()
    console.log(JSON.stringify(result))
    if (violation === undefined) continue
    violations += 1
    console.log(`seed ${seed}, ${size} replicas: ${violation}`)
  }
  return violations === 0 ? 0 : 1
}

/** Runs what the parent process asks for, until it lets go. */
async function serve(): Promise<number> {
  const { runSeeds } = await import('./run-seeds.ts')
  const { promise, resolve } = Promise.withResolvers<number>()
  process.on('message', ({ range }: WorkerOrder) => {
    process.send?.(runSeeds(range))
  })
  process.once('disconnect', () => {
    resolve(0)
  })
  return promise
}

interface Options {
  readonly seeds: number
  readonly from: number
  readonly replicas: readonly number[]
  readonly jobs: number
  readonly limitMs: number
  readonly json: boolean
  readonly seed: number | undefined
  readonly trace: boolean
  readonly mutants: boolean
  readonly only: string | undefined
  readonly worker: boolean
  readonly mutant: string | undefined
}

/** @returns what is wrong with the arguments, when something is. */
function optionsOf(args: readonly string[]): Options | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seeds: { type: 'string' },
        from: { type: 'string' },
        replicas: { type: 'string' },
        jobs: { type: 'string' },
        seconds: { type: 'string' },
        seed: { type: 'string' },
        trace: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        mutants: { type: 'boolean', default: false },
        only: { type: 'string' },
        worker: { type: 'boolean', default: false },
        mutant: { type: 'string' },
      },
    })
    const { trace, json, mutants, worker, only, mutant } = values
    return {
      ...{ trace, json, mutants, worker, only, mutant },
      // With a time limit alone, the limit says how many.
      seeds: whole('seeds', values.seeds, values.seconds === undefined ? SEEDS_DEFAULT : Number.MAX_SAFE_INTEGER / 2),
      from: whole('from', values.from, 1),
      replicas: (values.replicas ?? '3,5').split(',').map((text) => size(text)),
      jobs: whole('jobs', values.jobs, availableParallelism()),
      limitMs: values.seconds === undefined ? Number.POSITIVE_INFINITY : whole('seconds', values.seconds, 1) * 1_000,
      seed: values.seed === undefined ? undefined : whole('seed', values.seed, 1),
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function whole(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} wants a whole number from 1 up`)
  return value
}

function size(text: string): number {
  const value = Number(text)
  if (value !== 3 && value !== 5) throw new Error('--replicas wants 3, 5 or 3,5')
  return value
}
