import type { Ballot } from '../model/ballot.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import type { LogRecord } from '../model/record.ts'
import type { AbdicationReason, BindingReply, OrderingMessage } from '../wire/ordering.ts'

/** Why leadership was taken or given up. */
export type ElectionReason =
  | 'silence'
  | 'elected'
  | 'higher-ballot'
  | 'lost-quorum'
  | 'disk-stall'
  | 'abdicated'
  | 'deposed'
  | 'no-promises'
  | 'recovery-stalled'

/** Why the old leader was given up, as the new one knows it. `first`: there was none since this replica started. */
export type ElectionCause = 'first' | 'silence' | AbdicationReason

/** A leader that trusts measured time. Off by default. */
export interface LeaseInit {
  /** By how much two members' clocks may drift apart while an election timeout passes. Unit: ms. */
  readonly clockBoundMs: number
}

export interface AddressedReply {
  readonly to: ReplicaId
  readonly message: BindingReply
}

/** What the ordering wants done, in order. `persist.then` leaves only when the record is durable. */
export type OrderingEffect =
  | { readonly kind: 'send'; readonly to: ReplicaId; readonly message: Exclude<OrderingMessage, BindingReply> }
  | { readonly kind: 'persist'; readonly record: LogRecord; readonly then: readonly AddressedReply[] }
  /** A quorum accepted this batch for this slot. Slots may come out of order, and twice. */
  | { readonly kind: 'chosen'; readonly slot: Slot; readonly ballot: Ballot; readonly value: Uint8Array }
  /** `from` knows slots to be decided that this replica can't decide by itself. */
  | { readonly kind: 'behind'; readonly slotDecided: Slot; readonly from: ReplicaId }
  /** This replica led at some moment after it was asked to confirm it; a read must have executed `slot`. */
  | { readonly kind: 'confirmed'; readonly number: number; readonly slot: Slot }
  /** This replica was elected: in whose place, and why. */
  | {
      readonly kind: 'elected'
      readonly ballot: Ballot
      readonly previous: { readonly leader: ReplicaId; readonly ballot: Ballot } | undefined
      readonly cause: ElectionCause
    }
  | { readonly kind: 'leader'; readonly leader: ReplicaId | undefined; readonly ballot: Ballot }
  | {
      readonly kind: 'role'
      readonly role: 'follower' | 'candidate' | 'leader'
      readonly ballot: Ballot
      readonly reason: ElectionReason
    }

/** Where the roles put what they want done. */
export type OrderingSink = (effect: OrderingEffect) => void
