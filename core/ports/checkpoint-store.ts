import type { Certificate, CheckpointInfo } from '../model/checkpoint.ts'
import type { Digest } from '../model/digest.ts'
import type { Slot } from '../model/ids.ts'
import type { Entry } from '../state/partition.ts'
import type { StateView } from '../state/view.ts'

/** A piece of one partition of a checkpoint, packed as it lies on disk. */
export interface PackedPiece {
  readonly partition: number
  /** Where the piece begins in the packed partition. */
  readonly offset: number
  /** Of the whole packed partition. */
  readonly packedBytes: number
  /** Of the whole partition's encoding. */
  readonly rawBytes: number
  readonly bytes: Uint8Array
}

/** `digest`: what the entries were verified against. */
export type OnPartition = (partition: number, entries: readonly Entry[], digest: Digest) => void

/** The checkpoints of one replica on its disk. */
export interface CheckpointStore {
  /** Those that are whole, by rising slot. */
  readonly checkpoints: readonly CheckpointInfo[]
  /** Bytes on disk. */
  readonly bytes: number
  /**
   * Writes a frozen State without blocking the loop for more than a few milliseconds at a time. Resolves when the
   * file is synced, has its name, and was read back: every partition's digest and the root over them hold, computed
   * from the data. Rejects with a StorageError otherwise, and leaves the checkpoints that were there.
   */
  write: (checkpoint: {
    readonly slot: Slot
    readonly timeMs: number
    readonly state: StateView
    /** The replica can do little before it is written: not as gently then, and as fast as can be while nobody asks. */
    readonly isAwaited?: boolean | undefined
  }) => Promise<CheckpointInfo>
  /** Keeps a certificate with its checkpoint, durably. */
  certify: (certificate: Certificate) => Promise<void>
  /**
   * The entries of every partition that is not empty, each verified against its digest, and the root over them at the
   * end. Rejects with a StorageError when anything of it is damaged.
   */
  load: (slot: Slot, onPartition: OnPartition) => Promise<void>
  /** The digests of all partitions, in order. */
  digests: (slot: Slot) => Promise<readonly Digest[]>
  /** A piece of a partition; of an empty one `packedBytes` and `rawBytes` are 0. */
  piece: (query: {
    readonly slot: Slot
    readonly partition: number
    readonly offset: number
    readonly bytesMax: number
  }) => Promise<PackedPiece>
  /** The entries of a packed partition that was received; undefined when they are not what the digest says. */
  unpack: (
    packed: Uint8Array,
    expected: { readonly rawBytes: number; readonly digest: Digest },
  ) => Promise<readonly Entry[] | undefined>
  /** Removes all others. A checkpoint that is read at the moment goes when that read ends. */
  keep: (slots: readonly Slot[]) => Promise<void>
  close: () => Promise<void>
}
