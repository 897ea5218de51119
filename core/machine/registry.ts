import { toJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'
import { assert } from '../base/assert.ts'
import type { CanonicalValue } from '../model/canonical.ts'
import { NotCanonicalError, toCanonical } from '../model/canonical.ts'
import { nondeterminismOf } from './determinism.ts'
import { inputFault, operationOf, quoted } from './input-words.ts'
import { kv } from './kv.ts'
import { ledger } from './ledger.ts'
import type { Machine } from './machine.ts'

/** What a door learns about an input before it lets it in. */
export type ValidatedInput =
  | { readonly ok: true; readonly value: CanonicalValue }
  | {
      readonly ok: false
      readonly code: 'machine-unknown' | 'input-invalid' | 'not-a-read'
      /** For people: what was expected. */
      readonly message: string
    }

/** What people and programs are shown of a machine; only data. */
export interface MachineDescription {
  readonly name: string
  readonly title: string
  readonly description: string
  /** JSON Schema (draft 7) of its input. What only code can check (bytes rather than characters) is left out. */
  readonly inputSchema: Record<string, unknown>
  readonly examples: { title: string; input: CanonicalValue }[]
  readonly reads: string[]
}

/** The machines a replica knows, by name. */
export interface Registry {
  /** In order of their names. */
  readonly machines: readonly Machine[]
  find: (name: string) => Machine | undefined
  /** Checks what a client sends to be ordered; gives a frozen canonical copy of it. Its size is the door's to check. */
  validateInput: (machineName: string, input: unknown) => ValidatedInput
  /** The same for what is asked as a read: its operation must be one that changes nothing. */
  validateRead: (machineName: string, input: unknown) => ValidatedInput
}

const MACHINE_NAME = /^[a-z][a-z0-9-]{0,63}$/

export const builtInMachines: readonly Machine[] = [kv, ledger]

/** Machines that were tried in this process; a machine is tried once. */
const triedMachines = new WeakSet<Machine>()

/**
 * Tries each machine for determinism before it takes it: see `nondeterminismOf`.
 *
 * @throws NondeterministicMachineError when a machine does what replicas would part over.
 * @throws InvariantError when two machines have one name, or a name is not 1 to 64 of a-z, 0-9 and "-".
 */
export function createRegistry(machines: readonly Machine[]): Registry {
  const registry = createUntriedRegistry(machines)
  for (const machine of registry.machines) {
    if (triedMachines.has(machine)) continue
    const fault = nondeterminismOf(machine)
    if (fault !== undefined) throw fault
    triedMachines.add(machine)
  }
  return registry
}

/**
 * Takes machines on trust: for tests of what a replica does with a machine that breaks its promises.
 *
 * @throws InvariantError as `createRegistry` does.
 */
export function createUntriedRegistry(machines: readonly Machine[]): Registry {
  const byName = new Map<string, Machine>()
  for (const machine of machines.toSorted((left, right) => (left.name < right.name ? -1 : 1))) {
    assert(MACHINE_NAME.test(machine.name), 'a machine is named in lower-case letters, digits and hyphens')
    assert(!byName.has(machine.name), 'each machine has a name of its own')
    byName.set(machine.name, machine)
  }
  const validateInput = (name: string, input: unknown): ValidatedInput => {
    const machine = byName.get(name)
    if (machine !== undefined) return validate(machine, input)
    const expected = `expected one of ${[...byName.keys()].join(', ')}`
    return { ok: false, code: 'machine-unknown', message: `unknown machine ${quoted(name)}; ${expected}` }
  }
  return {
    machines: [...byName.values()],
    find: (name) => byName.get(name),
    validateInput,
    validateRead: (name, input) => {
      const validated = validateInput(name, input)
      const machine = byName.get(name)
      return validated.ok && machine !== undefined ? onlyRead(machine, validated) : validated
    },
  }
}

export function describeMachine(machine: Machine): MachineDescription {
  return {
    name: machine.name,
    title: machine.title,
    description: machine.description,
    // Checks that only code can do have no JSON Schema; the words that need one state it as metadata.
    inputSchema: { ...toJsonSchema(machine.inputSchema, { typeMode: 'input', errorMode: 'ignore' }) },
    examples: machine.examples.map(({ title, input }) => ({ title, input })),
    reads: [...machine.reads],
  }
}

function validate(machine: Machine, input: unknown): ValidatedInput {
  let value: CanonicalValue
  try {
    value = toCanonical(input)
  } catch (error) {
    if (!(error instanceof NotCanonicalError)) throw error
    return { ok: false, code: 'input-invalid', message: `${machine.name}: ${error.message}` }
  }
  const parsed = v.safeParse(machine.inputSchema, value, { abortEarly: true })
  if (parsed.success) return { ok: true, value }
  return { ok: false, code: 'input-invalid', message: inputFault(machine.name, value, parsed.issues[0]) }
}

function onlyRead(machine: Machine, validated: ValidatedInput & { readonly ok: true }): ValidatedInput {
  const op = operationOf(validated.value)
  if (op !== undefined && machine.reads.includes(op)) return validated
  const subject = op === undefined ? machine.name : `${machine.name} ${op}`
  const message = `${subject}: changes the State, so it cannot be asked as a read; reads are ${machine.reads.join(', ')}`
  return { ok: false, code: 'not-a-read', message }
}
