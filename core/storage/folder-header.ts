import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import type { Ballot } from '../model/ballot.ts'
import type { ClusterId, ReplicaId } from '../model/ids.ts'
import { countSchema, digestSchema } from '../wire/schema.ts'
import { checksumOf, readCheckedLine } from './checked-line.ts'
import { fileOperations, replaceFile } from './durable-file.ts'
import type { FileOperations } from './durable-file.ts'
import { StorageError, storageErrorFrom } from './errors.ts'
import { chainStart } from './record-document.ts'
import type { ChainEnd } from './record-document.ts'

/** The version of the header; a folder written by a newer one is refused. Records have a version of their own. */
const HEADER_FORMAT = 2

/** Whose log a folder holds, and how much of it must be there. */
export interface FolderHeader {
  readonly cluster: ClusterId
  readonly replica: ReplicaId
  /** The number of the first segment that counts. One before it is what an interrupted truncation left behind. */
  readonly segmentFirst: number
  /** Where the chain stands before that segment. */
  readonly base: ChainEnd
  /** The highest ballot promised or accepted in what was truncated. */
  readonly promised: Ballot | undefined
  /** The number of the last segment known created. One more may exist, when a crash came before this was noted. */
  readonly segmentLast: number
  /** Every record up to this number was durable when the header was written: fewer means that records were lost. */
  readonly durable: number
}

/** The header of a log that is begun. */
export function firstHeader(cluster: ClusterId, replica: ReplicaId): FolderHeader {
  const base = chainStart(cluster, replica)
  return { cluster, replica, segmentFirst: 1, base, promised: undefined, segmentLast: 0, durable: 0 }
}

const common = { cluster: v.string(), replica: v.string(), segmentLast: countSchema, durable: countSchema }

const headerSchema = v.variant('format', [
  /** Written before logs were truncated. */
  v.strictObject({ format: v.literal(1), ...common, checksum: digestSchema }),
  v.strictObject({
    format: v.literal(HEADER_FORMAT),
    ...common,
    segmentFirst: v.pipe(countSchema, v.minValue(1)),
    base: v.strictObject({ number: countSchema, checksum: digestSchema }),
    promised: v.nullable(v.strictObject({ round: countSchema, proposer: v.string() })),
    checksum: digestSchema,
  }),
])
const formatSchema = v.object({ format: v.pipe(v.number(), v.minValue(HEADER_FORMAT + 1)) })

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
  const { segmentLast, durable } = found
  const first = { ...firstHeader(cluster, replica), segmentLast, durable }
  if (found.format === 1) return first
  const { segmentFirst, base, promised } = found
  return { ...first, segmentFirst, base, promised: promised === null ? undefined : ballotOf(promised) }
}

function ballotOf({ round, proposer }: { readonly round: number; readonly proposer: string }): Ballot {
  return { round, proposer: proposer as ReplicaId }
}

/**
 * Replaces the folder's header, durably.
 *
 * @throws StorageError
 */
export async function writeHeader(
  folder: string,
  header: FolderHeader,
  operations: FileOperations = fileOperations,
): Promise<void> {
  const { promised = null, ...rest } = header
  const fields = { format: HEADER_FORMAT, ...rest, promised }
  const line = JSON.stringify({ ...fields, checksum: checksumOf(fields).checksum })
  await replaceFile(headerFile(folder), `${line}\n`, operations)
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw storageErrorFrom('read', file, cause)
  }
}
