import { decode, encode } from 'cborg'
import { InvariantError, assert } from '../base/assert.ts'
import type { CanonicalValue } from './canonical-value.ts'
import { hashCbor, isEncodingOf, sizeOfCbor } from './cbor.ts'
import type { Digest, HashFunction } from './digest.ts'
import { isNestedWithin } from './nesting.ts'

export type { CanonicalValue }

const DEPTH_MAX = 32
/** With what Synod itself puts around a value. */
const ENCODED_DEPTH_MAX = 2 * DEPTH_MAX

/**
 * Checks and copies foreign data (JSON, say) to a frozen canonical value; -0 becomes 0.
 *
 * @throws NotCanonicalError with the path of what has no canonical form.
 */
export function toCanonical(value: unknown, path = '', depth = 0): CanonicalValue {
  if (depth > DEPTH_MAX) throw new NotCanonicalError(path, `is nested deeper than ${DEPTH_MAX} levels`)
  switch (typeof value) {
    case 'boolean':
      return value
    case 'string':
      if (!value.isWellFormed()) throw new NotCanonicalError(path, 'is not well-formed Unicode')
      return value
    case 'number':
      if (!Number.isFinite(value)) throw new NotCanonicalError(path, 'is not a finite number')
      return value === 0 ? 0 : value
    case 'object':
      return value === null ? null : objectToCanonical(value, path, depth)
    default:
      throw new NotCanonicalError(path, `is ${typeof value}, which has no canonical form`)
  }
}

function objectToCanonical(value: object, path: string, depth: number): CanonicalValue {
  // Not `slice`: a Buffer's shares its memory.
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (Array.isArray(value)) {
    const list: CanonicalValue[] = []
    // By index, which visits holes too; `map` would keep them.
    for (let index = 0; index < value.length; index += 1) {
      list.push(toCanonical(value[index], `${path}/${index}`, depth + 1))
    }
    return Object.freeze(list)
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw new NotCanonicalError(path, 'is not plain data')
  const copy: Record<string, CanonicalValue> = {}
  for (const [key, item] of Object.entries(value)) {
    if (!key.isWellFormed()) throw new NotCanonicalError(`${path}/${key}`, 'has a key that is not well-formed Unicode')
    if (key === '__proto__') throw new NotCanonicalError(`${path}/${key}`, 'is a reserved key')
    copy[key] = toCanonical(item, `${path}/${key}`, depth + 1)
  }
  return Object.freeze(copy)
}

/** Thrown for data that has no canonical form; a protocol outcome at the doors, a bug inside. */
export class NotCanonicalError extends Error {
  override readonly name = 'NotCanonicalError'
  readonly path: string

  constructor(path: string, what: string) {
    super(`${path === '' ? 'the value' : path.toWellFormed()} ${what}`)
    this.path = path
  }
}

/** CBOR, deterministic: keys sorted, shortest forms. Equal values give equal bytes on every machine. */
export function encodeCanonical(value: CanonicalValue): Uint8Array {
  return encode(value)
}

/** The hash of what `encodeCanonical` gives, which is not kept. */
export function hashCanonical(hash: HashFunction, value: CanonicalValue): Digest {
  return hashCbor(hash, value)
}

/** How long what `encodeCanonical` gives is, which is not kept. Unit: bytes. */
export function sizeOfCanonical(value: CanonicalValue): number {
  return sizeOfCbor(value)
}

/** @throws InvariantError when the bytes are not the canonical encoding of a canonical value. */
export function decodeCanonical(bytes: Uint8Array): CanonicalValue {
  try {
    assert(isNestedWithin(bytes, ENCODED_DEPTH_MAX), 'what is canonical is not nested without end')
    const value = decode(bytes, {
      strict: true,
      allowUndefined: false,
      allowNaN: false,
      allowInfinity: false,
      allowBigInt: false,
    }) as unknown
    // The decoder takes more than one form of some values; only the one that is written again is canonical.
    assert(value !== undefined && isEncodingOf(value, bytes), 'there is one encoding')
    return value as CanonicalValue
  } catch (cause) {
    throw new InvariantError('the bytes are not canonical CBOR', { cause })
  }
}
