import type { ReplicaId } from '../model/ids.ts'

/** Unit: ms. Without a leader for so long, one in quarantine stands for election. */
const LEADERLESS_MS = 10_000

/**
 * Whether a replica should leave leading to others: its State is not here, or is known to be wrong.
 *
 * Ordering never looks at State, and without a leader nothing is ordered that could verify anybody: so one in quarantine
 * leads when nobody else does.
 */
export class Fitness {
  #leaderlessMs: number | undefined

  isUnfit(
    is: { readonly stateMissing: boolean; readonly quarantined: boolean; readonly leader: ReplicaId | undefined },
    nowMs: number,
  ): boolean {
    if (is.leader === undefined) this.#leaderlessMs ??= nowMs
    else this.#leaderlessMs = undefined
    const isLeaderless = this.#leaderlessMs !== undefined && nowMs - this.#leaderlessMs > LEADERLESS_MS
    return is.stateMissing || (is.quarantined && !isLeaderless)
  }
}
