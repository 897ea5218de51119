import type { AuditNote } from '../audit/effects.ts'
import type { CheckpointEffect, CheckpointNote } from '../checkpoint/effects.ts'
import type { Ballot } from '../model/ballot.ts'
import type { Digest } from '../model/digest.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import type { Input } from '../model/input.ts'
import type { Output } from '../model/output.ts'
import type { Proof } from '../model/proof.ts'
import type { LogRecord } from '../model/record.ts'
import type { FreeMessage } from '../wire/message.ts'
import type { BindingReply } from '../wire/ordering.ts'
import type { RequestNumber } from './events.ts'

/**
 * What a replica wants done, in order. The one rule: what stands in `persist.then` is sent only when `record`, and
 * every record before it, is durable. A reply addressed to the replica itself comes back to it as a message event.
 */
export type Effect =
  | { readonly kind: 'send'; readonly to: ReplicaId; readonly message: FreeMessage }
  | { readonly kind: 'persist'; readonly record: LogRecord; readonly then: readonly Addressed[] }
  | { readonly kind: 'reply'; readonly request: RequestNumber; readonly reply: Reply }
  | { readonly kind: 'note'; readonly note: Note }
  /** Read decided slots from the durable log, as many as fit a part, and give them back as `log-read`. */
  | { readonly kind: 'read-log'; readonly to: ReplicaId; readonly slotFrom: Slot; readonly slotTo: Slot }
  | Extract<CheckpointEffect, { kind: 'checkpoint' | 'certify' | 'retain' | 'read-checkpoint' | 'unpack' }>

export interface Addressed {
  readonly to: ReplicaId
  readonly message: BindingReply
}

/** How one replica stands to the Output of one Input. */
export interface Vote {
  readonly replica: ReplicaId
  /** `none`: no answer yet. `agrees` and `dissents` are measured against the majority Output, once there is one. */
  readonly sign: 'none' | 'answered' | 'agrees' | 'dissents'
  readonly digest: Digest | undefined
  /** From the request's arrival to this vote's; undefined while there is none. */
  readonly afterMs: number | undefined
  /** Over the digest of the slot, as it came; undefined for a read that cost no slot. */
  readonly signature: Uint8Array | undefined
}

export type FailReason = 'no-majority' | 'too-few-outputs'

export type Reply =
  | {
      readonly kind: 'output'
      readonly slot: Slot
      readonly output: Output
      readonly votes: readonly Vote[]
      /** There when it was asked for; null: a majority gave the Output, and too few signatures that stand came with it. */
      readonly proof?: Proof | null
    }
  /** The Input may still take effect; a retry with the same (client, sequence) is safe. */
  | {
      readonly kind: 'fail'
      readonly reason: FailReason
      readonly slot: Slot | undefined
      readonly votes: readonly Vote[]
    }
  /** Refused before ordering: the queue is full. Nothing happened. */
  | { readonly kind: 'busy' }
  /** A stale read: this replica's own State, nobody asked. */
  | { readonly kind: 'stale'; readonly slot: Slot; readonly output: Output }

/** For the operator. */
export type Note =
  | { readonly kind: 'role'; readonly role: Role; readonly ballot: Ballot; readonly reason: string }
  /** This replica was elected: in whose place, and why the old leader was given up. */
  | {
      readonly kind: 'election'
      readonly ballot: Ballot
      readonly previous: { readonly leader: ReplicaId; readonly ballot: Ballot } | undefined
      readonly cause: 'first' | 'silence' | 'abdicated' | 'lost-quorum' | 'disk-stall'
    }
  | { readonly kind: 'leader'; readonly leader: ReplicaId | undefined; readonly ballot: Ballot }
  /** A vote came with a signature that is not the replica's: it is in no proof. */
  | { readonly kind: 'signature-wrong'; readonly replica: ReplicaId; readonly slot: Slot }
  | CheckpointNote
  | AuditNote

export type Role = 'follower' | 'candidate' | 'leader'

/** The votes on one slot, as the proxy that waits for them knows them. */
export interface SlotVotes {
  readonly slot: Slot
  readonly ballot: Ballot
  readonly timeMs: number
  /** How many Inputs the slot holds; `inputs` has the first of them. */
  readonly inputCount: number
  readonly inputs: readonly InputVotes[]
}

export interface InputVotes {
  readonly input: Input
  /** Given once a majority answered alike. */
  readonly output: Output | undefined
  readonly failed: FailReason | undefined
  readonly votes: readonly Vote[]
}
