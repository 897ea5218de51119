import { assert } from '../base/assert.ts'
import type { Slot } from '../model/ids.ts'
import type { LogRecord } from '../model/record.ts'

/** Beyond this a replica takes no more batches from a leader until its disk has caught up. */
const UNSYNCED_BYTES_MAX = 64 * 1024 * 1024

/** What was handed to the disk and is not durable yet: how old, how much. */
export class SyncWatch {
  readonly #pending: { readonly sinceMs: number; readonly bytes: number; readonly slot: Slot | undefined }[] = []
  #first = 0
  #bytes = 0

  handed(record: LogRecord, nowMs: number): void {
    const bytes = 'value' in record ? record.value.length : 0
    this.#pending.push({ sinceMs: nowMs, bytes, slot: 'value' in record ? record.slot : undefined })
    this.#bytes += bytes
  }

  persisted(count: number): void {
    for (let index = 0; index < count; index += 1) {
      const done = this.#pending[this.#first]
      assert(done !== undefined, 'no more becomes durable than was handed to the disk')
      this.#bytes -= done.bytes
      this.#first += 1
    }
    if (this.#first < 1024 && this.#first < this.#pending.length) return
    this.#pending.splice(0, this.#first)
    this.#first = 0
  }

  /** For how long the oldest record has been waiting. */
  waitingMs(nowMs: number): number {
    const oldest = this.#pending[this.#first]
    return oldest === undefined ? 0 : nowMs - oldest.sinceMs
  }

  /** The lowest slot with a batch that is not durable yet. */
  get slotUnsynced(): Slot | undefined {
    let lowest: Slot | undefined
    for (let index = this.#first; index < this.#pending.length; index += 1) {
      const slot = this.#pending[index]?.slot
      if (slot !== undefined && (lowest === undefined || slot < lowest)) lowest = slot
    }
    return lowest
  }

  get isFull(): boolean {
    return this.#bytes > UNSYNCED_BYTES_MAX
  }
}
