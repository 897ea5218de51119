import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { LogRecord } from '../model/record.ts'
import { assert } from '../base/assert.ts'
import { LIMITS } from '../model/limits.ts'
import { readLines } from './durable-file.ts'
import type { Line } from './durable-file.ts'
import { StorageError, guarded } from './errors.ts'
import { DOCUMENT_FIELDS_BYTES_MAX, LINE_BYTES_MAX, base64Bytes, readDocument } from './record-document.ts'
import type { ChainEnd } from './record-document.ts'
import type { LinePlace } from './segment-content.ts'
import { isTornTail } from './torn-tail.ts'

/** A batch closes when the next record's value would pass this. One write on disk is then below `TAIL_BYTES_MAX`. */
export const BATCH_VALUE_BYTES_MAX = 4 * 1024 * 1024
export const BATCH_RECORDS_MAX = 8192
export const TAIL_BYTES_MAX = 32 * 1024 * 1024

assert(
  TAIL_BYTES_MAX >=
    base64Bytes(BATCH_VALUE_BYTES_MAX + LIMITS.partBytesMax) + BATCH_RECORDS_MAX * DOCUMENT_FIELDS_BYTES_MAX,
  'what one interrupted write leaves behind fits into the tail that may be cut off',
)

export interface ScanInit {
  readonly file: string
  /** Where the chain stands before this segment. */
  readonly from: ChainEnd
  /** Only the last segment may have a torn tail: the others were synced before the next was created. */
  readonly last: boolean
  readonly onRecord: (record: LogRecord, place: LinePlace) => void
}

export interface ScanResult {
  readonly end: ChainEnd
  /** The bytes that are whole; what is behind them is a torn tail. */
  readonly bytesWhole: number
  readonly bytes: number
}

/**
 * Reads a segment's file as it lies on disk and checks every line of it: its checksum, its number, its link to the
 * line before. Changes nothing.
 *
 * @throws StorageError when any of it is damaged in a way that an interrupted write does not explain.
 */
export async function scanSegment(init: ScanInit): Promise<ScanResult> {
  const { file } = init
  const handle = await guarded('read', file, () => open(file, 'r'))
  try {
    const { size: bytes } = await guarded('read', file, () => handle.stat())
    let end = init.from
    let bytesWhole = 0
    const lines = readLines(handle, LINE_BYTES_MAX)
    for (;;) {
      const { value: line } = await guarded('read', file, () => lines.next())
      if (line === undefined) break
      const next = readNext(line, end, init)
      if (next === undefined) {
        await refuseUnlessTorn(handle, { ...init, from: end }, { offset: bytesWhole, bytes })
        break
      }
      end = next
      bytesWhole = line.offset + line.bytes.length + 1
    }
    return { end, bytesWhole, bytes }
  } finally {
    await handle.close()
  }
}

/** @returns where the chain stands after this line, or undefined when the line isn't whole. */
function readNext(line: Line, after: ChainEnd, { file, onRecord }: ScanInit): ChainEnd | undefined {
  if (!line.finished) return undefined
  const document = readDocument(line.bytes)
  if (document.kind === 'damaged') return undefined
  if (document.kind === 'newer') {
    throw new StorageError({ code: 'STORAGE_FORMAT_NEWER', file, format: document.format })
  }
  const { number, link, durable, checksum, record } = document
  const follows = number === after.number + 1 && link === after.checksum && durable < number
  if (!follows) throw corruptAfter(after, file)
  onRecord(record, { number, offset: line.offset, bytes: line.bytes.length })
  return { number, checksum }
}

async function refuseUnlessTorn(
  handle: FileHandle,
  { file, from: after, last }: ScanInit,
  { offset, bytes }: { readonly offset: number; readonly bytes: number },
): Promise<void> {
  const mayBeTorn = last && bytes - offset <= TAIL_BYTES_MAX
  if (!mayBeTorn) throw corruptAfter(after, file)
  const tail = Buffer.alloc(bytes - offset)
  const { bytesRead } = await guarded('read', file, () => handle.read(tail, 0, tail.length, offset))
  if (bytesRead !== tail.length || !isTornTail({ bytes: tail, offset, after })) throw corruptAfter(after, file)
}

/** The record after this one is missing, changed or out of place. */
export function corruptAfter(after: ChainEnd, file: string): StorageError {
  return new StorageError({ code: 'STORAGE_CORRUPT', file, recordIndex: after.number + 1 })
}
