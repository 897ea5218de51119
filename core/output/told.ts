import type { CanonicalValue } from '../model/canonical.ts'
import { decodeCanonical, encodeCanonical } from '../model/canonical.ts'
import type { Output } from '../model/output.ts'
import { outputFrom } from '../model/output.ts'

/** An Output as a replica tells it to a proxy that computed another. */
export interface Told {
  readonly output: Output
  /** To an Input that repeats what its client asked before. */
  readonly isRepeat: boolean
}

/** Its canonical encoding; of a repeat's, in a list of its own. */
export function encodeTold({ output, isRepeat }: Told): Uint8Array {
  return encodeCanonical(isRepeat ? [output] : output)
}

/** @returns undefined for bytes that are no Output. */
export function toldFrom(bytes: Uint8Array): Told | undefined {
  try {
    const value = decodeCanonical(bytes)
    const isRepeat = isList(value)
    if (isRepeat && value.length !== 1) return undefined
    const output = outputFrom(isRepeat ? (value[0] ?? null) : value)
    return output === undefined ? undefined : { output, isRepeat }
  } catch {
    return undefined
  }
}

function isList(value: CanonicalValue): value is readonly CanonicalValue[] {
  return Array.isArray(value)
}
