import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { UsageError, list, number, oneOf, whole } from './option-values.ts'

export const OPERATIONS = ['put', 'get'] as const
export type Operation = (typeof OPERATIONS)[number]
export const SYSTEMS = ['synod', 'etcd'] as const
export type SystemName = (typeof SYSTEMS)[number]

export interface Options {
  readonly rounds: number
  /** Measured time of one cell in one round. Unit: s. */
  readonly seconds: number
  /** Before it, under the same load, and not measured. Unit: s. */
  readonly warmupSeconds: number
  readonly clients: readonly number[]
  readonly operations: readonly Operation[]
  readonly failovers: number
  readonly systems: readonly SystemName[]
  readonly door: 'in-process' | 'http'
  readonly etcdClient: 'grpc' | 'json'
  /** Where both systems' temporary data folders are made. */
  readonly folder: string
  readonly json: boolean
}

export const USAGE = `npm run bench -- [options]
  --rounds N          rounds of every cell, interleaved between the systems (5)
  --seconds S         measured time of a cell in a round (3)
  --warmup S          unmeasured time before it (1)
  --clients N,N,…     closed-loop clients (1,64,256)
  --operations O,O    put, get (put,get)
  --failovers N       kill -9 of the leader so many times; 0: none (7)
  --systems S,S       synod, etcd (synod,etcd)
  --door D            how Synod is asked: in-process or http (in-process)
  --etcd-client C     how etcd is asked: grpc or json (grpc)
  --folder F          where the data folders are made (the system's temporary folder)
  --json              the results as one JSON object on the last line`

/** @throws UsageError that says which option is wrong. */
export function readOptions(args: readonly string[]): Options {
  const values = parse(args)
  return {
    rounds: number('rounds', values.rounds, { from: 1, to: 100 }),
    seconds: number('seconds', values.seconds, { from: 0.2, to: 600 }),
    warmupSeconds: number('warmup', values.warmup, { from: 0, to: 60 }),
    clients: list(values.clients).map((count) => whole('clients', count, { from: 1, to: 1024 })),
    operations: list(values.operations).map((name) => oneOf('operations', name, OPERATIONS)),
    failovers: whole('failovers', values.failovers, { from: 0, to: 100 }),
    systems: list(values.systems).map((name) => oneOf('systems', name, SYSTEMS)),
    door: oneOf('door', values.door, ['in-process', 'http']),
    etcdClient: oneOf('etcd-client', values['etcd-client'], ['grpc', 'json']),
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
        rounds: text('5'),
        seconds: text('3'),
        warmup: text('1'),
        clients: text('1,64,256'),
        operations: text('put,get'),
        failovers: text('7'),
        systems: text('synod,etcd'),
        door: text('in-process'),
        'etcd-client': text('grpc'),
        folder: text(tmpdir()),
        json: { type: 'boolean', default: false },
      },
    }).values
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}
