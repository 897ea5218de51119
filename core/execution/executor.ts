import { InvariantError, assert } from '../base/assert.ts'
import { messageOf } from '../base/errors.ts'
import type { CanonicalValue } from '../model/canonical.ts'
import { decodeCanonical, sizeOfCanonical, toCanonical } from '../model/canonical.ts'
import type { Digest, HashFunction } from '../model/digest.ts'
import type { Slot } from '../model/ids.ts'
import { SLOT_NONE, slotAfter } from '../model/ids.ts'
import type { Input } from '../model/input.ts'
import type { Output } from '../model/output.ts'
import { accepted, rejected } from '../model/output.ts'
import { outputDigests, slotDigest } from '../model/vote.ts'
import type { Registry } from '../machine/registry.ts'
import { machineState, readOnlyMachineState } from '../state/machine-state.ts'
import type { State } from '../state/state.ts'
import { decodeBatch } from '../wire/batch.ts'
import { Sessions } from './sessions.ts'

const TIME_KEY = '~time'
/** Levels a session puts around an Output. */
const SESSION_DEPTH = 2
/** Who lies sometimes does so in each slot that this divides. */
const LIE_SLOTS = 3

/** A slot this replica executed, with the Outputs as it gives them to the vote. */
export interface Executed {
  readonly slot: Slot
  readonly timeMs: number
  readonly inputs: readonly Input[]
  readonly outputs: readonly Output[]
  /** Positions of Inputs that were not executed: they repeat what their clients asked before. */
  readonly repeats: ReadonlySet<number>
  /** Of each Output together with its Input. */
  readonly digests: readonly Digest[]
  /** Over all Outputs of the slot: what the vote carries. */
  readonly digest: Digest
  /** Size of the Outputs' encoding. */
  readonly bytes: number
  /** The State after this slot is to be kept: the slot holds a CHECKPOINT. */
  readonly isCheckpoint: boolean
  /** What is held after this slot is to be compared: the slot holds an AUDIT. */
  readonly isAudit: boolean
}

type Computed = Pick<Executed, 'inputs' | 'outputs' | 'repeats'>

const NOTHING: Computed = { inputs: [], outputs: [], repeats: new Set() }

/** Where an Input stands that is executed. */
interface Place {
  readonly slot: Slot
  readonly position: number
  readonly timeMs: number
  /** Positions of the slot that turned out to be repeats, so far. */
  readonly repeats: Set<number>
}

interface ExecutorInit {
  readonly state: State
  readonly registry: Registry
  readonly hash: HashFunction
  /** Whose Outputs these are. */
  readonly teller: string
}

/**
 * Executes decided slots in order. Deterministic: equal State and equal slots give equal State and equal Outputs.
 * Source: Schneider, Implementing Fault-Tolerant Services Using the State Machine Approach (1990), 2.
 */
export class Executor {
  #state: State
  readonly #registry: Registry
  readonly #hash: HashFunction
  #sessions: Sessions
  #slotExecuted: Slot = SLOT_NONE
  readonly #teller: string
  #lie: 'always' | 'sometimes' | undefined

  constructor({ state, registry, hash, teller }: ExecutorInit) {
    this.#teller = teller
    this.#state = state
    this.#registry = registry
    this.#hash = hash
    this.#sessions = new Sessions(state)
  }

  get slotExecuted(): Slot {
    return this.#slotExecuted
  }

  get state(): State {
    return this.#state
  }

  get lies(): boolean {
    return this.#lie !== undefined
  }

  /** The State after that slot, from a checkpoint: execution goes on behind it. */
  install(state: State, slot: Slot): void {
    this.#state = state
    this.#sessions = new Sessions(state)
    this.#slotExecuted = slot
  }

  /** Rehearsal: from now on the Outputs shown to others are wrong, or those of every third slot. State stays right. */
  lie(active: boolean, how: 'always' | 'sometimes' = 'always'): void {
    this.#lie = active ? how : undefined
  }

  /** @throws InvariantError unless `slot` is the next one. */
  execute(slot: Slot, value: Uint8Array): Executed {
    assert(slot === slotAfter(this.#slotExecuted), 'slots are executed in order, without a gap')
    this.#slotExecuted = slot
    const decoded = decodeBatch(value)
    // Whatever was decided is the same bytes everywhere: what can't be read is skipped by all alike.
    if (!decoded.ok || decoded.value.kind === 'noop') return this.#shown(NOTHING, { slot, timeMs: this.#timeMs() })
    const { inputs } = decoded.value
    const timeMs = Math.max(this.#timeMs() + 1, decoded.value.timeMs)
    this.#state.set(TIME_KEY, timeMs)
    const repeats = new Set<number>()
    const outputs = inputs.map((input, position) => this.#executeOne(input, { slot, position, timeMs, repeats }))
    return this.#shown({ inputs, outputs, repeats }, { slot, timeMs })
  }

  /** A read of this replica's State as it is now, ordered with nothing. */
  read(machine: string, payload: Uint8Array): Output {
    return this.#shownOutput(this.#apply({ machine, payload, readOnly: true, timeMs: this.#timeMs() }))
  }

  #executeOne(input: Input, at: Place): Output {
    const { machine, payload } = input
    // Every replica takes one; a machine has no part in it, and twice is no harm.
    if (input.kind === 'checkpoint' || input.kind === 'audit') return accepted({ slot: at.slot })
    if (input.kind === 'read') return this.#apply({ machine, payload, readOnly: true, timeMs: at.timeMs })
    const earlier = this.#sessions.earlier(input)
    if (earlier !== undefined) {
      at.repeats.add(at.position)
      return earlier
    }
    const output = this.#apply({ machine, payload, readOnly: false, timeMs: at.timeMs })
    this.#sessions.remember(input, output, at)
    return output
  }

  #apply(call: {
    readonly machine: string
    readonly payload: Uint8Array
    readonly readOnly: boolean
    readonly timeMs: number
  }): Output {
    const machine = this.#registry.find(call.machine)
    if (machine === undefined) return rejected('machine-unknown', `this cluster has no machine "${call.machine}"`)
    const input = toInput(call.payload)
    if (input === undefined) return rejected('input-malformed', 'the Input is not canonical CBOR')
    const valid = this.#registry.validateInput(call.machine, input)
    if (!valid.ok) return rejected('input-malformed', valid.message)
    const namespaced = call.readOnly
      ? readOnlyMachineState(this.#state, machine.name)
      : machineState(this.#state, machine.name)
    try {
      const output = machine.apply(namespaced, valid.value, { timeMs: call.timeMs })
      // What has no canonical form, or is too deep to be kept in a session, must not come out of a machine.
      toCanonical(output, '', SESSION_DEPTH)
      return output
    } catch (error) {
      // A machine must not throw; if it does, it throws at every replica alike, so this is an Output like any other.
      if (error instanceof InvariantError) throw error
      return rejected('machine-failed', messageOf(error).toWellFormed())
    }
  }

  #timeMs(): number {
    const value = this.#state.get(TIME_KEY)
    return typeof value === 'number' ? value : 0
  }

  #shown({ inputs, outputs: computed, repeats }: Computed, at: Pick<Place, 'slot' | 'timeMs'>): Executed {
    const outputs = this.#tellsLie(at.slot) ? computed.map((output) => this.#shownOutput(output)) : computed
    const bytes = outputs.reduce((sum, output) => sum + sizeOfCanonical(output), 0)
    const digests = outputDigests(this.#hash, { inputs, repeats }, outputs)
    const digest = slotDigest(this.#hash, digests)
    const isCheckpoint = inputs.some(({ kind }) => kind === 'checkpoint')
    const isAudit = inputs.some(({ kind }) => kind === 'audit')
    return { ...at, inputs, outputs, repeats, digests, digest, bytes, isCheckpoint, isAudit }
  }

  #tellsLie(slot: Slot): boolean {
    return this.#lie === 'always' || (this.#lie === 'sometimes' && slot % LIE_SLOTS === 0)
  }

  #shownOutput(output: Output): Output {
    if (!this.#tellsLie(this.#slotExecuted)) return output
    // Each liar tells its own lie: two of them do not make a majority by accident.
    return accepted({ lie: output.ok ? output.value : output.error.code, told: this.#teller })
  }
}

function toInput(payload: Uint8Array): CanonicalValue | undefined {
  try {
    return decodeCanonical(payload)
  } catch (error) {
    // Anything else would be another Output at another replica.
    if (!(error instanceof InvariantError)) throw error
    return undefined
  }
}
