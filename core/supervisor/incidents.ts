import type { EvidenceView, IncidentView } from '../api/audit-views.ts'
import { messageOf } from '../base/errors.ts'
import type { IncidentFiles } from './incident-files.ts'
import { summaryOf } from './incident-texts.ts'

const INCIDENTS_MAX = 100
/** A repair that waits and is asked for again and again must not fill the disk. */
const STEPS_MAX = 64

export type IncidentStep = IncidentView['steps'][number]
type Change = Partial<Pick<IncidentView, 'rung' | 'evidence'>> & {
  readonly step?: Pick<IncidentStep, 'kind' | 'text'>
  /** Closes it, or opens it no more. */
  readonly state?: 'repaired' | 'given-up'
}

interface IncidentsInit {
  readonly files: IncidentFiles
  readonly onChange: (incident: IncidentView) => void
  /** One could not be written, or read. */
  readonly onTrouble: (message: string) => void
}

/** Replicas that deviated: what was found, what was done, kept on disk so that a repair outlives its host. */
export class Incidents {
  readonly #init: IncidentsInit
  readonly #incidents = new Map<number, IncidentView>()
  #numberLast = 0

  constructor(init: IncidentsInit) {
    this.#init = init
  }

  /** Takes back what is on disk. A file that is damaged is told of and passed over. */
  async read(): Promise<void> {
    const { incidents, damaged, numberLast } = await this.#init.files.read()
    for (const incident of incidents) this.#incidents.set(incident.number, incident)
    this.#numberLast = numberLast
    for (const message of damaged) this.#init.onTrouble(message)
  }

  /** Newest first. */
  newest(limit: number): IncidentView[] {
    return [...this.#incidents.values()].toSorted((left, right) => right.number - left.number).slice(0, limit)
  }

  /** The replica's that is under repair. */
  openOf(replica: string): IncidentView | undefined {
    return this.newestOf(replica, ({ state }) => state === 'open')
  }

  newestOf(replica: string, fits: (incident: IncidentView) => boolean = () => true): IncidentView | undefined {
    return this.newest(INCIDENTS_MAX).find((incident) => incident.replica === replica && fits(incident))
  }

  /** It was stopped for good, and nobody has started it since. */
  isGivenUp(replica: string): boolean {
    const newest = this.newestOf(replica)
    return newest !== undefined && isGivenUp(newest)
  }

  /** Not closed, or given up and not started again since. */
  get standing(): number {
    const replicas = new Set([...this.#incidents.values()].map(({ replica }) => replica))
    return [...replicas].filter((replica) => this.openOf(replica) !== undefined || this.isGivenUp(replica)).length
  }

  /** How many of a replica's were found, not ordered, in the time before this one. */
  recent(incident: IncidentView, withinMs: number): number {
    const since = incident.openedMs - withinMs
    return [...this.#incidents.values()].filter(
      ({ number, replica, openedMs, steps }) =>
        number < incident.number && replica === incident.replica && openedMs >= since && steps[0]?.kind === 'found',
    ).length
  }

  open(replica: string, slot: number, step: Pick<IncidentStep, 'kind' | 'text'>): IncidentView {
    this.#numberLast += 1
    const timeMs = Date.now()
    const opened: IncidentView = {
      number: this.#numberLast,
      replica,
      slot,
      openedMs: timeMs,
      closedMs: null,
      state: 'open',
      rung: null,
      summary: '',
      steps: [{ timeMs, ...step }],
      evidence: null,
    }
    return this.#keep(opened)
  }

  change(number: number, { step, state, ...fields }: Change): IncidentView | undefined {
    const before = this.#incidents.get(number)
    if (before === undefined) return undefined
    const timeMs = Date.now()
    const steps = step === undefined ? before.steps : withStep(before.steps, { timeMs, ...step })
    const closed = state === undefined ? {} : { state, closedMs: timeMs }
    return this.#keep({ ...before, ...fields, ...closed, steps })
  }

  /** Evidence may come when all is well again. */
  addEvidence(replica: string, evidence: EvidenceView, step: Pick<IncidentStep, 'kind' | 'text'>): void {
    const fits = ({ slot, state }: IncidentView): boolean => slot === evidence.slot || state === 'open'
    const incident = this.newestOf(replica, fits)
    if (incident === undefined) return
    if (incident.evidence === null) this.change(incident.number, { evidence, step })
    // Of two members' evidence the one that saw more.
    else if (incident.evidence.keys.length < evidence.keys.length) this.change(incident.number, { evidence })
  }

  /** Resolves when everything told so far is on disk, or could not be written. */
  settled(): Promise<void> {
    return this.#init.files.settled()
  }

  #keep(changed: IncidentView): IncidentView {
    const { files, onChange, onTrouble } = this.#init
    const incident = { ...changed, summary: summaryOf(changed) }
    this.#incidents.set(incident.number, incident)
    const work = [files.save(incident)]
    for (const { number, state } of this.newest(Infinity).slice(INCIDENTS_MAX)) {
      if (state === 'open') continue
      this.#incidents.delete(number)
      work.push(files.remove(number))
    }
    for (const written of work) {
      written.catch((error: unknown) => {
        onTrouble(`Incident ${incident.number} can't be kept on disk: ${messageOf(error)}`)
      })
    }
    onChange(incident)
    return incident
  }
}

function withStep(steps: readonly IncidentStep[], step: IncidentStep): IncidentStep[] {
  const all = [...steps, step]
  // How it was found stays, and what happened last.
  return all.length > STEPS_MAX ? [...all.slice(0, STEPS_MAX / 2), ...all.slice(-STEPS_MAX / 2)] : all
}

function isGivenUp({ state, steps }: IncidentView): boolean {
  if (state !== 'given-up') return false
  const stopped = steps.findLastIndex(({ kind }) => kind === 'stopped')
  return !steps.slice(stopped).some(({ kind }) => kind === 'operator')
}
