import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { UsageError, whole } from '../option-values.ts'

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

/** @throws UsageError that says which option is wrong. */
export function readSoakOptions(args: readonly string[]): SoakOptions {
  const values = parse(args)
  return {
    inputs: whole('inputs', values.inputs, { from: 1, to: 1e9 }),
    keys: whole('keys', values.keys, { from: 1, to: 1e7 }),
    bytes: whole('bytes', values.bytes, { from: 1, to: 1e6 }),
    clients: whole('clients', values.clients, { from: 1, to: 1024 }),
    folder: values.folder,
    json: values.json,
  }
}

function parse(args: readonly string[]) {
  const text = (standard: string) => ({ type: 'string', default: standard }) as const
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        inputs: text('2000000'),
        keys: text('10000'),
        bytes: text('256'),
        clients: text('64'),
        folder: text(tmpdir()),
        json: { type: 'boolean', default: false },
      },
    }).values
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}
