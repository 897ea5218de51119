import type { Replica } from '../replica/replica.ts'

/** Unit: ms. A client that asks twice a second is at work. */
const RECENT_MS = 500
/** Unit: ms. What is decided for no longer is an AUDIT, or a replica that catches up. */
const LASTING_MS = 200

/**
 * Whether slots were decided again and again until a moment ago, as far as this replica heard: the others then have
 * clients to serve, maybe on this very computer, and what can wait a little should. Asked often, or it hears of it late.
 */
export function requestsGoOn(replica: Pick<Replica, 'status'>, nowMs: () => number): () => boolean {
  let seen = replica.status.slotDecided
  let [firstMs, lastMs] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  return () => {
    const { slotDecided } = replica.status
    const now = nowMs()
    if (slotDecided !== seen) {
      seen = slotDecided
      if (now - lastMs >= RECENT_MS) firstMs = now
      lastMs = now
    }
    return now - lastMs < RECENT_MS && lastMs - firstMs >= LASTING_MS
  }
}
