import { Worker } from '../workers.ts'
import { checkEdit } from './plant.ts'
import type { Mutant } from './table.ts'
import { MUTANTS } from './table.ts'

/** Seeds between two looks at whether the bug was caught. */
const SEEDS_AT_ONCE = 10

interface Outcome {
  readonly name: string
  readonly replicas: number
  readonly bound: number
  /** How many seeds it took; undefined when it survived. */
  readonly caughtAfter: number | undefined
  readonly seed: number | undefined
  readonly violation: string | undefined
}

/** Runs every planted bug until it is caught, or has outlived its bound. @returns the exit code. */
export async function runMutants(init: {
  readonly only: string | undefined
  readonly jobs: number
  readonly json: boolean
}): Promise<number> {
  const chosen = MUTANTS.filter(({ name }) => init.only === undefined || name === init.only)
  if (chosen.length === 0) throw new Error(`no planted bug is called "${init.only ?? ''}"`)
  for (const { name, edits } of chosen) for (const edit of edits) checkEdit(name, edit)
  const waiting = [...chosen]
  const outcomes: Outcome[] = []
  const serve = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const outcome = await hunt(mutant)
      outcomes.push(outcome)
      console.log(rowOf(outcome))
    }
  }
  await Promise.all(Array.from({ length: Math.min(init.jobs, chosen.length) }, serve))
  const survivors = outcomes.filter(({ caughtAfter }) => caughtAfter === undefined)
  console.log(`${outcomes.length} planted bugs, ${survivors.length} survived`)
  if (init.json) console.log(JSON.stringify({ mutants: outcomes, survivors: survivors.length }))
  return survivors.length === 0 ? 0 : 1
}

async function hunt({ name, replicas, caughtWithinSeeds, checks = 'all', scenario }: Mutant): Promise<Outcome> {
  const worker = new Worker({ mutant: name })
  try {
    for (let from = 1; from <= caughtWithinSeeds; from += SEEDS_AT_ONCE) {
      const count = Math.min(SEEDS_AT_ONCE, caughtWithinSeeds - from + 1)
      const { findings } = await worker.run({ from, count, replicas: [replicas], checks, scenario })
      const [first] = findings
      if (first === undefined) continue
      const { seed, violation } = first
      return { name, replicas, bound: caughtWithinSeeds, caughtAfter: seed, seed, violation }
    }
    return { name, replicas, bound: caughtWithinSeeds, caughtAfter: undefined, seed: undefined, violation: undefined }
  } finally {
    worker.end()
  }
}

function rowOf({ name, replicas, bound, caughtAfter, violation }: Outcome): string {
  const caught = caughtAfter === undefined ? 'SURVIVED' : `caught at seed ${caughtAfter}`
  const how = violation === undefined ? '' : violation.replace(/^Violation: /, '').slice(0, 100)
  return `${name.padEnd(58)} ${replicas} replicas  ${caught.padEnd(21)} bound ${String(bound).padStart(5)}  ${how}`
}
