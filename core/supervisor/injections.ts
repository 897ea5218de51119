import type { Fault, FaultKind, InjectedView } from '../api/faults.ts'
import { FAULT_MS_DEFAULT, INSTANT_FAULTS } from '../api/faults.ts'
import { messageOf } from '../base/errors.ts'
import { majorityOf } from '../model/quorum.ts'
import { damageLog } from '../storage/log-damage.ts'
import { RefusedError } from './errors.ts'
import { faultText, replicasOf } from './fault-text.ts'
import type { InjectionRecord } from './injection-record.ts'
import { readInjections, writeInjections } from './injection-record.ts'
import type { ProcessState } from './local-replica.ts'
import type { NoteLevel } from './notes.ts'

const INJECTED_MAX = 500

/** They are the process's own: a new one starts without them, and so starts honest. */
const OF_ONE_LIFE: readonly FaultKind[] = ['lie', 'disable-auditor']
/** They are done to the process from outside, or to its files. */
const FROM_OUTSIDE: readonly FaultKind[] = ['pause', 'kill', 'corrupt-log']
/** Without a process there is nothing they could be done to. */
const ON_RUNNING: readonly FaultKind[] = ['pause', 'kill', 'flip-byte', 'lie', 'disable-auditor']

/** A replica as the fault lab sees it. */
export interface FaultTarget {
  readonly name: string
  readonly state: ProcessState
  readonly fault: (number: number, fault: Fault, active: boolean) => void
  readonly pause: () => void
  readonly resume: () => void
  readonly kill: () => void
}

export interface InjectionsInit {
  /** Of the cluster; what was injected is kept there. */
  readonly folder: string
  /** The cluster's name. */
  readonly cluster: string
  readonly targets: () => readonly FaultTarget[]
  /** Of a replica's log. */
  readonly logFolderOf: (name: string) => string
  readonly onChange: () => void
  readonly onNote: (level: NoteLevel, text: string) => void
}

/** The faults that were injected into one cluster: each is told when it begins and ends, and ends by itself. */
export class Injections {
  readonly #init: InjectionsInit
  readonly #timers = new Map<number, NodeJS.Timeout>()
  #injected: InjectedView[] = []
  #damaged: readonly string[] = []
  #number = 0
  #isSaveDue = false
  #saving: Promise<void> = Promise.resolve()

  constructor(init: InjectionsInit) {
    this.#init = init
  }

  /** Reads what an earlier life of the host injected. What was active then has ended with the replicas' processes. */
  async load(): Promise<void> {
    const record = await readInjections(this.#init.folder)
    if (record === undefined) return
    const nowMs = Date.now()
    this.#injected = record.injected.map((one) => ({
      ...one,
      endedMs: one.endedMs ?? Math.min(nowMs, one.endsMs ?? nowMs),
    }))
    this.#damaged = record.damaged
    this.#number = Math.max(0, ...record.injected.map(({ number }) => number))
  }

  /** Oldest first. */
  get active(): InjectedView[] {
    return this.#injected.filter(({ endedMs }) => endedMs === null)
  }

  /** Newest first. */
  newest(limit: number): InjectedView[] {
    return this.#injected.slice(-limit).toReversed()
  }

  /** Kinds of the active faults on a replica and on its links. */
  kindsOn(name: string): FaultKind[] {
    return [...new Set(this.#activeOn(name).map(({ fault }) => fault.kind))]
  }

  /** What a new process of a replica has to be told at its start. */
  ordersFor(name: string): { readonly number: number; readonly fault: Fault }[] {
    return this.#activeOn(name)
      .filter(({ fault }) => !FROM_OUTSIDE.includes(fault.kind) && !OF_ONE_LIFE.includes(fault.kind))
      .map(({ number, fault }) => ({ number, fault }))
  }

  /** @throws RefusedError (rejects) REPLICA_UNKNOWN, REPLICA_STOPPED, FAULT_REFUSED */
  async inject(fault: Fault, durationMs: number = FAULT_MS_DEFAULT): Promise<InjectedView> {
    this.#refuseUnlessPossible(fault)
    if (fault.kind === 'corrupt-log') await this.#damageLog(fault.replica)
    const isInstant = INSTANT_FAULTS.includes(fault.kind)
    const startedMs = Date.now()
    const injected: InjectedView = {
      number: (this.#number += 1),
      fault,
      text: faultText(fault),
      startedMs,
      endsMs: isInstant ? null : startedMs + durationMs,
      endedMs: isInstant ? startedMs : null,
    }
    this.#injected = [...this.#injected, injected].slice(-INJECTED_MAX)
    const howLong = isInstant ? '' : `, for ${Math.round(durationMs / 100) / 10} s at most`
    this.#init.onNote(
      'attention',
      `Injected fault ${injected.number}: ${injected.text}${howLong}.${consequenceOf(fault)}`,
    )
    this.#apply(injected, true)
    if (!isInstant)
      this.#timers.set(
        injected.number,
        setTimeout(() => this.#end(injected, ''), durationMs),
      )
    this.#changed()
    return injected
  }

  /** @throws RefusedError FAULT_UNKNOWN */
  heal(number: number | undefined): void {
    if (number !== undefined && !this.#injected.some((one) => one.number === number)) {
      throw new RefusedError('FAULT_UNKNOWN', `No fault ${number} was injected into cluster ${this.#init.cluster}.`)
    }
    for (const one of this.active) if (number === undefined || one.number === number) this.#end(one, ', by hand')
  }

  /** Its replicas are about to be stopped: nothing may keep them from it, least of all a pause. */
  async endAll(): Promise<void> {
    for (const one of this.active) this.#end(one, ', because the replicas are stopped')
    await this.#saving
  }

  /** A replica's process runs (again). */
  running(name: string): void {
    for (const { number, fault } of this.#activeOn(name)) if (fault.kind === 'pause') this.#pause(name, number)
  }

  /** A replica's process ended, and with it what it did wrong by itself. */
  exited(name: string): void {
    for (const one of this.#activeOn(name)) {
      if (OF_ONE_LIFE.includes(one.fault.kind)) this.#end(one, ', with its process: a new one starts honest')
    }
  }

  #activeOn(name: string): InjectedView[] {
    return this.active.filter(({ fault }) => replicasOf(fault).includes(name))
  }

  #refuseUnlessPossible(fault: Fault): void {
    for (const name of replicasOf(fault)) {
      const { state } = this.#target(name)
      if (ON_RUNNING.includes(fault.kind) && state !== 'running') {
        throw new RefusedError('REPLICA_STOPPED', `Replica ${name} does not run. Start it first.`)
      }
    }
    if ('from' in fault && fault.from === fault.to) {
      throw new RefusedError('FAULT_REFUSED', `A link is between two replicas; ${fault.from} has none to itself.`)
    }
    if (fault.kind === 'pause' && process.platform === 'win32') {
      throw new RefusedError('FAULT_REFUSED', 'Windows can’t pause a process. Cut its links with a partition instead.')
    }
  }

  #target(name: string): FaultTarget {
    const targets = this.#init.targets()
    const found = targets.find((target) => target.name === name)
    if (found !== undefined) return found
    const names = targets.map((target) => target.name).join(', ')
    throw new RefusedError(
      'REPLICA_UNKNOWN',
      `Cluster ${this.#init.cluster} has no replica "${name}"; it has ${names}.`,
    )
  }

  /** A log is damaged for good: a majority of logs must remain, or the cluster would lose what it acknowledged. */
  async #damageLog(name: string): Promise<void> {
    const targets = this.#init.targets()
    const intact = targets.filter((target) => !this.#damaged.includes(target.name) && target.state !== 'failed')
    const left = intact.filter((target) => target.name !== name).length
    const quorum = majorityOf(targets.length)
    if (left < quorum) {
      throw new RefusedError(
        'FAULT_REFUSED',
        `Only ${left} undamaged ${left === 1 ? 'log' : 'logs'} would be left; a majority takes ${quorum}. Nothing was changed.`,
      )
    }
    const before = this.#damaged
    this.#damaged = [...new Set([...before, name])]
    const damage = await damageLog(this.#init.logFolderOf(name)).catch((error: unknown) => {
      throw new RefusedError('FAULT_REFUSED', `The log of replica ${name} can't be changed: ${messageOf(error)}`)
    })
    if (damage !== undefined) return
    this.#damaged = before
    throw new RefusedError('FAULT_REFUSED', `Replica ${name} has no log yet. Submit something first.`)
  }

  #apply({ number, fault }: InjectedView, active: boolean): void {
    if (fault.kind === 'kill') this.#target(fault.replica).kill()
    else if (fault.kind === 'pause' && active) this.#pause(fault.replica, number)
    else if (fault.kind === 'pause') this.#resume(fault.replica)
    else if (fault.kind !== 'corrupt-log') {
      for (const name of replicasOf(fault)) this.#target(name).fault(number, fault, active)
    }
  }

  #pause(name: string, number: number): void {
    if (!this.active.some((one) => one.number === number)) return
    process.off('exit', this.#letGo)
    process.on('exit', this.#letGo)
    this.#target(name).pause()
  }

  #resume(name: string): void {
    const isPausedStill = this.#activeOn(name).some(({ fault }) => fault.kind === 'pause')
    if (!isPausedStill) this.#target(name).resume()
    if (!this.active.some(({ fault }) => fault.kind === 'pause')) process.off('exit', this.#letGo)
  }

  /** A host that ends without closing leaves nobody paused: who goes on sees that it is gone, and ends. */
  readonly #letGo = (): void => {
    for (const { fault } of this.active) if (fault.kind === 'pause') this.#target(fault.replica).resume()
  }

  #end(ended: InjectedView, why: string): void {
    clearTimeout(this.#timers.get(ended.number))
    this.#timers.delete(ended.number)
    const closed = { ...ended, endedMs: Date.now() }
    this.#injected = this.#injected.map((one) => (one.number === ended.number ? closed : one))
    this.#apply(closed, false)
    this.#init.onNote('good', `Injected fault ${ended.number} ended${why}: ${ended.text}.`)
    this.#changed()
  }

  #changed(): void {
    this.#init.onChange()
    if (this.#isSaveDue) return
    this.#isSaveDue = true
    this.#saving = this.#saving.then(async () => {
      this.#isSaveDue = false
      const record: InjectionRecord = { format: 1, damaged: [...this.#damaged], injected: this.#injected }
      await writeInjections(this.#init.folder, record).catch((error: unknown) => {
        this.#init.onNote('attention', `What was injected could not be written down: ${messageOf(error)}`)
      })
    })
  }
}

function consequenceOf(fault: Fault): string {
  if (fault.kind !== 'corrupt-log') return ''
  return (
    ` It is noticed when that place is read, or when ${fault.replica} starts next; then ${fault.replica} is refused ` +
    '(STORAGE_CORRUPT) and does not come back as its old self.'
  )
}
