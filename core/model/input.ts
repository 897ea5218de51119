import type { ClientId, ReplicaId, Sequence } from './ids.ts'

/**
 * A client's command on its way through the log.
 *
 * `payload` is the canonical encoding of what the machine is asked; it stays encoded until it is executed.
 * `proxy` is the replica that waits for the Outputs. (client, sequence) names the Input for ever: a retry is the
 * same Input and gets the first Output again. A `read` is ordered like an Input but may change nothing and
 * leaves no session behind.
 */
export interface Input {
  readonly kind: 'input' | 'read'
  readonly client: ClientId
  readonly sequence: Sequence
  readonly machine: string
  readonly payload: Uint8Array
  readonly proxy: ReplicaId
}

export function inputKey(input: Pick<Input, 'client' | 'sequence'>): string {
  return `${input.sequence}:${input.client}`
}
