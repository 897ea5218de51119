import { hash } from 'node:crypto'
import type { CanonicalValue } from '../../../core/model/canonical.ts'
import type { Digest, HashFunction } from '../../../core/model/digest.ts'
import type { Output } from '../../../core/model/output.ts'
import type { Machine } from '../../../core/machine/machine.ts'
import { machineState, readOnlyMachineState } from '../../../core/state/machine-state.ts'
import { State } from '../../../core/state/state.ts'

const sha256: HashFunction = (bytes) => hash('sha256', bytes, 'hex') as Digest

export interface Playground {
  readonly state: State
  /** Applies an input at an ordered time; its reads run on a read-only view, as they do in a replica. */
  readonly apply: (input: CanonicalValue, timeMs?: number) => Output
  /** The value of an Output that must be an accepted one. */
  readonly ask: (input: CanonicalValue, timeMs?: number) => CanonicalValue
}

/** One machine on a State of its own. */
export function playground(machine: Machine): Playground {
  const state = new State(sha256)
  const [writable, readable] = [machineState(state, machine.name), readOnlyMachineState(state, machine.name)]
  const apply = (input: CanonicalValue, timeMs = 1): Output => {
    const op = typeof input === 'object' && input !== null && 'op' in input ? input.op : undefined
    const isRead = typeof op === 'string' && machine.reads.includes(op)
    return machine.apply(isRead ? readable : writable, input, { timeMs })
  }
  const ask = (input: CanonicalValue, timeMs = 1): CanonicalValue => {
    const output = apply(input, timeMs)
    if (!output.ok) throw new Error(`refused: ${output.error.code}, ${output.error.message}`)
    return output.value
  }
  return { state, apply, ask }
}
