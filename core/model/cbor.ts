import { encode, encodeInto } from 'cborg'
import { equalBytes } from '../base/bytes.ts'
import type { Digest, HashFunction } from './digest.ts'

/** Most of what is only hashed or compared fits. Unit: bytes. */
const SCRATCH_BYTES = 64 * 1_024

const scratch = new Uint8Array(SCRATCH_BYTES)

/** What `encode` gives, good until the next call. */
function written(value: unknown): Uint8Array {
  try {
    return scratch.subarray(0, encodeInto(value, scratch).written)
  } catch {
    // Too large for it; or no value at all, which is told here.
    return encode(value)
  }
}

/** The hash of the encoding, of which no copy is made. */
export function hashCbor(hash: HashFunction, value: unknown): Digest {
  return hash(written(value))
}

/** Of the encoding, of which no copy is made. */
export function sizeOfCbor(value: unknown): number {
  return written(value).length
}

/** Whether these bytes are what the value is encoded to. */
export function isEncodingOf(value: unknown, bytes: Uint8Array): boolean {
  return equalBytes(written(value), bytes)
}
