import type { CanonicalValue } from '../model/canonical.ts'
import type { Digest } from '../model/digest.ts'
import type { DigestTreeView } from './digest-tree.ts'
import { DigestTree } from './digest-tree.ts'
import type { Entry, Partition } from './partition.ts'
import type { KeyRange } from './sorted-keys.ts'
import type { Holdings, StateView } from './view.ts'
import { getFrom, keptDigests, partitionAt, scanOf, scrubTreeOf } from './view.ts'

/** A tree of digests as it stood some time before the State was frozen. */
export interface OutdatedTree {
  /** Nobody else's. */
  readonly tree: DigestTree
  /** Partitions written since. */
  readonly written: ReadonlySet<number>
}

/** The State as it was when it was frozen; made by `State.freeze`. It never changes, whatever is written later. */
export class FrozenState implements StateView {
  readonly #holdings: Holdings
  #tree: DigestTree | undefined
  #outdated: OutdatedTree | undefined

  constructor(holdings: Holdings, outdated?: OutdatedTree) {
    this.#holdings = holdings
    this.#outdated = outdated
  }

  get size(): number {
    return this.#holdings.keys.size
  }

  get(key: string): CanonicalValue | undefined {
    return getFrom(this.#holdings, key)
  }

  scan(range: KeyRange): Iterable<Entry> {
    return scanOf(this.#holdings, range)
  }

  entries(partition: number): readonly Entry[] {
    return partitionAt(this.#holdings, partition).entries()
  }

  root(): Digest {
    return this.digestTree().root
  }

  partitionDigests(): readonly Digest[] {
    return keptDigests(this.#holdings)
  }

  digestKept(partition: number): Digest | undefined {
    return partitionAt(this.#holdings, partition).digestKept
  }

  /** One partition's share of `partitionDigests`. */
  partitionDigest(partition: number): Digest {
    return partitionAt(this.#holdings, partition).digest(this.#holdings.hash)
  }

  /** How many entries its digest is still to be computed of: none when it is kept. */
  unhashed(partition: number): number {
    return partitionAt(this.#holdings, partition).unhashed
  }

  entriesIn(partition: number): number {
    return partitionAt(this.#holdings, partition).values.size
  }

  /** For a State that takes the partition over: nobody writes to it any more. */
  sharedPartition(partition: number): Partition {
    return partitionAt(this.#holdings, partition)
  }

  digestTree(): DigestTreeView {
    this.#tree ??= this.#makeTree()
    return this.#tree
  }

  #makeTree(): DigestTree {
    if (this.#outdated === undefined) return new DigestTree(this.#holdings.hash, this.partitionDigests())
    const { tree, written } = this.#outdated
    this.#outdated = undefined
    for (const partition of written) tree.replaceLeaf(partition, this.partitionDigest(partition))
    return tree
  }

  scrub(): Digest {
    return this.scrubTree().root
  }

  scrubPartition(partition: number): Digest {
    return partitionAt(this.#holdings, partition).scrub(this.#holdings.hash)
  }

  scrubTree(): DigestTreeView {
    return scrubTreeOf(this.#holdings)
  }
}
