import { present } from '../base/assert.ts'
import type { Findings } from '../model/audit.ts'
import type { Digest, HashFunction } from '../model/digest.ts'
import type { Slot } from '../model/ids.ts'
import { DigestTree } from '../state/digest-tree.ts'
import type { FrozenState } from '../state/frozen-state.ts'
import { PARTITIONS } from '../state/partition.ts'

/** Entries hashed in one turn: one or two milliseconds' work. In smaller turns each entry costs twice as much. */
const ENTRIES_PER_TURN = 1_024

interface ScrubInit {
  readonly slot: Slot
  /** Over the Outputs given since the AUDIT or CHECKPOINT before. */
  readonly outputs: Digest
  readonly state: FrozenState
}

/**
 * The State after an AUDIT, hashed anew from the data as held, a little in each turn of the loop.
 *
 * Kept digests would tell what was written, and never that the memory it lies in has rotted since.
 */
export class Scrub {
  readonly slot: Slot
  readonly state: FrozenState
  readonly #outputs: Digest
  readonly #hash: HashFunction
  readonly #digests: Digest[] = []
  #root: Digest | undefined

  constructor(hash: HashFunction, { slot, outputs, state }: ScrubInit) {
    this.#hash = hash
    this.slot = slot
    this.#outputs = outputs
    this.state = state
  }

  /** Of the partitions hashed so far, in their order. */
  get digests(): readonly Digest[] {
    return this.#digests
  }

  get isDone(): boolean {
    return this.#root !== undefined
  }

  /** @throws InvariantError before the scrub is done. */
  get findings(): Findings {
    return { root: present(this.#root, 'the scrub is done'), outputs: this.#outputs }
  }

  /** A turn's share of the work. @returns whether this turn ended it. */
  turn(): boolean {
    if (this.isDone) return false
    for (let entries = 0; this.#digests.length < PARTITIONS && entries < ENTRIES_PER_TURN;) {
      const partition = this.#digests.length
      // An empty one costs as much as a small one.
      entries += 8 + this.state.entriesIn(partition)
      this.#digests.push(this.state.scrubPartition(partition))
    }
    if (this.#digests.length < PARTITIONS) return false
    this.#root = new DigestTree(this.#hash, this.#digests).root
    return true
  }
}
