import type { LogRecord } from '../model/record.ts'

/** The durable log of one replica. */
export interface RecordStore {
  /**
   * Appends records in order. Resolves when all of them are durable (written and synced); rejects with a
   * StorageError otherwise, after which nothing more is accepted. Callers may overlap: overlapping calls share syncs.
   */
  append: (records: readonly LogRecord[]) => Promise<void>
  /** Bytes on disk. */
  readonly bytes: number
  /** Waits for what is under way and lets the files go. */
  close: () => Promise<void>
}
