import type { AuditReport, Findings } from '../model/audit.ts'
import { isSameFindings } from '../model/audit.ts'
import type { Configurations } from '../model/configurations.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'

/** AUDITs whose reports are kept of each member: a replica that lags is compared when it gets there. */
export const SLOTS_MAX = 256

export interface Verdict {
  readonly verdict: 'open' | 'agrees' | 'deviation' | 'no-majority'
  readonly agreeing: readonly ReplicaId[]
  readonly deviating: readonly ReplicaId[]
  readonly majority: Findings | undefined
}

/** The members' reports of each AUDIT, and what a majority of them says. */
export class Reports {
  readonly #configurations: Configurations
  /** By member, so that none of them can crowd out what another said. */
  readonly #reports = new Map<ReplicaId, Map<Slot, AuditReport>>()

  constructor(configurations: Configurations) {
    this.#configurations = configurations
  }

  /**
   * A member's last report counts: one that was restarted after it deviated reports the same AUDIT again.
   *
   * @returns whether it says something new.
   */
  add(slot: Slot, report: AuditReport): boolean {
    const reports = this.#reports.get(report.replica) ?? new Map<Slot, AuditReport>()
    this.#reports.set(report.replica, reports)
    const before = reports.get(slot)
    if (before !== undefined && isSameFindings(before.findings, report.findings)) return false
    reports.set(slot, report)
    if (reports.size > SLOTS_MAX) reports.delete(slotLowest(reports.keys()))
    return reports.has(slot)
  }

  find(slot: Slot, replica: ReplicaId): AuditReport | undefined {
    return this.#reports.get(replica)?.get(slot)
  }

  /** In the order of the members. */
  of(slot: Slot): readonly AuditReport[] {
    return this.#configurations.at(slot).members.flatMap(({ replica }) => this.find(slot, replica) ?? [])
  }

  missing(slot: Slot): readonly ReplicaId[] {
    return this.#configurations
      .at(slot)
      .members.map(({ replica }) => replica)
      .filter((replica) => this.find(slot, replica) === undefined)
  }

  /** The newest AUDIT before this one at which these two said the same. */
  lastAgreed(before: Slot, left: ReplicaId, right: ReplicaId): Slot | undefined {
    let last: Slot | undefined
    for (const [slot, mine] of this.#reports.get(left) ?? []) {
      const theirs = this.find(slot, right)
      if (slot >= before || theirs === undefined || (last !== undefined && slot < last)) continue
      if (isSameFindings(mine.findings, theirs.findings)) last = slot
    }
    return last
  }

  verdict(slot: Slot): Verdict {
    const reports = this.of(slot)
    const quorum = this.#configurations.quorumAt(slot)
    let most = 0
    for (const { findings } of reports) {
      const agreeing = reports.filter((other) => isSameFindings(other.findings, findings)).map(({ replica }) => replica)
      most = Math.max(most, agreeing.length)
      if (!quorum.isReached(agreeing)) continue
      const deviating = reports.map(({ replica }) => replica).filter((replica) => !agreeing.includes(replica))
      return { verdict: deviating.length === 0 ? 'agrees' : 'deviation', agreeing, deviating, majority: findings }
    }
    const isOpen = quorum.isReachable(most, this.missing(slot).length)
    return { verdict: isOpen ? 'open' : 'no-majority', agreeing: [], deviating: [], majority: undefined }
  }
}

export function slotLowest(slots: Iterable<Slot>): Slot {
  return [...slots].reduce((left, right) => (left < right ? left : right))
}
