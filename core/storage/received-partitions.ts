import type { Digest } from '../model/digest.ts'

/** A partition as another replica gave it, verified against its digest. */
export interface ReceivedPartition {
  readonly packed: Uint8Array
  readonly rawBytes: number
  readonly keys: number
}

/** What does not fit is packed again when it is written: slower, and no more memory than this. */
const RECEIVED_BYTES_MAX = 64 * 1024 * 1024

/**
 * The packed form of what is received for a checkpoint, until that is written: to pack the same again costs more than
 * everything else of a state transfer.
 */
export class ReceivedPartitions {
  readonly #byDigest = new Map<Digest, ReceivedPartition>()
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number = RECEIVED_BYTES_MAX) {
    this.#bytesMax = bytesMax
  }

  put(digest: Digest, received: ReceivedPartition): void {
    if (this.#byDigest.has(digest) || this.#bytes + received.packed.length > this.#bytesMax) return
    this.#byDigest.set(digest, received)
    this.#bytes += received.packed.length
  }

  get(digest: Digest): ReceivedPartition | undefined {
    return this.#byDigest.get(digest)
  }

  clear(): void {
    this.#byDigest.clear()
    this.#bytes = 0
  }
}
