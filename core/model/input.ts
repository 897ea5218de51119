import type { ClientId, ReplicaId, Sequence } from './ids.ts'

/**
 * A client's command on its way through the log.
 *
 * `payload` is the canonical encoding of what the machine is asked; it stays encoded until it is executed.
 * `proxy` is the replica that waits for the Outputs. (client, sequence) names the Input for ever: a retry is the
 * same Input and gets the first Output again. A `read` is ordered like an Input but may change nothing and
 * leaves no session behind. A `checkpoint` asks every replica to keep its State as it is after the slot: it is an Input
 * to the replicas and to no machine; and so is an `audit`, which asks every replica what it holds after the slot.
 */
export interface Input {
  readonly kind: 'input' | 'read' | 'checkpoint' | 'audit'
  readonly client: ClientId
  readonly sequence: Sequence
  readonly machine: string
  readonly payload: Uint8Array
  readonly proxy: ReplicaId
}

/** What stands in place of a machine's name in a CHECKPOINT. */
export const CHECKPOINT_MACHINE = '~checkpoint'
/** The same in an AUDIT. */
export const AUDIT_MACHINE = '~audit'

export function inputKey(input: Pick<Input, 'client' | 'sequence'>): string {
  return `${input.sequence}:${input.client}`
}
