import { present } from '../base/assert.ts'
import type { Digest, HashFunction } from '../model/digest.ts'
import { DigestTree } from '../state/digest-tree.ts'
import type { FrozenState } from '../state/frozen-state.ts'
import type { Entry } from '../state/partition.ts'
import { PARTITIONS, digestOfEntries } from '../state/partition.ts'
import { State } from '../state/state.ts'

/** The State that a transfer puts together: what this replica has already, and what it receives. */
export class Staging {
  readonly #hash: HashFunction
  /** What this replica held when the transfer began; absent when that is not to be trusted. */
  readonly #own: FrozenState | undefined
  readonly #state: State
  readonly #digests: Digest[]
  readonly #digestEmpty: Digest

  constructor(hash: HashFunction, own: FrozenState | undefined) {
    this.#hash = hash
    this.#own = own
    this.#state = new State(hash)
    this.#digestEmpty = digestOfEntries(hash, [])
    this.#digests = new Array<Digest>(PARTITIONS).fill(this.#digestEmpty)
  }

  get state(): State {
    return this.#state
  }

  /** Whether these digests are those of a State with this root. */
  isTreeOf(digests: readonly Digest[], root: Digest): boolean {
    return digests.length === PARTITIONS && new DigestTree(this.#hash, digests).root === root
  }

  /** How many entries `has` has to hash: none where a digest is kept. */
  unhashed(partition: number): number {
    return this.#own?.unhashed(partition) ?? 0
  }

  /** Whether a partition is here as wanted, or can be had from what this replica held. */
  has(partition: number, digest: Digest): boolean {
    if (this.#digests[partition] === digest) return true
    if (digest === this.#digestEmpty) {
      // It had entries in an older checkpoint; nobody has a piece of an empty one to give.
      this.put(partition, digest, [])
      return true
    }
    if (this.#own?.partitionDigest(partition) !== digest) return false
    this.#state.sharePartition(partition, this.#own)
    this.#digests[partition] = digest
    return true
  }

  /** Takes in a partition that was received and verified. */
  put(partition: number, digest: Digest, entries: readonly Entry[]): void {
    present(this.#digests[partition], 'the partition exists')
    this.#state.replacePartition(partition, entries, digest)
    this.#digests[partition] = digest
  }
}
