import { sha256 } from '../crypto/hash.ts'
import type { Slot } from '../model/ids.ts'
import type { CheckpointStore } from '../ports/checkpoint-store.ts'
import { State } from '../state/state.ts'
import { StorageError } from '../storage/errors.ts'

/**
 * The State of the newest stable checkpoint that can be read; undefined when there is none. One that is damaged is
 * told of by the store, and the one before it is taken: the log reaches back to it.
 */
export async function loadNewest(
  checkpoints: CheckpointStore,
): Promise<{ readonly slot: Slot; readonly state: State } | undefined> {
  const stable = checkpoints.checkpoints.filter(({ certificate }) => certificate !== undefined)
  for (const { slot } of stable.toReversed()) {
    const state = new State(sha256)
    try {
      await checkpoints.load(slot, (partition, entries, digest) => {
        state.replacePartition(partition, entries, digest)
      })
      return { slot, state }
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
    }
  }
  return undefined
}
