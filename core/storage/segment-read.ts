import { open } from 'node:fs/promises'
import { assert, present, unreachable } from '../base/assert.ts'
import type { Slot } from '../model/ids.ts'
import { slotAfter } from '../model/ids.ts'
import type { RecordStore, StoredSlot } from '../ports/record-store.ts'
import { StorageError, guarded } from './errors.ts'
import { base64Bytes, readDocument } from './record-document.ts'
import type { LinePlace } from './segment-content.ts'

/** Lines that lie together are read together, up to this: checking more would hold the loop for milliseconds. */
const SPAN_BYTES_MAX = 256 * 1024

/** Where the newest batch of a slot lies now. */
export interface SlotPlace extends LinePlace {
  readonly file: string
}

/**
 * The batches of the slots from `slotFrom` on, each line read and checked again: its checksum, its number, its slot.
 * `find` is asked again and again, because segments may be dropped meanwhile: then the answer ends there.
 *
 * @throws StorageError when a line is not what was written.
 */
export async function readSlots(
  find: (slot: Slot) => SlotPlace | undefined,
  { slotFrom, slotTo, bytesMax }: Parameters<RecordStore['read']>[0],
): Promise<readonly StoredSlot[]> {
  const found: StoredSlot[] = []
  let bytes = 0
  for (let next = slotFrom; next <= slotTo;) {
    const spanBytesMax = Math.min(SPAN_BYTES_MAX, base64Bytes(Math.max(0, bytesMax - bytes)))
    const span = spanFrom(next, slotTo, { find, spanBytesMax })
    const read = span === undefined ? undefined : await readSpan(span, find)
    if (span === undefined || read === undefined) return found
    for (const place of span.places) {
      const stored = storedAt(read, place, { slot: next, ...span })
      bytes += stored.value.length
      if (found.length > 0 && bytes > bytesMax) return found
      found.push(stored)
      next = slotAfter(next)
    }
  }
  return found
}

/** The lines of slots that follow each other, and the bytes of one file they lie in. */
interface Span {
  readonly file: string
  readonly slotFrom: Slot
  readonly places: readonly LinePlace[]
  readonly start: number
  readonly end: number
}

/** @returns as many slots as a span may hold, at least one; undefined when the first is not held. */
function spanFrom(
  slotFrom: Slot,
  slotTo: Slot,
  { find, spanBytesMax }: { readonly find: (slot: Slot) => SlotPlace | undefined; readonly spanBytesMax: number },
): Span | undefined {
  const places: LinePlace[] = []
  let start = Infinity
  let end = 0
  let file: string | undefined
  for (let slot = slotFrom; slot <= slotTo; slot = slotAfter(slot)) {
    const place = find(slot)
    if (place === undefined || (file !== undefined && place.file !== file)) break
    const startWith = Math.min(start, place.offset)
    const endWith = Math.max(end, place.offset + place.bytes)
    if (file !== undefined && endWith - startWith > spanBytesMax) break
    ;({ file } = place)
    places.push(place)
    start = startWith
    end = endWith
  }
  return file === undefined ? undefined : { file, slotFrom, places, start, end }
}

/** @returns the bytes of the span, or undefined when its segment was dropped meanwhile. */
async function readSpan(
  { file, slotFrom, places, start, end }: Span,
  find: (slot: Slot) => SlotPlace | undefined,
): Promise<Buffer | undefined> {
  try {
    return await guarded('read', file, async () => {
      const handle = await open(file, 'r')
      try {
        const bytes = Buffer.allocUnsafeSlow(end - start)
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, start)
        if (bytesRead !== bytes.length) throw damagedAt(file, present(places[0], 'a span has a place'))
        return bytes
      } finally {
        await handle.close()
      }
    })
  } catch (error) {
    // Dropped is what isn't found any more, and only then its file may go.
    if (find(slotFrom)?.file !== file) return undefined
    throw error
  }
}

function storedAt(
  read: Buffer,
  place: LinePlace,
  { slot, file, start }: Pick<Span, 'file' | 'start'> & { slot: Slot },
): StoredSlot {
  const line = read.subarray(place.offset - start, place.offset - start + place.bytes)
  assert(line.length === place.bytes, 'a span holds its lines')
  const document = readDocument(line)
  if (document.kind !== 'document' || document.number !== place.number) throw damagedAt(file, place)
  const { record } = document
  switch (record.kind) {
    case 'accepted':
    case 'learned':
      if (record.slot !== slot) throw damagedAt(file, place)
      return { slot, ballot: record.kind === 'accepted' ? record.ballot : undefined, value: record.value }
    case 'promised':
    case 'decided':
    case 'jumped':
      throw damagedAt(file, place)
    default:
      return unreachable(record)
  }
}

function damagedAt(file: string, { number }: LinePlace): StorageError {
  return new StorageError({ code: 'STORAGE_CORRUPT', file, recordIndex: number })
}
