import type { Ballot } from '../model/ballot.ts'
import type { Slot } from '../model/ids.ts'
import { slot as toSlot } from '../model/ids.ts'
import { LIMITS } from '../model/limits.ts'
import type { DecidedEntry } from '../wire/log.ts'

interface Batch {
  readonly ballot: Ballot | undefined
  readonly value: Uint8Array
}

export interface LogMemory {
  readonly bytesMax: number
  /** The newest slots stay whatever their size: they may not be on disk yet. */
  readonly slotsMin: number
}

const LOG_MEMORY: LogMemory = { bytesMax: LIMITS.logMemoryBytesMax, slotsMin: LIMITS.logMemorySlotsMin }

/** The newest decided batches, without a gap, bounded in bytes. */
export class RecentBatches {
  readonly #batches = new Map<Slot, Batch>()
  readonly #memory: LogMemory
  #bytes = 0

  constructor(memory: LogMemory = LOG_MEMORY) {
    this.#memory = memory
  }

  get(slot: Slot): Batch | undefined {
    return this.#batches.get(slot)
  }

  add(slot: Slot, batch: Batch): void {
    this.#batches.set(slot, batch)
    this.#bytes += batch.value.length
    for (const [oldest, { value }] of this.#batches) {
      if (this.#bytes <= this.#memory.bytesMax || this.#batches.size <= this.#memory.slotsMin) return
      this.#batches.delete(oldest)
      this.#bytes -= value.length
    }
  }

  /** As many as fit a part, from the first on. */
  range(slotFrom: Slot, slotTo: Slot): DecidedEntry[] {
    const entries: DecidedEntry[] = []
    let bytes = 0
    for (let number: number = slotFrom; number <= slotTo && entries.length < LIMITS.frameMessagesMax; number += 1) {
      const slot = toSlot(number)
      const value = this.#batches.get(slot)?.value
      if (value === undefined) break
      if (entries.length > 0 && bytes + value.length > LIMITS.partBytesMax) break
      entries.push({ slot, value })
      bytes += value.length
    }
    return entries
  }

  clear(): void {
    this.#batches.clear()
    this.#bytes = 0
  }
}
