import { present } from '../base/assert.ts'
import type { CanonicalValue } from '../model/canonical.ts'
import type { Digest, HashFunction } from '../model/digest.ts'
import type { DigestTreeView } from './digest-tree.ts'
import { DigestTree } from './digest-tree.ts'
import type { Entry, Partition } from './partition.ts'
import { partitionOf } from './partition.ts'
import type { KeyRange, SortedKeys } from './sorted-keys.ts'

/** What can be read of a State, live or frozen. Partitions are counted from 0 to `PARTITIONS` - 1. */
export interface StateView {
  /** Entries held. */
  readonly size: number
  /** Bytes come as they are held, not as a copy: they must not be written to. */
  get: (key: string) => CanonicalValue | undefined
  /**
   * In order of the keys' UTF-16 code units, lazily. On a live State each step sees what is held at that step: the
   * caller may write meanwhile, no key is given twice and none that stays is missed.
   */
  scan: (range: KeyRange) => Iterable<Entry>
  /** What a partition holds, in key order. */
  entries: (partition: number) => readonly Entry[]
  /** The digest of everything held. Hashes only what was written since it was last asked for. */
  root: () => Digest
  partitionDigests: () => readonly Digest[]
  /** One partition's share of `partitionDigests`, if it is there already. */
  digestKept: (partition: number) => Digest | undefined
  /** As it stands now: later writes do not show in it. */
  digestTree: () => DigestTreeView
  /** As `root`, but from the data really held, never from kept digests: it notices memory that rotted. */
  scrub: () => Digest
  /** One partition's share of `scrub`, for who spreads the work over several turns of the loop. */
  scrubPartition: (partition: number) => Digest
  /** The tree under `scrub`. */
  scrubTree: () => DigestTreeView
}

/** The parts a State and its frozen views have in common. */
export interface Holdings {
  readonly hash: HashFunction
  readonly partitions: Partition[]
  readonly keys: SortedKeys
}

export function partitionAt(holdings: Holdings, partition: number): Partition {
  return present(holdings.partitions[partition], 'the partition exists')
}

export function getFrom(holdings: Holdings, key: string): CanonicalValue | undefined {
  return partitionAt(holdings, partitionOf(key)).values.get(key)
}

export function* scanOf(holdings: Holdings, range: KeyRange): Generator<Entry, undefined, undefined> {
  for (const key of holdings.keys.range(range)) {
    const value = getFrom(holdings, key)
    if (value !== undefined) yield [key, value]
  }
}

export function keptDigests({ hash, partitions }: Holdings): readonly Digest[] {
  return partitions.map((partition) => partition.digest(hash))
}

export function scrubTreeOf({ hash, partitions }: Holdings): DigestTree {
  return new DigestTree(
    hash,
    partitions.map((partition) => partition.scrub(hash)),
  )
}
