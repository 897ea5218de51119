import { number, readValues, whole } from '../option-values.ts'

export interface AuditOptions {
  /** Of each kind; 0: the cost is not measured. */
  readonly rounds: number
  /** Measured time of one round. Unit: s. */
  readonly seconds: number
  /** Before it, under the same load, and not measured. Unit: s. */
  readonly warmupSeconds: number
  /** Between two AUDITs. Unit: s. */
  readonly everySeconds: number
  readonly clients: number
  /** In the State while the cost is measured. */
  readonly keys: number
  /** Bytes to flip; 0: none. */
  readonly flips: number
  /** In the State they are flipped in. */
  readonly flipKeys: number
  /** Who and what is hit follows from it. */
  readonly seed: number
  /** Where the data folders are made. */
  readonly folder: string
  readonly json: boolean
}

export const USAGE = `npm run bench:audit -- [options]
  --rounds N      rounds with AUDITs, and as many without, in turns (5); 0: leave the cost out
  --seconds S     measured time of a round (10)
  --warmup S      unmeasured time before it (1)
  --every S       between two AUDITs (10)
  --clients N     closed-loop clients (64)
  --keys N        in the State, of 256 bytes each (100000)
  --flips N       bytes to flip, each to be found and repaired (100); 0: leave them out
  --flip-keys N   in the State they are flipped in (2000)
  --seed N        which replicas and keys are hit (1)
  --folder F      where the data folders are made (the system's temporary folder)
  --json          the results as one JSON object on the last line`

const STANDARDS = {
  rounds: '5',
  seconds: '10',
  warmup: '1',
  every: '10',
  clients: '64',
  keys: '100000',
  flips: '100',
  'flip-keys': '2000',
  seed: '1',
} as const

/** @throws UsageError that says which option is wrong. */
export function readAuditOptions(args: readonly string[]): AuditOptions {
  const { texts: values, ...common } = readValues(args, STANDARDS)
  return {
    rounds: whole('rounds', values.rounds, { from: 0, to: 100 }),
    seconds: number('seconds', values.seconds, { from: 0.2, to: 600 }),
    warmupSeconds: number('warmup', values.warmup, { from: 0, to: 60 }),
    everySeconds: number('every', values.every, { from: 0.1, to: 600 }),
    clients: whole('clients', values.clients, { from: 1, to: 1024 }),
    keys: whole('keys', values.keys, { from: 1, to: 1e7 }),
    flips: whole('flips', values.flips, { from: 0, to: 10_000 }),
    flipKeys: whole('flip-keys', values['flip-keys'], { from: 1, to: 1e6 }),
    seed: whole('seed', values.seed, { from: 1, to: 2 ** 31 }),
    ...common,
  }
}
