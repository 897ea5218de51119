import * as v from 'valibot'
import type { Digest } from '../model/digest.ts'
import type { ClusterId, ReplicaId, Slot } from '../model/ids.ts'
import { LIMITS } from '../model/limits.ts'
import { DigestTree } from '../state/digest-tree.ts'
import { PARTITIONS } from '../state/partition.ts'
import { countSchema, digestSchema, slotSchema } from '../wire/schema.ts'
import { checksumOf, readCheckedLine } from './checked-line.ts'
import type { ReadableFile } from './checkpoint-disk.ts'
import { damaged } from './checkpoint-disk.ts'
import { EMPTY_PARTITION_DIGEST, sha256 } from './checkpoint-partition.ts'
import { StorageError } from './errors.ts'

/**
 * A checkpoint's file: the packed partitions that are not empty, back to back by rising number; the index, a checked
 * line; the footer, which says how long the index is. Every byte is covered by a digest of the index, by the index's
 * checksum, or by the footer's one form and place.
 *
 * The footer and the layout of the checked line, with `format` in it, stay the same in every format version.
 */
export const CHECKPOINT_FORMAT = 1

const FOOTER = /^synod checkpoint (\d{10})\n$/
const FOOTER_BYTES = 28
/** An index of all partitions has less than half of this. */
const INDEX_BYTES_MAX = 512 * 1024

/** Whose checkpoints a folder holds. */
export interface Owner {
  readonly cluster: ClusterId
  readonly replica: ReplicaId
}

/** Where a partition lies, and what it must be. It is packed when it is shorter than `rawBytes`. */
export interface PackedPartition {
  readonly number: number
  readonly offset: number
  readonly packedBytes: number
  readonly rawBytes: number
  readonly digest: Digest
}

export interface CheckpointIndex {
  readonly slot: Slot
  readonly timeMs: number
  readonly root: Digest
  readonly keys: number
  readonly stateBytes: number
  /** Those that are not empty, by rising number. */
  readonly partitions: readonly PackedPartition[]
}

const partitionSchema = v.strictTuple([
  v.pipe(countSchema, v.maxValue(PARTITIONS - 1)),
  v.pipe(countSchema, v.minValue(1)),
  v.pipe(countSchema, v.minValue(1), v.maxValue(LIMITS.partitionBytesMax)),
  digestSchema,
])
const indexSchema = v.strictObject({
  format: v.literal(CHECKPOINT_FORMAT),
  cluster: v.string(),
  replica: v.string(),
  slot: slotSchema,
  timeMs: countSchema,
  root: digestSchema,
  keys: countSchema,
  stateBytes: countSchema,
  partitions: v.pipe(v.array(partitionSchema), v.maxLength(PARTITIONS)),
  checksum: digestSchema,
})
const newerSchema = v.object({ format: v.pipe(v.number(), v.minValue(CHECKPOINT_FORMAT + 1)) })
const ownerSchema = v.object({ cluster: v.string(), replica: v.string() })

/** What follows the packed partitions. */
export function indexAndFooter(index: CheckpointIndex, { cluster, replica }: Owner): Uint8Array {
  const { slot, timeMs, root, keys, stateBytes } = index
  const partitions = index.partitions.map((at) => [at.number, at.packedBytes, at.rawBytes, at.digest])
  const head = { format: CHECKPOINT_FORMAT, cluster, replica, slot, timeMs, root, keys, stateBytes }
  const line = Buffer.from(checkedLine({ ...head, partitions }), 'utf8')
  const footer = `synod checkpoint ${String(line.length).padStart(10, '0')}\n`
  return Buffer.concat([line, Buffer.from(footer, 'latin1')])
}

/** With the newline that ends it. */
export function checkedLine(fields: object): string {
  return `${JSON.stringify({ ...fields, checksum: checksumOf(fields).checksum })}\n`
}

export interface NamedFile {
  readonly file: string
  readonly folder: string
  readonly owner: Owner
}

/**
 * Reads the index and nothing else of the file.
 *
 * @throws StorageError when it is damaged, of a newer format, or of another cluster or replica.
 */
export async function readIndex(opened: ReadableFile, named: NamedFile): Promise<CheckpointIndex> {
  const { file } = named
  const footer = await opened.read(Math.max(0, opened.bytes - FOOTER_BYTES), FOOTER_BYTES)
  const indexBytes = Number(FOOTER.exec(footer.toString('latin1'))?.[1])
  const indexOffset = opened.bytes - FOOTER_BYTES - indexBytes
  if (!(indexBytes <= INDEX_BYTES_MAX && indexOffset >= 0)) throw damaged(file)
  const line = await opened.read(indexOffset, indexBytes)
  const { partitions, ...found } = readOwnedLine(line, named, indexSchema)
  const index = { ...found, root: found.root, partitions: placed(partitions) }
  if (!isConsistent(index, indexOffset)) throw damaged(file)
  return index
}

/**
 * Reads a checked line of this cluster and replica.
 *
 * @throws StorageError when it is damaged, of a newer format, or of another cluster or replica.
 */
export function readOwnedLine<Schema extends v.GenericSchema<unknown, { readonly checksum: Digest }>>(
  line: Buffer,
  { file, folder, owner }: NamedFile,
  schema: Schema,
): v.InferOutput<Schema> {
  const read = line.at(-1) === 0x0a ? readCheckedLine(line.subarray(0, -1)) : undefined
  if (read === undefined) throw damaged(file)
  const newer = v.safeParse(newerSchema, read.value)
  if (newer.success) throw new StorageError({ code: 'STORAGE_FORMAT_NEWER', file, format: newer.output.format })
  const found = v.safeParse(ownerSchema, read.value)
  const parsed = v.safeParse(schema, read.value)
  if (!found.success || !parsed.success) throw damaged(file)
  const { cluster, replica } = found.output
  if (cluster !== owner.cluster || replica !== owner.replica) {
    throw new StorageError({ code: 'STORAGE_FOREIGN', folder, cluster, replica })
  }
  return parsed.output
}

function placed(rows: readonly v.InferOutput<typeof partitionSchema>[]): readonly PackedPartition[] {
  let end = 0
  return rows.map(([number, packedBytes, rawBytes, digest]) => {
    const offset = end
    end += packedBytes
    return { number, offset, packedBytes, rawBytes, digest }
  })
}

/** Whether the partitions fill the file up to the index, and are what the totals and the root are over. */
function isConsistent(index: CheckpointIndex, indexOffset: number): boolean {
  let before = -1
  let [packedBytes, stateBytes] = [0, 0]
  for (const at of index.partitions) {
    if (at.number <= before || at.packedBytes > at.rawBytes) return false
    before = at.number
    packedBytes += at.packedBytes
    stateBytes += at.rawBytes
  }
  return packedBytes === indexOffset && stateBytes === index.stateBytes && rootOf(index.partitions) === index.root
}

/** Of all partitions, in order. */
export function digestsOf(partitions: readonly PackedPartition[]): readonly Digest[] {
  const digests = Array.from({ length: PARTITIONS }, () => EMPTY_PARTITION_DIGEST)
  for (const { number, digest } of partitions) digests[number] = digest
  return digests
}

export function rootOf(partitions: readonly PackedPartition[]): Digest {
  return new DigestTree(sha256, digestsOf(partitions)).root
}
