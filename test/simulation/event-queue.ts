interface Scheduled {
  readonly atUs: number
  readonly order: number
  readonly run: () => void
}

/** What is to happen, by virtual time; equal times in the order they were scheduled. A binary heap. */
export class EventQueue {
  readonly #heap: Scheduled[] = []
  #order = 0

  get size(): number {
    return this.#heap.length
  }

  /** When the next thing happens; undefined when nothing is left. */
  get nextUs(): number | undefined {
    return this.#heap[0]?.atUs
  }

  push(atUs: number, run: () => void): void {
    const added: Scheduled = { atUs, order: this.#order, run }
    const heap = this.#heap
    this.#order += 1
    let index = heap.length
    heap.push(added)
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent]
      if (above === undefined || !isBefore(added, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = added
  }

  pop(): Scheduled | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    const count = heap.length
    let index = 0
    for (;;) {
      const left = 2 * index + 1
      if (left >= count) break
      let below = heap[left]
      let child = left
      const right = heap[left + 1]
      if (below !== undefined && right !== undefined && isBefore(right, below)) {
        below = right
        child = left + 1
      }
      if (below === undefined || !isBefore(below, last)) break
      heap[index] = below
      index = child
    }
    heap[index] = last
    return first
  }
}

function isBefore(left: Scheduled, right: Scheduled): boolean {
  return left.atUs === right.atUs ? left.order < right.order : left.atUs < right.atUs
}
