import { PARTITIONS } from '../state/partition.ts'
import type { OnPartition, PackedPiece } from '../ports/checkpoint-store.ts'
import type { CheckpointDisk, ReadableFile } from './checkpoint-disk.ts'
import { damaged } from './checkpoint-disk.ts'
import type { CheckpointIndex, NamedFile, PackedPartition } from './checkpoint-file.ts'
import { readIndex } from './checkpoint-file.ts'
import { decodePartition, digestOf, digestOfChunks, lengthOf, unpackPartition } from './checkpoint-partition.ts'
import type { Slices } from './checkpoint-slices.ts'
import { inOrder } from './checkpoint-slices.ts'
import { ZstdLane } from './zstd-lane.ts'

/**
 * Stretches read, or large partitions packed, at once: while the pool has one, the next is made ready. More would keep a core
 * from the log and from requests, and be no faster.
 */
export const POOL_TASKS_MAX = 2

/** A checkpoint's file, open, and its index. */
export interface OpenCheckpoint {
  readonly path: string
  readonly file: ReadableFile
  readonly index: CheckpointIndex
}

/** @throws StorageError as `readIndex` does; the file is closed then. */
export async function openCheckpoint(disk: CheckpointDisk, named: NamedFile): Promise<OpenCheckpoint> {
  const file = await disk.open(named.file)
  try {
    return { path: named.file, file, index: await readIndex(file, named) }
  } catch (error) {
    await file.close()
    throw error
  }
}

export interface RawPartition extends PackedPartition {
  readonly raw: Uint8Array
}

/** Small partitions are read together until there are so many bytes: a trip to the disk for each would take longer. */
const READ_BYTES = 256 * 1024

/** Partitions that lie next to each other. */
interface Stretch {
  readonly offset: number
  bytes: number
  readonly partitions: PackedPartition[]
}

function stretchesOf(partitions: readonly PackedPartition[]): readonly Stretch[] {
  const stretches: Stretch[] = []
  for (const at of partitions) {
    const last = stretches.at(-1)
    if (last === undefined || last.bytes + at.packedBytes > READ_BYTES) {
      stretches.push({ offset: at.offset, bytes: at.packedBytes, partitions: [at] })
    } else {
      last.bytes += at.packedBytes
      last.partitions.push(at)
    }
  }
  return stretches
}

/**
 * The encodings of all partitions that are not empty, in order, each verified against its digest.
 *
 * @throws StorageError at the first that is not what the index says.
 */
export async function* verifiedPartitions(
  { path, file, index }: OpenCheckpoint,
  slices: Slices,
): AsyncGenerator<RawPartition, undefined, undefined> {
  const read = inOrder(stretchesOf(index.partitions), POOL_TASKS_MAX, async (stretch) => ({
    stretch,
    bytes: await file.read(stretch.offset, stretch.bytes),
  }))
  for await (const { stretch, bytes } of read) {
    for (const at of stretch.partitions) {
      const from = at.offset - stretch.offset
      const packed = bytes.subarray(from, from + at.packedBytes)
      const raw = packed.length === at.packedBytes ? await unpackPartition(packed, at.rawBytes) : undefined
      if (raw === undefined || (await digestOf(raw, slices)) !== at.digest) throw damaged(path)
      if (slices.spent) await slices.pause()
      yield { ...at, raw }
    }
  }
}

/**
 * As `verifiedPartitions`, and gives nothing of it: it takes little memory, and the same all the time.
 *
 * @throws StorageError as `verifiedPartitions` does.
 */
export async function verifyPartitions(opened: OpenCheckpoint, slices: Slices, proceed: () => void): Promise<void> {
  const { path, file, index } = opened
  const memory = Buffer.allocUnsafe(READ_BYTES)
  const lane = ZstdLane.unpacking()
  try {
    for (const stretch of stretchesOf(index.partitions)) {
      const bytes = await file.read(stretch.offset, stretch.bytes, memory)
      for (const at of stretch.partitions) {
        proceed()
        if (slices.spent) await slices.pause()
        const from = at.offset - stretch.offset
        const packed = bytes.subarray(from, from + at.packedBytes)
        const isWhole = packed.length === at.packedBytes
        const isPacked = at.packedBytes < at.rawBytes
        const raw = isWhole && isPacked ? await lane.run(packed, at.rawBytes) : [packed]
        if (raw === undefined || lengthOf(raw) !== at.rawBytes) throw damaged(path)
        if ((await digestOfChunks(raw, slices)) !== at.digest) throw damaged(path)
      }
    }
  } finally {
    lane.close()
  }
}

/** @throws StorageError as `verifiedPartitions` does. */
export async function loadCheckpoint(opened: OpenCheckpoint, slices: Slices, onPartition: OnPartition): Promise<void> {
  let keys = 0
  for await (const { number, raw, digest } of verifiedPartitions(opened, slices)) {
    const entries = await decodePartition(raw, slices)
    if (entries === undefined) throw damaged(opened.path)
    keys += entries.length
    onPartition(number, entries, digest)
  }
  if (keys !== opened.index.keys) throw damaged(opened.path)
}

export interface PieceQuery {
  readonly partition: number
  readonly offset: number
  readonly bytesMax: number
}

/** What lies outside of the partition is no bytes: another replica may ask for anything. */
export async function readPiece({ path, file, index }: OpenCheckpoint, query: PieceQuery): Promise<PackedPiece> {
  const { partition, offset, bytesMax } = query
  const at = find(index.partitions, partition)
  const packedBytes = at?.packedBytes ?? 0
  const rawBytes = at?.rawBytes ?? 0
  const length = Math.min(bytesMax, packedBytes - offset)
  const isInside = [partition, offset, bytesMax].every(Number.isSafeInteger) && offset >= 0 && length > 0
  if (at === undefined || !isInside) return { partition, offset, packedBytes, rawBytes, bytes: new Uint8Array() }
  const bytes = await file.read(at.offset + offset, length)
  if (bytes.length !== length) throw damaged(path)
  return { partition, offset, packedBytes, rawBytes, bytes }
}

function find(partitions: readonly PackedPartition[], number: number): PackedPartition | undefined {
  // The usual State leaves no partition empty: each stands at its number.
  const direct = partitions.length === PARTITIONS ? partitions[number] : undefined
  return direct ?? partitions.find((at) => at.number === number)
}
