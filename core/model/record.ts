import type { Ballot } from './ballot.ts'
import type { Slot } from './ids.ts'

/** What a replica must not forget. Records are appended in order; a sync covers all that were appended before it. */
export type LogRecord =
  /** No ballot below this one will be answered. */
  | { readonly kind: 'promised'; readonly ballot: Ballot }
  /** This batch was accepted for this slot in this ballot; the ballot is promised with it. */
  | { readonly kind: 'accepted'; readonly slot: Slot; readonly ballot: Ballot; readonly value: Uint8Array }
  /** This batch was fetched, decided, from another replica. */
  | { readonly kind: 'learned'; readonly slot: Slot; readonly value: Uint8Array }
  /**
   * Every slot up to this one is decided, and its batch stands in a record before this one. An index that is written
   * twice in a row says that the next one was jumped to: the slots between are in a checkpoint of a majority.
   */
  | { readonly kind: 'decided'; readonly slot: Slot }
