import { InvariantError } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import { SynodError, messageOf } from '../base/errors.ts'
import type { Prng } from '../base/prng.ts'
import { createPrng } from '../base/prng.ts'
import type { CanonicalValue } from '../model/canonical.ts'
import { NotCanonicalError, toCanonical } from '../model/canonical.ts'
import type { HashFunction } from '../model/digest.ts'
import { outputFrom } from '../model/output.ts'
import { machineState } from '../state/machine-state.ts'
import { State } from '../state/state.ts'
import { isList, operationOf } from './input-words.ts'
import type { Machine, MachineState, ScanRange } from './machine.ts'
import { randomInputs } from './random-inputs.ts'

/** Inputs of a trial, beside the examples. As many as a start of the process has time for: some 20 ms a machine. */
const INPUTS = 40
/** Any number would do; the same one makes the same trial everywhere. */
const SEED = 0x5_9_0_d
/** The restored life begins anew from what its State holds after so many Inputs. */
const RESTORE_EVERY = 16
const TIME_FIRST_MS = 1_700_000_000_000
/** Ordered time from one Input to the next: now and then enough for things to expire. */
const TIME_STEP_MS_MAX = 2000
/** An Output may be nested as deep as a session can keep it: see `Executor`. */
const SESSION_DEPTH = 2
/** Values are shown in messages no longer than this. Unit: UTF-16 code units. */
const SHOWN_UNITS_MAX = 160

/** What a machine did that no machine may do. */
export type Breach =
  /** The same Input on the same State had two Outputs, or left two States. */
  | 'differs-when-repeated'
  /** The same, after the State was restored as from a checkpoint, and with the keys of objects in another order. */
  | 'differs-when-restored'
  /** The same, with Inputs on another State in between. */
  | 'remembers'
  | 'changes-input'
  | 'changes-held-value'
  | 'keeps-state'
  | 'read-writes'
  | 'throws'
  | 'output-not-canonical'
  | 'state-not-canonical'
  /** No Input of an operation could be made, so it was not tried. */
  | 'operation-untried'

export interface NondeterminismFault {
  readonly code: 'MACHINE_NONDETERMINISTIC'
  readonly machine: string
  readonly breach: Breach
  /** The Input it came about with; absent where there is none. */
  readonly input?: CanonicalValue
}

/** Thrown at registration: replicas that ran this machine would part, one from the other. */
export class NondeterministicMachineError extends SynodError<NondeterminismFault> {}

interface Trial {
  readonly machine: Machine
  readonly steps: readonly Step[]
}

interface Step {
  readonly input: CanonicalValue
  readonly timeMs: number
}

/** What came of a step, in copies nobody else holds. */
interface Outcome {
  readonly output: CanonicalValue
  /** The keys that were written or deleted, sorted; States that began alike are alike as long as these are. */
  readonly changes: readonly Change[]
}

/** The key and what it was set to, or the key alone: deleted. */
type Change = readonly [key: string] | readonly [key: string, value: CanonicalValue]

/** How one life of a machine is led. What it changes must not matter. */
interface Way {
  readonly breach: Breach
  /** What the machine is given for this Input. */
  readonly given: (input: CanonicalValue) => CanonicalValue
  readonly restores: boolean
  /** What another State is given between two steps. */
  readonly meanwhile?: readonly Step[]
}

/**
 * Runs a machine several times over random Inputs, on States that began alike, and compares Outputs and States after
 * each Input. Each time something is different that must not matter.
 *
 * It proves nothing: it finds what shows within some fifty Inputs and the few milliseconds they take. What a machine
 * may not even name is the lint rule's business (eslint.config.ts).
 *
 * @returns the first thing found; undefined for nothing. What else is thrown is a bug here.
 */
export function nondeterminismOf(machine: Machine, seed = SEED): NondeterministicMachineError | undefined {
  const prng = createPrng(seed)
  const { inputs, unreached } = randomInputs(machine, prng, INPUTS)
  const [op] = unreached
  try {
    if (op !== undefined) {
      throw breachOf(machine, 'operation-untried', `has an operation ${op} for which no Input could be made`)
    }
    const trial = { machine, steps: timed(inputs, prng) }
    // The same Inputs, so that they meet on the same keys, and never the same one at the same time.
    const half = Math.ceil(inputs.length / 2)
    const meanwhile = timed([...inputs.slice(half), ...inputs.slice(0, half)], prng)
    const first = lead(trial, { breach: 'throws', given: thawed, restores: false })
    for (const way of [
      { breach: 'differs-when-repeated', given: (input) => input, restores: false },
      { breach: 'differs-when-restored', given: reordered, restores: true },
      { breach: 'remembers', given: (input) => input, restores: false, meanwhile },
    ] satisfies readonly Way[]) {
      lead(trial, way, first)
    }
    return undefined
  } catch (error) {
    if (error instanceof NondeterministicMachineError) return error
    throw error
  }
}

function timed(inputs: readonly CanonicalValue[], prng: Prng): readonly Step[] {
  let timeMs = TIME_FIRST_MS
  return inputs.map((input) => {
    timeMs += prng.between(1, TIME_STEP_MS_MAX)
    return { input, timeMs }
  })
}

/** @throws NondeterministicMachineError where it parts from an earlier life. */
function lead({ machine, steps }: Trial, way: Way, earlier?: readonly Outcome[]): readonly Outcome[] {
  let state = new State(noDigest)
  const elsewhere = new State(noDigest)
  const outcomes: Outcome[] = []
  for (const [index, step] of steps.entries()) {
    const other = way.meanwhile?.[index]
    if (other !== undefined) perform(machine, elsewhere, other, other.input)
    if (way.restores && index % RESTORE_EVERY === RESTORE_EVERY - 1) state = restored(state)
    const outcome = perform(machine, state, step, way.given(step.input))
    const before = earlier?.[index]
    if (before !== undefined) compare({ machine, step, breach: way.breach, before, outcome })
    outcomes.push(outcome)
  }
  const held = new Map(outcomes.flatMap(({ changes }) => changes.map(([key, value]) => [key, value] as const)))
  for (const [key, value] of held) {
    if (isAlike(machineState(state, machine.name).get(key), value)) continue
    throw breachOf(machine, 'changes-held-value', `changed what its State holds under ${shown(key)} in place`)
  }
  return outcomes
}

function perform(machine: Machine, state: State, { input, timeMs }: Step, given: CanonicalValue): Outcome {
  const op = operationOf(input)
  const watched = new WatchedState(machineState(state, machine.name), op !== undefined && machine.reads.includes(op))
  let output: unknown
  let thrown: { readonly error: unknown } | undefined
  try {
    output = machine.apply(watched, given, Object.freeze({ timeMs }))
  } catch (error) {
    thrown = { error }
  }
  watched.close()
  // First what it did to others: that may be why it threw.
  if (watched.breach !== undefined) throw breachOf(machine, watched.breach.kind, watched.breach.what, input)
  // What is frozen stayed as it was.
  if (!Object.isFrozen(given) && !isUnchanged(given, input))
    throw breachOf(machine, 'changes-input', `changed its Input to ${shown(given)}`, input)
  if (thrown !== undefined) {
    const kind = thrown.error instanceof KeptStateError ? 'keeps-state' : 'throws'
    throw breachOf(machine, kind, `threw: ${messageOf(thrown.error)}`, input)
  }
  try {
    const canonical = toCanonical(output, '', SESSION_DEPTH)
    if (outputFrom(canonical) !== undefined) {
      return { output: canonical, changes: watched.changes() }
    }
  } catch (error) {
    if (!(error instanceof NotCanonicalError)) throw error
    throw breachOf(
      machine,
      'output-not-canonical',
      `gave an Output that has no canonical form: ${error.message}`,
      input,
    )
  }
  throw breachOf(machine, 'output-not-canonical', `gave ${shown(output)}, which is no Output`, input)
}

class KeptStateError extends Error {
  override readonly name = 'KeptStateError'
}

/** A machine's State for one call. Takes note of what the call may not do, as a machine might catch what is thrown. */
class WatchedState implements MachineState {
  readonly #inner: MachineState
  readonly #isRead: boolean
  readonly #touched = new Set<string>()
  #isOpen = true
  #breach: { readonly kind: Breach; readonly what: string } | undefined

  constructor(inner: MachineState, isRead: boolean) {
    this.#inner = inner
    this.#isRead = isRead
  }

  get breach(): { readonly kind: Breach; readonly what: string } | undefined {
    return this.#breach
  }

  changes(): readonly Change[] {
    return [...this.#touched].sort().map((key) => {
      const value = this.#inner.get(key)
      // A copy: bytes can't be frozen, and might be changed where they are held.
      return value === undefined ? [key] : [key, toCanonical(value)]
    })
  }

  close(): void {
    this.#isOpen = false
  }

  // Properties, as in the runtime: a machine may take them apart.
  readonly get = (key: string): CanonicalValue | undefined => {
    this.#expectOpen()
    return this.#inner.get(key)
  }

  readonly set = (key: string, value: CanonicalValue): void => {
    this.#expectWritable(key)
    try {
      this.#inner.set(key, value)
      this.#touched.add(key)
    } catch (error) {
      this.#breach ??= { kind: 'state-not-canonical', what: `wrote the key ${shown(key)}: ${messageOf(error)}` }
      throw error
    }
  }

  readonly delete = (key: string): void => {
    this.#expectWritable(key)
    if (this.#inner.get(key) === undefined) return
    this.#inner.delete(key)
    this.#touched.add(key)
  }

  readonly scan = (range: ScanRange): Iterable<readonly [key: string, value: CanonicalValue]> => {
    this.#expectOpen()
    return this.#scanOf(range)
  };

  *#scanOf(range: ScanRange): Generator<readonly [key: string, value: CanonicalValue], undefined, undefined> {
    this.#expectOpen()
    for (const entry of this.#inner.scan(range)) {
      yield entry
      // Whoever comes back for more may come in a later call.
      this.#expectOpen()
    }
  }

  #expectWritable(key: string): void {
    this.#expectOpen()
    if (!this.#isRead) return
    this.#breach ??= {
      kind: 'read-writes',
      what: `wrote the key ${shown(key)} in an operation it lists among its reads`,
    }
    throw new Error('a read writes nothing')
  }

  #expectOpen(): void {
    if (!this.#isOpen) throw new KeptStateError('the State was used after the call it was given for')
  }
}

/** @throws NondeterministicMachineError when two lives that must not differ do. */
function compare(at: { machine: Machine; step: Step; breach: Breach; before: Outcome; outcome: Outcome }): void {
  const { machine, step, breach, before, outcome } = at
  if (!isAlike(before.output, outcome.output)) {
    const what = `answered first ${shown(before.output)}, then ${shown(outcome.output)}`
    throw breachOf(machine, breach, what, step.input)
  }
  if (!isAlike(before.changes, outcome.changes)) {
    const what = `wrote to its State first ${shown(before.changes)}, then ${shown(outcome.changes)}`
    throw breachOf(machine, breach, what, step.input)
  }
}

/** The same State, as a replica has it that came by it in another way. */
function restored(state: State): State {
  const copy = new State(noDigest)
  for (const [key, value] of [...state.scan({ from: '' })].toReversed()) copy.set(key, reordered(value))
  return copy
}

/** A copy that is not frozen, so that a change of it shows. */
function thawed(value: CanonicalValue): CanonicalValue {
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (isList(value)) return value.map(thawed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, thawed(member)]))
}

/** A copy with the keys of each object in the reverse order. */
function reordered(value: CanonicalValue): CanonicalValue {
  if (isList(value)) return Object.freeze(value.map(reordered))
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  const members = Object.entries(value).map(([key, member]): [string, CanonicalValue] => [key, reordered(member)])
  return Object.freeze(Object.fromEntries(members.toReversed()))
}

function isUnchanged(given: CanonicalValue, input: CanonicalValue): boolean {
  try {
    return isAlike(toCanonical(given), input)
  } catch (error) {
    if (error instanceof NotCanonicalError) return false
    throw error
  }
}

/** Whether they have one encoding. Several times cheaper than to encode both. */
function isAlike(left: CanonicalValue | undefined, right: CanonicalValue | undefined): boolean {
  if (left === right) return true
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false
  if (left instanceof Uint8Array || right instanceof Uint8Array) {
    return left instanceof Uint8Array && right instanceof Uint8Array && equalBytes(left, right)
  }
  if (isList(left) || isList(right)) {
    if (!isList(left) || !isList(right) || left.length !== right.length) return false
    return left.every((item, index) => isAlike(item, right[index]))
  }
  const keys = Object.keys(left)
  if (keys.length !== Object.keys(right).length) return false
  // What is absent is like nothing: a canonical value holds no undefined.
  return keys.every((key) => Object.hasOwn(right, key) && isAlike(left[key], right[key]))
}

const ADVICE: Readonly<Record<Breach, string>> = {
  'differs-when-repeated':
    'Take time from the context and all else from State and Input: no clock, no randomness, nothing kept between calls',
  'differs-when-restored':
    'Do not rely on the order of an object’s keys: sort them. Replicas hold equal values with keys in different orders',
  remembers: 'Keep nothing between calls but in the State',
  'changes-input': 'Copy what is to be changed: others hold the same Input',
  'changes-held-value': 'Copy what is to be changed, and write the copy to the State',
  'keeps-state': 'Use the State only within the call it was given for',
  'read-writes': 'Take the operation out of reads, or the write out of the operation',
  throws: 'Answer what can’t be done with rejected(code, message)',
  'output-not-canonical': 'Answer with accepted(value) or rejected(code, message), of what canonical.ts lists',
  'state-not-canonical': 'Write only what canonical.ts lists: no undefined, no NaN, no Date',
  'operation-untried': 'Give an example of it',
}

function breachOf(
  machine: Machine,
  breach: Breach,
  what: string,
  input?: CanonicalValue,
): NondeterministicMachineError {
  const { name } = machine
  const where = input === undefined ? '' : ` Input: ${shown(input)}.`
  const fault = { code: 'MACHINE_NONDETERMINISTIC', machine: name, breach } as const
  return new NondeterministicMachineError(
    input === undefined ? fault : { ...fault, input },
    `the machine ${name} ${what}.${where} Replicas would part. ${ADVICE[breach]}.`,
  )
}

/** For people; never fails, whatever a machine gave. */
function shown(value: unknown): string {
  let text: unknown
  try {
    text = JSON.stringify(value)
  } catch {
    // A BigInt, or what holds itself.
  }
  const words = typeof text === 'string' ? text : typeof value
  return words.length > SHOWN_UNITS_MAX ? `${words.slice(0, SHOWN_UNITS_MAX)}…`.toWellFormed() : words
}

const noDigest: HashFunction = () => {
  throw new InvariantError('a trial compares what was written, and asks for no digest')
}
