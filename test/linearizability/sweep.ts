import { bitWords, clearBit, hasBit, setBit } from './bits.ts'
import { ConfigurationSet } from './configuration-set.ts'
import type { Operation } from './history.ts'
import type { Stage } from './slots.ts'
import { slotsNeeded, stagesOf } from './slots.ts'
import { StateTable } from './state-table.ts'
import type { Budget, Subject } from './subject.ts'
import { MEMORY_REASON, TIME_REASON, operationOf } from './subject.ts'

export type Swept =
  | { readonly kind: 'linearizable' }
  | { readonly kind: 'not-linearizable'; readonly stuckAt: number }
  | { readonly kind: 'undecided'; readonly reason: string }

const STEPS_BETWEEN_LOOKS_AT_THE_LIMITS = 256
/** V8 keeps a small whole number of an array in so many bytes. */
const BYTES_PER_NUMBER = 8
/** Of a row, before its words: the state, and the state before an operation in doubt taken last (else -1). */
const ROW_HEADER = 2

/**
 * Breadth-first search, return after return: all configurations that linearize what has returned so far, and of the
 * rest only what they had to (Lowe's just-in-time linearization). For the histories on which a depth-first search
 * loses its way: those that turn out wrong late, with many operations in doubt. Where a depth-first search spends one
 * in doubt on a wrong turn and follows that to the end before it finds the way that spends none, this one looks at
 * the fewest spent first and, by domination, at little else.
 *
 * What Search says of reads, twins and operations in doubt that must matter holds here too.
 */
export class Sweep<State, Input, Output> {
  readonly #subject: Subject<State, Input, Output>
  readonly #budget: Budget
  readonly #states: StateTable<State>
  readonly #slotWords: number
  readonly #doubtWords: number
  readonly #rowLength: number

  /** The configuration under hand: which open operations are linearized, by slot, and which in doubt are spent. */
  readonly #slots: Uint32Array
  readonly #spent: Uint32Array
  readonly #key: Uint32Array
  #state = 0
  #stateBefore = -1

  /** Rows to look at in this stage, by how many operations in doubt they spent; rows for the next stage. */
  readonly #work: readonly number[][]
  #next: number[] = []
  readonly #seen: ConfigurationSet
  readonly #emitted: ConfigurationSet
  #configurations = 0
  /** The first of the subject's reads that returns in this stage or later. */
  #read = 0
  #memoryIsFull = false
  readonly #stages: Iterator<Stage, undefined>
  #stage: Stage | undefined

  constructor(subject: Subject<State, Input, Output>, budget: Budget) {
    this.#subject = subject
    this.#budget = budget
    this.#states = new StateTable((state) => subject.model.key(state))
    this.#slotWords = bitWords(slotsNeeded(subject.returned))
    this.#doubtWords = bitWords(subject.doubtful.length)
    this.#rowLength = ROW_HEADER + this.#slotWords + this.#doubtWords
    this.#slots = new Uint32Array(this.#slotWords)
    this.#spent = new Uint32Array(this.#doubtWords)
    this.#key = new Uint32Array(this.#slotWords + 1)
    this.#work = Array.from({ length: subject.doubtful.length + 1 }, () => [])
    const bounds = { doubtWords: this.#doubtWords, bytesMax: budget.memoryBytes }
    this.#stages = stagesOf(subject.returned)
    this.#state = this.#states.idOf(subject.model.init)
    this.#push(this.#next)
    this.#seen = new ConfigurationSet(bounds)
    this.#emitted = new ConfigurationSet(bounds)
  }

  get configurations(): number {
    return this.#configurations
  }

  /** Goes on until it knows, a limit is reached, or so many configurations were looked at in all: then undefined. */
  run(configurationsMax = Infinity): Swept | undefined {
    for (;;) {
      if (this.#stage === undefined) {
        const { value } = this.#stages.next()
        if (value === undefined) return { kind: 'linearizable' }
        this.#stage = value
        this.#begin(value)
      }
      const until = operationOf(this.#subject.returned, this.#stage.operation).returned ?? Infinity
      const stopped = this.#finish(this.#stage, until, configurationsMax)
      if (stopped === 'paused') return undefined
      if (stopped !== undefined) return { kind: 'undecided', reason: stopped.reason }
      if (this.#next.length === 0) return { kind: 'not-linearizable', stuckAt: until }
      this.#passReads(until)
      this.#stage = undefined
    }
  }

  #begin(stage: Stage): void {
    const rows = this.#next
    this.#next = []
    this.#seen.clear()
    this.#emitted.clear()
    for (let at = 0; at < rows.length; at += this.#rowLength) {
      this.#load(rows, at)
      this.#proceed(stage)
    }
  }

  /** Looks at every row of this stage, unless something stops it. */
  #finish(stage: Stage, until: number, configurationsMax: number): 'paused' | { readonly reason: string } | undefined {
    let steps = 0
    // What comes of a row goes into its own bucket or a later one.
    for (const rows of this.#work) {
      for (; rows.length > 0; steps += 1) {
        const reason = this.#exhausted(steps)
        if (reason !== undefined) return { reason }
        if (this.#configurations >= configurationsMax) return 'paused'
        this.#load(rows, rows.length - this.#rowLength)
        rows.length -= this.#rowLength
        this.#configurations += 1
        if (this.#add(this.#seen)) this.#expand(stage, until)
      }
    }
    return undefined
  }

  #passReads(until: number): void {
    const { reads, returned } = this.#subject
    while (this.#read < reads.length && (returned[reads[this.#read] ?? 0]?.returned ?? 0) <= until) this.#read += 1
  }

  /** Takes the reads that are right now; then the configuration is either through this stage or waits in it. */
  #proceed(stage: Stage): void {
    for (const [slot, index] of stage.open.entries()) {
      if (index < 0 || this.#subject.isRead[index] === 0 || hasBit(this.#slots, slot)) continue
      if (!this.#step(operationOf(this.#subject.returned, index)).ok) continue
      setBit(this.#slots, slot)
      this.#stateBefore = -1
    }
    if (!hasBit(this.#slots, stage.slot)) {
      this.#push(this.#work[this.#spentCount()] ?? [])
      return
    }
    clearBit(this.#slots, stage.slot)
    this.#stateBefore = -1
    if (this.#add(this.#emitted)) this.#push(this.#next)
  }

  #expand(stage: Stage, until: number): void {
    const row: number[] = []
    this.#push(row)
    for (const [slot, index] of stage.open.entries()) {
      if (index < 0 || this.#subject.isRead[index] === 1 || hasBit(this.#slots, slot)) continue
      const state = this.#after(operationOf(this.#subject.returned, index), stage)
      if (state === undefined) continue
      setBit(this.#slots, slot)
      this.#state = state
      this.#stateBefore = -1
      this.#proceed(stage)
      this.#load(row, 0)
    }
    for (const [index, operation] of this.#subject.doubtful.entries()) {
      if (operation.call > until) break
      const twin = this.#subject.twin[index] ?? -1
      if (hasBit(this.#spent, index) || (twin >= 0 && !hasBit(this.#spent, twin))) continue
      const state = this.#after(operation, stage)
      if (state === undefined || state === this.#state) continue
      setBit(this.#spent, index)
      this.#stateBefore = this.#state
      this.#state = state
      this.#proceed(stage)
      this.#load(row, 0)
    }
  }

  /** The state to which the operation may lead from here; undefined if it may not be next. */
  #after(operation: Operation<Input, Output>, stage: Stage): number | undefined {
    const { model } = this.#subject
    const { ok, state } = this.#step(operation)
    if (!ok || !this.#canStillRead(state, stage)) return undefined
    if (this.#stateBefore >= 0) {
      const without = model.step(this.#states.stateOf(this.#stateBefore), operation)
      if (without.ok && model.key(without.state) === model.key(state)) return undefined
    }
    return this.#states.idOf(state)
  }

  #step(operation: Operation<Input, Output>): { readonly ok: boolean; readonly state: State } {
    return this.#subject.model.step(this.#states.stateOf(this.#state), operation)
  }

  #canStillRead(state: State, { open }: Stage): boolean {
    const { reads, returned, canLeadTo } = this.#subject
    for (let place = this.#read; place < reads.length; place += 1) {
      const index = reads[place] ?? 0
      const slot = open.indexOf(index)
      if (slot < 0 || !hasBit(this.#slots, slot)) return canLeadTo(state, operationOf(returned, index))
    }
    return true
  }

  /** False when a configuration at least as good was added before. */
  #add(set: ConfigurationSet): boolean {
    this.#key[0] = this.#state
    this.#key.set(this.#slots, 1)
    const added = set.add(this.#key, this.#key.length, this.#spent)
    if (added === 'full') this.#memoryIsFull = true
    return added !== 'dominated'
  }

  #push(rows: number[]): void {
    rows.push(this.#state, this.#stateBefore)
    for (const word of this.#slots) rows.push(word | 0)
    for (const word of this.#spent) rows.push(word | 0)
  }

  #load(rows: readonly number[], at: number): void {
    this.#state = rows[at] ?? 0
    this.#stateBefore = rows[at + 1] ?? -1
    const slots = at + ROW_HEADER
    for (let word = 0; word < this.#slotWords; word += 1) this.#slots[word] = rows[slots + word] ?? 0
    const spent = slots + this.#slotWords
    for (let word = 0; word < this.#doubtWords; word += 1) this.#spent[word] = rows[spent + word] ?? 0
  }

  #spentCount(): number {
    let count = 0
    for (const word of this.#spent) for (let rest = word; rest !== 0; rest &= rest - 1) count += 1
    return count
  }

  #exhausted(steps: number): string | undefined {
    if (this.#memoryIsFull || this.#states.isFull) return MEMORY_REASON
    if (steps % STEPS_BETWEEN_LOOKS_AT_THE_LIMITS !== 0) return undefined
    const numbers = this.#work.reduce((sum, rows) => sum + rows.length, this.#next.length)
    const bytes = this.#seen.bytes + this.#emitted.bytes + this.#states.bytes + numbers * BYTES_PER_NUMBER
    if (bytes > this.#budget.memoryBytes) return MEMORY_REASON
    return performance.now() > this.#budget.deadlineMs ? TIME_REASON : undefined
  }
}
