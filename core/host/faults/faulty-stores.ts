import type { CheckpointStore } from '../../ports/checkpoint-store.ts'
import type { RecordStore } from '../../ports/record-store.ts'
import { StorageError } from '../../storage/errors.ts'
import type { Faults } from './faults.ts'

/**
 * Waits while the injected stall lasts, and refuses as a full disk does: also what is asked before anything is opened.
 *
 * @throws StorageError STORAGE_FULL
 */
export async function passDisk(faults: Faults | undefined, folder: string): Promise<void> {
  await faults?.diskMoves()
  if (faults?.isDiskFull === true) throw new StorageError({ code: 'STORAGE_FULL', file: folder })
}

/** A log on a disk that may be full, or sync nothing, on order. What is on it already can be read. */
export class FaultyRecordStore implements RecordStore {
  readonly #inner: RecordStore
  readonly #faults: Faults
  readonly #folder: string

  constructor(inner: RecordStore, faults: Faults, folder: string) {
    this.#inner = inner
    this.#faults = faults
    this.#folder = folder
  }

  get segments(): RecordStore['segments'] {
    return this.#inner.segments
  }

  get bytes(): number {
    return this.#inner.bytes
  }

  readonly append: RecordStore['append'] = async (records) => {
    await passDisk(this.#faults, this.#folder)
    await this.#inner.append(records)
  }

  readonly read: RecordStore['read'] = (range) => this.#inner.read(range)

  readonly truncate: RecordStore['truncate'] = async (slot) => {
    await passDisk(this.#faults, this.#folder)
    await this.#inner.truncate(slot)
  }

  readonly close: RecordStore['close'] = () => this.#inner.close()
}

/** Checkpoints on such a disk. */
export class FaultyCheckpointStore implements CheckpointStore {
  readonly #inner: CheckpointStore
  readonly #faults: Faults
  readonly #folder: string

  constructor(inner: CheckpointStore, faults: Faults, folder: string) {
    this.#inner = inner
    this.#faults = faults
    this.#folder = folder
  }

  get checkpoints(): CheckpointStore['checkpoints'] {
    return this.#inner.checkpoints
  }

  get bytes(): number {
    return this.#inner.bytes
  }

  readonly write: CheckpointStore['write'] = async (checkpoint) => {
    await this.#pass()
    return this.#inner.write(checkpoint)
  }

  readonly certify: CheckpointStore['certify'] = async (certificate) => {
    await this.#pass()
    await this.#inner.certify(certificate)
  }

  readonly load: CheckpointStore['load'] = (slot, onPartition) => this.#inner.load(slot, onPartition)
  readonly digests: CheckpointStore['digests'] = (slot) => this.#inner.digests(slot)
  readonly piece: CheckpointStore['piece'] = (query) => this.#inner.piece(query)
  readonly unpack: CheckpointStore['unpack'] = (packed, expected) => this.#inner.unpack(packed, expected)
  readonly keep: CheckpointStore['keep'] = (slots) => this.#inner.keep(slots)
  readonly close: CheckpointStore['close'] = () => this.#inner.close()

  async #pass(): Promise<void> {
    await this.#faults.diskMoves()
    if (!this.#faults.isDiskFull) return
    throw new StorageError({ code: 'STORAGE_CHECKPOINT_FAILED', file: this.#folder, reason: 'full' })
  }
}
