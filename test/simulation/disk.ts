import type { Prng } from '../../core/base/prng.ts'
import type { Slot } from '../../core/model/ids.ts'
import type { LogRecord } from '../../core/model/record.ts'
import type { Effect } from '../../core/replica/effects.ts'
import { dropRecords, droppable } from '../support/memory-disk.ts'
import type { FaultPlan } from './faults.ts'

export type Persist = Extract<Effect, { kind: 'persist' }>

const CALM_SYNC_US_MAX = 3_000

/**
 * One machine's disk, under the rule of the record store: one batch is written and synced at a time, what comes
 * meanwhile gathers; before a sync has ended, any first part of its batch may be there and the rest not.
 */
export class SimulatedDisk {
  readonly #plan: FaultPlan
  readonly #prng: Prng
  readonly #records: LogRecord[] = []
  #gathered: Persist[] = []
  #writing: readonly Persist[] | undefined
  #stalledUntilUs = 0
  #fullUntilUs = 0
  #calm = false

  constructor(plan: FaultPlan, prng: Prng) {
    this.#plan = plan
    this.#prng = prng
  }

  /** What is durable. */
  get records(): readonly LogRecord[] {
    return this.#records
  }

  /** The decided index a start would find. */
  get slotDecided(): number {
    const last = this.#records.findLast(({ kind }) => kind === 'decided' || kind === 'jumped')
    if (last?.kind === 'jumped') return last.certificate.slot
    return last?.kind === 'decided' ? last.slot : 0
  }

  get isWriting(): boolean {
    return this.#writing !== undefined
  }

  gather(persist: Persist): void {
    this.#gathered.push(persist)
  }

  /** Begins to write what was gathered. @returns when its sync will end; undefined when there is nothing to do. */
  begin(nowUs: number): number | undefined {
    if (this.#writing !== undefined || this.#gathered.length === 0) return undefined
    this.#writing = this.#gathered
    this.#gathered = []
    if (this.#calm) return nowUs + this.#prng.between(200, CALM_SYNC_US_MAX)
    return Math.max(nowUs, this.#stalledUntilUs) + this.#prng.between(this.#plan.syncUsMin, this.#plan.syncUsMax)
  }

  /** The sync ended: the batch is durable. */
  finish(): readonly Persist[] {
    const written = this.#writing ?? []
    for (const { record } of written) this.#records.push(record)
    this.#writing = undefined
    return written
  }

  /** The process is gone, or the disk refuses. @returns how many records were lost. */
  lose(): number {
    const writing = this.#writing ?? []
    const kept = this.#prng.between(0, writing.length)
    for (const { record } of writing.slice(0, kept)) this.#records.push(record)
    const lost = writing.length - kept + this.#gathered.length
    this.#writing = undefined
    this.#gathered = []
    return lost
  }

  /** Drops what a log in segments may drop: some of the records at the front that hold no batch past the slot. */
  truncate(slot: Slot): void {
    dropRecords(this.#records, this.#prng.between(0, droppable(this.#records, slot)))
  }

  stall(untilUs: number): void {
    this.#stalledUntilUs = Math.max(this.#stalledUntilUs, untilUs)
  }

  fill(untilUs: number): void {
    this.#fullUntilUs = Math.max(this.#fullUntilUs, untilUs)
  }

  isFull(nowUs: number): boolean {
    return nowUs < this.#fullUntilUs
  }

  /** From now on it is quick and has room. */
  calm(): void {
    this.#calm = true
    this.#stalledUntilUs = 0
    this.#fullUntilUs = 0
  }
}
