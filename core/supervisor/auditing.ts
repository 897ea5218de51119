import type { AuditView, IncidentView } from '../api/audit-views.ts'
import type { Note } from '../replica/effects.ts'
import type { Member } from '../model/configuration.ts'
import { AuditHistory } from './audit-history.ts'
import type { AuditResult } from './audit-views.ts'
import { evidenceView } from './audit-views.ts'
import type { IncidentFiles } from './incident-files.ts'
import { count, evidenceText, foundText, noMajorityText, quarantinedText } from './incident-texts.ts'
import { Incidents } from './incidents.ts'
import type { NoteLevel } from './notes.ts'
import type { Patient, RepairTiming } from './repairs.ts'
import { Repairs } from './repairs.ts'
import type { Standing } from './standing.ts'
import type { NameOf } from './vote-views.ts'

interface AuditingInit {
  readonly members: readonly Member[]
  readonly quorum: number
  readonly patients: () => readonly Patient[]
  readonly files: IncidentFiles
  readonly nameOf: NameOf
  readonly timing: RepairTiming
  readonly orderCheckpoint: () => Promise<void>
  readonly onAudit: (audit: AuditView) => void
  readonly onIncident: (incident: IncidentView) => void
  readonly onNote: (level: NoteLevel, text: string) => void
}

/** The host's side of the audit: what AUDITs found, the incidents, and the repair of this host's replicas. */
export class Auditing {
  readonly #init: AuditingInit
  readonly #history: AuditHistory
  readonly #incidents: Incidents
  #made: Repairs | undefined
  /** Up to which AUDIT of a replica everything is known: what is told of it once more is no news. */
  readonly #settled = new Map<string, number>()
  /** The AUDITs since a certain one found no majority; it was told of. */
  #isTold = false

  constructor(init: AuditingInit) {
    this.#init = init
    this.#history = new AuditHistory(init.members)
    this.#incidents = new Incidents({
      files: init.files,
      onChange: init.onIncident,
      onTrouble: (message) => {
        init.onNote('danger', message)
      },
    })
  }

  /** Takes back the incidents on disk; before the first start. */
  async read(): Promise<void> {
    await this.#incidents.read()
    for (const { replica, slot } of this.#incidents.newest(Infinity)) this.#settle(replica, slot)
  }

  /** Starts the replicas, each as it stands. */
  begin(): void {
    this.#repairs.begin()
  }

  end(): void {
    this.#repairs.end()
  }

  standing(replica: string): Standing {
    return this.#repairs.standing(replica)
  }

  get last(): AuditView | undefined {
    return this.#history.last
  }

  get incidentsOpen(): number {
    return this.#incidents.standing
  }

  /** It was stopped because it deviates, and nobody has started it since. */
  isGivenUp(replica: string): boolean {
    return this.#incidents.isGivenUp(replica)
  }

  audits(limit: number): AuditView[] {
    return this.#history.newest(limit)
  }

  incidents(limit: number): IncidentView[] {
    return this.#incidents.newest(limit)
  }

  /** A person mistrusts a replica. */
  repair(replica: string): void {
    const step = { kind: 'operator', text: `The repair of ${replica} was ordered by a person.` } as const
    const open = this.#incidents.openOf(replica)
    const incident =
      open === undefined
        ? this.#incidents.open(replica, this.last?.slot ?? 0, step)
        : (this.#incidents.change(open.number, { step }) ?? open)
    this.#init.onNote('attention', step.text)
    this.#repairs.ordered(incident)
  }

  /** A person starts a replica. @returns whether it had been given up. */
  startedByHand(replica: string): boolean {
    const newest = this.#incidents.newestOf(replica)
    if (newest === undefined || !this.#incidents.isGivenUp(replica)) return false
    const text = `${replica} was started by a person; it stays in quarantine until an AUDIT verified it.`
    this.#incidents.change(newest.number, { step: { kind: 'operator', text } })
    this.#repairs.startedByHand(replica)
    return true
  }

  /** A replica told its host something. */
  note(replica: string, note: Note): void {
    switch (note.kind) {
      case 'audit-result':
        this.#result(note)
        return
      case 'audit-evidence': {
        const name = this.#init.nameOf(note.evidence.replica)
        const evidence = evidenceView(note.evidence, this.#init.nameOf)
        this.#incidents.addEvidence(name, evidence, { kind: 'evidence', text: evidenceText(name, evidence) })
        return
      }
      case 'quarantined':
        this.#quarantined(replica, note)
        return
      case 'repair-wanted':
        this.#repairs.wanted(this.#found(replica, note.slot))
        return
      case 'verified':
        this.#verified(replica, note.slot)
        return
      case 'transfer-begun':
        this.#repairs.receives(replica)
        return
      case 'transfer-ended':
        this.#repairs.received(replica, note.slot)
        return
      case 'checkpoint-stable':
        this.#repairs.stable(replica, note.slot)
        return
      default:
    }
  }

  #result(result: AuditResult): void {
    const audit = this.#history.heard(result)
    if (audit === undefined) return
    this.#init.onAudit(audit)
    if (audit === this.last) this.#tellMajority(audit)
    for (const { name, sign } of audit.replicas) {
      if (sign === 'deviates' && audit.slot > (this.#settled.get(name) ?? 0)) {
        this.#repairs.deviates(this.#found(name, audit.slot), { byItself: false })
      }
      if (sign === 'agrees') this.#agrees(name, audit.slot)
    }
  }

  /** Nothing was done about it yet, and its next AUDIT is right: it was started anew by itself, say. */
  #agrees(replica: string, slot: number): void {
    const open = this.#incidents.openOf(replica)
    if (open?.rung !== null || slot < open.slot) return
    if (open.steps.some(({ kind }) => kind === 'quarantined' || kind === 'operator')) return
    this.#verified(replica, slot)
  }

  /**
   * It is sound now. A slow member may still judge AUDITs that are known of already by what an earlier life of it
   * reported: that is no news. Should it deviate at one of them in this life, the next AUDIT finds it.
   */
  #verified(replica: string, slot: number): void {
    if (!this.#repairs.verified(replica, slot)) return
    const working = this.#init.patients().map(({ report }) => report?.slotAudited ?? 0)
    this.#settle(replica, Math.max(slot, this.last?.slot ?? 0, ...working))
  }

  #quarantined(replica: string, { slot }: Extract<Note, { kind: 'quarantined' }>): void {
    const incident = this.#found(replica, slot)
    this.#incidents.change(incident.number, { step: { kind: 'quarantined', text: quarantinedText(replica) } })
    this.#init.onNote('danger', `${foundText(replica, slot)} ${quarantinedText(replica)}`)
    this.#repairs.deviates(incident, { byItself: true })
  }

  #found(replica: string, slot: number): IncidentView {
    this.#settle(replica, slot)
    const open = this.#incidents.openOf(replica)
    return open ?? this.#incidents.open(replica, slot, { kind: 'found', text: foundText(replica, slot) })
  }

  /** Without a majority nobody is touched: a person must decide. */
  #tellMajority(audit: AuditView): void {
    const isMissing = audit.verdict === 'no-majority'
    if (isMissing && !this.#isTold) this.#init.onNote('danger', noMajorityText(audit))
    if (!isMissing && this.#isTold) {
      this.#init.onNote('good', `The AUDIT at slot ${count(audit.slot)} found a majority again.`)
    }
    this.#isTold = isMissing
  }

  #settle(replica: string, slot: number): void {
    this.#settled.set(replica, Math.max(slot, this.#settled.get(replica) ?? 0))
  }

  /** Made when the replicas are: they are made with what stands here. */
  get #repairs(): Repairs {
    const { patients, quorum, timing, orderCheckpoint, onNote } = this.#init
    this.#made ??= new Repairs({
      ...{ quorum, timing, orderCheckpoint, onNote },
      patients: patients(),
      incidents: this.#incidents,
    })
    return this.#made
  }
}
