import { present } from '../base/assert.ts'

/** A chunk is split when it grows past this. Insertion moves at most this many references. */
const CHUNK_KEYS_MAX = 512
/** Neighbours that together hold no more than this become one chunk. */
const CHUNK_KEYS_FEW = CHUNK_KEYS_MAX / 2

export interface KeyRange {
  /** Included. */
  readonly from: string
  /** Excluded; absent: to the end. */
  readonly to?: string
}

interface Chunk {
  /** Only the holder of this token may write to `keys`. */
  readonly owner: object
  /** Sorted, never empty, at most `CHUNK_KEYS_MAX`. */
  readonly keys: string[]
}

interface Position {
  readonly chunk: number
  readonly offset: number
}

/**
 * A set of keys in the order of their UTF-16 code units: a sorted array cut into chunks.
 *
 * Finding takes two binary searches, insertion and removal move a bounded number of references. A fork shares all
 * chunks; whoever writes first copies the one chunk it touches (and the list of chunks, once).
 */
export class SortedKeys {
  #chunks: Chunk[] = []
  #ownsList = true
  #owner: object = {}
  #size = 0
  /** Rises with every change, so that a scan under way notices. */
  #version = 0

  get size(): number {
    return this.#size
  }

  /** A set of the same keys, independent from now on. Copies nothing. */
  fork(): SortedKeys {
    const twin = new SortedKeys()
    twin.#chunks = this.#chunks
    twin.#ownsList = false
    twin.#size = this.#size
    this.#ownsList = false
    this.#owner = {}
    return twin
  }

  /** @returns whether it was new. */
  add(key: string): boolean {
    const chunkIndex = this.#chunkFor(key)
    if (chunkIndex < 0) {
      this.#insertChunk(0, [key])
    } else {
      const found = lowerBound(this.#chunkAt(chunkIndex).keys, key)
      if (this.#chunkAt(chunkIndex).keys[found] === key) return false
      this.#insert(chunkIndex, found, key)
    }
    this.#size += 1
    this.#version += 1
    return true
  }

  /** @returns whether it was there. */
  delete(key: string): boolean {
    const chunkIndex = this.#chunkFor(key)
    if (chunkIndex < 0) return false
    const found = lowerBound(this.#chunkAt(chunkIndex).keys, key)
    if (this.#chunkAt(chunkIndex).keys[found] !== key) return false
    this.#writable(chunkIndex).splice(found, 1)
    this.#mergeAround(chunkIndex)
    this.#size -= 1
    this.#version += 1
    return true
  }

  /**
   * The keys of a range, in order, lazily: each step gives the first key after the one before that is there *at that
   * step*. So the caller may write between steps; no key is given twice, none that stays is missed, and what is added
   * ahead is seen.
   */
  *range({ from, to }: KeyRange): Generator<string, undefined, undefined> {
    let { chunk, offset } = this.#locate(from, false)
    let version = this.#version
    while (true) {
      const keys = this.#chunks[chunk]?.keys
      if (keys === undefined) return
      const key = keys[offset]
      if (key === undefined) {
        chunk += 1
        offset = 0
        continue
      }
      if (to !== undefined && key >= to) return
      yield key
      offset += 1
      if (version !== this.#version) {
        version = this.#version
        ;({ chunk, offset } = this.#locate(key, true))
      }
    }
  }

  /** Where the first key at or (when `past`) after this one stands, or would; may be one past a chunk's end. */
  #locate(key: string, past: boolean): Position {
    const chunk = this.#chunkFor(key)
    if (chunk < 0) return { chunk: 0, offset: 0 }
    const { keys } = this.#chunkAt(chunk)
    const offset = lowerBound(keys, key)
    return { chunk, offset: past && keys[offset] === key ? offset + 1 : offset }
  }

  /** The last chunk whose first key is not above this one, else the first chunk; -1 when there is none. */
  #chunkFor(key: string): number {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (present(this.#chunkAt(middle).keys[0], 'a chunk is not empty') <= key) low = middle + 1
      else high = middle
    }
    return low === 0 && this.#chunks.length > 0 ? 0 : low - 1
  }

  #insert(chunkIndex: number, offset: number, key: string): void {
    const { length } = this.#chunkAt(chunkIndex).keys
    if (length < CHUNK_KEYS_MAX) {
      this.#writable(chunkIndex).splice(offset, 0, key)
      return
    }
    if (offset === length && chunkIndex === this.#chunks.length - 1) {
      // Keys that only ever rise fill every chunk instead of leaving each half empty.
      this.#insertChunk(chunkIndex + 1, [key])
      return
    }
    const half = length >>> 1
    this.#insertChunk(chunkIndex + 1, this.#writable(chunkIndex).splice(half))
    if (offset <= half) this.#writable(chunkIndex).splice(offset, 0, key)
    else this.#writable(chunkIndex + 1).splice(offset - half, 0, key)
  }

  /** Removes an emptied chunk, or joins it with the next when both are small. */
  #mergeAround(chunkIndex: number): void {
    const here = this.#chunkAt(chunkIndex).keys
    const next = this.#chunks[chunkIndex + 1]?.keys
    if (here.length === 0) {
      this.#writableList().splice(chunkIndex, 1)
    } else if (next !== undefined && here.length + next.length <= CHUNK_KEYS_FEW) {
      this.#writable(chunkIndex).push(...next)
      this.#writableList().splice(chunkIndex + 1, 1)
    }
  }

  #insertChunk(chunkIndex: number, keys: string[]): void {
    this.#writableList().splice(chunkIndex, 0, { owner: this.#owner, keys })
  }

  #writable(chunkIndex: number): string[] {
    const chunk = this.#chunkAt(chunkIndex)
    if (chunk.owner === this.#owner) return chunk.keys
    const keys = chunk.keys.slice()
    this.#writableList()[chunkIndex] = { owner: this.#owner, keys }
    return keys
  }

  #writableList(): Chunk[] {
    if (!this.#ownsList) {
      this.#chunks = this.#chunks.slice()
      this.#ownsList = true
    }
    return this.#chunks
  }

  #chunkAt(chunkIndex: number): Chunk {
    return present(this.#chunks[chunkIndex], 'the chunk exists')
  }
}

/** Position of the first key that is not below this one. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (present(keys[middle], 'the middle lies inside') < key) low = middle + 1
    else high = middle
  }
  return low
}
