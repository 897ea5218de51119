/** When the leader orders an AUDIT by itself. */
export interface AuditPolicy {
  /** After so many slots … */
  readonly slotsMax: number
  /** … or so long after the last one. Unit: ms. */
  readonly intervalMs: number
}

export const AUDIT_POLICY: AuditPolicy = { slotsMax: 100_000, intervalMs: 10_000 }

/** Unit: ms. An AUDIT that was to be ordered and did not come is ordered again. */
const ASK_AGAIN_MS = 5_000

/** Counts what was executed since the last AUDIT. */
export class AuditCounter {
  readonly policy: AuditPolicy
  #slots = 0
  #lastMs = 0
  #askedMs = Number.NEGATIVE_INFINITY

  constructor(policy: AuditPolicy) {
    this.policy = policy
  }

  begin(nowMs: number): void {
    this.#lastMs = nowMs
  }

  executed(isAudit: boolean, nowMs: number): void {
    this.#slots = isAudit ? 0 : this.#slots + 1
    if (!isAudit) return
    this.#lastMs = nowMs
    this.#askedMs = Number.NEGATIVE_INFINITY
  }

  /** Whether one should be ordered now; said once for each, and again when it does not come. */
  isDue(nowMs: number): boolean {
    const isOld = this.#slots >= this.policy.slotsMax || nowMs - this.#lastMs >= this.policy.intervalMs
    if (!isOld || nowMs - this.#askedMs < ASK_AGAIN_MS) return false
    this.#askedMs = nowMs
    return true
  }
}
