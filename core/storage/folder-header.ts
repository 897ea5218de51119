import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import type { ClusterId, ReplicaId } from '../model/ids.ts'
import { countSchema, digestSchema } from '../wire/schema.ts'
import { checksumOf, readCheckedLine } from './checked-line.ts'
import { replaceFile } from './durable-file.ts'
import { StorageError, storageErrorFrom } from './errors.ts'
import { STORAGE_FORMAT } from './record-document.ts'

/** Whose log a folder holds, and how much of it must be there. */
export interface FolderHeader {
  readonly cluster: ClusterId
  readonly replica: ReplicaId
  /** The number of the last segment known created. One more may exist, when a crash came before this was noted. */
  readonly segmentLast: number
  /** Every record up to this number was durable when the header was written: fewer means that records were lost. */
  readonly durable: number
}

const headerSchema = v.strictObject({
  format: v.literal(STORAGE_FORMAT),
  cluster: v.string(),
  replica: v.string(),
  segmentLast: countSchema,
  durable: countSchema,
  checksum: digestSchema,
})
const formatSchema = v.object({ format: v.pipe(v.number(), v.minValue(STORAGE_FORMAT + 1)) })

export function headerFile(folder: string): string {
  return join(folder, 'header.json')
}

/**
 * Reads the folder's header; undefined when there is none.
 *
 * @throws StorageError when it is damaged, of a newer format, or of another cluster or replica.
 */
export async function readHeader(
  folder: string,
  { cluster, replica }: Pick<FolderHeader, 'cluster' | 'replica'>,
): Promise<FolderHeader | undefined> {
  const file = headerFile(folder)
  const bytes = await readIfThere(file)
  if (bytes === undefined) return undefined
  const line = bytes.at(-1) === 0x0a ? readCheckedLine(bytes.subarray(0, -1)) : undefined
  if (line === undefined) throw new StorageError({ code: 'STORAGE_CORRUPT', file, recordIndex: 0 })
  const newer = v.safeParse(formatSchema, line.value)
  if (newer.success) throw new StorageError({ code: 'STORAGE_FORMAT_NEWER', file, format: newer.output.format })
  const parsed = v.safeParse(headerSchema, line.value)
  if (!parsed.success) throw new StorageError({ code: 'STORAGE_CORRUPT', file, recordIndex: 0 })
  const found = parsed.output
  if (found.cluster !== cluster || found.replica !== replica) {
    throw new StorageError({ code: 'STORAGE_FOREIGN', folder, cluster: found.cluster, replica: found.replica })
  }
  return { cluster, replica, segmentLast: found.segmentLast, durable: found.durable }
}

/**
 * Replaces the folder's header, durably.
 *
 * @throws StorageError
 */
export async function writeHeader(folder: string, header: FolderHeader): Promise<void> {
  const { cluster, replica, segmentLast, durable } = header
  const fields = { format: STORAGE_FORMAT, cluster, replica, segmentLast, durable }
  const line = JSON.stringify({ ...fields, checksum: checksumOf(fields).checksum })
  await replaceFile(headerFile(folder), `${line}\n`)
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw storageErrorFrom('read', file, cause)
  }
}
