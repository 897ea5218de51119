import { isDeepStrictEqual } from 'node:util'
import { InvariantError, assert, present } from '../base/assert.ts'
import type { ClusterId, ReplicaId, Slot } from '../model/ids.ts'
import type { LogRecord } from '../model/record.ts'
import type { RecordStore, SegmentInfo, StoredSlot } from '../ports/record-store.ts'
import { fileOperations } from './durable-file.ts'
import type { FileOperations } from './durable-file.ts'
import { StorageError, guarded, storageErrorFrom } from './errors.ts'
import { readHeader, writeHeader } from './folder-header.ts'
import type { FolderHeader } from './folder-header.ts'
import { CERTIFICATE_BYTES_MAX, toDocument } from './record-document.ts'
import type { ChainEnd, RecordDocument } from './record-document.ts'
import { SEGMENT_BYTES_LIMIT, SegmentContent, countDroppable, highestBallot } from './segment-content.ts'
import type { LinePlace } from './segment-content.ts'
import { openSegment as openNedbSegment } from './segment.ts'
import type { OpenSegment, Segment } from './segment.ts'
import { recoverFolder, segmentFile } from './segment-folder.ts'
import type { RecoveredFolder, Recovery } from './segment-folder.ts'
import { readSlots } from './segment-read.ts'
import type { SlotPlace } from './segment-read.ts'
import { BATCH_RECORDS_MAX, BATCH_VALUE_BYTES_MAX, TAIL_BYTES_MAX, corruptAfter, scanSegment } from './segment-scan.ts'

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
  /** How the other files come and go: the file system's, unless a test breaks it. */
  readonly files?: FileOperations
}

export interface NedbRecordStore extends RecordStore {
  readonly recovery: Recovery
}

const SEGMENT_BYTES_MAX = 8 * 1024 * 1024
/** An open segment above this part of the largest is sealed early when all that is in it may be dropped. */
const DROPPED_OPEN_PART = 1 / 4

/**
 * Opens the durable log of one replica: NeDB segment files in one folder, every line verified, the end of an
 * interrupted write cut off, all that was told to `onRecord` durable.
 *
 * @throws StorageError when the log is damaged, foreign, newer, or can't be read or written.
 */
export async function openRecordStore(init: RecordStoreInit): Promise<NedbRecordStore> {
  const { folder, openSegment = openNedbSegment, segmentBytesMax = SEGMENT_BYTES_MAX, files = fileOperations } = init
  assert(segmentBytesMax > 0, 'a segment holds something')
  assert(segmentBytesMax + TAIL_BYTES_MAX < SEGMENT_BYTES_LIMIT, 'a place in a segment fits into 32 bits')
  const recovered = await recoverFolder(init)
  const open = present(recovered.segments.at(-1), 'a log has a segment')
  const file = segmentFile(folder, open.number)
  const segment = await guarded('write', file, () => openSegment(file))
  try {
    await verifyReopened(file, { from: open.from, end: recovered.end })
    open.bytes = segment.bytes
    const header = { ...recovered.header, segmentLast: open.number, durable: recovered.end.number }
    await writeHeader(folder, header, files)
    return new SegmentedRecordStore({ folder, openSegment, files, segmentBytesMax, recovered, header, segment })
  } catch (error) {
    await segment.close()
    throw error
  }
}

/** NeDB wrote the segment anew when it loaded it; what lies there now must be what was verified before. */
async function verifyReopened(file: string, { from, end }: { from: ChainEnd; end: ChainEnd }): Promise<void> {
  const again = await scanSegment({ file, from, last: false, onRecord: () => undefined })
  if (again.end.checksum !== end.checksum) throw corruptAfter(again.end, file)
}

interface Queued {
  readonly record: LogRecord
  /** Of the call whose last record this is. */
  readonly call: Pick<PromiseWithResolvers<void>, 'resolve' | 'reject'> | undefined
}

/** Something that is done between two batches, when no append is in flight. */
interface Interlude {
  /** Gives the fault that stopped it without harm to the log; throws any other. */
  readonly perform: () => Promise<StorageError | undefined>
  readonly call: Pick<PromiseWithResolvers<void>, 'resolve' | 'reject'>
}

interface StoreInit {
  readonly folder: string
  readonly openSegment: OpenSegment
  readonly files: FileOperations
  readonly segmentBytesMax: number
  readonly recovered: RecoveredFolder
  readonly header: FolderHeader
  readonly segment: Segment
}

/**
 * Appends go through one queue. A batch is written, synced, acknowledged, and only then the next is written; what
 * arrives meanwhile gathers and shares the next sync. Because no two batches are ever in flight, a document can name
 * the last durable record, and only the last batch of a log can be torn.
 *
 * A truncation writes the header between two batches; the files it names no longer are removed beside the appends.
 */
class SegmentedRecordStore implements NedbRecordStore {
  readonly recovery: Recovery
  readonly #folder: string
  readonly #openSegment: OpenSegment
  readonly #files: FileOperations
  readonly #segmentBytesMax: number
  /** As it lies on disk. */
  #header: FolderHeader
  /** The open one, last in `#contents`. */
  #segment: Segment
  #contents: SegmentContent[]
  /** The header names them no more, their files are still to be removed. */
  #dropped: readonly SegmentContent[] = []
  /** The last record, written and synced. */
  #end: ChainEnd
  #queue: Queued[] = []
  #interlude: Interlude | undefined
  #running: Promise<void> | undefined
  /** One at a time; never rejects. */
  #truncating: Promise<void> = Promise.resolve()
  readonly #reading = new Set<Promise<unknown>>()
  /** The first failure; there is no second try. After a failed sync the pages may look clean and not be on disk. */
  #failure: Error | undefined
  #closing: Promise<void> | undefined

  constructor({ folder, openSegment, files, segmentBytesMax, recovered, header, segment }: StoreInit) {
    this.#folder = folder
    this.#openSegment = openSegment
    this.#files = files
    this.#segmentBytesMax = segmentBytesMax
    this.recovery = recovered.recovery
    this.#header = header
    this.#segment = segment
    this.#contents = [...recovered.segments]
    this.#end = recovered.end
  }

  get bytes(): number {
    return [...this.#dropped, ...this.#contents].reduce((sum, { bytes }) => sum + bytes, 0)
  }

  get segments(): readonly SegmentInfo[] {
    return this.#contents.map(({ info }) => info)
  }

  append(records: readonly LogRecord[]): Promise<void> {
    const refusal = this.#failure ?? this.#closed()
    if (refusal !== undefined) return Promise.reject(refusal)
    if (records.length === 0) return Promise.resolve()
    const call = Promise.withResolvers<void>()
    for (const [index, record] of records.entries()) {
      this.#queue.push({ record, call: index === records.length - 1 ? call : undefined })
    }
    this.#running ??= this.#run()
    return call.promise
  }

  read(range: Parameters<RecordStore['read']>[0]): Promise<readonly StoredSlot[]> {
    const refusal = this.#closed()
    if (refusal !== undefined) return Promise.reject(refusal)
    const reading = readSlots((slot) => this.#find(slot), range)
    const settled: Promise<unknown> = Promise.allSettled([reading]).then(() => this.#reading.delete(settled))
    this.#reading.add(settled)
    return reading
  }

  truncate(slot: Slot): Promise<void> {
    const refusal = this.#failure ?? this.#closed()
    if (refusal !== undefined) return Promise.reject(refusal)
    const truncating = this.#truncating.then(() => this.#truncate(slot))
    this.#truncating = truncating.catch(() => undefined)
    return truncating
  }

  close(): Promise<void> {
    this.#closing ??= this.#shut()
    return this.#closing
  }

  #closed(): StorageError | undefined {
    if (this.#closing === undefined) return undefined
    return new StorageError({ code: 'STORAGE_CLOSED', folder: this.#folder })
  }

  async #shut(): Promise<void> {
    await this.#truncating
    await this.#running
    await Promise.all(this.#reading)
    try {
      // So that the next start knows how much must be there, to the last record.
      if (this.#failure === undefined && this.#header.durable < this.#end.number) await this.#writeHeader({})
    } finally {
      await this.#segment.close()
    }
  }

  async #run(): Promise<void> {
    // The calls of one turn share the first write.
    await Promise.resolve()
    while (this.#queue.length > 0 || this.#interlude !== undefined) {
      if (this.#interlude !== undefined) await this.#performInterlude(this.#interlude)
      if (this.#queue.length > 0) await this.#performBatch(this.#takeBatch())
    }
    this.#running = undefined
  }

  async #performBatch(batch: readonly Queued[]): Promise<void> {
    try {
      await this.#write(batch)
      for (const { call } of batch) call?.resolve()
    } catch (cause) {
      const failure = this.#fail(cause)
      for (const { call } of batch) call?.reject(failure)
    }
  }

  async #performInterlude({ perform, call }: Interlude): Promise<void> {
    this.#interlude = undefined
    try {
      if (this.#failure !== undefined) throw this.#failure
      const refusal = await perform()
      if (refusal === undefined) call.resolve()
      else call.reject(refusal)
    } catch (cause) {
      call.reject(this.#fail(cause))
    }
  }

  /** From now on nothing is accepted, and what waits is refused. */
  #fail(cause: unknown): Error {
    this.#failure ??= cause instanceof InvariantError ? cause : storageErrorFrom('write', this.#folder, cause)
    for (const { call } of this.#queue.splice(0)) call?.reject(this.#failure)
    return this.#failure
  }

  #takeBatch(): readonly Queued[] {
    let count = 0
    let valueBytes = 0
    for (const { record } of this.#queue) {
      valueBytes += 'value' in record ? record.value.length : 'certificate' in record ? CERTIFICATE_BYTES_MAX : 0
      if (count > 0 && (valueBytes > BATCH_VALUE_BYTES_MAX || count === BATCH_RECORDS_MAX)) break
      count += 1
    }
    return this.#queue.splice(0, count)
  }

  async #write(batch: readonly Queued[]): Promise<void> {
    if (this.#open.bytes >= this.#segmentBytesMax) await this.#startSegment()
    const open = this.#open
    const documents: RecordDocument[] = []
    const places: (readonly [LogRecord, LinePlace])[] = []
    const durable = this.#end.number
    let end = this.#end
    let offset = open.bytes
    for (const { record } of batch) {
      const { document, lineBytes } = toDocument(record, { after: end, durable })
      documents.push(document)
      end = { number: end.number + 1, checksum: document.checksum }
      places.push([record, { number: end.number, offset, bytes: lineBytes }])
      offset += lineBytes + 1
    }
    const file = this.#fileOf(open)
    await guarded('write', file, () => this.#segment.insert(documents))
    // NeDB writes by name and the sync goes by descriptor: both must have met the same file, and all of it.
    if (this.#segment.bytes !== offset) throw new StorageError({ code: 'STORAGE_WRITE_FAILED', file })
    await guarded('sync', file, () => this.#segment.sync())
    this.#end = end
    open.bytes = offset
    for (const [record, place] of places) open.add(record, place)
  }

  get #open(): SegmentContent {
    return present(this.#contents.at(-1), 'a log has a segment')
  }

  #fileOf({ number }: SegmentContent): string {
    return segmentFile(this.#folder, number)
  }

  #find(slot: Slot): SlotPlace | undefined {
    for (let index = this.#contents.length - 1; index >= 0; index -= 1) {
      const content = present(this.#contents[index], 'a segment')
      const place = content.find(slot)
      if (place !== undefined) return { ...place, file: this.#fileOf(content) }
    }
    return undefined
  }

  /** Everything before is durable: the header says so, and a later loss of any of it will be noticed. */
  async #startSegment(): Promise<void> {
    await this.#goOnWith(await this.#openNext())
    await this.#writeHeader({})
  }

  async #openNext(): Promise<Segment> {
    const file = segmentFile(this.#folder, this.#open.number + 1)
    const segment = await guarded('write', file, () => this.#openSegment(file))
    // What was not verified must not come between the records before and those to come.
    if (segment.bytes === 0) return segment
    await segment.close()
    throw corruptAfter(this.#end, file)
  }

  async #goOnWith(segment: Segment): Promise<void> {
    const sealed = { segment: this.#segment, content: this.#open }
    this.#segment = segment
    this.#contents.push(new SegmentContent(sealed.content.number + 1, this.#end))
    sealed.content.seal()
    await guarded('write', this.#fileOf(sealed.content), () => sealed.segment.close())
  }

  async #writeHeader(change: Partial<FolderHeader>): Promise<void> {
    const header = { ...this.#header, segmentLast: this.#open.number, durable: this.#end.number, ...change }
    await writeHeader(this.#folder, header, this.#files)
    this.#header = header
  }

  async #truncate(slot: Slot): Promise<void> {
    const call = Promise.withResolvers<void>()
    this.#interlude = { perform: () => this.#drop(slot), call }
    this.#running ??= this.#run()
    await call.promise
    await this.#removeDropped()
  }

  /** @returns the fault that left everything as it was; throws what did not. */
  async #drop(slot: Slot): Promise<StorageError | undefined> {
    const count = countDroppable(this.#contents, slot)
    const next = count === this.#contents.length ? await this.#openNextEarly() : undefined
    const dropped = this.#contents.slice(0, next === undefined ? Math.min(count, this.#contents.length - 1) : count)
    const newest = dropped.at(-1)
    if (newest === undefined) return undefined
    const segmentFirst = newest.number + 1
    const base = this.#contents[dropped.length]?.from ?? this.#end
    const promised = highestBallot([this.#header.promised, ...dropped.map(({ ballotHighest }) => ballotHighest)])
    try {
      await this.#writeHeader({ segmentFirst, base, promised, segmentLast: Math.max(segmentFirst, this.#open.number) })
    } catch (cause) {
      return await this.#unharmedBy(cause, next)
    }
    if (next !== undefined) await this.#goOnWith(next)
    this.#contents = this.#contents.slice(dropped.length)
    this.#dropped = [...this.#dropped, ...dropped]
    return undefined
  }

  /** The next segment, when it is worth one that the open segment goes, and there is room for it. */
  async #openNextEarly(): Promise<Segment | undefined> {
    if (this.#open.bytes <= this.#segmentBytesMax * DROPPED_OPEN_PART) return undefined
    try {
      return await this.#openNext()
    } catch (cause) {
      // A full disk is when truncating the others is needed most.
      if (!(cause instanceof StorageError) || cause.fault.code !== 'STORAGE_FULL') throw cause
      await this.#removeNext()
      return undefined
    }
  }

  /** Appends go on in the open segment: with a later one there, its end could not be told from a damaged middle. */
  async #removeNext(): Promise<void> {
    const file = segmentFile(this.#folder, this.#open.number + 1)
    await this.#files.remove(file)
    await this.#files.remove(`${file}~`)
    await this.#files.syncFolder(this.#folder)
  }

  /** What lies on disk says whether a header that could not be written changed anything. */
  async #unharmedBy(cause: unknown, next: Segment | undefined): Promise<StorageError> {
    await next?.close()
    const { cluster, replica } = this.#header
    const found = await readHeader(this.#folder, { cluster, replica })
    // The new header may name the next segment as its first: then that one has to stay.
    if (!(cause instanceof StorageError) || !isDeepStrictEqual(found, this.#header)) throw cause
    if (next !== undefined) await this.#removeNext()
    return cause
  }

  async #removeDropped(): Promise<void> {
    if (this.#dropped.length === 0) return
    for (const content of this.#dropped) await this.#files.remove(this.#fileOf(content))
    try {
      await this.#files.syncFolder(this.#folder)
    } catch (cause) {
      // A segment that was created meanwhile may rest on this sync.
      throw this.#fail(cause)
    }
    this.#dropped = []
  }
}
