import type { Slot } from '../model/ids.ts'
import type { OpenCheckpoint } from './checkpoint-reading.ts'

/** Files kept open, with their indexes in memory, so that a piece costs one read. */
const READERS_MAX = 3

/** An open checkpoint that several use at once; its file is closed when it was let go and the last use has ended. */
class Reader {
  readonly #opened: Promise<OpenCheckpoint>
  readonly #closed = Promise.withResolvers<void>()
  #users = 0
  #isLetGo = false

  constructor(opened: Promise<OpenCheckpoint>) {
    this.#opened = opened
  }

  async use<T>(perform: (opened: OpenCheckpoint) => Promise<T>): Promise<T> {
    this.#users += 1
    try {
      return await perform(await this.#opened)
    } finally {
      this.#users -= 1
      this.#closeIfUnused()
    }
  }

  /** Resolves when the file is closed; never rejects. */
  letGo(): Promise<void> {
    this.#isLetGo = true
    this.#closeIfUnused()
    return this.#closed.promise
  }

  #closeIfUnused(): void {
    if (!this.#isLetGo || this.#users > 0) return
    // What could not be opened needs no closing, and was told to who used it; a failed close of a read file is harmless.
    void this.#opened.then(({ file }) => file.close()).then(this.#closed.resolve, () => this.#closed.resolve())
  }
}

/** The checkpoints that are read, the most recently used last. */
export class Readers {
  readonly #open: (slot: Slot) => Promise<OpenCheckpoint>
  readonly #readers = new Map<Slot, Reader>()
  /** Let go and not closed yet. */
  readonly #leaving = new Map<Promise<void>, Slot>()

  constructor(open: (slot: Slot) => Promise<OpenCheckpoint>) {
    this.#open = open
  }

  use<T>(slot: Slot, perform: (opened: OpenCheckpoint) => Promise<T>): Promise<T> {
    const reader = this.#readers.get(slot) ?? this.#opening(slot)
    // The last again.
    this.#readers.delete(slot)
    this.#readers.set(slot, reader)
    const used = reader.use(perform)
    for (const oldest of this.#readers.keys()) {
      if (this.#readers.size <= READERS_MAX) break
      void this.letGo(oldest)
    }
    return used
  }

  #opening(slot: Slot): Reader {
    const opened = this.#open(slot)
    const reader = new Reader(opened)
    // Whoever comes next tries again.
    opened.catch(() => {
      if (this.#readers.get(slot) === reader) void this.letGo(slot)
    })
    return reader
  }

  /** Resolves when nobody reads the checkpoint any more. Later uses open its file anew. */
  async letGo(slot: Slot): Promise<void> {
    const reader = this.#readers.get(slot)
    this.#readers.delete(slot)
    if (reader !== undefined) {
      const closed = reader.letGo().finally(() => this.#leaving.delete(closed))
      this.#leaving.set(closed, slot)
    }
    await Promise.all([...this.#leaving].flatMap(([closed, of]) => (of === slot ? [closed] : [])))
  }

  async close(): Promise<void> {
    for (const slot of [...this.#readers.keys()]) void this.letGo(slot)
    await Promise.all(this.#leaving.keys())
  }
}
