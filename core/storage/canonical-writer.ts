import { encodeInto } from 'cborg'
import type { CanonicalValue } from '../model/canonical.ts'
import { encodeCanonical } from '../model/canonical.ts'

/** Small values share a chunk of this size; a larger one has its own. */
const CHUNK_BYTES = 256 * 1024

/**
 * Writes values in their canonical form, one after the other into the same memory: the very bytes `encodeCanonical`
 * makes of each. Memory that comes and goes with every value would have V8 collect the whole heap again and again.
 */
export class CanonicalWriter {
  #full: Uint8Array[] = []
  #chunk: Buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  #used = 0
  #bytes = 0

  /** Written so far. */
  get bytes(): number {
    return this.#bytes
  }

  /** Begins anew, with the memory of what was written before: nobody may use that any more. */
  clear(): void {
    this.#full = []
    this.#used = 0
    this.#bytes = 0
  }

  /** All that was written, in order; good until the next `clear`. */
  chunks(): readonly Uint8Array[] {
    return [...this.#full, this.#chunk.subarray(0, this.#used)]
  }

  value(value: CanonicalValue): void {
    try {
      this.#wrote(encodeInto(value, this.#chunk.subarray(this.#used)).written)
    } catch {
      // No room for it in this chunk.
      this.append(encodeCanonical(value))
    }
  }

  /** What was encoded already. */
  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#chunk.set(bytes, this.#used)
    this.#wrote(bytes.length)
  }

  #reserve(bytes: number): void {
    if (this.#chunk.length - this.#used >= bytes) return
    this.#full.push(this.#chunk.subarray(0, this.#used))
    this.#chunk = Buffer.allocUnsafe(Math.max(CHUNK_BYTES, bytes))
    this.#used = 0
  }

  #wrote(bytes: number): void {
    this.#used += bytes
    this.#bytes += bytes
  }
}
