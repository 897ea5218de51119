import type { CanonicalValue } from '../model/canonical.ts'
import { partitionOf } from './partition.ts'
import type { State } from './state.ts'

/**
 * Rehearsal only: changes one byte of what is held, behind the back of the digests, as memory that rots would.
 *
 * @param key which entry; without one, or when it is not there, the first that belongs to a machine.
 * @returns the key and its partition; undefined when nothing is held.
 */
export function tamperWith(
  state: State,
  key: string | undefined,
): { readonly key: string; readonly partition: number } | undefined {
  const named = key === undefined || state.get(key) === undefined ? firstKey(state) : key
  const value = named === undefined ? undefined : state.get(named)
  if (named === undefined || value === undefined) return undefined
  state.tamper(named, changed(value))
  return { key: named, partition: partitionOf(named) }
}

/** Of a machine's: what Synod itself keeps begins with a tilde, which sorts behind all names of machines. */
function firstKey(state: State): string | undefined {
  for (const [key] of state.scan({ from: '', to: '~' })) return key
  return undefined
}

/** The same value with its first scalar changed as little as may be. */
function changed(value: CanonicalValue): CanonicalValue {
  if (typeof value === 'string') {
    return value === '' ? '\u0001' : String.fromCharCode(value.charCodeAt(0) ^ 1) + value.slice(1)
  }
  if (typeof value === 'number') return value + 1
  if (typeof value === 'boolean') return !value
  if (value === null) return false
  if (value instanceof Uint8Array) return value.map((byte, index) => (index === 0 ? byte ^ 1 : byte))
  if (isList(value))
    return value.length === 0 ? [null] : value.map((item, index) => (index === 0 ? changed(item) : item))
  const [first, ...rest] = Object.entries(value)
  return first === undefined ? { rot: null } : Object.fromEntries([[first[0], changed(first[1])], ...rest])
}

function isList(value: CanonicalValue): value is readonly CanonicalValue[] {
  return Array.isArray(value)
}
