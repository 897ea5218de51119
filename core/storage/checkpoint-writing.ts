import { present } from '../base/assert.ts'
import type { Digest } from '../model/digest.ts'
import type { Slot } from '../model/ids.ts'
import { PARTITIONS } from '../state/partition.ts'
import type { StateView } from '../state/view.ts'
import { CanonicalWriter } from './canonical-writer.ts'
import type { CheckpointDisk, WritableFile } from './checkpoint-disk.ts'
import { checkpointFailed, isDamage } from './checkpoint-disk.ts'
import type { CheckpointIndex, NamedFile, PackedPartition } from './checkpoint-file.ts'
import { indexAndFooter, rootOf } from './checkpoint-file.ts'
import { encodePartition, lengthOf, PACKED_BYTES_MIN, PACKING_LEVEL, packPartition } from './checkpoint-partition.ts'
import { openCheckpoint, POOL_TASKS_MAX, verifiedPartitions, verifyPartitions } from './checkpoint-reading.ts'
import type { Slices } from './checkpoint-slices.ts'
import { inOrder } from './checkpoint-slices.ts'
import type { ReceivedPartitions } from './received-partitions.ts'
import { endsWithNothing, ZstdLane } from './zstd-lane.ts'

/** Small partitions gather until so many bytes are written at once. */
const WRITE_BYTES = 256 * 1024
/** Synced as it grows: the log's sync, on the same disk, never waits behind more than this. */
const SYNC_BYTES = 4 * 1024 * 1024

export interface WritingInit {
  readonly disk: CheckpointDisk
  readonly named: NamedFile
  readonly slices: Slices
  /** As fast as can be, with what was received as it came. Otherwise gently: with little memory, so that V8 rests. */
  readonly isAwaited: boolean
  readonly received: Pick<ReceivedPartitions, 'get'>
  /** Throws when the store is to be closed: asked often. */
  readonly proceed: () => void
}

export interface FrozenCheckpoint {
  readonly slot: Slot
  readonly timeMs: number
  readonly state: StateView
}

export interface WrittenCheckpoint {
  readonly index: CheckpointIndex
  readonly fileBytes: number
}

/**
 * Writes a checkpoint under a name of its own and reads it back: every digest is computed again from what the file
 * gives. What fails is removed.
 *
 * @throws StorageError
 */
export async function writeVerified(init: WritingInit, frozen: FrozenCheckpoint): Promise<WrittenCheckpoint> {
  const { disk, named } = init
  try {
    const written = await writeCheckpoint(init, frozen)
    await verify(init, written.index)
    return written
  } catch (error) {
    // Best effort: what remains goes at the next opening.
    await disk.remove(named.file).catch(() => undefined)
    throw error
  }
}

async function writeCheckpoint(init: WritingInit, frozen: FrozenCheckpoint): Promise<WrittenCheckpoint> {
  const { disk, named } = init
  const { slot, timeMs } = frozen
  const file = await disk.create(named.file)
  try {
    const output = new GatheringFile(file)
    const partitions: PackedPartition[] = []
    let [keys, stateBytes] = [0, 0]
    for await (const part of packedPartitions(init, frozen.state)) {
      const { number, digest, rawBytes } = part
      const packedBytes = lengthOf(part.packed)
      partitions.push({ number, offset: output.bytes, packedBytes, rawBytes, digest })
      keys += part.keys
      stateBytes += rawBytes
      for (const chunk of part.packed) await output.append(chunk)
    }
    const index = { slot, timeMs, root: rootOf(partitions), keys, stateBytes, partitions }
    await output.append(indexAndFooter(index, named.owner))
    await output.flush()
    await file.sync()
    return { index, fileBytes: output.bytes }
  } finally {
    await file.close()
  }
}

interface NumberedPartition {
  readonly number: number
  readonly keys: number
  readonly digest: Digest
  readonly rawBytes: number
  readonly packed: readonly Uint8Array[]
}

/** In order. What was received is written as it came; the rest is encoded and packed. */
async function* packedPartitions(
  init: WritingInit,
  state: StateView,
): AsyncGenerator<NumberedPartition, undefined, undefined> {
  if (init.isAwaited) {
    yield* inOrder(awaitedPartitions(init, state), POOL_TASKS_MAX, packedHere)
    return
  }
  const lane = ZstdLane.packing(PACKING_LEVEL)
  try {
    for await (const { raw, ...partition } of encodedPartitions(init, state, new CanonicalWriter())) {
      yield { ...partition, packed: await packedIn(lane, raw) }
    }
  } finally {
    lane.close()
  }
}

interface RawPartition extends Omit<NumberedPartition, 'packed'> {
  readonly raw: Uint8Array
}

/** Each is packed while the next is encoded, so none shares memory with another. */
async function* awaitedPartitions(
  init: WritingInit,
  state: StateView,
): AsyncGenerator<NumberedPartition | RawPartition, undefined, undefined> {
  const { received, slices, proceed } = init
  for (let number = 0; number < PARTITIONS; number += 1) {
    proceed()
    if (slices.spent) await slices.pause()
    const digest = state.digestKept(number)
    const came = digest === undefined ? undefined : received.get(digest)
    if (digest !== undefined && came !== undefined) {
      yield { number, keys: came.keys, digest, rawBytes: came.rawBytes, packed: [came.packed] }
    } else {
      const encoded = await encodedAt(init, { state, number, writer: new CanonicalWriter() })
      if (encoded !== undefined) yield encoded
    }
  }
}

/** `writer`: each partition takes the memory of the one before. */
async function* encodedPartitions(
  init: WritingInit,
  state: StateView,
  writer: CanonicalWriter,
): AsyncGenerator<RawPartition, undefined, undefined> {
  for (let number = 0; number < PARTITIONS; number += 1) {
    init.proceed()
    if (init.slices.spent) await init.slices.pause()
    const encoded = await encodedAt(init, { state, number, writer })
    if (encoded !== undefined) yield encoded
  }
}

/** @returns undefined for a partition that is empty. */
async function encodedAt(
  { named, slices }: WritingInit,
  { state, number, writer }: { readonly state: StateView; readonly number: number; readonly writer: CanonicalWriter },
): Promise<RawPartition | undefined> {
  const entries = state.entries(number)
  if (entries.length === 0) return undefined
  const encoded = await encodePartition(entries, slices, writer)
  if (encoded === undefined) throw checkpointFailed(named.file, 'large')
  return { ...encoded, number, keys: entries.length, rawBytes: encoded.raw.length }
}

async function packedHere(partition: NumberedPartition | RawPartition): Promise<NumberedPartition> {
  if ('packed' in partition) return partition
  const { raw, ...rest } = partition
  return { ...rest, packed: [await packPartition(raw)] }
}

/** As `packPartition` does. */
async function packedIn(lane: ZstdLane, raw: Uint8Array): Promise<readonly Uint8Array[]> {
  if (raw.length < PACKED_BYTES_MIN) return [raw]
  // What packs to more is not used.
  const packed = present(await lane.run(raw, 2 * raw.length + PACKED_BYTES_MIN), 'whatever bytes can be packed')
  if (endsWithNothing(packed)) return [await packPartition(raw)]
  return lengthOf(packed) < raw.length ? packed : [raw]
}

async function verify(
  { disk, named, slices, isAwaited, proceed }: WritingInit,
  written: CheckpointIndex,
): Promise<void> {
  try {
    const opened = await openCheckpoint(disk, named)
    try {
      if (opened.index.root !== written.root || opened.index.slot !== written.slot) {
        throw checkpointFailed(named.file, 'differs')
      }
      if (isAwaited) for await (const _ of verifiedPartitions(opened, slices)) proceed()
      else await verifyPartitions(opened, slices, proceed)
    } finally {
      await opened.file.close()
    }
  } catch (error) {
    throw isDamage(error) ? checkpointFailed(named.file, 'differs', error) : error
  }
}

/** Makes few large writes of many small ones. */
class GatheringFile {
  readonly #file: WritableFile
  readonly #gathered = Buffer.allocUnsafe(WRITE_BYTES)
  #gatheredBytes = 0
  #unsyncedBytes = 0
  #bytes = 0

  constructor(file: WritableFile) {
    this.#file = file
  }

  /** Appended so far, written or not. */
  get bytes(): number {
    return this.#bytes
  }

  /** `bytes` may change afterwards. */
  async append(bytes: Uint8Array): Promise<void> {
    this.#bytes += bytes.length
    if (this.#gatheredBytes + bytes.length > WRITE_BYTES) await this.flush()
    if (bytes.length > WRITE_BYTES) {
      await this.#write(bytes)
      return
    }
    this.#gathered.set(bytes, this.#gatheredBytes)
    this.#gatheredBytes += bytes.length
  }

  async flush(): Promise<void> {
    if (this.#gatheredBytes === 0) return
    const gathered = this.#gathered.subarray(0, this.#gatheredBytes)
    this.#gatheredBytes = 0
    await this.#write(gathered)
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await this.#file.append(bytes)
    this.#unsyncedBytes += bytes.length
    if (this.#unsyncedBytes < SYNC_BYTES) return
    this.#unsyncedBytes = 0
    await this.#file.sync()
  }
}
