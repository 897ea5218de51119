import type { CheckpointInfo } from '../model/checkpoint.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import { SLOT_NONE, slot as toSlot } from '../model/ids.ts'

/** Unit: ms. A replica that asked for State and stays silent so long no longer keeps anything from being dropped. */
const PIN_MS = 10_000
/**
 * Checkpoints that no majority is known to have attested yet. One that others know to be stable may be all there is for
 * a replica that has moved its log behind it, so they are let go only when they become too many.
 */
const UNSTABLE_MAX = 8

export interface Retained {
  /** Log records up to this slot may go. */
  readonly slot: Slot
  readonly checkpoints: readonly Slot[]
}

/**
 * What may be dropped. Kept are the two newest stable checkpoints, the log from the older of them on, a tail of the
 * newest slots, and what a state transfer or a backup under way still needs. So whichever checkpoint a disk damages, the other one
 * and the log behind it are the whole State; and before there are two, nothing of the log is dropped.
 */
export class Retention {
  readonly #pins = new Map<ReplicaId, { readonly slot: Slot; readonly untilMs: number }>()
  /** What a backup reads. */
  #held: Slot | undefined
  readonly #tailSlots: number
  #slot: Slot = SLOT_NONE

  /** `tailSlots`: of the log, kept whatever a checkpoint stands for. */
  constructor(tailSlots: number) {
    this.#tailSlots = tailSlots
  }

  /** A replica receives the State of this checkpoint. */
  pin(replica: ReplicaId, slot: Slot, nowMs: number): void {
    this.#pins.set(replica, { slot, untilMs: nowMs + PIN_MS })
  }

  /** A checkpoint and the log after it stay until they are let go, however long that takes. 0: all of the log. */
  hold(slot: Slot | undefined): void {
    this.#held = slot
  }

  get pinned(): readonly Slot[] {
    const held = this.#held === undefined ? [] : [this.#held]
    return [...[...this.#pins.values()].map(({ slot }) => slot), ...held]
  }

  /** `checkpoints`: those on disk, by rising slot. */
  decide(checkpoints: readonly CheckpointInfo[], slotExecuted: Slot, nowMs: number): Retained {
    for (const [replica, { untilMs }] of this.#pins) if (nowMs > untilMs) this.#pins.delete(replica)
    const stable = checkpoints.filter(({ certificate }) => certificate !== undefined).map(({ slot }) => slot)
    const newest = stable.at(-1) ?? SLOT_NONE
    const pinned = this.pinned.filter((slot) => stable.includes(slot) || slot === this.#held)
    const unstable = checkpoints.map(({ slot }) => slot).filter((slot) => slot > newest)
    const kept = new Set([
      ...stable.slice(-2),
      ...stable.filter((slot) => pinned.includes(slot)),
      ...unstable.slice(-UNSTABLE_MAX),
    ])
    const older = stable.length < 2 ? SLOT_NONE : (stable.at(-2) ?? SLOT_NONE)
    const slot = Math.max(0, Math.min(older, slotExecuted - this.#tailSlots, ...pinned))
    if (slot > this.#slot) this.#slot = toSlot(slot)
    return { slot: this.#slot, checkpoints: [...kept].toSorted((left, right) => left - right) }
  }
}
