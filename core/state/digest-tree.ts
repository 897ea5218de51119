import { assert, present } from '../base/assert.ts'
import { encodeCanonical } from '../model/canonical.ts'
import type { Digest, HashFunction } from '../model/digest.ts'

/** Children of a node. 1,024 partitions make a tree of two levels above them: a drill-down takes two questions. */
export const FAN_OUT = 32

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
  /** Nodes of level 1 with a child that was replaced since they were hashed. */
  readonly #stale = new Set<number>()

  constructor(hash: HashFunction, leaves: readonly Digest[]) {
    assert(leaves.length > 1, 'a digest tree has more than one leaf')
    this.#hash = hash
    this.#levels = [[...leaves]]
    for (let below = this.#levelAt(0); below.length > 1; below = this.#levelAt(this.height)) {
      const count = Math.ceil(below.length / FAN_OUT)
      this.#levels.push([])
      for (let index = 0; index < count; index += 1) this.#hashNode(this.height, index)
    }
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
    leaves[index] = digest
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
    const children = this.#levelAt(level - 1).slice(index * FAN_OUT, (index + 1) * FAN_OUT)
    this.#levelAt(level)[index] = this.#hash(encodeCanonical(['node', ...children]))
  }

  #levelAt(level: number): Digest[] {
    return present(this.#levels[level], 'the level exists')
  }
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
