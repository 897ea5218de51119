import type { CanonicalValue } from '../model/canonical.ts'
import { hashCanonical } from '../model/canonical.ts'
import type { Digest, HashFunction } from '../model/digest.ts'

/**
 * Into how many partitions every State is split. Part of the digest, so never changed within a cluster.
 * At 100,000 keys a partition holds about a hundred: small enough to re-hash after one write.
 */
export const PARTITIONS = 1024

export type Entry = readonly [key: string, value: CanonicalValue]

/** Most partitions of a small State hold nothing. */
const NO_ENTRIES: readonly Entry[] = []

const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/**
 * The partition a key belongs to, from 0: the same on every machine.
 *
 * FNV-1a, 32 bit, over the key's UTF-16 code units (low byte, then high byte), folded to the number of partitions.
 * Source: draft-eastlake-fnv-21 (FNV-1a; xor-folding to a power of two).
 */
export function partitionOf(key: string): number {
  let hash = FNV_OFFSET
  for (let index = 0; index < key.length; index += 1) {
    const unit = key.charCodeAt(index)
    hash = Math.imul(hash ^ (unit & 0xff), FNV_PRIME)
    hash = Math.imul(hash ^ (unit >>> 8), FNV_PRIME)
  }
  return (hash ^ (hash >>> 10) ^ (hash >>> 20)) & (PARTITIONS - 1)
}

const nothing = new WeakMap<HashFunction, Digest>()

/** Most partitions of a small State hold nothing. */
function digestOfNothing(hash: HashFunction): Digest {
  const known = nothing.get(hash) ?? digestOfEntries(hash, [])
  nothing.set(hash, known)
  return known
}

/** The digest of a partition that holds these entries; they must be in key order. */
export function digestOfEntries(hash: HashFunction, entries: readonly Entry[]): Digest {
  // The first word keeps a partition's bytes from ever being those of a node of the digest tree.
  const flat: CanonicalValue[] = ['partition']
  for (const [key, value] of entries) flat.push(key, value)
  return hashCanonical(hash, flat)
}

/** Keys in their order, as they were found at the last look: to sort them is a fifth of what hashing them costs. */
interface KeyOrder {
  keys: readonly string[]
}

/**
 * One part of the State. It may be shared between the State and frozen views of it: only the holder of the token
 * `owner` may write to it, everyone else copies first.
 */
export class Partition {
  readonly owner: object
  readonly values: Map<string, CanonicalValue>
  #digest: Digest | undefined
  /** Copies share it: mostly they hold the same keys, and where they do not, it is noticed. */
  #order: KeyOrder = { keys: [] }

  constructor(owner: object, values: Map<string, CanonicalValue>, digest?: Digest) {
    this.owner = owner
    this.values = values
    this.#digest = digest
  }

  /** A copy for another owner, entries and kept digest alike. */
  copyFor(owner: object): Partition {
    const copy = new Partition(owner, new Map(this.values), this.#digest)
    copy.#order = this.#order
    return copy
  }

  /** The kept digest no longer tells what is held. */
  forgetDigest(): void {
    this.#digest = undefined
  }

  /** Entries that `digest` would have to hash. */
  get unhashed(): number {
    return this.#digest === undefined ? this.values.size : 0
  }

  /** Undefined when something was written since it was computed. */
  get digestKept(): Digest | undefined {
    return this.#digest
  }

  /** In key order, which for `sort` without a comparison is the order of UTF-16 code units. */
  entries(): readonly Entry[] {
    if (this.values.size === 0) return NO_ENTRIES
    const kept = this.#entriesOf(this.#order.keys)
    if (kept !== undefined) return kept
    this.#order.keys = [...this.values.keys()].sort()
    return this.#entriesOf(this.#order.keys) ?? NO_ENTRIES
  }

  /** Undefined when these are not all the keys that are held: as many, and each of them there, are all. */
  #entriesOf(keys: readonly string[]): readonly Entry[] | undefined {
    if (keys.length !== this.values.size) return undefined
    const entries: Entry[] = []
    for (const key of keys) {
      const value = this.values.get(key)
      if (value === undefined) return undefined
      entries.push([key, value])
    }
    return entries
  }

  /** From what was kept, if nothing was written since. */
  digest(hash: HashFunction): Digest {
    this.#digest ??= this.scrub(hash)
    return this.#digest
  }

  /** From what is held now, whatever was kept; keeps nothing. */
  scrub(hash: HashFunction): Digest {
    return this.values.size === 0 ? digestOfNothing(hash) : digestOfEntries(hash, this.entries())
  }
}
