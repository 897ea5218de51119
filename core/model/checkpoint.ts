import { encodeCanonical } from './canonical.ts'
import type { Digest } from './digest.ts'
import type { ClusterId, ReplicaId, Slot } from './ids.ts'

/** One replica's word that its State at a slot has this root, and that it holds a verified checkpoint of it on disk. */
export interface Attestation {
  readonly replica: ReplicaId
  /** Over `attestedBytes`, by the key behind the replica's id. */
  readonly signature: Uint8Array
}

/** Attestations of a majority to one root: whoever has it may trust the checkpoint, wherever its bytes come from. */
export interface Certificate {
  readonly slot: Slot
  readonly root: Digest
  readonly attestations: readonly Attestation[]
}

/** A checkpoint as it lies on a replica's disk, whole and verified. */
export interface CheckpointInfo {
  readonly slot: Slot
  /** Ordered time of the slot. Unit: ms since 1970. */
  readonly timeMs: number
  /** Digest of the whole State. */
  readonly root: Digest
  /** Keys in the State, sessions and all. */
  readonly keys: number
  /** The State's encoding, before compression. */
  readonly stateBytes: number
  readonly fileBytes: number
  /** From the freeze until it was verified on disk; undefined for one of an earlier life. Unit: ms. */
  readonly durationMs: number | undefined
  /** Absent until a majority attested the same root: the checkpoint is *stable* then. */
  readonly certificate: Certificate | undefined
}

/** What an attestation signs. The first word keeps it from ever being what a replica signs for another purpose. */
export function attestedBytes({
  cluster,
  slot,
  root,
}: {
  readonly cluster: ClusterId
  readonly slot: Slot
  readonly root: Digest
}): Uint8Array {
  return encodeCanonical(['synod checkpoint', cluster, slot, root])
}
