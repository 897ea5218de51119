import type { Operation } from './history.ts'
import type { KvInput, KvOutput } from './models/kv.ts'
import type { AppendInput, AppendOutput } from './models/append-kv.ts'
import type { RegisterInput, RegisterOutput } from './models/register.ts'
import type { OffendingPrefix } from './shortest-prefix.ts'

const TEXT_CHARACTERS_MAX = 72

export interface Style<Input, Output> {
  readonly describe: (operation: Operation<Input, Output>) => string
  /** What `call` and `returned` count, in the singular. */
  readonly unit: 'line' | 'event'
  /** Of a longer prefix only the operations called last are shown. */
  readonly operationsMax: number
}

/** The prefix for people: a line on what cannot be, then one for each operation in the order of calls. */
export function reportPrefix<Input, Output>(
  prefix: OffendingPrefix<Input, Output>,
  { describe, unit, operationsMax }: Style<Input, Output>,
): readonly string[] {
  const { operations, last, partition, isShortest } = prefix
  const count = `${operations.length} ${operations.length === 1 ? 'operation' : 'operations'}`
  const of = partition === '' ? '' : ` of key ${JSON.stringify(partition)}`
  const what = isShortest ? 'shortest offending prefix' : 'an offending prefix, perhaps not the shortest'
  const shown = lastCalled(operations, operationsMax)
  const hidden = operations.length - shown.length
  const span = widest(shown.map((operation) => spanOf(operation).length))
  const process = widest(shown.map((operation) => String(operation.process).length))
  return [
    `${what}: ${count}${of}, up to ${unit} ${last.returned ?? '?'}: nothing explains ${describe(last)} by process ${last.process}`,
    ...(hidden === 0 ? [] : [`  (${hidden} called earlier)`]),
    ...shown.map((operation) => {
      const where = `${unit}s ${spanOf(operation).padEnd(span)}`
      const doubt = operation.returned === undefined ? '  (in doubt)' : ''
      return `  ${where}  process ${String(operation.process).padStart(process)}  ${describe(operation)}${doubt}`
    }),
  ]
}

export function lastCalled<Input, Output>(
  operations: readonly Operation<Input, Output>[],
  count: number,
): readonly Operation<Input, Output>[] {
  return operations.toSorted((left, right) => left.call - right.call).slice(Math.max(0, operations.length - count))
}

export function describeRegister({ input, output }: Operation<RegisterInput, RegisterOutput>): string {
  switch (input.kind) {
    case 'read':
      return `read${output === undefined ? '' : ` -> ${written(output)}`}`
    case 'write':
      return `write ${written(input.value)}`
    case 'cas':
      return `cas ${written(input.expected)} ${written(input.value)}`
  }
}

export function describeAppendKv({ input, output }: Operation<AppendInput, AppendOutput>): string {
  const key = written(input.key)
  if (input.kind !== 'get') return `${input.kind} ${key} ${written(input.value)}`
  return `get ${key}${output === undefined ? '' : ` -> ${written(output)}`}`
}

export function describeKv({ input, output }: Operation<KvInput, KvOutput>): string {
  const { op, key, ...rest } = input
  const words = Object.values(rest).map((value) => ` ${written(value)}`)
  if (output === undefined) return `${op} ${written(key)}${words.join('')}`
  const answer = output.kind === 'accepted' ? written(output.value) : `rejected: ${output.code}`
  return `${op} ${written(key)}${words.join('')} -> ${answer}`
}

function spanOf({ call, returned }: Operation<unknown, unknown>): string {
  return `${call}-${returned ?? ''}`
}

/** A long value loses its middle: texts that grow differ at their end. */
function written(value: unknown): string {
  const text = value === null ? 'nil' : JSON.stringify(value)
  if (text.length <= TEXT_CHARACTERS_MAX) return text
  const kept = (TEXT_CHARACTERS_MAX - 3) / 2
  return `${text.slice(0, Math.floor(kept))}...${text.slice(-Math.ceil(kept))}`
}

function widest(lengths: readonly number[]): number {
  return lengths.reduce((most, length) => Math.max(most, length), 0)
}
