import type { ReplicaId } from '../model/ids.ts'

/** Signatures by the keys behind the replicas' ids. */
export interface Signer {
  /** By this replica's own key; the same bytes give the same signature. */
  readonly sign: (bytes: Uint8Array) => Uint8Array
  /** Whether that replica signed these bytes. Never throws: what is no signature is no valid one. */
  readonly verify: (replica: ReplicaId, bytes: Uint8Array, signature: Uint8Array) => boolean
}
