const WORDS_AT_FIRST = 1 << 12
const BUCKETS_AT_FIRST = 1 << 8
const WORDS_KEPT = 1 << 18
const BUCKETS_KEPT = 1 << 12
/** Offsets into the arena are kept in 32 bits. */
const WORDS_MAX = 2 ** 32 - 1
const BYTES_PER_WORD = 4

/** An entry: hash, length of the key, offset of its first doubt set (0: none), then the key. */
const ENTRY_HEADER = 3
/** A doubt set: offset of the next (0: none), then its words. */
const NODE_HEADER = 1

export type Added = 'added' | 'dominated' | 'full'

/**
 * The configurations a search has seen: Lowe's memoisation (Testing for linearizability (2017), section 4).
 *
 * A configuration is a key (state and linearized operations that returned) with the set of operations in doubt that
 * took effect. For one key only the smallest such sets are kept: if nothing follows from a configuration, nothing
 * follows from it after more operations in doubt were spent, since they may also never take effect.
 *
 * Everything lies in one growing arena, so that the memory in use is known to the byte.
 */
export class ConfigurationSet {
  readonly #doubtWords: number
  readonly #bytesMax: number
  #arena = new Uint32Array(WORDS_AT_FIRST)
  /** Offset 0 stands for "none". */
  #used = 1
  #buckets = new Uint32Array(BUCKETS_AT_FIRST)
  #entries = 0

  /** @param bounds `doubtWords` is the length of every doubt set; `bytesMax` counts the copy made while growing. */
  constructor({ doubtWords, bytesMax }: { readonly doubtWords: number; readonly bytesMax: number }) {
    this.#doubtWords = doubtWords
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#arena.byteLength + this.#buckets.byteLength
  }

  /** Forgets everything. Memory is kept for the next use, unless it is much. */
  clear(): void {
    if (this.#arena.length > WORDS_KEPT) this.#arena = new Uint32Array(WORDS_AT_FIRST)
    if (this.#buckets.length > BUCKETS_KEPT) this.#buckets = new Uint32Array(BUCKETS_AT_FIRST)
    else this.#buckets.fill(0)
    this.#used = 1
    this.#entries = 0
  }

  /** Adds a configuration, unless one at least as good was seen. Of `key` the first `length` words count. */
  add(key: Uint32Array, length: number, doubt: Uint32Array): Added {
    const needed = ENTRY_HEADER + length + NODE_HEADER + this.#doubtWords
    if (!this.#reserve(needed)) return 'full'
    const hash = hashOf(key, length)
    const bucket = this.#find(hash, key, length)
    const entry = this.#buckets[bucket] ?? 0
    if (entry !== 0) return this.#addDoubt(entry, doubt)
    const created = this.#append([hash, length, 0], key, length)
    this.#buckets[bucket] = created
    this.#entries += 1
    return this.#addDoubt(created, doubt)
  }

  #find(hash: number, key: Uint32Array, length: number): number {
    const mask = this.#buckets.length - 1
    let bucket = hash & mask
    for (;;) {
      const entry = this.#buckets[bucket] ?? 0
      if (entry === 0 || this.#isEntry(entry, hash, key, length)) return bucket
      bucket = (bucket + 1) & mask
    }
  }

  #isEntry(entry: number, hash: number, key: Uint32Array, length: number): boolean {
    const arena = this.#arena
    if (arena[entry] !== hash || arena[entry + 1] !== length) return false
    for (let word = 0; word < length; word += 1) if (arena[entry + ENTRY_HEADER + word] !== key[word]) return false
    return true
  }

  #addDoubt(entry: number, doubt: Uint32Array): Added {
    const arena = this.#arena
    let link = entry + 2
    for (let node = arena[link] ?? 0; node !== 0; node = arena[link] ?? 0) {
      const relation = this.#compare(node, doubt)
      if (relation === 'subset') return 'dominated'
      if (relation === 'superset') arena[link] = arena[node] ?? 0
      else link = node
    }
    const node = this.#append([arena[entry + 2] ?? 0], doubt, this.#doubtWords)
    arena[entry + 2] = node
    return 'added'
  }

  /** What the kept set is to `doubt`; equal counts as subset. */
  #compare(node: number, doubt: Uint32Array): 'subset' | 'superset' | 'neither' {
    let keptMore = false
    let givenMore = false
    for (let word = 0; word < this.#doubtWords; word += 1) {
      const kept = this.#arena[node + NODE_HEADER + word] ?? 0
      const given = doubt[word] ?? 0
      if ((kept & ~given) !== 0) keptMore = true
      if ((given & ~kept) !== 0) givenMore = true
      if (keptMore && givenMore) return 'neither'
    }
    return keptMore ? 'superset' : 'subset'
  }

  #append(header: readonly number[], words: Uint32Array, length: number): number {
    const offset = this.#used
    this.#arena.set(header, offset)
    for (let word = 0; word < length; word += 1) this.#arena[offset + header.length + word] = words[word] ?? 0
    this.#used += header.length + length
    return offset
  }

  /** Makes room for so many words and one more entry; false when the bound forbids it. */
  #reserve(words: number): boolean {
    if (this.#used + words > this.#arena.length) {
      const length = Math.max(this.#arena.length * 2, this.#used + words)
      if (length > WORDS_MAX || this.bytes + length * BYTES_PER_WORD > this.#bytesMax) return false
      const arena = new Uint32Array(length)
      arena.set(this.#arena)
      this.#arena = arena
    }
    if ((this.#entries + 1) * 2 > this.#buckets.length) {
      if (this.bytes + this.#buckets.byteLength * 2 > this.#bytesMax) return false
      this.#rehash()
    }
    return true
  }

  #rehash(): void {
    const buckets = new Uint32Array(this.#buckets.length * 2)
    const mask = buckets.length - 1
    for (const entry of this.#buckets) {
      if (entry === 0) continue
      let bucket = (this.#arena[entry] ?? 0) & mask
      while (buckets[bucket] !== 0) bucket = (bucket + 1) & mask
      buckets[bucket] = entry
    }
    this.#buckets = buckets
  }
}

/** MurmurHash3's mixing (Appleby), 32 bits. */
function hashOf(key: Uint32Array, length: number): number {
  let hash = length
  for (let index = 0; index < length; index += 1) {
    let word = Math.imul(key[index] ?? 0, 0xcc9e2d51)
    word = (word << 15) | (word >>> 17)
    hash ^= Math.imul(word, 0x1b873593)
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
