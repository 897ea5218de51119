import { readValues, whole } from '../option-values.ts'

export interface SoakOptions {
  readonly inputs: number
  readonly keys: number
  /** Of a value. */
  readonly bytes: number
  readonly clients: number
  /** Where the data folder is made. */
  readonly folder: string
  readonly json: boolean
}

export const USAGE = `npm run bench:soak -- [options]
  --inputs N    kv Inputs in all (2000000)
  --keys N      over so many keys (10000)
  --bytes N     of a value (256)
  --clients N   closed-loop clients (64)
  --folder F    where the data folder is made (the system's temporary folder)
  --json        the results as one JSON object on the last line`

const STANDARDS = {
  inputs: '2000000',
  keys: '10000',
  bytes: '256',
  clients: '64',
} as const

/** @throws UsageError that says which option is wrong. */
export function readSoakOptions(args: readonly string[]): SoakOptions {
  const { texts: values, ...common } = readValues(args, STANDARDS)
  return {
    inputs: whole('inputs', values.inputs, { from: 1, to: 1e9 }),
    keys: whole('keys', values.keys, { from: 1, to: 1e7 }),
    bytes: whole('bytes', values.bytes, { from: 1, to: 1e6 }),
    clients: whole('clients', values.clients, { from: 1, to: 1024 }),
    ...common,
  }
}
