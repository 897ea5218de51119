import type { IncidentView, RepairRung } from '../api/audit-views.ts'
import type { Incidents } from './incidents.ts'
import { auditFailed, RUNG_TEXTS, verifiedText, waitsText } from './incident-texts.ts'
import type { LocalReplica } from './local-replica.ts'
import type { NoteLevel } from './notes.ts'
import type { Standing } from './standing.ts'
import { STANDS_WELL } from './standing.ts'

export interface RepairTiming {
  /** Before each rung, so that what is wrong for a moment only is not taken for worse. Unit: ms. */
  readonly backoffMs: Readonly<Record<RepairRung, number>>
  /** So long a started replica may take until it is verified. Unit: ms. */
  readonly rungMsMax: number
  /** So long one that others found, and that says nothing of it itself, is left alone. Unit: ms. */
  readonly silentMsMax: number
  /** After so many incidents in that time a repair is no use. Unit: ms. */
  readonly incidentsMax: number
  readonly incidentsMs: number
  /** Unit: ms. */
  readonly lookMs: number
}

export const REPAIR_TIMING: RepairTiming = {
  backoffMs: { restart: 0, transfer: 1_000, stop: 5_000 },
  rungMsMax: 60_000,
  silentMsMax: 10_000,
  incidentsMax: 3,
  incidentsMs: 10 * 60_000,
  lookMs: 250,
}

/** What the ladder does with a replica of this host. */
export type Patient = Pick<LocalReplica, 'name' | 'id' | 'state' | 'report' | 'isSilent' | 'start' | 'stop' | 'giveUp'>

/** A large State takes its time to be received, or rebuilt. */
const SLOW = 0.1

interface RepairsInit {
  readonly patients: readonly Patient[]
  /** Members that make a majority. */
  readonly quorum: number
  readonly incidents: Incidents
  readonly timing: RepairTiming
  /** Has the others take a checkpoint that can be received; resolves when they did, or could not. */
  readonly orderCheckpoint: () => Promise<void>
  readonly onNote: (level: NoteLevel, text: string) => void
}

/** Where the repair of one replica is. */
interface Climb {
  /** The next rung is to be tried then; undefined: the one that was tried still has time. Unit: ms. */
  dueMs: number | undefined
  /** The next rung is being taken. */
  isActing: boolean
  /** Its process is being stopped and started: what this life of it still tells counts no more. */
  isStopping: boolean
  /** It has had this long to be verified. Unit: ms. */
  triedMs: number
  readonly sinceMs: number
  /** A person asked for it: it is started even if it was stopped. */
  isOrdered: boolean
}

/**
 * The repair ladder for this host's replicas that deviate: restart, transfer of the State, stop. Each rung is tried
 * once; what is tried is on disk before it is done; and nobody is taken down while too few others are well.
 */
export class Repairs {
  readonly #init: RepairsInit
  readonly #climbs = new Map<string, Climb>()
  readonly #standings = new Map<string, Standing>()
  #timer: NodeJS.Timeout | undefined
  #lookedMs = 0
  #hasBegun = false
  /** Replicas that received a State in this life of theirs, and of which slot; it is not a stable checkpoint yet. */
  readonly #received = new Map<string, number>()

  constructor(init: RepairsInit) {
    this.#init = init
  }

  standing(replica: string): Standing {
    return this.#standings.get(replica) ?? STANDS_WELL
  }

  /** Starts all replicas as they stand: some in quarantine, some not at all. */
  begin(): void {
    const { patients, incidents } = this.#init
    if (this.#hasBegun) {
      // Asked for once more: who was stopped is started; repairs under way go on.
      for (const patient of patients) if (!incidents.isGivenUp(patient.name)) patient.start()
      return
    }
    this.#hasBegun = true
    for (const patient of patients) this.#beginOne(patient)
    this.#look()
  }

  /** The cluster stops: nothing more is begun. Incidents stay open. */
  end(): void {
    this.#hasBegun = false
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#climbs.clear()
  }

  /** The replica is found to deviate, by itself or by others. */
  deviates(incident: IncidentView, { byItself }: { readonly byItself: boolean }): void {
    if (byItself) this.#standings.set(incident.replica, { ...this.standing(incident.replica), isQuarantined: true })
    // Told while the cluster stops: its next start goes on from the incident.
    if (!this.#hasBegun) return
    this.#climb(incident.replica)
    this.#look()
  }

  /** It has told what others wanted to know: it may be started anew, or what was tried was no use. */
  wanted(incident: IncidentView): void {
    if (!this.#hasBegun) return
    const climb = this.#climb(incident.replica)
    if (climb.isActing || climb.dueMs !== undefined) return
    climb.dueMs = performance.now() + this.#init.timing.backoffMs[this.#next(incident)]
    this.#look()
  }

  /** A person asks: at once, and also of a replica that is stopped. */
  ordered(incident: IncidentView): void {
    if (!this.#hasBegun) return
    const climb = this.#climb(incident.replica)
    climb.isOrdered = true
    // The last rung helps nobody who wants it repaired.
    if (!climb.isActing && this.#next(incident) !== 'stop') climb.dueMs = performance.now()
    this.#look()
  }

  /** A person starts a replica that was given up: it stays in quarantine until it is verified. */
  startedByHand(replica: string): void {
    this.#standings.set(replica, { isQuarantined: true, discardsState: false })
  }

  /** It begins to receive a State: what an earlier life of it received is nothing any more. */
  receives(replica: string): void {
    this.#received.delete(replica)
  }

  /** It received a State. Without a durable certificate it would not be started from. */
  received(replica: string, slot: number): void {
    if (this.#climbs.get(replica)?.isStopping !== true) this.#received.set(replica, slot)
  }

  /** A checkpoint of it is stable. What it received is durable then: a later start goes on from that. */
  stable(replica: string, slot: number): void {
    const received = this.#received.get(replica)
    if (received === undefined || slot < received) return
    this.#received.delete(replica)
    this.#standings.set(replica, { ...this.standing(replica), discardsState: false })
  }

  /** @returns whether the replica counts again; not while it is being started anew. */
  verified(replica: string, slot: number): boolean {
    const { incidents, onNote } = this.#init
    if (this.#climbs.get(replica)?.isStopping === true) return false
    this.#climbs.delete(replica)
    // Before what it received is durable there is only its own old State on its disk, which is not to be used.
    if (this.standing(replica).discardsState) {
      this.#standings.set(replica, { isQuarantined: false, discardsState: true })
    } else this.#standings.delete(replica)
    const incident = incidents.newestOf(replica)
    if (incident === undefined || incident.state === 'repaired') return true
    const step = { kind: 'verified', text: verifiedText(replica, slot) } as const
    const closed = incidents.change(incident.number, { state: 'repaired', step })
    onNote('good', `Repaired: ${closed?.summary ?? replica}`)
    return true
  }

  #beginOne(patient: Patient): void {
    const { incidents } = this.#init
    const { name } = patient
    const newest = incidents.newestOf(name)
    if (newest !== undefined && incidents.isGivenUp(name)) {
      void patient.giveUp(auditFailed(newest))
      return
    }
    if (newest?.state === 'open') {
      if (newest.rung === 'stop') {
        // What was cut off.
        void this.#giveUp(patient, newest)
        return
      }
      this.#standings.set(name, { isQuarantined: true, discardsState: newest.rung === 'transfer' })
      this.#climb(name)
    } else if (newest?.state === 'given-up') this.startedByHand(name)
    patient.start()
  }

  #climb(replica: string): Climb {
    const known = this.#climbs.get(replica)
    if (known !== undefined) return known
    const climb: Climb = {
      ...{ dueMs: undefined, isActing: false, isStopping: false, triedMs: 0, isOrdered: false },
      sinceMs: performance.now(),
    }
    this.#climbs.set(replica, climb)
    return climb
  }

  #next(incident: IncidentView): RepairRung {
    const { incidents, timing } = this.#init
    switch (incident.rung) {
      case null: {
        const isHopeless = incidents.recent(incident, timing.incidentsMs) >= timing.incidentsMax
        return isHopeless && incident.steps[0]?.kind !== 'operator' ? 'stop' : 'restart'
      }
      case 'restart':
        return 'transfer'
      case 'transfer':
      case 'stop':
        return 'stop'
    }
  }

  /** Looks now and then, as long as there is anything under repair. */
  #look(): void {
    if (!this.#hasBegun || this.#timer !== undefined || this.#climbs.size === 0) return
    this.#lookedMs = performance.now()
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      const nowMs = performance.now()
      const passedMs = nowMs - this.#lookedMs
      for (const patient of this.#init.patients) this.#lookAt(patient, nowMs, passedMs)
      this.#look()
    }, this.#init.timing.lookMs)
  }

  #lookAt(patient: Patient, nowMs: number, passedMs: number): void {
    const { incidents, timing } = this.#init
    const climb = this.#climbs.get(patient.name)
    const incident = incidents.openOf(patient.name)
    if (climb === undefined || climb.isActing) return
    if (incident === undefined) {
      this.#climbs.delete(patient.name)
      return
    }
    if (climb.dueMs === undefined) {
      climb.triedMs += passedMs * this.#pace(patient)
      const isOver =
        incident.rung === null ? nowMs - climb.sinceMs > timing.silentMsMax : climb.triedMs > timing.rungMsMax
      if (isOver) climb.dueMs = nowMs + timing.backoffMs[this.#next(incident)]
    }
    if (climb.dueMs !== undefined && nowMs >= climb.dueMs) this.#take(patient, incident, climb)
  }

  /** How the time it has runs: not without a majority that could verify it, and slowly while it reads or receives. */
  #pace(patient: Patient): number {
    if (this.#othersWell(patient) < this.#init.quorum) return 0
    switch (patient.state) {
      case 'running':
        return patient.report?.isStateMissing === true ? SLOW : 1
      case 'starting':
        return SLOW
      case 'restarting':
        return 1
      case 'stopping':
      case 'stopped':
      case 'failed':
        return 0
    }
  }

  #take(patient: Patient, incident: IncidentView, climb: Climb): void {
    const { incidents, onNote } = this.#init
    const { name } = patient
    // Who was stopped by a person, or can't live, is not started by the ladder.
    if (isDown(patient) && !climb.isOrdered) return
    if (!this.#isSpared(patient)) {
      if (incident.steps.at(-1)?.kind === 'waits') return
      incidents.change(incident.number, { step: { kind: 'waits', text: waitsText(name) } })
      onNote('attention', waitsText(name))
      return
    }
    const rung = this.#next(incident)
    climb.isActing = true
    climb.dueMs = undefined
    climb.triedMs = 0
    void this.#act(patient, { rung, number: incident.number, climb }).then((isDone) => {
      climb.isActing = false
      climb.isStopping = false
      if (isDone) climb.isOrdered = false
      else climb.dueMs = performance.now()
    })
  }

  /** Never rejects. @returns false: it was not done after all, because meanwhile too few others are well. */
  async #act(
    patient: Patient,
    { rung, number, climb }: { readonly rung: RepairRung; readonly number: number; readonly climb: Climb },
  ): Promise<boolean> {
    const { incidents, onNote, orderCheckpoint } = this.#init
    const { name } = patient
    const text = RUNG_TEXTS[rung](name)
    // Whatever is waited for, the replica may have been verified meanwhile, or the cluster stopped: then it is left alone.
    const isOver = (): boolean => this.#climbs.get(name) !== climb
    if (rung === 'stop') {
      incidents.change(number, { rung })
      await incidents.settled()
      const incident = incidents.openOf(name)
      if (isOver() || incident === undefined) return true
      climb.isStopping = true
      await this.#giveUp(patient, incident)
      return true
    }
    if (rung === 'transfer' && !this.#hasCheckpoint(patient)) {
      // It takes a while, and much may happen.
      await orderCheckpoint()
      if (isOver()) return true
      if (!this.#isSpared(patient)) return false
    }
    incidents.change(number, { rung, step: { kind: rung === 'transfer' ? 'transferring' : 'restarted', text } })
    onNote('attention', text)
    // A host that ends meanwhile must not try the same rung for ever.
    await incidents.settled()
    if (isOver()) return true
    climb.isStopping = true
    this.#received.delete(name)
    this.#standings.set(name, { isQuarantined: true, discardsState: rung === 'transfer' })
    await patient.stop()
    if (!isOver()) patient.start()
    return true
  }

  async #giveUp(patient: Patient, incident: IncidentView): Promise<void> {
    const { incidents, onNote } = this.#init
    const problem = auditFailed(incident)
    await patient.giveUp(problem)
    const step = { kind: 'stopped', text: RUNG_TEXTS.stop(patient.name) } as const
    incidents.change(incident.number, { state: 'given-up', step })
    this.#climbs.delete(patient.name)
    onNote('danger', problem.message)
  }

  #hasCheckpoint(patient: Patient): boolean {
    return this.#init.patients.some(
      (other) => other !== patient && other.report?.checkpoints.some(({ isStable }) => isStable) === true,
    )
  }

  /** Whether the others are a majority without it. One that is down anyway is not missed. */
  #isSpared(patient: Patient): boolean {
    return isDown(patient) || this.#othersWell(patient) >= this.#init.quorum
  }

  /** Members beside this one that run, count, are not being repaired, and reach each other. */
  #othersWell(patient: Patient): number {
    const { patients, quorum } = this.#init
    const others = patients.filter((other) => other !== patient && this.#isWell(other))
    const ids = new Set<string>(others.map(({ id }) => id))
    const reach = (other: Patient): number => other.report?.connectedTo.filter((id) => ids.has(id)).length ?? 0
    return others.filter((other) => reach(other) >= quorum - 1).length
  }

  #isWell({ name, state, isSilent, report }: Patient): boolean {
    if (state !== 'running' || isSilent || report === undefined) return false
    return !report.isQuarantined && !report.isStateMissing && this.#climbs.get(name)?.isActing !== true
  }
}

function isDown({ state }: Patient): boolean {
  return state === 'stopped' || state === 'failed' || state === 'stopping'
}
