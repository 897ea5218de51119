import { assert } from '../base/assert.ts'
import type { CanonicalValue } from '../model/canonical.ts'
import { NotCanonicalError, toCanonical } from '../model/canonical.ts'
import type { Digest, HashFunction } from '../model/digest.ts'
import type { DigestTreeView } from './digest-tree.ts'
import { DigestTree } from './digest-tree.ts'
import { FrozenState } from './frozen-state.ts'
import type { Entry } from './partition.ts'
import { PARTITIONS, Partition, partitionOf } from './partition.ts'
import type { KeyRange } from './sorted-keys.ts'
import { SortedKeys } from './sorted-keys.ts'
import type { Holdings, StateView } from './view.ts'
import { getFrom, keptDigests, partitionAt, scanOf, scrubTreeOf } from './view.ts'

/**
 * The replicated State: an ordered map of string keys to canonical values, in partitions with a digest each, under
 * one root.
 *
 * The digests tell what is held and nothing about how it came about: the same entries give the same root, whatever
 * was written, overwritten or deleted on the way.
 */
export class State implements StateView {
  readonly #holdings: Holdings
  /** Partitions that carry this token are not shared with a frozen view. */
  #owner: object = {}
  /** Partitions written since the tree was brought up to date. */
  readonly #written = new Set<number>()
  #tree: DigestTree | undefined

  constructor(hash: HashFunction) {
    // One empty partition stands for all until each is first written to.
    const empty = new Partition({}, new Map())
    const partitions = Array.from({ length: PARTITIONS }, () => empty)
    this.#holdings = { hash, partitions, keys: new SortedKeys() }
  }

  get size(): number {
    return this.#holdings.keys.size
  }

  get(key: string): CanonicalValue | undefined {
    return getFrom(this.#holdings, key)
  }

  /** @throws NotCanonicalError when the key or the value has no canonical form; then nothing is changed. */
  set(key: string, value: CanonicalValue): void {
    const checked = held(value)
    if (!key.isWellFormed()) throw new NotCanonicalError('the key', 'is not well-formed Unicode')
    const index = partitionOf(key)
    const { values } = this.#writable(index)
    const before = values.size
    values.set(key, checked)
    if (values.size > before) this.#holdings.keys.add(key)
  }

  /** @returns whether the key was there. */
  delete(key: string): boolean {
    const index = partitionOf(key)
    if (!partitionAt(this.#holdings, index).values.has(key)) return false
    this.#writable(index).values.delete(key)
    this.#holdings.keys.delete(key)
    return true
  }

  scan(range: KeyRange): Iterable<Entry> {
    return scanOf(this.#holdings, range)
  }

  entries(partition: number): readonly Entry[] {
    return partitionAt(this.#holdings, partition).entries()
  }

  /**
   * Holds these entries in a partition and nothing else: for a checkpoint that is loaded, a State that is received.
   *
   * `digest`: what the entries were verified against, and decoded from. It is not computed again, vouches for their
   * being canonical, and says that nobody else writes to them: they are held as they are, not copied.
   *
   * @throws InvariantError when a key is another partition's, or comes twice.
   * @throws NotCanonicalError as `set` does, without a digest; in either case nothing is changed.
   */
  replacePartition(partition: number, entries: Iterable<Entry>, digest?: Digest): void {
    const { keys, partitions } = this.#holdings
    const values = new Map<string, CanonicalValue>()
    for (const [key, value] of entries) {
      assert(partitionOf(key) === partition, 'each key belongs to the partition')
      assert(!values.has(key), 'each key comes once')
      if (!key.isWellFormed()) throw new NotCanonicalError('the key', 'is not well-formed Unicode')
      values.set(key, digest === undefined ? held(value) : frozen(value))
    }
    for (const key of partitionAt(this.#holdings, partition).values.keys()) if (!values.has(key)) keys.delete(key)
    for (const key of values.keys()) keys.add(key)
    partitions[partition] = new Partition(this.#owner, values, digest)
    this.#written.add(partition)
  }

  /** Holds in a partition what another State held when it was frozen. Copies no entry. */
  sharePartition(partition: number, from: FrozenState): void {
    const { keys, partitions } = this.#holdings
    const shared = from.sharedPartition(partition)
    for (const key of partitionAt(this.#holdings, partition).values.keys()) keys.delete(key)
    for (const key of shared.values.keys()) keys.add(key)
    partitions[partition] = shared
    this.#written.add(partition)
  }

  /**
   * The State as it is now, for good. Costs a copy of the list of partitions, none of an entry; afterwards the first
   * write to each partition copies that partition.
   */
  freeze(): FrozenState {
    const { hash, partitions, keys } = this.#holdings
    this.#owner = {}
    const outdated = this.#tree && { tree: this.#tree.fork(), written: new Set(this.#written) }
    return new FrozenState({ hash, partitions: partitions.slice(), keys: keys.fork() }, outdated)
  }

  root(): Digest {
    return this.#freshTree().root
  }

  partitionDigests(): readonly Digest[] {
    return keptDigests(this.#holdings)
  }

  digestKept(partition: number): Digest | undefined {
    return partitionAt(this.#holdings, partition).digestKept
  }

  digestTree(): DigestTreeView {
    return new DigestTree(this.#holdings.hash, this.partitionDigests())
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

  /**
   * Rehearsal only: changes what is held behind the back of the digests, as memory that rots would. `root` goes on
   * telling the old digest until the partition is written to; `scrub` notices.
   *
   * @throws InvariantError when the key is not there.
   */
  tamper(key: string, value: CanonicalValue): void {
    const index = partitionOf(key)
    const partition = partitionAt(this.#holdings, index)
    assert(partition.values.has(key), 'only what is held can rot')
    partition.digest(this.#holdings.hash)
    const copy = partition.copyFor(this.#owner)
    copy.values.set(key, held(value))
    this.#holdings.partitions[index] = copy
  }

  #freshTree(): DigestTree {
    const { hash } = this.#holdings
    if (this.#tree === undefined) {
      this.#tree = new DigestTree(hash, this.partitionDigests())
    } else {
      for (const index of this.#written) {
        this.#tree.replaceLeaf(index, partitionAt(this.#holdings, index).digest(hash))
      }
    }
    this.#written.clear()
    return this.#tree
  }

  #writable(index: number): Partition {
    let partition = partitionAt(this.#holdings, index)
    if (partition.owner !== this.#owner) {
      partition = partition.copyFor(this.#owner)
      this.#holdings.partitions[index] = partition
    }
    partition.forgetDigest()
    this.#written.add(index)
    return partition
  }
}

/** A frozen value nobody else can reach. Bytes cannot be frozen, so a copy of them is held. */
function held(value: CanonicalValue): CanonicalValue {
  return value instanceof Uint8Array ? new Uint8Array(value) : toCanonical(value)
}

/** The very value, which nobody can change from now on, except for bytes, which cannot be frozen. */
function frozen(value: CanonicalValue): CanonicalValue {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || Object.isFrozen(value)) return value
  for (const item of Object.values<CanonicalValue>(value)) frozen(item)
  return Object.freeze(value)
}
