import { unreachable } from '../../../core/base/assert.ts'
import { toHex } from '../../../core/base/bytes.ts'
import type { CanonicalValue } from '../../../core/model/canonical.ts'
import { encodeCanonical } from '../../../core/model/canonical.ts'
import type { Output } from '../../../core/model/output.ts'
import type { Operation } from '../history.ts'
import type { Model, Step } from '../model.ts'

/**
 * Inputs of the kv machine (core/machine/kv.ts) that touch one key. A scan sees many keys and an expiry goes by
 * ordered time: neither belongs into a history for this model.
 */
export type KvInput =
  | { readonly op: 'get'; readonly key: string }
  | { readonly op: 'set'; readonly key: string; readonly value: CanonicalValue }
  | { readonly op: 'delete'; readonly key: string }
  | {
      readonly op: 'compare-and-set'
      readonly key: string
      readonly expected: CanonicalValue
      readonly value: CanonicalValue
    }
  | { readonly op: 'increment'; readonly key: string; readonly by?: number }

/** What the machine answered. Of a refusal only the code counts. */
export type KvOutput =
  { readonly kind: 'accepted'; readonly value: CanonicalValue } | { readonly kind: 'rejected'; readonly code: string }

export function kvOutput(output: Output): KvOutput {
  return output.ok ? { kind: 'accepted', value: output.value } : { kind: 'rejected', code: output.error.code }
}

/** null: the key is absent. One key is one partition. */
export const kv: Model<CanonicalValue, KvInput, KvOutput> = {
  init: null,
  step,
  key: textOf,
  isRead,
  partitionOf: ({ input }) => input.key,
}

function isRead({ input, output }: Operation<KvInput, KvOutput>): boolean {
  if (input.op === 'get') return true
  if (output === undefined) return false
  if (output.kind === 'rejected') return true
  const { value } = output
  if (typeof value !== 'object' || value === null) return false
  return ('swapped' in value && value.swapped === false) || (input.op === 'delete' && NOTHING_THERE === textOf(value))
}

const NOTHING_THERE = textOf({ existed: false })

interface Answer {
  readonly output: KvOutput
  readonly state: CanonicalValue
}

function step(state: CanonicalValue, { input, output }: Operation<KvInput, KvOutput>): Step<CanonicalValue> {
  const right = answer(state, input)
  return { ok: output === undefined || textOfOutput(output) === textOfOutput(right.output), state: right.state }
}

function answer(state: CanonicalValue, input: KvInput): Answer {
  switch (input.op) {
    case 'get':
      return accepted({ value: state, found: state !== null }, state)
    case 'set':
      return accepted({ existed: state !== null }, input.value)
    case 'delete':
      return accepted({ existed: state !== null }, null)
    case 'compare-and-set':
      return textOf(state) === textOf(input.expected)
        ? accepted({ swapped: true, value: input.value }, input.value)
        : accepted({ swapped: false, value: state }, state)
    case 'increment':
      return increment(state, input.by ?? 1)
    default:
      return unreachable(input)
  }
}

function increment(state: CanonicalValue, by: number): Answer {
  const before = state ?? 0
  if (typeof before !== 'number' || !Number.isSafeInteger(before)) return rejected('not-an-integer', state)
  const value = before + by
  return Number.isSafeInteger(value) ? accepted({ value }, value) : rejected('number-too-large', state)
}

function accepted(value: CanonicalValue, state: CanonicalValue): Answer {
  return { output: { kind: 'accepted', value }, state }
}

function rejected(code: string, state: CanonicalValue): Answer {
  return { output: { kind: 'rejected', code }, state }
}

function textOfOutput(output: KvOutput): string {
  return output.kind === 'accepted' ? textOf(output.value) : `rejected: ${output.code}`
}

function textOf(value: CanonicalValue): string {
  if (typeof value === 'string') return `"${value}`
  return typeof value === 'object' && value !== null ? `#${toHex(encodeCanonical(value))}` : String(value)
}
