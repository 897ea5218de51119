import type { Ballot } from './ballot.ts'
import type { Certificate } from './checkpoint.ts'
import type { Slot } from './ids.ts'

/** What a replica must not forget. Records are appended in order; a sync covers all that were appended before it. */
export type LogRecord =
  /** No ballot below this one will be answered. */
  | { readonly kind: 'promised'; readonly ballot: Ballot }
  /** This batch was accepted for this slot in this ballot; the ballot is promised with it. */
  | { readonly kind: 'accepted'; readonly slot: Slot; readonly ballot: Ballot; readonly value: Uint8Array }
  /** This batch was fetched, decided, from another replica. */
  | { readonly kind: 'learned'; readonly slot: Slot; readonly value: Uint8Array }
  /** Every slot up to this one is decided, and its batch stands in a record before this one. */
  | { readonly kind: 'decided'; readonly slot: Slot }
  /**
   * The log goes on after the checkpoint that a majority vouches for here. What was accepted before for slots up to
   * there need not be what was decided for them. Whoever still holds that checkpoint learns from this that it is stable.
   */
  | { readonly kind: 'jumped'; readonly certificate: Certificate }
