import { bitWords, clearBit, hasBit, setBit } from './bits.ts'
import { ConfigurationSet } from './configuration-set.ts'
import { EventList } from './event-list.ts'
import type { History, Operation } from './history.ts'
import { StateTable } from './state-table.ts'
import type { Budget, Subject } from './subject.ts'
import { MEMORY_REASON, TIME_REASON, operationOf } from './subject.ts'

export type Searched<Input, Output> =
  | {
      readonly kind: 'linearizable'
      /** An order that explains the history; operations in doubt that need not take effect are not in it. */
      readonly order: History<Input, Output>
    }
  | {
      readonly kind: 'not-linearizable'
      /** The history up to any event before this return is linearizable. An event's number. */
      readonly stuckAt: number
    }
  | { readonly kind: 'undecided'; readonly reason: string }

const FULL_WORD = 0xffff_ffff
const STEPS_BETWEEN_LOOKS_AT_THE_CLOCK = 1024
/** Of a frame: each is one number. */
const FRAME = 6

/**
 * Depth-first search after Wing and Gong with Lowe's memoisation. A configuration is the set of operations linearized
 * so far and the state they lead to; an operation may be next if no other returned, unlinearized, before its call.
 *
 * Five things keep the search small, none of which changes the verdict:
 * - A read that is right now is taken at once, without an alternative: in every order that explains the rest it can
 *   be moved to the front. (Not so a write of the value already there: it may be needed again later.)
 * - Operations that returned are tried before those in doubt, which need not take effect.
 * - Of equal operations in doubt the one called first is taken first; one that would change nothing is not taken.
 * - One in doubt must matter to what follows it directly: if the next operation could as well have come without it, and
 *   led to the same state, then the order without it is looked at anyway.
 * - A configuration is passed over if the same one with fewer operations in doubt spent was seen (ConfigurationSet).
 */
export class Search<State, Input, Output> {
  readonly #subject: Subject<State, Input, Output>
  readonly #budget: Budget
  readonly #events: EventList
  readonly #states: StateTable<State>
  readonly #seen: ConfigurationSet

  /** The configuration: bits by operation, and the state. */
  readonly #linearized: Uint32Array
  readonly #spent: Uint32Array
  #state: number
  #left: number
  /** Words of `#linearized` that are full, from the first on; words that are in use. */
  #wordsFull = 0
  #wordsUsed = 0
  /** The first of the subject's reads not linearized. */
  #read = 0

  /** What was taken to come here. */
  readonly #frames: Int32Array
  #depth = 0
  /** Where to go on: the list's head in a new configuration; else a call's position, or beyond the end one in doubt. */
  #cursor: number
  readonly #key: Uint32Array
  #configurations = 0
  #stuckAt = 0
  #memoryIsFull = false

  constructor(subject: Subject<State, Input, Output>, budget: Budget) {
    const { model, returned, doubtful } = subject
    this.#subject = subject
    this.#budget = budget
    this.#events = new EventList(returned)
    this.#states = new StateTable((state) => model.key(state))
    this.#linearized = new Uint32Array(bitWords(returned.length))
    this.#spent = new Uint32Array(bitWords(doubtful.length))
    this.#seen = new ConfigurationSet({ doubtWords: this.#spent.length, bytesMax: budget.memoryBytes })
    this.#state = this.#states.idOf(model.init)
    this.#left = returned.length
    this.#frames = new Int32Array((returned.length + doubtful.length + 1) * FRAME)
    this.#cursor = this.#events.head
    this.#key = new Uint32Array(this.#linearized.length + 2)
  }

  get configurations(): number {
    return this.#configurations
  }

  /** Goes on until it knows, a limit is reached, or so many configurations were looked at in all: then undefined. */
  run(configurationsMax = Infinity): Searched<Input, Output> | undefined {
    for (let steps = 0; this.#left > 0; steps += 1) {
      if (this.#configurations >= configurationsMax) return undefined
      const reason = this.#exhausted(steps)
      if (reason !== undefined) return { kind: 'undecided', reason }
      if (!this.#advance() && !this.#retreat()) return { kind: 'not-linearizable', stuckAt: this.#stuckAt }
    }
    return { kind: 'linearizable', order: this.#order() }
  }

  /** Takes one more operation; false when nothing new can follow from this configuration. */
  #advance(): boolean {
    const events = this.#events
    if (this.#cursor === events.head) {
      if (this.#takeRead()) return true
      if (!this.#isNew()) return false
      this.#cursor = events.next(events.head)
    }
    if (this.#cursor < events.end) {
      for (let call = this.#cursor; !events.isReturn(call); call = events.next(call)) {
        if (this.#try(call, operationOf(this.#subject.returned, events.operationAt(call)))) return true
      }
      this.#cursor = events.end + 1
    }
    return this.#takeDoubtful(this.#cursor - events.end - 1)
  }

  #takeRead(): boolean {
    const events = this.#events
    let position = events.next(events.head)
    for (; !events.isReturn(position); position = events.next(position)) {
      const index = events.operationAt(position)
      if (this.#subject.isRead[index] === 0 || !this.#step(operationOf(this.#subject.returned, index)).ok) continue
      this.#take(position, this.#state, true)
      return true
    }
    this.#stuckAt = Math.max(this.#stuckAt, events.orderAt(position))
    return false
  }

  #takeDoubtful(from: number): boolean {
    if (from >= this.#subject.doubtful.length) return false
    const until = this.#events.orderAt(this.#events.firstReturn())
    for (let index = from; index < this.#subject.doubtful.length; index += 1) {
      const operation = operationOf(this.#subject.doubtful, index)
      if (operation.call > until) return false
      const twin = this.#subject.twin[index] ?? -1
      if (hasBit(this.#spent, index) || (twin >= 0 && !hasBit(this.#spent, twin))) continue
      if (this.#try(this.#events.end + 1 + index, operation)) return true
    }
    return false
  }

  #try(place: number, operation: Operation<Input, Output>): boolean {
    const { ok, state } = this.#step(operation)
    if (!ok || !this.#canStillRead(state)) return false
    const next = this.#states.idOf(state)
    if (next === this.#state && place > this.#events.end) return false
    if (!this.#needsLastDoubt(operation, state)) return false
    this.#take(place, next, false)
    return true
  }

  /** False when the operation in doubt taken just before could be left out. */
  #needsLastDoubt(operation: Operation<Input, Output>, state: State): boolean {
    if (!this.#isDoubtAt(this.#depth - 1)) return true
    const before = this.#states.stateOf(this.#frames[(this.#depth - 1) * FRAME + 1] ?? 0)
    const without = this.#subject.model.step(before, operation)
    return !without.ok || this.#subject.model.key(without.state) !== this.#subject.model.key(state)
  }

  /** Whether what was taken at this depth is an operation in doubt. */
  #isDoubtAt(depth: number): boolean {
    return depth >= 0 && (this.#frames[depth * FRAME] ?? 0) > this.#events.end
  }

  #step(operation: Operation<Input, Output>): { readonly ok: boolean; readonly state: State } {
    return this.#subject.model.step(this.#states.stateOf(this.#state), operation)
  }

  /** Whether the first read that is left can still be right after `state`. */
  #canStillRead(state: State): boolean {
    const { reads, returned, canLeadTo } = this.#subject
    while (this.#read < reads.length && hasBit(this.#linearized, reads[this.#read] ?? 0)) this.#read += 1
    const read = reads[this.#read]
    return read === undefined || canLeadTo(state, operationOf(returned, read))
  }

  /** @param forced when there is no alternative to it, should it lead nowhere. */
  #take(place: number, state: number, forced: boolean): void {
    const frame = [place, this.#state, this.#wordsFull, this.#wordsUsed, this.#read, forced ? 1 : 0]
    this.#frames.set(frame, this.#depth * FRAME)
    this.#depth += 1
    this.#state = state
    this.#cursor = this.#events.head
    if (place > this.#events.end) {
      setBit(this.#spent, place - this.#events.end - 1)
      return
    }
    const index = this.#events.operationAt(place)
    setBit(this.#linearized, index)
    this.#events.lift(place)
    this.#left -= 1
    this.#wordsUsed = Math.max(this.#wordsUsed, (index >>> 5) + 1)
    while (this.#linearized[this.#wordsFull] === FULL_WORD) this.#wordsFull += 1
  }

  /** Gives back what was taken last with an alternative, and what followed from it; false when there is none. */
  #retreat(): boolean {
    for (;;) {
      if (this.#depth === 0) return false
      this.#depth -= 1
      const at = this.#depth * FRAME
      const place = this.#frames[at] ?? 0
      this.#state = this.#frames[at + 1] ?? 0
      this.#wordsFull = this.#frames[at + 2] ?? 0
      this.#wordsUsed = this.#frames[at + 3] ?? 0
      this.#read = this.#frames[at + 4] ?? 0
      this.#giveBack(place)
      if (this.#frames[at + 5] === 0) return true
    }
  }

  #giveBack(place: number): void {
    if (place > this.#events.end) {
      clearBit(this.#spent, place - this.#events.end - 1)
      this.#cursor = place + 1
      return
    }
    clearBit(this.#linearized, this.#events.operationAt(place))
    this.#events.unlift(place)
    this.#left += 1
    this.#cursor = this.#events.next(place)
  }

  #isNew(): boolean {
    this.#configurations += 1
    // Most lead nowhere at once: to remember every one would cost more than to look again.
    if (this.#isDoubtAt(this.#depth - 1) && !this.#isDoubtAt(this.#depth - 2)) return true
    const words = this.#wordsUsed - this.#wordsFull
    this.#key[0] = this.#state
    this.#key[1] = this.#wordsFull
    for (let word = 0; word < words; word += 1) {
      this.#key[word + 2] = this.#linearized[this.#wordsFull + word] ?? 0
    }
    const added = this.#seen.add(this.#key, words + 2, this.#spent)
    if (added === 'full') this.#memoryIsFull = true
    return added !== 'dominated'
  }

  #exhausted(steps: number): string | undefined {
    if (this.#memoryIsFull || this.#seen.bytes + this.#states.bytes > this.#budget.memoryBytes) {
      return MEMORY_REASON
    }
    if (this.#states.isFull) return 'the history leads to more states than the checker can tell apart'
    if (steps % STEPS_BETWEEN_LOOKS_AT_THE_CLOCK === 0 && performance.now() > this.#budget.deadlineMs) {
      return TIME_REASON
    }
    return undefined
  }

  #order(): History<Input, Output> {
    return Array.from({ length: this.#depth }, (_, depth) => {
      const place = this.#frames[depth * FRAME] ?? 0
      return place > this.#events.end
        ? operationOf(this.#subject.doubtful, place - this.#events.end - 1)
        : operationOf(this.#subject.returned, this.#events.operationAt(place))
    })
  }
}
