import type { CheckpointInfo } from '../model/checkpoint.ts'
import type { Digest } from '../model/digest.ts'
import type { ClientId, ReplicaId, Sequence, Slot } from '../model/ids.ts'
import type { StoredSlot } from '../ports/record-store.ts'
import type { Entry } from '../state/partition.ts'
import type { CheckpointMessage } from '../wire/checkpoint.ts'
import type { Message } from '../wire/message.ts'

/** Names one waiting caller inside one process. */
export type RequestNumber = number

/** What can happen to a replica. Each comes with a reading of the clocks. */
export type ReplicaEvent =
  | { readonly kind: 'tick' }
  | { readonly kind: 'message'; readonly from: ReplicaId; readonly message: Message }
  | {
      readonly kind: 'submit'
      readonly request: RequestNumber
      readonly client: ClientId
      readonly sequence: Sequence
      readonly machine: string
      /** The canonical encoding of the machine's input, validated by the door it came through. */
      readonly payload: Uint8Array
      readonly timeoutMs: number
      /** The caller wants the proof of its Output. */
      readonly proof?: boolean | undefined
    }
  | {
      readonly kind: 'read'
      readonly request: RequestNumber
      readonly machine: string
      readonly payload: Uint8Array
      readonly consistency: 'linearizable' | 'stale'
      readonly timeoutMs: number
      /** Orders the read: only what stands in a slot is signed. */
      readonly proof?: boolean | undefined
    }
  /** The operator orders a CHECKPOINT. */
  | {
      readonly kind: 'checkpoint'
      readonly request: RequestNumber
      readonly timeoutMs: number
      readonly proof?: boolean | undefined
    }
  /** The operator orders an AUDIT. */
  | { readonly kind: 'audit'; readonly request: RequestNumber; readonly timeoutMs: number }
  /** Slots were read from the durable log, from `slotFrom` on; none when they are not there (yet, or any more). */
  | {
      readonly kind: 'log-read'
      readonly to: ReplicaId
      readonly slotFrom: Slot
      readonly slots: readonly StoredSlot[]
    }
  /** A checkpoint is on disk, read back and verified. */
  | { readonly kind: 'checkpoint-written'; readonly checkpoint: CheckpointInfo }
  | { readonly kind: 'checkpoint-failed'; readonly slot: Slot; readonly message: string }
  /** A certificate is on disk. Of one that could not be written nothing is told; it is tried again. */
  | { readonly kind: 'certified'; readonly slot: Slot }
  /** A checkpoint turned out damaged, and is not there any more. */
  | { readonly kind: 'checkpoint-lost'; readonly slot: Slot }
  /** What another replica asked for of a checkpoint. */
  | { readonly kind: 'checkpoint-read'; readonly to: ReplicaId; readonly messages: readonly CheckpointMessage[] }
  /** A received partition; without entries when it is not what its digest says. */
  | {
      readonly kind: 'unpacked'
      readonly partition: number
      readonly digest: Digest
      readonly entries: readonly Entry[] | undefined
    }
  /** A backup reads the checkpoint of this slot (0: none) and the log after it; undefined: it no longer does. */
  | { readonly kind: 'hold'; readonly slot: Slot | undefined }
  /** The caller no longer waits. */
  | { readonly kind: 'forget'; readonly request: RequestNumber }
  /** So many more records of its persist effects are durable, in order; told before what hung on them is delivered. */
  | { readonly kind: 'persisted'; readonly count: number }
  /** A connection to a member came or broke. */
  | { readonly kind: 'peer'; readonly replica: ReplicaId; readonly connected: boolean }
  /** The clocks jumped, or the process was suspended: what rests on measured time (a lease) is void. */
  | { readonly kind: 'clock-jumped' }
  /** The loop has no more events for now: what was gathered may leave together. */
  | { readonly kind: 'turn-ended' }
  /** Shut down or go to sleep: hand leadership over. */
  | { readonly kind: 'abdicate' }
  /** Rehearsal only: from now on this replica's Outputs are wrong, or now and then one (or right again). */
  | { readonly kind: 'lie'; readonly active: boolean; readonly how?: 'always' | 'sometimes' | undefined }
  /** Rehearsal: one byte of what it holds changes, of this key or of any, as in memory that rots. */
  | { readonly kind: 'tamper'; readonly key: string | undefined }
  /** Rehearsal: its own audit is broken, so nothing here finds it at fault. */
  | { readonly kind: 'disable-auditor'; readonly active: boolean }
