import * as v from 'valibot'
import { equalBytes } from '../base/bytes.ts'
import { unreachable } from '../base/assert.ts'
import type { CanonicalValue } from '../model/canonical.ts'
import { encodeCanonical } from '../model/canonical.ts'
import type { Output } from '../model/output.ts'
import { accepted, rejected } from '../model/output.ts'
import {
  inputFault,
  isList,
  operation,
  textSchema,
  unknownOperation,
  valueOrAbsentSchema,
  valueSchema,
  wholeSchema,
} from './input-words.ts'
import type { Machine, MachineContext, MachineState } from './machine.ts'

const NAME = 'kv'
const KEY_BYTES_MAX = 1024
const YEAR_MS = 365 * 24 * 3600 * 1000
const EXPIRES_IN_MS_MAX = 100 * YEAR_MS
const SCAN_ENTRIES_DEFAULT = 100
const SCAN_ENTRIES_MAX = 1000
/** A scan ends before its entries pass this; one entry of any size still fits. */
const SCAN_BYTES_MAX = 1024 * 1024
/** A scan ends after so many entries were looked at, expired ones included. */
const SCAN_VISITS_MAX = 10_000
/** Expired entries removed by one write. More than the one a write can add, so that they cannot pile up. */
const PURGE_MAX = 32

/*
 * In the State:
 *   entry/<key>                    [value] or [value, expiresAtMs]
 *   expiry/<expiresAtMs>/<key>     true, for each entry that expires; the time in 16 digits, so that order is time
 */
const ENTRY = 'entry/'
const ENTRY_END = 'entry0'
const EXPIRY = 'expiry/'
const TIME_DIGITS = 16

const keySchema = textSchema(1, KEY_BYTES_MAX, 'The key, 1 to 1,024 bytes.')

const getSchema = operation('get', { key: keySchema })
const setSchema = operation('set', {
  key: keySchema,
  value: valueSchema('What the key is to hold.'),
  expiresInMs: v.exactOptional(
    wholeSchema(1, EXPIRES_IN_MS_MAX, 'The key is absent again after this much ordered time. Unit: ms.'),
  ),
})
const deleteSchema = operation('delete', { key: keySchema })
const compareAndSetSchema = operation('compare-and-set', {
  key: keySchema,
  expected: valueOrAbsentSchema('What the key must hold now; null: it must be absent.'),
  value: valueSchema('What the key is to hold then.'),
})
const incrementSchema = operation('increment', {
  key: keySchema,
  by: v.exactOptional(
    wholeSchema(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 'Added to the number held; 1 when left out.'),
  ),
})
const scanSchema = operation('scan', {
  prefix: v.exactOptional(textSchema(0, KEY_BYTES_MAX, 'Only keys that start so.')),
  from: v.exactOptional(textSchema(0, KEY_BYTES_MAX, 'Only this key and those after it.')),
  to: v.exactOptional(textSchema(0, KEY_BYTES_MAX, 'Only keys before this one.')),
  limit: v.exactOptional(wholeSchema(1, SCAN_ENTRIES_MAX, 'At most so many entries; 100 when left out.')),
})

const inputSchema = v.variant(
  'op',
  [getSchema, setSchema, deleteSchema, compareAndSetSchema, incrementSchema, scanSchema],
  unknownOperation(['get', 'set', 'delete', 'compare-and-set', 'increment', 'scan']),
)

type Scan = v.InferOutput<typeof scanSchema>

interface Held {
  readonly value: CanonicalValue
  readonly expiresAtMs: number | undefined
}

/**
 * Keys and JSON values.
 *
 * null is not a value but stands for "absent": it cannot be stored (inside arrays and objects it can), `get` answers
 * it for an absent key, `compare-and-set` expects it.
 *
 * Expiry goes by ordered time alone: from the moment it reaches the entry's, the key is absent for every operation.
 * `set` and `compare-and-set` replace value and expiry, `increment` keeps the expiry. Every write first removes a
 * bounded number of expired entries; reads write nothing.
 *
 * Outputs: get `{ value, found }`; set and delete `{ existed }`; compare-and-set `{ swapped, value }` and
 * increment `{ value }` with what the key holds afterwards; scan `{ entries: [{ key, value }], next }`, where `next`
 * is the `from` to go on with, or null at the end.
 */
export const kv: Machine = {
  name: NAME,
  title: 'Key-value store',
  description:
    'Keys with JSON values: get, set, delete, compare-and-set, increment and scan, with expiry by the cluster’s own ordered time.',
  inputSchema,
  examples: [
    { title: 'Set a key', input: { op: 'set', key: 'greeting', value: 'hello' } },
    { title: 'Get a key', input: { op: 'get', key: 'greeting' } },
    { title: 'Count', input: { op: 'increment', key: 'visits' } },
    {
      title: 'Set a key if it is absent',
      input: { op: 'compare-and-set', key: 'owner', expected: null, value: { name: 'desk-2' } },
    },
    { title: 'Set a key for one minute', input: { op: 'set', key: 'invitation', value: 'open', expiresInMs: 60_000 } },
    { title: 'List keys by prefix', input: { op: 'scan', prefix: 'user/', limit: 20 } },
    { title: 'Delete a key', input: { op: 'delete', key: 'greeting' } },
  ],
  reads: ['get', 'scan'],
  apply,
}

function apply(state: MachineState, input: CanonicalValue, { timeMs }: MachineContext): Output {
  const parsed = v.safeParse(inputSchema, input, { abortEarly: true })
  if (!parsed.success) return rejected('input-invalid', inputFault(NAME, input, parsed.issues[0]))
  const request = parsed.output
  if (request.op === 'get') return get(state, request.key, timeMs)
  if (request.op === 'scan') return scan(state, request, timeMs)
  purge(state, timeMs)
  const { key } = request
  const raw = heldAt(state, key)
  const current = isExpired(raw, timeMs) ? undefined : raw
  switch (request.op) {
    case 'set': {
      const { expiresInMs } = request
      const expiresAtMs =
        expiresInMs === undefined ? undefined : Math.min(timeMs + expiresInMs, Number.MAX_SAFE_INTEGER)
      put(state, key, raw, { value: request.value, expiresAtMs })
      return accepted({ existed: current !== undefined })
    }
    case 'delete':
      remove(state, key, raw)
      return accepted({ existed: current !== undefined })
    case 'compare-and-set': {
      const value = current?.value ?? null
      if (!equalValues(value, request.expected)) return accepted({ swapped: false, value })
      put(state, key, raw, { value: request.value, expiresAtMs: undefined })
      return accepted({ swapped: true, value: request.value })
    }
    case 'increment': {
      const before = current?.value ?? 0
      if (typeof before !== 'number' || !Number.isSafeInteger(before)) {
        return rejected('not-an-integer', 'the key holds a value that is not a whole number')
      }
      const value = before + (request.by ?? 1)
      if (!Number.isSafeInteger(value)) {
        return rejected(
          'number-too-large',
          'the sum would lie beyond 2^53 - 1, where whole numbers are no longer exact',
        )
      }
      put(state, key, raw, { value, expiresAtMs: current?.expiresAtMs })
      return accepted({ value })
    }
    default:
      return unreachable(request)
  }
}

function get(state: MachineState, key: string, timeMs: number): Output {
  const held = heldAt(state, key)
  if (held === undefined || isExpired(held, timeMs)) return accepted({ value: null, found: false })
  return accepted({ value: held.value, found: true })
}

function scan(state: MachineState, { prefix = '', from = '', to, limit }: Scan, timeMs: number): Output {
  const entriesMax = limit ?? SCAN_ENTRIES_DEFAULT
  const entries: { readonly key: string; readonly value: CanonicalValue }[] = []
  const start = from > prefix ? from : prefix
  let visits = 0
  let bytes = 0
  const range = { from: ENTRY + start, to: to === undefined ? ENTRY_END : ENTRY + to }
  for (const [stateKey, raw] of state.scan(range)) {
    const key = stateKey.slice(ENTRY.length)
    if (!key.startsWith(prefix)) break
    if (entries.length === entriesMax || visits === SCAN_VISITS_MAX) return accepted({ entries, next: key })
    visits += 1
    const held = heldOf(raw)
    if (held === undefined || isExpired(held, timeMs)) continue
    bytes += encodeCanonical([key, held.value]).length
    if (entries.length > 0 && bytes > SCAN_BYTES_MAX) return accepted({ entries, next: key })
    entries.push({ key, value: held.value })
  }
  return accepted({ entries, next: null })
}

function purge(state: MachineState, timeMs: number): void {
  let purged = 0
  for (const [stateKey] of state.scan({ from: EXPIRY, to: EXPIRY + timeDigits(timeMs + 1) })) {
    state.delete(stateKey)
    state.delete(ENTRY + stateKey.slice(EXPIRY.length + TIME_DIGITS + 1))
    purged += 1
    if (purged === PURGE_MAX) return
  }
}

function put(state: MachineState, key: string, before: Held | undefined, after: Held): void {
  if (before?.expiresAtMs !== after.expiresAtMs) {
    if (before?.expiresAtMs !== undefined) state.delete(expiryKey(before.expiresAtMs, key))
    if (after.expiresAtMs !== undefined) state.set(expiryKey(after.expiresAtMs, key), true)
  }
  state.set(ENTRY + key, after.expiresAtMs === undefined ? [after.value] : [after.value, after.expiresAtMs])
}

function remove(state: MachineState, key: string, before: Held | undefined): void {
  if (before === undefined) return
  if (before.expiresAtMs !== undefined) state.delete(expiryKey(before.expiresAtMs, key))
  state.delete(ENTRY + key)
}

function heldAt(state: MachineState, key: string): Held | undefined {
  return heldOf(state.get(ENTRY + key))
}

/** What is not shaped like an entry counts as absent: that State has rotted, and to find it is the audit's work. */
function heldOf(raw: CanonicalValue | undefined): Held | undefined {
  if (!isList(raw)) return undefined
  const [value, expiresAtMs] = raw
  if (value === undefined) return undefined
  return { value, expiresAtMs: typeof expiresAtMs === 'number' ? expiresAtMs : undefined }
}

function isExpired(held: Held | undefined, timeMs: number): boolean {
  return held?.expiresAtMs !== undefined && timeMs >= held.expiresAtMs
}

function expiryKey(expiresAtMs: number, key: string): string {
  return `${EXPIRY}${timeDigits(expiresAtMs)}/${key}`
}

function timeDigits(timeMs: number): string {
  return String(timeMs).padStart(TIME_DIGITS, '0')
}

function equalValues(left: CanonicalValue, right: CanonicalValue): boolean {
  if (left === right) return true
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false
  return equalBytes(encodeCanonical(left), encodeCanonical(right))
}
