import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ClusterId, ReplicaId } from '../model/ids.ts'
import type { LogRecord } from '../model/record.ts'
import { createFolder, cutFile } from './durable-file.ts'
import { StorageError, guarded } from './errors.ts'
import { headerFile, readHeader, writeHeader } from './folder-header.ts'
import type { FolderHeader } from './folder-header.ts'
import { chainStart } from './record-document.ts'
import type { ChainEnd } from './record-document.ts'
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
  /** The number of the segment to go on with; its file may not exist yet. */
  readonly segment: number
  /** Where the chain stands before that segment. */
  readonly segmentFrom: ChainEnd
  /** Bytes in the segments before it. */
  readonly sealedBytes: number
}

export interface RecoverInit {
  readonly folder: string
  readonly cluster: ClusterId
  readonly replica: ReplicaId
  /** A log was begun here: nothing is made anew where it is gone. */
  readonly mustExist?: boolean
  readonly onRecord: (record: LogRecord) => void
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
  const { folder, cluster, replica } = init
  // Before anything is made: a second look must find the log gone just as the first did.
  if (init.mustExist === true && !(await holdsAnything(folder))) {
    throw new StorageError({ code: 'STORAGE_LOG_GONE', folder })
  }
  await createFolder(folder)
  const found = await readHeader(folder, { cluster, replica })
  const segments = await listSegments(folder, found)
  const header = found ?? { cluster, replica, segmentLast: 0, durable: 0 }
  // Before the first segment: a folder with segments and no header has lost it.
  if (found === undefined) await writeHeader(folder, header)
  const scanned = await scanSegments(init, { segments, header })
  const recovery = {
    created: found === undefined,
    records: scanned.end.number,
    segments: segments.size,
    cutBytes: scanned.cutBytes,
  }
  return { ...scanned, header, recovery, segment: Math.max(1, ...segments) }
}

async function holdsAnything(folder: string): Promise<boolean> {
  const names = await guarded('read', folder, () => readdir(folder)).catch((error: unknown) => {
    if (error instanceof StorageError && isMissing(error.cause)) return []
    throw error
  })
  // With segments and no header the folder is damaged, which is another message.
  return names.length > 0
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

/**
 * Not `segment-000001.db~`, NeDB's copy of a segment that it had no time to put in its place: the segment itself is
 * whole then, and NeDB writes a new copy over the old one.
 */
const SEGMENT_NAME = /^segment-(\d{6,})\.db$/

/**
 * The numbers of the segments there are.
 *
 * @throws StorageError when there are some and no header.
 */
async function listSegments(folder: string, header: FolderHeader | undefined): Promise<ReadonlySet<number>> {
  const names = await guarded('read', folder, () => readdir(folder))
  const segments = names.flatMap((name) => {
    const digits = SEGMENT_NAME.exec(name)?.[1]
    return digits === undefined ? [] : [Number(digits)]
  })
  if (header === undefined && segments.length > 0) {
    throw new StorageError({ code: 'STORAGE_CORRUPT', file: headerFile(folder), recordIndex: 0 })
  }
  return new Set(segments)
}

interface ScannedSegments {
  readonly end: ChainEnd
  readonly segmentFrom: ChainEnd
  readonly sealedBytes: number
  readonly cutBytes: number
}

async function scanSegments(
  { folder, cluster, replica, onRecord }: RecoverInit,
  { segments, header }: { readonly segments: ReadonlySet<number>; readonly header: FolderHeader },
): Promise<ScannedSegments> {
  const segmentLast = Math.max(header.segmentLast, ...segments)
  let end = chainStart(cluster, replica)
  let segmentFrom = end
  let sealedBytes = 0
  let cutBytes = 0
  for (let segment = 1; segment <= segmentLast; segment += 1) {
    const file = segmentFile(folder, segment)
    if (!segments.has(segment)) throw corruptAfter(end, file)
    const last = segment === segmentLast
    segmentFrom = end
    const scanned = await scanSegment({ file, from: end, last, onRecord })
    end = scanned.end
    if (last && end.number < header.durable) throw corruptAfter(end, file)
    if (!last) sealedBytes += scanned.bytes
    cutBytes = scanned.bytes - scanned.bytesWhole
    if (cutBytes > 0) await cutFile(file, scanned.bytesWhole)
  }
  return { end, segmentFrom, sealedBytes, cutBytes }
}
