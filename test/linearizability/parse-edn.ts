import { messageOf } from '../../core/base/errors.ts'
import type { EdnValue } from './edn.ts'
import { isKeyword, readEdn } from './edn.ts'
import type { History } from './history.ts'
import { HistorySyntaxError } from './history.ts'
import type { AppendInput, AppendOutput } from './models/append-kv.ts'
import { EventPairs } from './pair-events.ts'

/**
 * Reads a history of get, put and append: one EDN map a line with :process, :type, :f, :key and :value.
 *
 * @throws HistorySyntaxError
 */
export function parseEdn(text: string): History<AppendInput, AppendOutput> {
  const pairs = new EventPairs<AppendInput, AppendOutput>()
  for (const [index, written] of text.split('\n').entries()) {
    if (/^\s*(?:;.*)?$/.test(written)) continue
    readEvent(pairs, fieldsOf(written, index + 1), index + 1)
  }
  return pairs.history()
}

type Fields = ReadonlyMap<string, EdnValue>

function readEvent(pairs: EventPairs<AppendInput, AppendOutput>, fields: Fields, line: number): void {
  const process = fields.get('process')
  // Jepsen's fault injector writes into the same history.
  if (isKeyword(process) && process.keyword === 'nemesis') return
  if (typeof process !== 'number') throw new HistorySyntaxError(line, ':process is not a whole number')
  const type = wordIn(fields, 'type', line)
  switch (type) {
    case 'invoke':
      return pairs.invoke(process, inputOf(fields, line), line)
    case 'ok':
    case 'fail':
    case 'info':
      return pairs.end(process, type, line, (input) => outputOf(input, fields, line))
    default:
      throw new HistorySyntaxError(line, `:type :${type} is not one of :invoke, :ok, :fail, :info`)
  }
}

function inputOf(fields: Fields, line: number): AppendInput {
  const kind = wordIn(fields, 'f', line)
  const key = keyIn(fields)
  if (key === undefined) throw new HistorySyntaxError(line, ':key is not a string or a whole number')
  if (kind === 'get') return { kind, key }
  if (kind !== 'put' && kind !== 'append') {
    throw new HistorySyntaxError(line, `:f :${kind} is not one of :get, :put, :append`)
  }
  const value = fields.get('value')
  if (typeof value !== 'string') throw new HistorySyntaxError(line, `:value of :${kind} is not a string`)
  return { kind, key, value }
}

function outputOf(input: AppendInput, fields: Fields, line: number): AppendOutput {
  const kind = wordIn(fields, 'f', line)
  if (kind !== input.kind) throw new HistorySyntaxError(line, `:${kind} ends an operation invoked as :${input.kind}`)
  if (fields.has('key') && keyIn(fields) !== input.key) {
    throw new HistorySyntaxError(line, `the operation ends with a key other than ${JSON.stringify(input.key)}`)
  }
  if (input.kind !== 'get') return ''
  // A key that is absent and one that is empty are the same here.
  const value = fields.get('value') ?? ''
  if (typeof value !== 'string') throw new HistorySyntaxError(line, ':value of :get is not a string')
  return value
}

function keyIn(fields: Fields): string | undefined {
  const key = fields.get('key')
  return typeof key === 'string' || typeof key === 'number' ? String(key) : undefined
}

function wordIn(fields: Fields, name: string, line: number): string {
  const value = fields.get(name)
  if (!isKeyword(value)) throw new HistorySyntaxError(line, `:${name} is not a keyword`)
  return value.keyword
}

function fieldsOf(written: string, line: number): Fields {
  let value: EdnValue
  try {
    value = readEdn(written)
  } catch (cause) {
    throw new HistorySyntaxError(line, messageOf(cause))
  }
  if (!(value instanceof Map)) throw new HistorySyntaxError(line, 'not a map')
  return value
}
