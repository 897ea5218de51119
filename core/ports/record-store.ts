import type { Ballot } from '../model/ballot.ts'
import type { Slot } from '../model/ids.ts'
import type { LogRecord } from '../model/record.ts'

/** The newest record a log holds of a slot; of a decided slot, its decided batch. */
export interface StoredSlot {
  readonly slot: Slot
  /** Undefined for a batch that was fetched, decided, from another replica. */
  readonly ballot: Ballot | undefined
  readonly value: Uint8Array
}

/** The durable log of one replica. */
export interface RecordStore {
  /**
   * Appends records in order. Resolves when all of them are durable (written and synced); rejects with a
   * StorageError otherwise, after which nothing more is accepted. Callers may overlap: overlapping calls share syncs.
   */
  append: (records: readonly LogRecord[]) => Promise<void>
  /**
   * Slots as they lie on disk, each verified again, in rising order without a gap from `slotFrom`: ends before the
   * first slot that is not held, or when the values together pass `bytesMax` (but gives at least one).
   * Rejects with a StorageError when what lies there is damaged; nothing else is affected by that.
   */
  read: (range: {
    readonly slotFrom: Slot
    readonly slotTo: Slot
    readonly bytesMax: number
  }) => Promise<readonly StoredSlot[]>
  /**
   * Drops what is not needed any more once every slot up to this one is in a checkpoint: whole segments that hold no
   * record of a later slot. The highest ballot promised or accepted in them stays known (`onRecord` tells it at the
   * next opening). Resolves when that is durable. A crash at any point leaves either the old log or the new one.
   */
  truncate: (slot: Slot) => Promise<void>
  /** Segments there are, oldest first, with the slots they hold records of. */
  readonly segments: readonly SegmentInfo[]
  /** Bytes on disk. */
  readonly bytes: number
  /** Waits for what is under way and lets the files go. */
  close: () => Promise<void>
}

export interface SegmentInfo {
  readonly number: number
  readonly bytes: number
  /** Undefined when it holds no batch. */
  readonly slots: { readonly first: Slot; readonly last: Slot } | undefined
}
