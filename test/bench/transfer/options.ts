import { list, oneOf, readValues, whole } from '../option-values.ts'
import type { ValueKind } from '../values.ts'

const KINDS = ['text', 'random'] as const

export interface TransferOptions {
  readonly keys: number
  /** Of a value. */
  readonly bytes: number
  readonly values: readonly ValueKind[]
  readonly clients: number
  /** Requests a second of all clients together; 0: each asks again as soon as it is answered. */
  readonly rate: number
  /** Where the data folder is made. */
  readonly folder: string
  readonly json: boolean
}

export const USAGE = `npm run bench:transfer -- [options]
  --keys N        in the State (200000)
  --bytes N       of a value (512)
  --values V,V    text, random (text,random): how well the State packs
  --clients N     clients that ask meanwhile (16)
  --rate N        requests a second of all of them together; 0: each asks as soon as it is answered (500)
  --folder F      where the data folder is made (the system's temporary folder)
  --json          the results as one JSON object on the last line`

const STANDARDS = {
  keys: '200000',
  bytes: '512',
  values: 'text,random',
  clients: '16',
  rate: '500',
} as const

/** @throws UsageError that says which option is wrong. */
export function readTransferOptions(args: readonly string[]): TransferOptions {
  const { texts: values, ...common } = readValues(args, STANDARDS)
  return {
    // Fewer would leave partitions without a key to change.
    keys: whole('keys', values.keys, { from: 20_000, to: 1e7 }),
    bytes: whole('bytes', values.bytes, { from: 1, to: 1e6 }),
    values: list(values.values).map((name) => oneOf('values', name, KINDS)),
    clients: whole('clients', values.clients, { from: 1, to: 1024 }),
    rate: whole('rate', values.rate, { from: 0, to: 1e6 }),
    ...common,
  }
}
