import { messageOf } from '../../core/base/errors.ts'
import type { EdnValue } from './edn.ts'
import { isKeyword, isVector, readEdn } from './edn.ts'
import type { History } from './history.ts'
import { HistorySyntaxError } from './history.ts'
import type { RegisterInput, RegisterOutput, RegisterValue } from './models/register.ts'
import { EventPairs } from './pair-events.ts'

const LINE = /^\s*(?:INFO\s+jepsen\.util\s+-\s+)?(\d+|:nemesis)\s+:(\S+)\s+:(\S+)\s+(.*\S)\s*$/

/**
 * Reads a history of one register in the manner of Jepsen's logs: lines `process :type :f value`, with or without
 * the logger's name before them.
 *
 * @throws HistorySyntaxError
 */
export function parseRegister(text: string): History<RegisterInput, RegisterOutput> {
  const pairs = new EventPairs<RegisterInput, RegisterOutput>()
  for (const [index, written] of text.split('\n').entries()) {
    if (written.trim() === '') continue
    const [, process, type, kind, value] = LINE.exec(written) ?? []
    if (process === undefined || type === undefined || kind === undefined || value === undefined) {
      throw new HistorySyntaxError(index + 1, 'not of the form "process :type :f value"')
    }
    // Jepsen's fault injector writes into the same log.
    if (process === ':nemesis') continue
    readEvent(pairs, { process: Number(process), type, kind, value }, index + 1)
  }
  return pairs.history()
}

interface Event {
  readonly process: number
  readonly type: string
  readonly kind: string
  readonly value: string
}

function readEvent(pairs: EventPairs<RegisterInput, RegisterOutput>, event: Event, line: number): void {
  const { process, type, kind } = event
  switch (type) {
    case 'invoke':
      return pairs.invoke(process, inputOf(event, line), line)
    case 'ok':
    case 'fail':
    case 'info':
      return pairs.end(process, type, line, (input) => {
        if (kind !== input.kind)
          throw new HistorySyntaxError(line, `:${kind} ends an operation invoked as :${input.kind}`)
        return input.kind === 'read' ? registerValue(valueOf(event, line), line) : null
      })
    default:
      throw new HistorySyntaxError(line, `:${type} is not one of :invoke, :ok, :fail, :info`)
  }
}

function inputOf(event: Event, line: number): RegisterInput {
  const value = valueOf(event, line)
  switch (event.kind) {
    case 'read':
      return { kind: 'read' }
    case 'write':
      return { kind: 'write', value: registerValue(value, line) }
    case 'cas': {
      const [expected, next, ...rest] = isVector(value) ? value : []
      if (expected === undefined || next === undefined || rest.length > 0) {
        throw new HistorySyntaxError(line, 'the value of :cas is not of the form [old new]')
      }
      return { kind: 'cas', expected: registerValue(expected, line), value: registerValue(next, line) }
    }
    default:
      throw new HistorySyntaxError(line, `:${event.kind} is not one of :read, :write, :cas`)
  }
}

function valueOf({ value }: Event, line: number): EdnValue {
  try {
    return readEdn(value)
  } catch (cause) {
    throw new HistorySyntaxError(line, messageOf(cause))
  }
}

function registerValue(value: EdnValue, line: number): RegisterValue {
  if (isKeyword(value) || (typeof value === 'object' && value !== null)) {
    throw new HistorySyntaxError(line, 'a register holds nil, a number, a string or a boolean')
  }
  return value
}
