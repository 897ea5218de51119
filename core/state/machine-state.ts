import { assert } from '../base/assert.ts'
import { SynodError } from '../base/errors.ts'
import type { CanonicalValue } from '../model/canonical.ts'
import type { Entry } from './partition.ts'
import type { KeyRange } from './sorted-keys.ts'
import type { State } from './state.ts'
import type { StateView } from './view.ts'

/** One machine's part of the State; what `MachineState` of the machine contract asks for. */
export interface NamespacedState {
  get: (key: string) => CanonicalValue | undefined
  set: (key: string, value: CanonicalValue) => void
  delete: (key: string) => void
  scan: (range: KeyRange) => Iterable<Entry>
}

export interface ReadOnlyFault {
  readonly code: 'STATE_READ_ONLY'
  readonly namespace: string
  readonly key: string
}

/** Thrown when a machine writes while it answers a read: the machine lists an operation among its reads that writes. */
export class ReadOnlyStateError extends SynodError<ReadOnlyFault> {}

/**
 * A machine's own keys, as if they were all there is: in the State they stand under `<namespace>/`.
 *
 * @throws InvariantError when the namespace is empty or holds a slash, as two would then overlap.
 */
export function machineState(state: State, namespace: string): NamespacedState {
  const prefix = prefixOf(namespace)
  return {
    ...readsOf(state, prefix),
    set: (key, value) => {
      state.set(prefix + key, value)
    },
    delete: (key) => {
      state.delete(prefix + key)
    },
  }
}

/**
 * The same for reads, on a live State or a frozen one.
 *
 * `set` and `delete` throw `ReadOnlyStateError`.
 */
export function readOnlyMachineState(view: StateView, namespace: string): NamespacedState {
  const prefix = prefixOf(namespace)
  const refuse = (key: string): never => {
    throw new ReadOnlyStateError(
      { code: 'STATE_READ_ONLY', namespace, key },
      `the machine ${namespace} wrote to the key ${JSON.stringify(key)} while it answered a read`,
    )
  }
  return { ...readsOf(view, prefix), set: refuse, delete: refuse }
}

function readsOf(view: StateView, prefix: string): Pick<NamespacedState, 'get' | 'scan'> {
  // The code unit after "/" is "0": below it lies everything that starts with the prefix.
  const end = `${prefix.slice(0, -1)}0`
  return {
    get: (key) => view.get(prefix + key),
    scan: ({ from, to }) => scanWithin(view, prefix, { from: prefix + from, to: to === undefined ? end : prefix + to }),
  }
}

function* scanWithin(view: StateView, prefix: string, range: KeyRange): Generator<Entry, undefined, undefined> {
  for (const [key, value] of view.scan(range)) yield [key.slice(prefix.length), value]
}

function prefixOf(namespace: string): string {
  assert(namespace.length > 0, 'a namespace has a name')
  assert(!namespace.includes('/'), 'a namespace holds no slash')
  return `${namespace}/`
}
