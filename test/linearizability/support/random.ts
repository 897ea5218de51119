import type { Prng } from '../../../core/base/prng.ts'
import type { History, Operation } from '../history.ts'
import type { AppendInput, AppendOutput } from '../models/append-kv.ts'
import type { KvInput, KvOutput } from '../models/kv.ts'
import { kvOutput } from '../models/kv.ts'
import type { RegisterInput, RegisterOutput, RegisterValue } from '../models/register.ts'
import { kv } from '../../../core/machine/kv.ts'
import type { CanonicalValue } from '../../../core/model/canonical.ts'
import { playground } from '../../unit/machine/playground.ts'
import type { Run } from './generate.ts'
import { generate } from './generate.ts'

const FAILED = 'failed'

export type Size = Pick<Run<unknown, unknown, unknown>, 'prng' | 'processes' | 'operations' | 'doubt'>

export function randomRegister(
  size: Size,
  values: (prng: Prng, operation: number) => RegisterValue,
): History<RegisterInput, RegisterOutput> {
  return generate<RegisterValue, RegisterInput, RegisterOutput>({
    ...size,
    init: null,
    inputOf: (prng, operation) => {
      const kind = (['read', 'read', 'write', 'cas'] as const)[prng.between(0, 3)] ?? 'read'
      if (kind === 'read') return { kind }
      const value = values(prng, operation)
      return kind === 'write' ? { kind, value } : { kind, expected: values(prng, operation), value }
    },
    apply: (state, input) => {
      if (input.kind === 'read') return { state, output: state }
      if (input.kind === 'cas' && state !== input.expected) return { state, output: FAILED }
      return { state: input.value, output: null }
    },
  }).filter(({ output }) => output !== FAILED)
}

export function randomAppendKv(size: Size, keys: number): History<AppendInput, AppendOutput> {
  const texts = new Map<string, string>()
  return generate<undefined, AppendInput, AppendOutput>({
    ...size,
    init: undefined,
    inputOf: (prng, operation) => {
      const key = String(prng.between(0, keys - 1))
      return prng.chance(0.5) ? { kind: 'get', key } : { kind: 'append', key, value: `${operation},` }
    },
    apply: (state, input) => {
      const text = texts.get(input.key) ?? ''
      if (input.kind === 'get') return { state, output: text }
      texts.set(input.key, text + input.value)
      return { state, output: '' }
    },
  })
}

/** What the machine itself answers. */
export function randomKv(size: Size, keys: number): History<KvInput, KvOutput> {
  const { apply } = playground(kv)
  return generate<undefined, KvInput, KvOutput>({
    ...size,
    init: undefined,
    inputOf: (prng) => kvInput(prng, String(prng.between(0, keys - 1))),
    apply: (state, input) => ({ state, output: kvOutput(apply({ ...input })) }),
  })
}

function kvInput(prng: Prng, key: string): KvInput {
  const value = (): CanonicalValue => [1, 2, 'a', true, [3], { of: 4 }][prng.between(0, 5)] ?? 0
  switch (prng.between(0, 6)) {
    case 0:
    case 1:
      return { op: 'set', key, value: value() }
    case 2:
      return { op: 'delete', key }
    case 3:
      return { op: 'compare-and-set', key, expected: prng.chance(0.3) ? null : value(), value: value() }
    case 4:
      return prng.chance(0.5) ? { op: 'increment', key } : { op: 'increment', key, by: prng.between(-2, 2) }
    default:
      return { op: 'get', key }
  }
}

/** The history with one operation changed. */
export function altered<Input, Output>(
  history: History<Input, Output>,
  operation: Operation<Input, Output>,
  output: Output,
): History<Input, Output> {
  return history.map((each) => (each === operation ? { ...each, output } : each))
}
