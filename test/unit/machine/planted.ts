import * as v from 'valibot'
import { operation, textSchema, valueSchema } from '../../../core/machine/input-words.ts'
import type { Machine, MachineState } from '../../../core/machine/machine.ts'
import type { CanonicalValue } from '../../../core/model/canonical.ts'
import type { Output } from '../../../core/model/output.ts'
import { accepted } from '../../../core/model/output.ts'

const key = textSchema(1, 64, 'The key.')
const put = operation('put', { key, value: valueSchema('What it holds from now on.') })
const get = operation('get', { key })
const schema = v.variant('op', [put, get])

export type PlantedInput = v.InferOutput<typeof schema>

export function planted(
  name: string,
  apply: (state: MachineState, input: PlantedInput, timeMs: number) => Output,
  reads: readonly string[] = ['get'],
): Machine {
  return {
    name,
    title: name,
    description: name,
    inputSchema: schema,
    examples: [
      { title: 'Put', input: { op: 'put', key: 'first', value: { b: 1, a: [2] } } },
      { title: 'Get', input: { op: 'get', key: 'first' } },
    ],
    reads,
    // Not parsed, which would copy it.
    apply: (state, input, { timeMs }) => {
      if (!v.is(schema, input)) throw new TypeError('the schema let in what it refuses')
      return apply(state, input, timeMs)
    },
  }
}

/** What a blameless machine of these operations does. */
export function honest(state: MachineState, input: PlantedInput): Output {
  if (input.op === 'get') return accepted(state.get(input.key) ?? null)
  const before = state.get(input.key) ?? null
  state.set(input.key, input.value)
  return accepted(before)
}

/** Speaks of a value that TypeScript would not take for one. */
export function disguised(value: unknown): CanonicalValue {
  return value as CanonicalValue
}
