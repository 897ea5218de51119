import type { JsonSchema } from '@valibot/to-json-schema'
import { toJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'
import { present } from '../base/assert.ts'
import type { Prng } from '../base/prng.ts'
import type { CanonicalValue } from '../model/canonical.ts'
import { NotCanonicalError, toCanonical } from '../model/canonical.ts'
import { operationOf } from './input-words.ts'
import type { Machine } from './machine.ts'

type Definition = JsonSchema | boolean

/** Attempts at one Input before an operation is passed over for this round. */
const TRIES_MAX = 8
const DEPTH_MAX = 3
/** How many of the words in its examples a machine is spoken to with. Few, so that Inputs meet on the same keys. */
const WORDS_MAX = 6
/** Upper and lower case, digits that sort otherwise as numbers than as text, one and two code units, an empty one. */
const WORDS = ['a', 'b', 'B', '9', '10', 'a/b', 'é', '\u{1f600}', '']
/** An object lists keys that look like numbers first, and the others as they came; an encoding sorts them all. */
const KEYS = ['b', 'a', 'bb', '10', '9']
const WHOLE = [0, 1, 2, 3, 10, 100, 1000, 60_000, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]
const BROKEN = [0.1, 0.2, 0.5, -0.1, 1e21, 5e-324]

/** Inputs to try a machine with. */
export interface RandomInputs {
  /** Each one is canonical, frozen, and passes the machine's schema. */
  readonly inputs: readonly CanonicalValue[]
  /** Operations for which no Input could be made: their schema can't be walked, and no example shows them. */
  readonly unreached: readonly string[]
}

/**
 * The machine's examples, then about `count` more: as many of each of its operations, at least two, in a random order.
 * Each is made from the schema, or is an example with something changed. Keys and other words are few, so that Inputs
 * meet.
 */
export function randomInputs(machine: Machine, prng: Prng, count: number): RandomInputs {
  const alternatives = alternativesOf(toJsonSchema(machine.inputSchema, { typeMode: 'input', errorMode: 'ignore' }))
  const maker = new InputMaker(machine, prng)
  const inputs = machine.examples.flatMap(({ input }) => maker.admitted(input) ?? [])
  const rounds = Math.max(2, Math.ceil(count / Math.max(1, alternatives.length)))
  for (let round = 0; round < rounds; round += 1) {
    for (const alternative of shuffled(alternatives, prng)) {
      const input = maker.make(alternative)
      if (input !== undefined) inputs.push(input)
    }
  }
  const reached = new Set(inputs.map(operationOf))
  const ops = alternatives.flatMap((alternative) => namedOperation(alternative) ?? [])
  return { inputs, unreached: ops.filter((op) => !reached.has(op)) }
}

class InputMaker {
  readonly #machine: Machine
  readonly #prng: Prng
  readonly #words: readonly string[]

  constructor(machine: Machine, prng: Prng) {
    this.#machine = machine
    this.#prng = prng
    const said = machine.examples.flatMap(({ input }) => wordsIn(input, 0))
    this.#words = [...new Set(said)].slice(0, WORDS_MAX)
  }

  /** @returns undefined when the machine's schema, or that of canonical values, does not let it in. */
  admitted(candidate: unknown): CanonicalValue | undefined {
    try {
      const input = toCanonical(candidate)
      return v.is(this.#machine.inputSchema, input) ? input : undefined
    } catch (error) {
      if (error instanceof NotCanonicalError) return undefined
      throw error
    }
  }

  make(alternative: Definition): CanonicalValue | undefined {
    for (let attempt = 0; attempt < TRIES_MAX; attempt += 1) {
      const changed = this.#prng.chance(0.2) ? this.#changedExample(alternative) : undefined
      const input = this.admitted(changed ?? this.#valueOf(alternative, 0))
      if (input !== undefined) return input
    }
    return undefined
  }

  /** An example of the same operation in which one member has another value, or is left out. */
  #changedExample(alternative: Definition): unknown {
    const op = namedOperation(alternative)
    const examples = this.#machine.examples.filter(({ input }) => op === undefined || operationOf(input) === op)
    if (examples.length === 0) return undefined
    const { input } = this.#pick(examples)
    if (typeof input !== 'object' || input === null) return undefined
    const members = Object.entries(input).filter(([key]) => key !== 'op')
    if (members.length === 0) return undefined
    const [changed] = this.#pick(members)
    const others = Object.entries(input).filter(([key]) => key !== changed)
    if (this.#prng.chance(0.2)) return Object.fromEntries(others)
    const known = typeof alternative === 'object' ? alternative.properties?.[changed] : undefined
    return Object.fromEntries([...others, [changed, this.#valueOf(known ?? true, 1)]])
  }

  #valueOf(schema: Definition, depth: number): unknown {
    if (typeof schema === 'boolean') return this.#anything(depth)
    if (schema.const !== undefined) return schema.const
    if (schema.enum !== undefined && schema.enum.length > 0) return this.#pick(schema.enum)
    const choices = schema.oneOf ?? schema.anyOf
    if (choices !== undefined && choices.length > 0) return this.#valueOf(this.#pick(choices), depth)
    const type = Array.isArray(schema.type) ? this.#pick(schema.type) : schema.type
    switch (type) {
      case 'string':
        return this.#text(schema)
      case 'number':
      case 'integer':
        return this.#number(schema, type === 'integer')
      case 'boolean':
        return this.#prng.chance(0.5)
      case 'null':
        return null
      case 'array':
        return this.#list(schema, depth)
      case 'object':
        return this.#object(schema, depth)
      case undefined:
        return this.#anything(depth)
    }
  }

  #text({ minLength = 0, maxLength = Number.POSITIVE_INFINITY }: JsonSchema): string {
    // Now and then the longest and the shortest that are allowed, as far as these are of a size to try.
    if (this.#prng.chance(0.03) && maxLength <= 1024) return 'x'.repeat(maxLength)
    const pool = this.#words.length > 0 && this.#prng.chance(0.5) ? this.#words : WORDS
    const word = this.#pick(pool)
    return word.length < minLength ? word.padEnd(minLength, 'x') : word.slice(0, maxLength)
  }

  #number(schema: JsonSchema, isWhole: boolean): number {
    const least = schema.minimum ?? schema.exclusiveMinimum ?? Number.NEGATIVE_INFINITY
    const most = schema.maximum ?? schema.exclusiveMaximum ?? Number.POSITIVE_INFINITY
    const pool = [...WHOLE, ...(isWhole ? [] : BROKEN), least, most]
    const fitting = pool.filter((number) => Number.isFinite(number) && number >= least && number <= most)
    return this.#pick(fitting)
  }

  #list(schema: JsonSchema, depth: number): unknown[] {
    const firsts = Array.isArray(schema.items) ? schema.items : (schema.prefixItems ?? [])
    if (firsts.length > 0) return firsts.map((item) => this.#valueOf(item, depth + 1))
    const item = schema.items === undefined || Array.isArray(schema.items) ? true : schema.items
    const least = schema.minItems ?? 0
    const count = depth >= DEPTH_MAX ? least : this.#prng.between(least, Math.min(least + 3, schema.maxItems ?? 1000))
    return Array.from({ length: count }, () => this.#valueOf(item, depth + 1))
  }

  /** Its keys come in a random order. */
  #object(schema: JsonSchema, depth: number): Record<string, unknown> {
    const members: [key: string, value: unknown][] = []
    const required = new Set(schema.required)
    for (const [key, member] of shuffled(Object.entries(schema.properties ?? {}), this.#prng)) {
      if (required.has(key) || this.#prng.chance(0.5)) members.push([key, this.#valueOf(member, depth + 1)])
    }
    const others = schema.additionalProperties ?? schema.properties === undefined
    if (others !== false && depth < DEPTH_MAX) {
      for (const key of shuffled(KEYS, this.#prng).slice(0, this.#prng.between(0, 3))) {
        members.push([key, this.#valueOf(others, depth + 1)])
      }
    }
    return Object.fromEntries(members)
  }

  #anything(depth: number): unknown {
    switch (this.#prng.between(0, depth >= DEPTH_MAX ? 4 : 8)) {
      case 0:
        return null
      case 1:
        return this.#prng.chance(0.5)
      case 2:
        return this.#number({}, false)
      case 3:
        return this.#text({})
      case 4:
        return Uint8Array.of(this.#prng.between(0, 255), 0)
      case 5:
        return this.#list({}, depth)
      default:
        return this.#object({}, depth)
    }
  }

  #pick<Item>(items: readonly Item[]): Item {
    return pickFrom(items, this.#prng)
  }
}

function pickFrom<Item>(items: readonly Item[], prng: Prng): Item {
  return present(items[prng.between(0, items.length - 1)], 'there is something to pick from')
}

/** Fisher and Yates. */
function shuffled<Item>(items: readonly Item[], prng: Prng): Item[] {
  const left = [...items]
  const order: Item[] = []
  while (left.length > 0) order.push(...left.splice(prng.between(0, left.length - 1), 1))
  return order
}

/** What a union at the top of a schema chooses among: a machine's operations. */
function alternativesOf(schema: Definition): readonly Definition[] {
  const choices = typeof schema === 'object' ? (schema.oneOf ?? schema.anyOf) : undefined
  return choices === undefined ? [schema] : choices.flatMap(alternativesOf)
}

function namedOperation(alternative: Definition): string | undefined {
  const op = typeof alternative === 'object' ? alternative.properties?.['op'] : undefined
  return typeof op === 'object' && typeof op.const === 'string' ? op.const : undefined
}

/** The strings in a value, its operation's name aside. */
function wordsIn(value: CanonicalValue, depth: number): readonly string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || depth > DEPTH_MAX) return []
  const members: [key: string, value: CanonicalValue][] = Object.entries(value)
  return members.flatMap(([key, member]) => (key === 'op' ? [] : wordsIn(member, depth + 1)))
}
