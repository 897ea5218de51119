import { assert, present } from '../base/assert.ts'
import { encodeCanonical } from '../model/canonical.ts'
import type { Digest, HashFunction } from '../model/digest.ts'

/** Children of a node. 1,024 partitions make a tree of two levels above them: a drill-down takes two questions. */
export const FAN_OUT = 32

/** Of a digest, in characters; and what its encoding has before them. */
const DIGEST_CHARS = 64
const DIGEST_HEAD_BYTES = 2
/** What a node of `FAN_OUT` digests is encoded to begins with this many bytes: its length, and what it is. */
const NODE_HEAD_BYTES = 7

/** What one needs of a tree to compare it with another's, here or at another replica. */
export interface DigestTreeView {
  readonly root: Digest
  /** Levels above the leaves: the root is the only node of level `height`, the leaves are level 0. */
  readonly height: number
  /**
   * The digests one level below a node, in order.
   * @throws InvariantError when there is no such node, or it is a leaf.
   */
  childrenOf: (level: number, index: number) => readonly Digest[]
}

/** A hash tree over a fixed number of leaves. A changed leaf costs one hash a level. */
export class DigestTree implements DigestTreeView {
  readonly #hash: HashFunction
  /** From the leaves upwards; the last level is the root alone. */
  readonly #levels: Digest[][]
  /** Per level, by node: what was hashed last, kept up to date, so that a changed child does not write all of them anew. */
  readonly #encoded: (Uint8Array | undefined)[][] = []
  /** Nodes of level 1 with a child that was replaced since they were hashed. */
  readonly #stale: Set<number>

  /** Over these leaves, all of it hashed now; or a copy of another tree, which hashes nothing. */
  constructor(hash: HashFunction, from: readonly Digest[] | DigestTree) {
    this.#hash = hash
    if (from instanceof DigestTree) {
      this.#levels = from.#levels.map((level) => level.slice())
      this.#stale = new Set(from.#stale)
      return
    }
    assert(from.length > 1, 'a digest tree has more than one leaf')
    this.#stale = new Set()
    this.#levels = [[...from]]
    for (let below = this.#levelAt(0); below.length > 1; below = this.#levelAt(this.height)) {
      const count = Math.ceil(below.length / FAN_OUT)
      this.#levels.push([])
      for (let index = 0; index < count; index += 1) this.#hashFirst(index)
    }
  }

  /** A node of the uppermost level so far. In a State of few keys most nodes are like the one before them. */
  #hashFirst(index: number): void {
    const [level, below] = [this.#levelAt(this.height), this.#levelAt(this.height - 1)]
    const before = level[index - 1]
    const first = index * FAN_OUT
    const isLikeBefore = below
      .slice(first, first + FAN_OUT)
      .every((digest, child) => digest === below[first - FAN_OUT + child])
    const isAsLong = first + FAN_OUT <= below.length
    if (before !== undefined && isAsLong && isLikeBefore) level[index] = before
    else this.#hashNode(this.height, index)
  }

  /** A tree of its own with the same leaves: what is replaced in one does not show in the other. */
  fork(): DigestTree {
    return new DigestTree(this.#hash, this)
  }

  get height(): number {
    return this.#levels.length - 1
  }

  get root(): Digest {
    this.#refresh()
    return present(this.#levelAt(this.height)[0], 'a digest tree has a root')
  }

  get leaves(): readonly Digest[] {
    return [...this.#levelAt(0)]
  }

  replaceLeaf(index: number, digest: Digest): void {
    const leaves = this.#levelAt(0)
    assert(index >= 0 && index < leaves.length, 'the leaf exists')
    if (leaves[index] === digest) return
    this.#replace(0, index, digest)
    this.#stale.add(Math.floor(index / FAN_OUT))
  }

  childrenOf(level: number, index: number): readonly Digest[] {
    assert(level >= 1 && level <= this.height, 'the node is above the leaves')
    assert(index >= 0 && index < this.#levelAt(level).length, 'the node exists')
    this.#refresh()
    return this.#levelAt(level - 1).slice(index * FAN_OUT, (index + 1) * FAN_OUT)
  }

  #refresh(): void {
    let stale = new Set(this.#stale)
    this.#stale.clear()
    for (let level = 1; level <= this.height; level += 1) {
      const above = new Set<number>()
      for (const index of stale) {
        this.#hashNode(level, index)
        above.add(Math.floor(index / FAN_OUT))
      }
      stale = above
    }
  }

  #hashNode(level: number, index: number): void {
    this.#replace(level, index, this.#hash(this.#encodedNode(level, index)))
  }

  #encodedNode(level: number, index: number): Uint8Array {
    const known = this.#encoded[level]?.[index]
    if (known !== undefined) return known
    const children = this.#levelAt(level - 1).slice(index * FAN_OUT, (index + 1) * FAN_OUT)
    const encoded = encodeCanonical(['node', ...children])
    const nodes = this.#encoded[level] ?? []
    this.#encoded[level] = nodes
    const isFull = children.length === FAN_OUT && children.every(({ length }) => length === DIGEST_CHARS)
    if (isFull) nodes[index] = encoded
    return encoded
  }

  #replace(level: number, index: number, digest: Digest): void {
    this.#levelAt(level)[index] = digest
    const nodes = this.#encoded[level + 1]
    const parent = Math.floor(index / FAN_OUT)
    const encoded = nodes?.[parent]
    if (nodes === undefined || encoded === undefined) return
    if (digest.length === DIGEST_CHARS) writeDigest(encoded, index % FAN_OUT, digest)
    else nodes[parent] = undefined
  }

  #levelAt(level: number): Digest[] {
    return present(this.#levels[level], 'the level exists')
  }
}

function writeDigest(node: Uint8Array, child: number, digest: Digest): void {
  const start = NODE_HEAD_BYTES + child * (DIGEST_HEAD_BYTES + DIGEST_CHARS) + DIGEST_HEAD_BYTES
  for (let index = 0; index < DIGEST_CHARS; index += 1) node[start + index] = digest.charCodeAt(index)
}

/** The leaves in which two trees of one shape differ, in rising order; asks only below nodes that differ. */
export function differingLeaves(left: DigestTreeView, right: DigestTreeView): readonly number[] {
  assert(left.height === right.height, 'trees that are compared have one shape')
  let differing = left.root === right.root ? [] : [0]
  for (let level = left.height; level >= 1; level -= 1) {
    differing = differing.flatMap((index) => {
      const [mine, theirs] = [left.childrenOf(level, index), right.childrenOf(level, index)]
      return differingChildren(mine, theirs).map((child) => index * FAN_OUT + child)
    })
  }
  return differing
}

/** Positions at which two lists of children differ. */
export function differingChildren(mine: readonly Digest[], theirs: readonly Digest[]): readonly number[] {
  assert(mine.length === theirs.length, 'nodes that are compared have as many children')
  return mine.flatMap((digest, index) => (digest === theirs[index] ? [] : [index]))
}
