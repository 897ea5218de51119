import type { CanonicalValue } from '../model/canonical.ts'
import type { Digest } from '../model/digest.ts'
import type { DigestTreeView } from './digest-tree.ts'
import { DigestTree } from './digest-tree.ts'
import type { Entry, Partition } from './partition.ts'
import type { KeyRange } from './sorted-keys.ts'
import type { Holdings, StateView } from './view.ts'
import { getFrom, keptDigests, partitionAt, scanOf, scrubTreeOf } from './view.ts'

/** The State as it was when it was frozen; made by `State.freeze`. It never changes, whatever is written later. */
export class FrozenState implements StateView {
  readonly #holdings: Holdings
  #tree: DigestTree | undefined

  constructor(holdings: Holdings) {
    this.#holdings = holdings
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

  /** One partition's share of `partitionDigests`. */
  partitionDigest(partition: number): Digest {
    return partitionAt(this.#holdings, partition).digest(this.#holdings.hash)
  }

  /** How many entries its digest is still to be computed of: none when it is kept. */
  unhashed(partition: number): number {
    return partitionAt(this.#holdings, partition).unhashed
  }

  /** For a State that takes the partition over: nobody writes to it any more. */
  sharedPartition(partition: number): Partition {
    return partitionAt(this.#holdings, partition)
  }

  digestTree(): DigestTreeView {
    this.#tree ??= new DigestTree(this.#holdings.hash, this.partitionDigests())
    return this.#tree
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
