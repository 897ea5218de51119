import { InvariantError, assert } from '../base/assert.ts'
import type { ClusterId, ReplicaId } from '../model/ids.ts'
import type { LogRecord } from '../model/record.ts'
import type { RecordStore } from '../ports/record-store.ts'
import { StorageError, guarded, storageErrorFrom } from './errors.ts'
import { writeHeader } from './folder-header.ts'
import type { FolderHeader } from './folder-header.ts'
import { toDocument } from './record-document.ts'
import type { ChainEnd, RecordDocument } from './record-document.ts'
import { openSegment as openNedbSegment } from './segment.ts'
import type { OpenSegment, Segment } from './segment.ts'
import { recoverFolder, segmentFile } from './segment-folder.ts'
import type { RecoveredFolder, Recovery } from './segment-folder.ts'
import { BATCH_RECORDS_MAX, BATCH_VALUE_BYTES_MAX, corruptAfter, scanSegment } from './segment-scan.ts'

export interface RecordStoreInit {
  /** Created when it isn't there. One store at a time: the host locks its data folder. */
  readonly folder: string
  readonly cluster: ClusterId
  readonly replica: ReplicaId
  /** A log was begun here in an earlier life: STORAGE_LOG_GONE where nothing of it is left (the amnesia rule). */
  readonly mustExist?: boolean
  /** A segment past this size is sealed, and the next record begins a new one. NeDB holds the open one in memory. */
  readonly segmentBytesMax?: number
  /** Called for every record found, in order, before the store is there; they count only if it comes to be. */
  readonly onRecord: (record: LogRecord) => void
  /** How the segment that is written is opened: NeDB, unless a test breaks it. */
  readonly openSegment?: OpenSegment
}

export interface NedbRecordStore extends RecordStore {
  readonly recovery: Recovery
}

const SEGMENT_BYTES_MAX = 32 * 1024 * 1024

/**
 * Opens the durable log of one replica: NeDB segment files in one folder, every line verified, the end of an
 * interrupted write cut off, all that was told to `onRecord` durable.
 *
 * @throws StorageError when the log is damaged, foreign, newer, or can't be read or written.
 */
export async function openRecordStore(init: RecordStoreInit): Promise<NedbRecordStore> {
  const { folder, openSegment = openNedbSegment, segmentBytesMax = SEGMENT_BYTES_MAX } = init
  assert(segmentBytesMax > 0, 'a segment holds something')
  const recovered = await recoverFolder(init)
  const file = segmentFile(folder, recovered.segment)
  const segment = await guarded('write', file, () => openSegment(file))
  try {
    await verifyReopened(file, recovered)
    const header = { ...recovered.header, segmentLast: recovered.segment, durable: recovered.end.number }
    await writeHeader(folder, header)
    return new SegmentedRecordStore({ folder, openSegment, segmentBytesMax, recovered, header, segment })
  } catch (error) {
    await segment.close()
    throw error
  }
}

/** NeDB wrote the segment anew when it loaded it; what lies there now must be what was verified before. */
async function verifyReopened(file: string, { segmentFrom, end }: RecoveredFolder): Promise<void> {
  const again = await scanSegment({ file, from: segmentFrom, last: false, onRecord: () => undefined })
  if (again.end.checksum !== end.checksum) throw corruptAfter(again.end, file)
}

interface Queued {
  readonly record: LogRecord
  /** Of the call whose last record this is. */
  readonly call: Pick<PromiseWithResolvers<void>, 'resolve' | 'reject'> | undefined
}

interface StoreInit {
  readonly folder: string
  readonly openSegment: OpenSegment
  readonly segmentBytesMax: number
  readonly recovered: RecoveredFolder
  readonly header: FolderHeader
  readonly segment: Segment
}

/**
 * Appends go through one queue. A batch is written, synced, acknowledged, and only then the next is written; what
 * arrives meanwhile gathers and shares the next sync. Because no two batches are ever in flight, a document can name
 * the last durable record, and only the last batch of a log can be torn.
 */
class SegmentedRecordStore implements NedbRecordStore {
  readonly recovery: Recovery
  readonly #folder: string
  readonly #openSegment: OpenSegment
  readonly #segmentBytesMax: number
  #header: FolderHeader
  #segmentNumber: number
  #segment: Segment
  #segmentBytes: number
  #sealedBytes: number
  /** The last record, written and synced. */
  #end: ChainEnd
  #queue: Queued[] = []
  #running: Promise<void> | undefined
  /** The first failure; there is no second try. After a failed sync the pages may look clean and not be on disk. */
  #failure: Error | undefined
  #closing: Promise<void> | undefined

  constructor({ folder, openSegment, segmentBytesMax, recovered, header, segment }: StoreInit) {
    this.#folder = folder
    this.#openSegment = openSegment
    this.#segmentBytesMax = segmentBytesMax
    this.recovery = recovered.recovery
    this.#header = header
    this.#segmentNumber = recovered.segment
    this.#segment = segment
    this.#segmentBytes = segment.bytes
    this.#sealedBytes = recovered.sealedBytes
    this.#end = recovered.end
  }

  get bytes(): number {
    return this.#sealedBytes + this.#segmentBytes
  }

  append(records: readonly LogRecord[]): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#closing !== undefined) {
      return Promise.reject(new StorageError({ code: 'STORAGE_CLOSED', folder: this.#folder }))
    }
    if (records.length === 0) return Promise.resolve()
    const call = Promise.withResolvers<void>()
    for (const [index, record] of records.entries()) {
      this.#queue.push({ record, call: index === records.length - 1 ? call : undefined })
    }
    this.#running ??= this.#run()
    return call.promise
  }

  close(): Promise<void> {
    this.#closing ??= this.#shut()
    return this.#closing
  }

  async #shut(): Promise<void> {
    await this.#running
    try {
      // So that the next start knows how much must be there, to the last record.
      if (this.#failure === undefined && this.#header.durable < this.#end.number) await this.#writeHeader()
    } finally {
      await this.#segment.close()
    }
  }

  async #run(): Promise<void> {
    // The calls of one turn share the first write.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const batch = this.#takeBatch()
      try {
        await this.#write(batch)
        for (const { call } of batch) call?.resolve()
      } catch (cause) {
        const failure = cause instanceof InvariantError ? cause : storageErrorFrom('write', this.#folder, cause)
        this.#failure = failure
        for (const { call } of [...batch, ...this.#queue]) call?.reject(failure)
        this.#queue = []
      }
    }
    this.#running = undefined
  }

  #takeBatch(): readonly Queued[] {
    let count = 0
    let valueBytes = 0
    for (const { record } of this.#queue) {
      valueBytes += 'value' in record ? record.value.length : 0
      if (count > 0 && (valueBytes > BATCH_VALUE_BYTES_MAX || count === BATCH_RECORDS_MAX)) break
      count += 1
    }
    return this.#queue.splice(0, count)
  }

  async #write(batch: readonly Queued[]): Promise<void> {
    if (this.#segmentBytes >= this.#segmentBytesMax) await this.#startSegment()
    const documents: RecordDocument[] = []
    const durable = this.#end.number
    let end = this.#end
    let bytes = this.#segmentBytes
    for (const { record } of batch) {
      const { document, lineBytes } = toDocument(record, { after: end, durable })
      documents.push(document)
      end = { number: end.number + 1, checksum: document.checksum }
      bytes += lineBytes + 1
    }
    const file = segmentFile(this.#folder, this.#segmentNumber)
    await guarded('write', file, () => this.#segment.insert(documents))
    // NeDB writes by name and the sync goes by descriptor: both must have met the same file, and all of it.
    if (this.#segment.bytes !== bytes) throw new StorageError({ code: 'STORAGE_WRITE_FAILED', file })
    await guarded('sync', file, () => this.#segment.sync())
    this.#end = end
    this.#segmentBytes = bytes
  }

  /** Everything before is durable: the header says so, and a later loss of any of it will be noticed. */
  async #startSegment(): Promise<void> {
    const number = this.#segmentNumber + 1
    const file = segmentFile(this.#folder, number)
    const segment = await guarded('write', file, () => this.#openSegment(file))
    const sealed = this.#segment
    this.#sealedBytes += this.#segmentBytes
    this.#segment = segment
    this.#segmentBytes = segment.bytes
    this.#segmentNumber = number
    await guarded('write', file, () => sealed.close())
    // What was not verified must not come between the records before and those to come.
    if (segment.bytes !== 0) throw corruptAfter(this.#end, file)
    await this.#writeHeader()
  }

  async #writeHeader(): Promise<void> {
    this.#header = { ...this.#header, segmentLast: this.#segmentNumber, durable: this.#end.number }
    await writeHeader(this.#folder, this.#header)
  }
}
