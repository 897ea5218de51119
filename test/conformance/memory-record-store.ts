import type { LogRecord } from '../../core/model/record.ts'
import type { Slot } from '../../core/model/ids.ts'
import { slot as toSlot } from '../../core/model/ids.ts'
import type { RecordStore, SegmentInfo, StoredSlot } from '../../core/ports/record-store.ts'
import { StorageError } from '../../core/storage/errors.ts'
import type { StorageFault } from '../../core/storage/errors.ts'
import { dropRecords, droppable, readSlots } from '../support/memory-disk.ts'

/** The bytes a record is counted with beside its value. */
const RECORD_BYTES = 300

/** What outlives the process that writes to it. */
export class MemoryDisk {
  readonly #records: LogRecord[] = []
  #synced = 0
  #bytes = 0
  #fault: StorageFault | undefined
  /** Each power cut begins another life; stores of an earlier one are dead. */
  #life = 1

  get life(): number {
    return this.#life
  }

  get records(): readonly LogRecord[] {
    return this.#records
  }

  /** How many of the records a power cut leaves for certain. */
  get synced(): number {
    return this.#synced
  }

  get bytes(): number {
    return this.#bytes
  }

  write(records: readonly LogRecord[]): void {
    for (const record of records) {
      this.#records.push(record)
      this.#bytes += bytesOf(record)
    }
  }

  /**
   * Makes the first `count` records durable: those that were written when the sync began.
   *
   * @returns the fault that was planted: then nothing became durable.
   */
  sync(count: number): StorageError | undefined {
    if (this.#fault !== undefined) return new StorageError(this.#fault)
    this.#synced = Math.max(this.#synced, count)
    return undefined
  }

  /** Drops durable records at the front that hold no batch past the slot. */
  truncate(slot: Slot): void {
    const count = Math.min(droppable(this.#records, slot), this.#synced)
    const before = this.#records.length
    dropRecords(this.#records, count)
    this.#synced -= before - this.#records.length
    this.#bytes = this.#records.reduce((sum, record) => sum + bytesOf(record), 0)
  }

  /** From now on every sync fails so; undefined heals the disk, not the stores that met the fault. */
  fail(fault: StorageFault | undefined): void {
    this.#fault = fault
  }

  /** Ends the open store. Of what was written and not synced, the first `unsyncedKept` records survive. */
  cutPower(unsyncedKept = 0): void {
    this.#life += 1
    this.#records.length = Math.min(this.#records.length, this.#synced + unsyncedKept)
    this.#synced = this.#records.length
    this.#bytes = this.#records.reduce((sum, record) => sum + bytesOf(record), 0)
  }
}

export interface MemoryRecordStoreInit {
  readonly disk: MemoryDisk
  readonly onRecord: (record: LogRecord) => void
  /** Calls `done` when a sync that begins now ends: the simulator's clock, or at once. */
  readonly syncLater?: (done: () => void) => void
}

/**
 * A record store in memory: the same promises as on disk, for the simulator and for tests of others.
 *
 * @throws StorageError when the disk fails.
 */
export function openMemoryRecordStore({
  disk,
  onRecord,
  syncLater = queueMicrotask,
}: MemoryRecordStoreInit): RecordStore {
  for (const record of disk.records) onRecord(record)
  // What an earlier life wrote is made durable before anyone acts on it.
  const failure = disk.sync(disk.records.length)
  if (failure !== undefined) throw failure
  return new MemoryRecordStore(disk, syncLater)
}

class MemoryRecordStore implements RecordStore {
  readonly #disk: MemoryDisk
  readonly #life: number
  readonly #syncLater: (done: () => void) => void
  /** The calls that wait for the next sync, and those the sync under way will answer. */
  #gathering: PromiseWithResolvers<void>[] = []
  #syncing: readonly PromiseWithResolvers<void>[] | undefined
  #failure: StorageError | undefined
  #closing: PromiseWithResolvers<void> | undefined

  constructor(disk: MemoryDisk, syncLater: (done: () => void) => void) {
    this.#disk = disk
    this.#life = disk.life
    this.#syncLater = syncLater
  }

  get bytes(): number {
    return this.#disk.bytes
  }

  /** Memory is one piece. */
  get segments(): readonly SegmentInfo[] {
    const slots = this.#disk.records.flatMap((record) => ('value' in record ? [record.slot] : []))
    const range =
      slots.length === 0 ? undefined : { first: toSlot(Math.min(...slots)), last: toSlot(Math.max(...slots)) }
    return [{ number: 1, bytes: this.#disk.bytes, slots: range }]
  }

  read(range: Parameters<RecordStore['read']>[0]): Promise<readonly StoredSlot[]> {
    const durable = this.#disk.records.slice(0, this.#disk.synced)
    return Promise.resolve(readSlots(durable, range.slotFrom, range.slotTo, range.bytesMax))
  }

  truncate(slot: Slot): Promise<void> {
    this.#disk.truncate(slot)
    return Promise.resolve()
  }

  append(records: readonly LogRecord[]): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#closing !== undefined) {
      return Promise.reject(new StorageError({ code: 'STORAGE_CLOSED', folder: 'memory' }))
    }
    const call = Promise.withResolvers<void>()
    // The process this store belongs to is dead: nobody is there to be answered.
    if (this.#disk.life !== this.#life) return call.promise
    if (records.length === 0) return Promise.resolve()
    this.#disk.write(records.map(copied))
    this.#gathering.push(call)
    if (this.#syncing === undefined) this.#startSync()
    return call.promise
  }

  close(): Promise<void> {
    this.#closing ??= Promise.withResolvers<void>()
    if (this.#syncing === undefined) this.#closing.resolve()
    return this.#closing.promise
  }

  #startSync(): void {
    this.#syncing = this.#gathering
    this.#gathering = []
    const count = this.#disk.records.length
    this.#syncLater(() => this.#endSync(count))
  }

  #endSync(count: number): void {
    if (this.#disk.life !== this.#life) return
    const answered = this.#syncing ?? []
    this.#syncing = undefined
    const failure = this.#disk.sync(count)
    if (failure !== undefined) {
      this.#failure = failure
      for (const call of [...answered, ...this.#gathering]) call.reject(failure)
      this.#gathering = []
    } else for (const call of answered) call.resolve()
    if (this.#gathering.length > 0) this.#startSync()
    else this.#closing?.resolve()
  }
}

function bytesOf(record: LogRecord): number {
  return RECORD_BYTES + ('value' in record ? record.value.length : 0)
}

function copied(record: LogRecord): LogRecord {
  return 'value' in record ? { ...record, value: record.value.slice() } : record
}
