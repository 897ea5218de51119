import * as v from 'valibot'
import type { CanonicalValue } from '../model/canonical.ts'

/**
 * The words machines describe their inputs with. Each says in its message what was expected ("must be …"), so that
 * `inputFault` can tell a client what to change. Messages are part of Outputs: no locale, no clock, nothing that
 * differs between replicas.
 */

/** What JSON can say. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/** Foreign words are quoted in messages no longer than this. Unit: UTF-16 code units. */
const QUOTED_UNITS_MAX = 64
/**
 * Levels of nesting of a value. Half of what a canonical value may have, because around it come the entry in the
 * State, the Output that gives it back, and what keeps that Output for a retry.
 */
export const VALUE_DEPTH_MAX = 16

/** A string of so many bytes in UTF-8. */
export function textSchema(bytesMin: number, bytesMax: number, description: string) {
  const message =
    bytesMin === 0
      ? `must be a string of at most ${grouped(bytesMax)} bytes`
      : `must be a string of ${bytesMin} to ${grouped(bytesMax)} bytes`
  return v.pipe(
    v.string(message),
    v.check((text) => isTextWithin(text, bytesMin, bytesMax), message),
    v.metadata({ description, minLength: bytesMin, maxLength: bytesMax }),
  )
}

/** A whole number in [from, to]. */
export function wholeSchema(from: number, to: number, description: string) {
  const message =
    to === Number.MAX_SAFE_INTEGER && from >= 0
      ? `must be a whole number from ${grouped(from)} up, at most 2^53 - 1`
      : from === Number.MIN_SAFE_INTEGER
        ? 'must be a whole number between -(2^53 - 1) and 2^53 - 1'
        : `must be a whole number from ${grouped(from)} to ${grouped(to)}`
  return v.pipe(
    v.number(message),
    v.safeInteger(message),
    v.minValue(from, message),
    v.maxValue(to, message),
    v.metadata({ description }),
  )
}

/** Any JSON value except null, which stands for "absent". */
export function valueSchema(description: string) {
  return v.pipe(
    v.custom<Exclude<JsonValue, null>>(
      (value) => value !== null && isJson(value, 0),
      `must be a JSON value of at most ${VALUE_DEPTH_MAX} levels, and not null, which stands for absent`,
    ),
    v.metadata({ description, type: ['string', 'number', 'boolean', 'array', 'object'] }),
  )
}

/** Any JSON value; null stands for "absent". */
export function valueOrAbsentSchema(description: string) {
  return v.pipe(
    v.custom<JsonValue>(
      (value) => isJson(value, 0),
      `must be a JSON value of at most ${VALUE_DEPTH_MAX} levels, or null for absent`,
    ),
    v.metadata({ description, type: ['string', 'number', 'boolean', 'array', 'object', 'null'] }),
  )
}

/** One operation of a machine: `{ op, … }` with these keys and no others. */
export function operation<const Op extends string, const Entries extends v.ObjectEntries>(op: Op, entries: Entries) {
  const all = { op: v.literal(op), ...entries }
  return v.strictObject(all, (issue) => {
    const key = String(issue.path?.[0].key)
    const known: v.GenericSchema | undefined = entries[key]
    if (issue.expected !== 'never' && known !== undefined) {
      return `${key} ${v.safeParse(known, undefined).issues?.[0].message ?? 'is missing'}`
    }
    return `unknown key ${quoted(key)}; expected only ${Object.keys(all).join(', ')}`
  })
}

/** What to say when no operation has the `op` of an input. */
export function unknownOperation(ops: readonly string[]): (issue: v.VariantIssue) => string {
  return (issue) => {
    const expected = `expected one of ${ops.join(', ')}`
    if (issue.path === undefined) return `the input must be an object with op; ${expected}`
    if (issue.input === undefined) return `op is missing; ${expected}`
    return `unknown op ${typeof issue.input === 'string' ? quoted(issue.input) : issue.received}; ${expected}`
  }
}

/** One sentence: which machine and operation, which key, what it must be. */
export function inputFault(machine: string, input: unknown, issue: v.BaseIssue<unknown>): string {
  if (issue.type === 'variant') return `${machine}: ${issue.message}`
  const op = operationOf(input)
  const subject = op === undefined ? machine : `${machine} ${quoted(op).slice(1, -1)}`
  const path = issue.type === 'strict_object' ? null : v.getDotPath(issue)
  return path === null ? `${subject}: ${issue.message}` : `${subject}: ${path} ${issue.message}`
}

/** The `op` of an input, if it has one. */
export function operationOf(input: unknown): string | undefined {
  if (typeof input !== 'object' || input === null || !('op' in input)) return undefined
  return typeof input.op === 'string' ? input.op : undefined
}

/** A foreign word in quotation marks, cut short where it is long. */
export function quoted(word: string): string {
  const shown = word.length > QUOTED_UNITS_MAX ? `${word.slice(0, QUOTED_UNITS_MAX)}…` : word
  return JSON.stringify(shown.toWellFormed())
}

/** Groups of three digits: 1,024. Written out, because the platform's formatting follows the locale. */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',')
}

/** Narrows to a list, which `Array.isArray` does not do for readonly ones. */
export function isList(value: CanonicalValue | undefined): value is readonly CanonicalValue[] {
  return Array.isArray(value)
}

function isTextWithin(text: string, bytesMin: number, bytesMax: number): boolean {
  // A code unit takes at most three bytes: short texts need no count.
  if (text.length >= bytesMin && text.length * 3 <= bytesMax) return text.isWellFormed()
  if (text.length > bytesMax) return false
  const bytes = utf8Bytes(text)
  return bytes >= bytesMin && bytes <= bytesMax && text.isWellFormed()
}

function utf8Bytes(text: string): number {
  let bytes = 0
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index)
    if (unit < 0x80) bytes += 1
    else if (unit < 0x800) bytes += 2
    // Half of a surrogate pair, which takes four bytes.
    else if (unit >= 0xd800 && unit < 0xe000) bytes += 2
    else bytes += 3
  }
  return bytes
}

function isJson(value: unknown, depth: number): boolean {
  if (depth > VALUE_DEPTH_MAX) return false
  switch (typeof value) {
    case 'boolean':
      return true
    case 'string':
      return value.isWellFormed()
    case 'number':
      return Number.isFinite(value)
    case 'object':
      return value === null || isJsonContainer(value, depth)
    default:
      return false
  }
}

function isJsonContainer(value: object, depth: number): boolean {
  if (Array.isArray(value)) {
    // Not `every`, which would step over holes.
    for (const item of value) if (!isJson(item, depth + 1)) return false
    return true
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  return Object.entries(value).every(([key, item]) => key.isWellFormed() && isJson(item, depth + 1))
}
