import { decodeCanonical } from '../../core/model/canonical.ts'
import type { Input } from '../../core/model/input.ts'
import { decodeBatch } from '../../core/wire/batch.ts'
import type { Operation } from './operations.ts'
import { operationFrom } from './operations.ts'

/** What the model answers: an Output of the machine by its fields, or the code of a refusal. */
export type ModelOutput = Readonly<Record<string, number | string | boolean | null>> | { readonly refused: string }

interface Held {
  /** The slot that wrote it. */
  readonly slot: number
  /** null: absent. */
  readonly value: number | string | null
  readonly expiresAtMs: number
}

interface Session {
  readonly sequence: number
  readonly output: ModelOutput
}

const ABSENT: Held = { slot: 0, value: null, expiresAtMs: Number.POSITIVE_INFINITY }

/**
 * The decided log, executed a second time by other means: plain maps, some fifty lines. It says what every Output
 * must be, how often each Input took effect, and what each key held after every slot.
 */
export class ModelExecution {
  /** Ordered time after each slot; the first item stands for "before any". */
  readonly #timesMs: number[] = [0]
  readonly #history = new Map<string, Held[]>()
  readonly #sessions = new Map<string, Session>()
  /** Per slot: the Output of each of its Inputs, by name; of one that stands in it twice, the last. */
  readonly #outputs: (ReadonlyMap<string, ModelOutput> | undefined)[] = [undefined]
  #executions = 0

  get slotExecuted(): number {
    return this.#timesMs.length - 1
  }

  /** Inputs that took effect: each once, whatever was retried. */
  get executions(): number {
    return this.#executions
  }

  /** The next decided slot. @returns the names of its Inputs. */
  execute(value: Uint8Array): readonly string[] {
    const slot = this.#timesMs.length
    const before = this.#timesMs[slot - 1] ?? 0
    const batch = decodeBatch(value)
    if (!batch.ok || batch.value.kind === 'noop') {
      this.#timesMs.push(before)
      this.#outputs.push(undefined)
      return []
    }
    const timeMs = Math.max(before + 1, batch.value.timeMs)
    this.#timesMs.push(timeMs)
    const outputs = new Map<string, ModelOutput>()
    for (const input of batch.value.inputs) outputs.set(nameOf(input), this.#executeOne(input, slot, timeMs))
    this.#outputs.push(outputs)
    return [...outputs.keys()]
  }

  /** What the Input that stands in this slot must be answered; undefined when none of that name stands there. */
  outputAt(slot: number, name: string): ModelOutput | undefined {
    return this.#outputs[slot]?.get(name)
  }

  hasExecuted(client: string, sequence: number): boolean {
    return (this.#sessions.get(client)?.sequence ?? 0) >= sequence
  }

  /** What a `get` answers from the State after this slot, and since which slot it would. */
  readAt(key: string, slot: number): { readonly output: ModelOutput; readonly since: number } {
    const timeMs = this.#timesMs[slot] ?? 0
    const held = this.#heldAt(key, slot)
    return { output: getOutput(held, timeMs), since: held.slot }
  }

  /** Whether a `get` that stands in this slot, before, between or after its writes, may answer so. */
  answersWithin(key: string, slot: number, isSame: (output: ModelOutput) => boolean): boolean {
    const timeMs = this.#timesMs[slot] ?? 0
    if (isSame(getOutput(this.#heldAt(key, slot - 1), timeMs))) return true
    return (this.#history.get(key) ?? []).some((held) => held.slot === slot && isSame(getOutput(held, timeMs)))
  }

  #heldAt(key: string, slot: number): Held {
    const history = this.#history.get(key) ?? []
    for (let index = history.length - 1; index >= 0; index -= 1) {
      const held = history[index]
      if (held !== undefined && held.slot <= slot) return held
    }
    return ABSENT
  }

  #executeOne(input: Input, slot: number, timeMs: number): ModelOutput {
    const operation = operationFrom(decodeCanonical(input.payload))
    if (operation === undefined) return { refused: 'input-malformed' }
    if (input.kind === 'read') return this.#apply(operation, slot, timeMs)
    const session = this.#sessions.get(input.client)
    if (input.sequence === session?.sequence) return session.output
    if (session !== undefined && input.sequence < session.sequence) return { refused: 'sequence-superseded' }
    const output = this.#apply(operation, slot, timeMs)
    this.#sessions.set(input.client, { sequence: input.sequence, output })
    this.#executions += 1
    return output
  }

  #apply(operation: Operation, slot: number, timeMs: number): ModelOutput {
    const { key } = operation
    const raw = this.#heldAt(key, slot)
    const held = isExpired(raw, timeMs) ? ABSENT : raw
    const write = (value: number | string | null, expiresAtMs = Number.POSITIVE_INFINITY): void => {
      const history = this.#history.get(key) ?? []
      this.#history.set(key, history)
      history.push({ slot, value, expiresAtMs })
    }
    switch (operation.op) {
      case 'get':
        return getOutput(held, timeMs)
      case 'set': {
        const { value, expiresInMs } = operation
        write(value, expiresInMs === undefined ? undefined : timeMs + expiresInMs)
        return { existed: held.value !== null }
      }
      case 'delete':
        write(null)
        return { existed: held.value !== null }
      case 'compare-and-set':
        if (held.value !== operation.expected) return { swapped: false, value: held.value }
        write(operation.value)
        return { swapped: true, value: operation.value }
      case 'increment': {
        if (typeof held.value === 'string') return { refused: 'not-an-integer' }
        const value = (held.value ?? 0) + 1
        write(value, held.expiresAtMs)
        return { value }
      }
    }
  }
}

export function nameOf(input: Pick<Input, 'client' | 'sequence'>): string {
  return `${input.client}:${input.sequence}`
}

function getOutput(held: Held, timeMs: number): ModelOutput {
  const isAbsent = held.value === null || isExpired(held, timeMs)
  return isAbsent ? { value: null, found: false } : { value: held.value, found: true }
}

function isExpired(held: Held, timeMs: number): boolean {
  return timeMs >= held.expiresAtMs
}
