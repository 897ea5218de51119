import type { Operation } from './history.ts'

/**
 * The calls and returns of operations that returned, as a doubly linked list over positions in time: taking an
 * operation out, and putting the one taken out last back, costs the same however long the history is (Wing and
 * Gong, Testing and verifying concurrent objects (1993); "lift" and "unlift" are Lowe's words).
 *
 * Position `head` is before every event and `end` after; the others are 1 to twice the number of operations.
 */
export class EventList {
  readonly head = 0
  readonly end: number
  readonly #next: Int32Array
  readonly #previous: Int32Array
  readonly #operation: Int32Array
  readonly #isReturn: Uint8Array
  readonly #order: Float64Array
  /** By operation. */
  readonly #returnAt: Int32Array

  /** @param operations those that returned, in the order of their calls. */
  constructor(operations: readonly Operation<unknown, unknown>[]) {
    const count = operations.length
    this.end = 2 * count + 1
    this.#next = Int32Array.from({ length: this.end + 1 }, (_, position) => position + 1)
    this.#previous = Int32Array.from({ length: this.end + 1 }, (_, position) => position - 1)
    this.#operation = new Int32Array(this.end + 1)
    this.#isReturn = new Uint8Array(this.end + 1)
    this.#order = new Float64Array(this.end + 1)
    this.#returnAt = new Int32Array(count)
    const events = operations.flatMap(({ call, returned = Infinity }, index) => [
      { order: call, kind: 0, index },
      { order: returned, kind: 1, index },
    ])
    // Of two events with one number the call comes first: the operations then overlap, which forbids less.
    events.sort((left, right) => left.order - right.order || left.kind - right.kind)
    for (const [place, { order, kind, index }] of events.entries()) {
      const position = place + 1
      this.#operation[position] = index
      this.#isReturn[position] = kind
      this.#order[position] = order
      if (kind === 1) this.#returnAt[index] = position
    }
  }

  next(position: number): number {
    return this.#next[position] ?? this.end
  }

  isReturn(position: number): boolean {
    return this.#isReturn[position] === 1
  }

  /** The operation, counted from 0 in the order of calls, whose event this is. */
  operationAt(position: number): number {
    return this.#operation[position] ?? 0
  }

  /** The event's number in the history. */
  orderAt(position: number): number {
    return this.#order[position] ?? Infinity
  }

  /** The first return still in the list: what is called after it cannot be next. */
  firstReturn(): number {
    let position = this.next(this.head)
    while (position !== this.end && !this.isReturn(position)) position = this.next(position)
    return position
  }

  /** Takes the operation out whose call is at `call`. */
  lift(call: number): void {
    this.#unlink(call)
    this.#unlink(this.#returnAt[this.operationAt(call)] ?? this.end)
  }

  /** Undoes the last `lift` that was not undone. */
  unlift(call: number): void {
    this.#relink(this.#returnAt[this.operationAt(call)] ?? this.end)
    this.#relink(call)
  }

  #unlink(position: number): void {
    const before = this.#previous[position] ?? this.head
    const after = this.#next[position] ?? this.end
    this.#next[before] = after
    this.#previous[after] = before
  }

  #relink(position: number): void {
    this.#next[this.#previous[position] ?? this.head] = position
    this.#previous[this.#next[position] ?? this.end] = position
  }
}
