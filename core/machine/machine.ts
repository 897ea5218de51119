import type * as v from 'valibot'
import type { CanonicalValue } from '../model/canonical.ts'
import type { Output } from '../model/output.ts'

/** What a machine sees of the State: its own keys only, as if they were all there is. */
export interface MachineState {
  get: (key: string) => CanonicalValue | undefined
  /** @throws NotCanonicalError when `value` has no canonical form. */
  set: (key: string, value: CanonicalValue) => void
  delete: (key: string) => void
  /** Keys from `from` (included) up to `to` (excluded; absent: to the end), in order of their UTF-16 code units. */
  scan: (range: ScanRange) => Iterable<readonly [key: string, value: CanonicalValue]>
}

export interface ScanRange {
  readonly from: string
  readonly to?: string
}

/** All a machine may know beside its State and its input. */
export interface MachineContext {
  /** Ordered time: milliseconds since 1970, strictly rising from batch to batch, the same at every replica. */
  readonly timeMs: number
}

/**
 * A state machine: `apply` and the words to speak to it.
 *
 * `apply` is deterministic: no clock, randomness, locale or I/O; the same State, input and context give the same
 * Output and the same writes on every machine. It never throws for anything a client may send: a refusal is an
 * Output with `ok: false`.
 */
export interface Machine {
  readonly name: string
  /** For people. */
  readonly title: string
  readonly description: string
  /** What `apply` accepts: checked at the doors, so that nothing else is ever ordered. */
  readonly inputSchema: v.GenericSchema<unknown, CanonicalValue>
  readonly examples: readonly { readonly title: string; readonly input: CanonicalValue }[]
  /** Values of `op` that change nothing, so may be asked as reads. */
  readonly reads: readonly string[]
  readonly apply: (state: MachineState, input: CanonicalValue, context: MachineContext) => Output
}
