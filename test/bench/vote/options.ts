import { list, number, readValues, whole } from '../option-values.ts'

export interface VoteOptions {
  readonly rounds: number
  /** Measured time of one cell in one round. Unit: s. */
  readonly seconds: number
  /** Before it, under the same load, and not measured. Unit: s. */
  readonly warmupSeconds: number
  readonly clients: readonly number[]
  /** Where the data folders are made. */
  readonly folder: string
  readonly json: boolean
}

export const USAGE = `npm run bench:vote -- [options]
  --rounds N      rounds of every cell, with the vote and without it in turns (7)
  --seconds S     measured time of a cell in a round (3)
  --warmup S      unmeasured time before it (1)
  --clients N,N   closed-loop clients (64,256)
  --folder F      where the data folders are made (the system's temporary folder)
  --json          the results as one JSON object on the last line`

const STANDARDS = {
  rounds: '7',
  seconds: '3',
  warmup: '1',
  clients: '64,256',
} as const

/** @throws UsageError that says which option is wrong. */
export function readVoteOptions(args: readonly string[]): VoteOptions {
  const { texts: values, ...common } = readValues(args, STANDARDS)
  return {
    rounds: whole('rounds', values.rounds, { from: 1, to: 100 }),
    seconds: number('seconds', values.seconds, { from: 0.2, to: 600 }),
    warmupSeconds: number('warmup', values.warmup, { from: 0, to: 60 }),
    clients: list(values.clients).map((count) => whole('clients', count, { from: 1, to: 1024 })),
    ...common,
  }
}
