import type { ReplicaId, ClientId, Sequence } from '../model/ids.ts'
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
    }
  | {
      readonly kind: 'read'
      readonly request: RequestNumber
      readonly machine: string
      readonly payload: Uint8Array
      readonly consistency: 'linearizable' | 'stale'
      readonly timeoutMs: number
    }
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
  /** Rehearsal only: from now on this replica's Outputs are wrong (or right again). */
  | { readonly kind: 'lie'; readonly active: boolean }
