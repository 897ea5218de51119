import type { AuditView } from '../api/audit-views.ts'
import type { Member } from '../model/configuration.ts'
import type { AuditResult } from './audit-views.ts'
import { auditView } from './audit-views.ts'

const AUDITS_MAX = 500

/** The newest AUDITs that have a verdict, as the replicas of this host told of them. */
export class AuditHistory {
  readonly #members: readonly Member[]
  readonly #audits = new Map<number, AuditView>()

  constructor(members: readonly Member[]) {
    this.#members = members
  }

  /** @returns the AUDIT, when this tells something new of it. */
  heard(result: AuditResult): AuditView | undefined {
    const { slot } = result
    const view = auditView(result, this.#members)
    const known = this.#audits.get(slot)
    // Each replica tells of what it heard: one that heard less knows nothing better.
    if (known !== undefined && reported(view) < reported(known)) return undefined
    if (known !== undefined && JSON.stringify(view) === JSON.stringify(known)) return undefined
    this.#audits.set(slot, view)
    if (this.#audits.size > AUDITS_MAX) this.#audits.delete(Math.min(...this.#audits.keys()))
    return this.#audits.has(slot) ? view : undefined
  }

  get last(): AuditView | undefined {
    return this.#audits.get(Math.max(...this.#audits.keys()))
  }

  /** Newest first. */
  newest(limit: number): AuditView[] {
    return [...this.#audits.values()].toSorted((left, right) => right.slot - left.slot).slice(0, limit)
  }
}

function reported({ replicas }: AuditView): number {
  return replicas.filter(({ sign }) => sign !== 'missing').length
}
