import type { Certificate } from '../model/checkpoint.ts'
import type { Digest } from '../model/digest.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import type { State } from '../state/state.ts'
import type { StateView } from '../state/view.ts'
import type { CheckpointMessage } from '../wire/checkpoint.ts'

/** What of a checkpoint another replica asked for. */
export type CheckpointQuery =
  | { readonly kind: 'digests' }
  | { readonly kind: 'pieces'; readonly pieces: readonly { readonly partition: number; readonly offset: number }[] }

export type CheckpointEffect =
  | { readonly kind: 'send'; readonly to: ReplicaId; readonly message: CheckpointMessage }
  /** Write this State as the checkpoint of the slot, in the background. `isAwaited`: a state transfer waits for it. */
  | {
      readonly kind: 'checkpoint'
      readonly slot: Slot
      readonly timeMs: number
      readonly state: StateView
      readonly isAwaited?: true
    }
  /** Keep the certificate with its checkpoint. */
  | { readonly kind: 'certify'; readonly certificate: Certificate }
  /** Log records of slots up to `slot`, and all checkpoints but these, may go. */
  | { readonly kind: 'retain'; readonly slot: Slot; readonly checkpoints: readonly Slot[] }
  /** Read this of a checkpoint, for that replica. */
  | { readonly kind: 'read-checkpoint'; readonly to: ReplicaId; readonly slot: Slot; readonly query: CheckpointQuery }
  /** Unpack a partition that was received, and check it against its digest. */
  | {
      readonly kind: 'unpack'
      readonly partition: number
      readonly digest: Digest
      readonly packed: Uint8Array
      readonly rawBytes: number
    }
  /** A majority vouches that slots up to there are decided and in its checkpoint. */
  | { readonly kind: 'jump'; readonly certificate: Certificate }
  /** This is the State after that slot: received, verified, and durable as a checkpoint. */
  | { readonly kind: 'install'; readonly slot: Slot; readonly state: State }
  | { readonly kind: 'checkpoint-note'; readonly note: CheckpointNote }

/** For the operator. */
export type CheckpointNote =
  | { readonly kind: 'checkpoint-taken'; readonly slot: Slot; readonly durationMs: number; readonly bytes: number }
  | { readonly kind: 'checkpoint-stable'; readonly slot: Slot }
  | { readonly kind: 'checkpoint-failed'; readonly slot: Slot; readonly message: string }
  /** A majority attested another root for this slot than this replica computed: its State is wrong. */
  | { readonly kind: 'checkpoint-deviates'; readonly slot: Slot; readonly own: Digest; readonly majority: Digest }
  /** Nobody else is there to receive the State from. */
  | { readonly kind: 'state-lost' }
  | { readonly kind: 'transfer-begun'; readonly slot: Slot; readonly sources: readonly ReplicaId[] }
  | { readonly kind: 'transfer-ended'; readonly slot: Slot; readonly bytes: number; readonly durationMs: number }

export type CheckpointSink = (effect: CheckpointEffect) => void
