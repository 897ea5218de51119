import type { Slot } from '../model/ids.ts'
import { PARTITIONS } from '../state/partition.ts'
import type { StateView } from '../state/view.ts'
import type { CheckpointDisk, WritableFile } from './checkpoint-disk.ts'
import { checkpointFailed, isDamage } from './checkpoint-disk.ts'
import type { CheckpointIndex, NamedFile, PackedPartition } from './checkpoint-file.ts'
import { indexAndFooter, rootOf } from './checkpoint-file.ts'
import { encodePartition, packPartition } from './checkpoint-partition.ts'
import type { EncodedPartition } from './checkpoint-partition.ts'
import { openCheckpoint, POOL_TASKS_MAX, verifiedPartitions } from './checkpoint-reading.ts'
import type { Slices } from './checkpoint-slices.ts'
import { inOrder } from './checkpoint-slices.ts'

/** Small partitions gather until so many bytes are written at once. */
const WRITE_BYTES = 256 * 1024

export interface WritingInit {
  readonly disk: CheckpointDisk
  readonly named: NamedFile
  readonly slices: Slices
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
    for await (const part of inOrder(encodedPartitions(init, frozen.state), POOL_TASKS_MAX, packed)) {
      const { number, digest, rawBytes } = part
      partitions.push({ number, offset: output.bytes, packedBytes: part.packed.length, rawBytes, digest })
      keys += part.keys
      stateBytes += rawBytes
      await output.append(part.packed)
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

interface NumberedPartition extends EncodedPartition {
  readonly number: number
  readonly keys: number
}

async function* encodedPartitions(
  { named, slices, proceed }: WritingInit,
  state: StateView,
): AsyncGenerator<NumberedPartition, undefined, undefined> {
  for (let number = 0; number < PARTITIONS; number += 1) {
    proceed()
    if (slices.spent) await slices.pause()
    const entries = state.entries(number)
    if (entries.length === 0) continue
    const encoded = await encodePartition(entries, slices)
    if (encoded === undefined) throw checkpointFailed(named.file, 'large')
    yield { ...encoded, number, keys: entries.length }
  }
}

async function packed({ number, keys, digest, raw }: NumberedPartition) {
  return { number, keys, digest, rawBytes: raw.length, packed: await packPartition(raw) }
}

async function verify({ disk, named, slices, proceed }: WritingInit, written: CheckpointIndex): Promise<void> {
  try {
    const opened = await openCheckpoint(disk, named)
    try {
      if (opened.index.root !== written.root || opened.index.slot !== written.slot) {
        throw checkpointFailed(named.file, 'differs')
      }
      for await (const _ of verifiedPartitions(opened, slices)) proceed()
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
  #gathered: Uint8Array[] = []
  #gatheredBytes = 0
  #bytes = 0

  constructor(file: WritableFile) {
    this.#file = file
  }

  /** Appended so far, written or not. */
  get bytes(): number {
    return this.#bytes
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#gathered.push(bytes)
    this.#gatheredBytes += bytes.length
    this.#bytes += bytes.length
    if (this.#gatheredBytes >= WRITE_BYTES) await this.flush()
  }

  async flush(): Promise<void> {
    const gathered = this.#gathered
    this.#gathered = []
    this.#gatheredBytes = 0
    const [first] = gathered
    if (first !== undefined) await this.#file.append(gathered.length === 1 ? first : Buffer.concat(gathered))
  }
}
