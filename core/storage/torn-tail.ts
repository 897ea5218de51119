import { lineStart, readDocument } from './record-document.ts'
import type { ChainEnd } from './record-document.ts'

/** What a disk writes as a whole or not at all; larger blocks are multiples of it. Unit: bytes. */
const SECTOR_BYTES = 512
const NEWLINE = 0x0a

/** The end of a segment's file from the first line on that isn't whole. */
export interface Tail {
  readonly bytes: Buffer
  /** Where it begins in the file. */
  readonly offset: number
  /** The last whole record before it. */
  readonly after: ChainEnd
}

/**
 * Whether a tail is what an interrupted, never acknowledged write leaves behind, and nothing else.
 *
 * A write in flight when the power fails leaves the file ending early, inside a line; or the file has its new length
 * already and sectors of it, in any order, read as zeros. It never changes a byte to another. So the first line that
 * isn't whole must either be the unfinished end, or show sectors of zeros; and no document behind it may say that
 * this record was durable. Batches are written one after the other, each after the sync of the one before: all that
 * follows a record that was never synced was never synced either.
 */
export function isTornTail(tail: Tail): boolean {
  if (someDocumentVouches(tail)) return false
  const end = tail.bytes.indexOf(NEWLINE)
  const line = end === -1 ? tail.bytes : tail.bytes.subarray(0, end)
  if (line.includes(0)) return hasOnlyLostSectors(line, tail.offset, end === -1)
  return end === -1 && isUnfinishedLine(line, tail.after)
}

/** A whole document further on that counts the damaged record, or a later one, among the durable. */
function someDocumentVouches({ bytes, after }: Tail): boolean {
  let start = 0
  for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
    const document = readDocument(bytes.subarray(start, end))
    if (document.kind === 'newer' || (document.kind === 'document' && document.durable > after.number)) return true
    start = end + 1
  }
  return false
}

/** Every run of zeros begins where a sector or the line begins, and ends where a sector or the file ends. */
function hasOnlyLostSectors(line: Buffer, offset: number, atFileEnd: boolean): boolean {
  let from = line.indexOf(0)
  while (from !== -1) {
    let to = from
    while (to < line.length && line[to] === 0) to += 1
    const startsRight = from === 0 || (offset + from) % SECTOR_BYTES === 0
    const endsRight = (atFileEnd && to === line.length) || (offset + to) % SECTOR_BYTES === 0
    if (!startsRight || !endsRight) return false
    from = line.indexOf(0, to)
  }
  return true
}

/** The beginning of the line that would have come next, and less than all of it with its newline. */
function isUnfinishedLine(line: Buffer, after: ChainEnd): boolean {
  const expected = lineStart(after)
  const compared = Math.min(expected.length, line.length)
  if (line.toString('latin1', 0, compared) !== expected.slice(0, compared)) return false
  for (const byte of line) if (byte < 0x20 || byte > 0x7e) return false
  const close = line.indexOf('}')
  if (close === -1) return true
  return close === line.length - 1 && readDocument(line).kind === 'document'
}
