import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { ClusterId, ReplicaId } from '../model/ids.ts'
import type { LogRecord } from '../model/record.ts'
import { createFolder, cutFile, fileOperations } from './durable-file.ts'
import type { FileOperations } from './durable-file.ts'
import { StorageError, guarded } from './errors.ts'
import { firstHeader, headerFile, readHeader, writeHeader } from './folder-header.ts'
import type { FolderHeader } from './folder-header.ts'
import type { ChainEnd } from './record-document.ts'
import { SegmentContent } from './segment-content.ts'
import { corruptAfter, scanSegment } from './segment-scan.ts'

/** What was found when a log was opened. */
export interface Recovery {
  /** True when there was no log: whoever expected one has forgotten its promises. */
  readonly created: boolean
  readonly records: number
  readonly segments: number
  /** Bytes of an interrupted, never acknowledged write that were cut off; 0 when the log ended cleanly. */
  readonly cutBytes: number
}

export interface RecoveredFolder {
  readonly header: FolderHeader
  readonly recovery: Recovery
  readonly end: ChainEnd
  /** Oldest first. The last one is to go on with; its file may not exist yet. */
  readonly segments: readonly SegmentContent[]
}

export interface RecoverInit {
  readonly folder: string
  readonly cluster: ClusterId
  readonly replica: ReplicaId
  /** A log was begun here: nothing is made anew where it is gone. */
  readonly mustExist?: boolean
  readonly onRecord: (record: LogRecord) => void
  readonly files?: FileOperations
}

export function segmentFile(folder: string, segment: number): string {
  return join(folder, `segment-${String(segment).padStart(6, '0')}.db`)
}

/**
 * Verifies the raw files of a folder, before NeDB may touch them, tells every record in order, and cuts off what an
 * interrupted write left behind. Creates the folder and its header when there is nothing yet.
 *
 * @throws StorageError
 */
export async function recoverFolder(init: RecoverInit): Promise<RecoveredFolder> {
  const { folder, cluster, replica, files = fileOperations } = init
  if (init.mustExist === true) await refuseWhereGone(folder)
  await createFolder(folder)
  const found = await readHeader(folder, { cluster, replica })
  const numbers = await listSegments(folder, found)
  const header = found ?? firstHeader(cluster, replica)
  // Before the first segment: a folder with segments and no header has lost it.
  if (found === undefined) await writeHeader(folder, header, files)
  if (header.promised !== undefined) init.onRecord({ kind: 'promised', ballot: header.promised })
  const { segments, end, cutBytes } = await scanSegments(init, { numbers, header })
  // Only now: what is refused stays as it was found.
  await removeDropped(folder, header, files)
  const recovery = {
    created: found === undefined,
    records: end.number - header.base.number,
    segments: segments.length,
    cutBytes,
  }
  if (segments.length === 0) segments.push(new SegmentContent(header.segmentFirst, end))
  return { header, recovery, end, segments }
}

/**
 * The amnesia rule, for a folder in which a log was begun. To be asked before anything is made there: a second look
 * must find the log gone just as the first did.
 *
 * @throws StorageError STORAGE_LOG_GONE where nothing of a log is left; another where that can't be told.
 */
export async function refuseWhereGone(folder: string): Promise<void> {
  if (!(await holdsLog(folder))) throw new StorageError({ code: 'STORAGE_LOG_GONE', folder })
}

async function holdsLog(folder: string): Promise<boolean> {
  const names = await guarded('read', folder, () => readdir(folder)).catch((error: unknown) => {
    if (error instanceof StorageError && isMissing(error.cause)) return []
    throw error
  })
  // Of the log, that is: checkpoints lie beside it, and hold no promise; nor does a copy that NeDB had no time to
  // name. With segments and no header the folder is damaged, which is another message.
  return names.some((name) => name === basename(headerFile(folder)) || SEGMENT_NAME.exec(name)?.[2] === '')
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

/** With `~`, NeDB's copy of a segment that it had no time to put in its place. */
const SEGMENT_NAME = /^segment-(\d{6,})\.db(~?)$/

/**
 * The numbers of the segments there are. A copy that NeDB left is none: the segment itself is whole then, and NeDB
 * writes a new copy over the old one.
 *
 * @throws StorageError when there are some and no header.
 */
async function listSegments(folder: string, header: FolderHeader | undefined): Promise<ReadonlySet<number>> {
  const names = await guarded('read', folder, () => readdir(folder))
  const numbers = names.flatMap((name) => {
    const [, digits, copy] = SEGMENT_NAME.exec(name) ?? []
    return digits === undefined || copy === '~' ? [] : [Number(digits)]
  })
  if (header === undefined && numbers.length > 0) {
    throw new StorageError({ code: 'STORAGE_CORRUPT', file: headerFile(folder), recordIndex: 0 })
  }
  return new Set(numbers)
}

interface ScannedSegments {
  readonly segments: SegmentContent[]
  readonly end: ChainEnd
  readonly cutBytes: number
}

async function scanSegments(
  { folder, onRecord }: RecoverInit,
  { numbers, header }: { readonly numbers: ReadonlySet<number>; readonly header: FolderHeader },
): Promise<ScannedSegments> {
  const segmentLast = Math.max(header.segmentLast, ...numbers)
  const segments: SegmentContent[] = []
  let end = header.base
  let cutBytes = 0
  for (let number = header.segmentFirst; number <= segmentLast; number += 1) {
    const file = segmentFile(folder, number)
    if (!numbers.has(number)) throw corruptAfter(end, file)
    const last = number === segmentLast
    const content = new SegmentContent(number, end)
    const scanned = await scanSegment({
      file,
      from: end,
      last,
      onRecord: (record, place) => {
        content.add(record, place)
        onRecord(record)
      },
    })
    ;({ end } = scanned)
    if (last && end.number < header.durable) throw corruptAfter(end, file)
    content.bytes = scanned.bytesWhole
    if (!last) content.seal()
    segments.push(content)
    cutBytes = scanned.bytes - scanned.bytesWhole
    if (cutBytes > 0) await cutFile(file, scanned.bytesWhole)
  }
  return { segments, end, cutBytes }
}

/** What a truncation no longer wanted and had no time to remove, whatever is in it. */
async function removeDropped(folder: string, header: FolderHeader, files: FileOperations): Promise<void> {
  const names = await guarded('read', folder, () => readdir(folder))
  const dropped = names.filter((name) => {
    const digits = SEGMENT_NAME.exec(name)?.[1]
    return digits !== undefined && Number(digits) < header.segmentFirst
  })
  if (dropped.length === 0) return
  // The header that was read may have its name in memory only: it must not be lost when the segments are.
  await files.syncFolder(folder)
  for (const name of dropped) await files.remove(join(folder, name))
  await files.syncFolder(folder)
}
