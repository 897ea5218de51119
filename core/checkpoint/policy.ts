import type { Slot } from '../model/ids.ts'
import { SLOT_NONE } from '../model/ids.ts'

/** When a CHECKPOINT is ordered by itself: whatever is crossed first since the last one. */
export interface CheckpointPolicy {
  readonly slotsMax: number
  /** Of the batches' encoding. */
  readonly bytesMax: number
  /** Slots of the log kept behind the newest, so that a replica a little behind needs no state transfer. */
  readonly tailSlots: number
}

export const CHECKPOINT_POLICY: CheckpointPolicy = {
  slotsMax: 50_000,
  bytesMax: 32 * 1024 * 1024,
  tailSlots: 256,
}

/** Counts what was executed since the last CHECKPOINT. Follows from the log alone, so it is the same everywhere. */
export class CheckpointCounter {
  readonly #policy: CheckpointPolicy
  #slotLast: Slot = SLOT_NONE
  #slots = 0
  #bytes = 0

  constructor(policy: CheckpointPolicy) {
    this.#policy = policy
  }

  get policy(): CheckpointPolicy {
    return this.#policy
  }

  /** The slot of the last CHECKPOINT; the first of those that are due is named by it. */
  get slotLast(): Slot {
    return this.#slotLast
  }

  get slots(): number {
    return this.#slots
  }

  get bytes(): number {
    return this.#bytes
  }

  get isDue(): boolean {
    return this.#slots >= this.#policy.slotsMax || this.#bytes >= this.#policy.bytesMax
  }

  executed(slot: Slot, bytes: number, isCheckpoint: boolean): void {
    if (isCheckpoint) {
      this.begin(slot)
      return
    }
    this.#slots += 1
    this.#bytes += bytes
  }

  /** The State begins anew at this checkpoint. */
  begin(slot: Slot): void {
    this.#slotLast = slot
    this.#slots = 0
    this.#bytes = 0
  }
}
