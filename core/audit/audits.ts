import { unreachable } from '../base/assert.ts'
import type { AuditReport } from '../model/audit.ts'
import { auditedBytes } from '../model/audit.ts'
import { hashCanonical } from '../model/canonical.ts'
import type { Configurations } from '../model/configurations.ts'
import type { Digest, HashFunction } from '../model/digest.ts'
import type { ClusterId, ReplicaId, Slot } from '../model/ids.ts'
import { SLOT_NONE } from '../model/ids.ts'
import type { FrozenState } from '../state/frozen-state.ts'
import { PARTITIONS } from '../state/partition.ts'
import type { AuditMessage } from '../wire/audit.ts'
import type { AuditEffect, AuditSink } from './effects.ts'
import { Inspection, entriesBytes } from './inspection.ts'
import type { AuditPolicy } from './policy.ts'
import { AuditCounter } from './policy.ts'
import type { Verdict } from './reports.ts'
import { Reports, SLOTS_MAX, slotLowest } from './reports.ts'
import { Scrub } from './scrub.ts'

/** Unit: ms. Reports that do not come are asked for. */
const ASK_AGAIN_MS = 1_000
const ASK_FIRST_MS = 200
/** Unit: ms. An AUDIT to be verified by is asked for again when none comes. */
const WANT_AGAIN_MS = 3_000
/** Unit: ms. So long one that deviates waits to be looked at before it may be started anew. */
const INSPECTED_MS_MAX = 2_000
/** Unit: ms. Nobody started it anew, perhaps because a majority would have been missing meanwhile: it asks again. */
const REPAIR_AGAIN_MS = 5_000

interface AuditsInit {
  readonly self: ReplicaId
  readonly cluster: ClusterId
  readonly configurations: Configurations
  readonly hash: HashFunction
  readonly signing: {
    readonly sign: (bytes: Uint8Array) => Uint8Array
    readonly verify: (replica: ReplicaId, bytes: Uint8Array, signature: Uint8Array) => boolean
  }
  readonly policy: AuditPolicy
  /** An earlier life deviated: this one's Outputs count when a majority agrees with what it holds. */
  readonly isQuarantined: boolean
}

interface Executed {
  readonly slot: Slot
  readonly timeMs: number
  /** Over the slot's Outputs, as they were given. */
  readonly digest: Digest
  readonly isAudit: boolean
  readonly isCheckpoint: boolean
}

/**
 * A replica's own audit: what it holds after an AUDIT, told to all and compared with what they tell.
 *
 * A majority decides who is right. Who differs from it goes into quarantine: its Outputs do not count any more, and its
 * process is to be started anew, rebuilt, and compared again. Without a majority nobody does anything by itself.
 * Source: Schneider (1990), 4 and 5 (a failed element is detected by the vote, and reconfigured); Castro and Liskov,
 * Practical Byzantine Fault Tolerance and Proactive Recovery (2002), 5.3 (State checked against its digest).
 */
export class Audits {
  readonly #init: AuditsInit
  readonly #counter: AuditCounter
  readonly #reports: Reports
  readonly #emit: AuditSink
  #outputs: Digest
  #scrub: Scrub | undefined
  /** Came while the one before was still hashed. */
  #next: Scrub | undefined
  readonly #inspections: Inspection[] = []
  #quarantined: boolean
  /** This replica deviates at that AUDIT; when it asks, or asks again, to be started anew. */
  #deviates: { readonly slot: Slot; readonly repairMs: number } | undefined
  #isDisabled = false
  #started = false
  /** Ordered time of the AUDITs executed here. Unit: ms since 1970. */
  readonly #times = new Map<Slot, number>()
  #askedMs = Number.NEGATIVE_INFINITY
  #wantedMs = Number.NEGATIVE_INFINITY
  #scrubBeginMs = 0
  #scrubEndMs = 0
  /** The newest AUDIT this replica reported in this life. */
  #slotReported: Slot = SLOT_NONE
  #effects: AuditEffect[] = []
  #nowMs = 0

  constructor(init: AuditsInit) {
    this.#init = init
    this.#counter = new AuditCounter(init.policy)
    this.#reports = new Reports(init.configurations)
    this.#quarantined = init.isQuarantined
    this.#outputs = this.#noOutputs()
    this.#emit = (effect) => {
      this.#effects.push(effect)
    }
  }

  /** Its Outputs do not count, and it answers no reads. */
  get isQuarantined(): boolean {
    return this.#quarantined
  }

  get isDisabled(): boolean {
    return this.#isDisabled
  }

  /** The newest AUDIT that was reported here, or is being worked on. */
  get slotLast(): Slot {
    return this.#next?.slot ?? this.#scrub?.slot ?? this.#slotReported
  }

  /** Recovery has ended. */
  start(nowMs: number): void {
    this.#started = true
    this.#nowMs = nowMs
    this.#scrubBeginMs = nowMs
    this.#scrubEndMs = nowMs
    this.#counter.begin(nowMs)
  }

  /** Rehearsal: its audit is broken. It compares nothing, reports nothing, and never finds itself at fault. */
  disable(active: boolean): void {
    this.#isDisabled = active
    if (!active) return
    this.#quarantined = false
    this.#scrub = undefined
    this.#next = undefined
    this.#deviates = undefined
    this.#inspections.length = 0
  }

  /** A slot was executed; `freeze` gives the State after it. */
  executed(executed: Executed, freeze: () => FrozenState): void {
    const { slot, timeMs, digest, isAudit, isCheckpoint } = executed
    this.#counter.executed(isAudit, this.#nowMs)
    this.#outputs = hashCanonical(this.#init.hash, [this.#outputs, digest])
    if (isAudit && !this.#isDisabled) {
      // Of several that come at once the newest is enough: its State contains what the others' did.
      this.#next = new Scrub(this.#init.hash, { slot, outputs: this.#outputs, state: freeze() })
      this.#times.set(slot, timeMs)
      if (this.#times.size > SLOTS_MAX) this.#times.delete(slotLowest(this.#times.keys()))
      if (!this.#started || this.#scrub?.isDone !== false) this.#begin()
    }
    if (isAudit || isCheckpoint) this.#outputs = this.#noOutputs()
  }

  /** The State now is that of a checkpoint. */
  installed(): void {
    this.#outputs = this.#noOutputs()
    this.#next = undefined
    this.#scrub = undefined
  }

  /**
   * Whether this replica, leading, should order an AUDIT now. Between two it rests for as long as the last one took: who
   * is slower keeps up, and most of the time is left for requests.
   */
  isDue(nowMs: number): boolean {
    if (this.#isScrubbing || nowMs - this.#scrubEndMs < this.#scrubEndMs - this.#scrubBeginMs) return false
    return this.#counter.isDue(nowMs)
  }

  /** Whether this replica needs an AUDIT to be compared by: it is in quarantine, and none verified it so far. */
  isWanted(nowMs: number): boolean {
    if (!this.#quarantined || this.#deviates !== undefined || this.#isScrubbing) return false
    if (nowMs - Math.max(this.#wantedMs, this.#scrubEndMs) < WANT_AGAIN_MS) return false
    this.#wantedMs = nowMs
    return true
  }

  get #isScrubbing(): boolean {
    return this.#scrub?.isDone === false || this.#next !== undefined
  }

  message(from: ReplicaId, message: AuditMessage, nowMs: number): readonly AuditEffect[] {
    this.#nowMs = nowMs
    if (!this.#isDisabled && this.#init.configurations.isMember(from)) this.#hear(from, message)
    return this.#take()
  }

  tick(nowMs: number): readonly AuditEffect[] {
    this.#nowMs = nowMs
    if (this.#isDisabled) return this.#take()
    if (this.#scrub?.turn() === true) this.#report(this.#scrub)
    if (this.#next !== undefined && this.#scrub?.isDone !== false) this.#begin()
    for (const inspection of this.#inspections) inspection.tick(nowMs)
    this.#dropInspections()
    this.#askMissing()
    if (this.#deviates !== undefined && nowMs > this.#deviates.repairMs) this.#wantRepair()
    return this.#take()
  }

  #begin(): void {
    this.#scrub = this.#next
    this.#next = undefined
    this.#scrubBeginMs = this.#nowMs
  }

  #hear(from: ReplicaId, message: AuditMessage): void {
    const scrub = this.#scrub?.slot === message.slot && this.#scrub.isDone ? this.#scrub : undefined
    switch (message.kind) {
      case 'audit-report': {
        const { slot, root, outputs, signature } = message
        const report = { replica: from, findings: { root, outputs }, signature }
        if (this.#isTrue(slot, report) && this.#reports.add(slot, report)) this.#judge(slot)
        return
      }
      case 'audit-report-request': {
        const own = this.#reports.find(message.slot, this.#init.self)
        if (own !== undefined) this.#tell(from, message.slot, own)
        return
      }
      case 'audit-digests-request':
        if (scrub === undefined || !this.#isLookedAt(message.slot)) return
        this.#send(from, { kind: 'audit-digests', slot: scrub.slot, digests: [...scrub.digests] })
        return
      case 'audit-entries-request': {
        if (scrub === undefined || message.partition >= PARTITIONS || !this.#isLookedAt(message.slot)) return
        const { slot, partition } = message
        this.#send(from, {
          kind: 'audit-entries',
          slot,
          partition,
          entries: entriesBytes(scrub.state.entries(partition)),
        })
        return
      }
      case 'audit-digests':
        this.#inspection(from, message.slot)?.digests(message.digests)
        return
      case 'audit-entries':
        this.#inspection(from, message.slot)?.entries(message.partition, message.entries)
        return
      case 'audit-inspected':
        if (this.#deviates?.slot === message.slot) this.#wantRepair()
        return
      default:
        unreachable(message)
    }
  }

  /** What it holds is shown to others only where it differs from them. */
  #isLookedAt(slot: Slot): boolean {
    return this.#deviates?.slot === slot
  }

  #report(scrub: Scrub): void {
    const { self, cluster, configurations, signing } = this.#init
    const { slot, findings } = scrub
    const report = { replica: self, findings, signature: signing.sign(auditedBytes({ cluster, slot, findings })) }
    this.#slotReported = slot
    this.#scrubEndMs = this.#nowMs
    // Who reported it long ago, when this one was away, is asked soon.
    this.#askedMs = this.#nowMs - ASK_AGAIN_MS + ASK_FIRST_MS
    this.#reports.add(slot, report)
    for (const to of configurations.others(self)) this.#tell(to, slot, report)
    this.#judge(slot)
  }

  /** What the reports of an AUDIT come to, now that another one is there. */
  #judge(slot: Slot): void {
    const verdict = this.#reports.verdict(slot)
    const timeMs = this.#times.get(slot)
    // What was not executed here yet is judged when it is.
    if (verdict.verdict === 'open' || timeMs === undefined) return
    const reports = this.#reports.of(slot)
    const missing = this.#reports.missing(slot)
    const { deviating } = verdict
    this.#emit({
      kind: 'audit-note',
      note: { kind: 'audit-result', slot, timeMs, verdict: verdict.verdict, reports, deviating, missing },
    })
    this.#judgeSelf(slot, verdict)
    if (this.#scrub?.slot !== slot) return
    // Nobody will want to see what is held: it need not be kept apart from what is written now.
    if (deviating.length === 0 && missing.length === 0) this.#scrub = undefined
    else if (verdict.agreeing[0] === this.#init.self) this.#inspectAll(this.#scrub, deviating)
  }

  #inspectAll(scrub: Scrub, deviating: readonly ReplicaId[]): void {
    for (const replica of deviating) this.#inspect(scrub, replica)
  }

  #judgeSelf(slot: Slot, { majority, agreeing, deviating }: Verdict): void {
    const { self } = this.#init
    const own = this.#reports.find(slot, self)?.findings
    // Only what was found in this life says something about what it holds.
    if (own === undefined || majority === undefined || slot > this.#slotReported) return
    if (agreeing.includes(self)) {
      // What changes after that AUDIT is the next one's to find.
      const isNewest = slot === this.#slotReported
      if (!this.#quarantined || this.#deviates !== undefined || !isNewest) return
      this.#quarantined = false
      this.#emit({ kind: 'audit-note', note: { kind: 'verified', slot } })
    } else if (deviating.includes(self) && this.#deviates === undefined) {
      this.#quarantined = true
      this.#deviates = { slot, repairMs: this.#nowMs + INSPECTED_MS_MAX }
      this.#emit({ kind: 'audit-note', note: { kind: 'quarantined', slot, own, majority } })
    }
  }

  #wantRepair(): void {
    if (this.#deviates === undefined) return
    const { slot } = this.#deviates
    this.#deviates = { slot, repairMs: this.#nowMs + REPAIR_AGAIN_MS }
    this.#emit({ kind: 'audit-note', note: { kind: 'repair-wanted', slot } })
  }

  #inspect(scrub: Scrub, replica: ReplicaId): void {
    const { self, hash } = this.#init
    const deviating = this.#reports.find(scrub.slot, replica)
    if (deviating === undefined || this.#inspection(replica, scrub.slot) !== undefined) return
    const inspection = new Inspection({
      self,
      deviating,
      scrub,
      reports: () => this.#reports.of(scrub.slot),
      slotAgreed: this.#reports.lastAgreed(scrub.slot, self, replica),
      hash,
      emit: this.#emit,
      nowMs: this.#nowMs,
    })
    this.#inspections.push(inspection)
    inspection.tick(this.#nowMs)
  }

  #inspection(replica: ReplicaId, slot: Slot): Inspection | undefined {
    return this.#inspections.find((inspection) => inspection.replica === replica && inspection.slot === slot)
  }

  /** Kept until the next AUDIT: what was inspected once is not inspected again when another report comes. */
  #dropInspections(): void {
    const kept = this.#inspections.filter(({ slot, isOver }) => !isOver || slot >= this.#slotReported)
    if (kept.length < this.#inspections.length) this.#inspections.splice(0, this.#inspections.length, ...kept)
  }

  #askMissing(): void {
    if (this.#slotReported === SLOT_NONE || this.#nowMs - this.#askedMs < ASK_AGAIN_MS) return
    this.#askedMs = this.#nowMs
    const slot = this.#slotReported
    for (const replica of this.#reports.missing(slot)) this.#send(replica, { kind: 'audit-report-request', slot })
  }

  #isTrue(slot: Slot, { replica, findings, signature }: AuditReport): boolean {
    const { cluster, signing } = this.#init
    return signing.verify(replica, auditedBytes({ cluster, slot, findings }), signature)
  }

  #tell(to: ReplicaId, slot: Slot, { findings, signature }: AuditReport): void {
    this.#send(to, { kind: 'audit-report', slot, ...findings, signature })
  }

  #send(to: ReplicaId, message: AuditMessage): void {
    this.#emit({ kind: 'send', to, message })
  }

  #noOutputs(): Digest {
    return hashCanonical(this.#init.hash, 'no outputs')
  }

  #take(): readonly AuditEffect[] {
    const effects = this.#effects
    this.#effects = []
    return effects
  }
}
