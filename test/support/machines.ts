import * as v from 'valibot'
import type { Machine } from '../../core/machine/machine.ts'
import type { CanonicalValue } from '../../core/model/canonical.ts'
import type { Output } from '../../core/model/output.ts'
import { accepted } from '../../core/model/output.ts'

/** A machine that does what a test says, and accepts any input. */
export function machineOf(name: string, apply: Machine['apply']): Machine {
  const inputSchema = v.custom<CanonicalValue>(() => true)
  return { name, title: name, description: name, inputSchema, examples: [], reads: [], apply }
}

/** Tells the ordered time it is given. */
export const clockMachine = machineOf('clock', (_state, _input, { timeMs }): Output => accepted(timeMs))

/** Writes its input under `key`, and then throws it. */
export const throwingMachine = machineOf('throwing', (state, input) => {
  state.set('key', input)
  throw new Error(JSON.stringify(input))
})
