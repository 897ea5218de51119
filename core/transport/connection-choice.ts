import type { MessageStreamDirection } from '@libp2p/interface'

/**
 * Two connections this close together are two dials that crossed. A second one that comes later means that its
 * dialer has lost the first. Longer than a dial may take, so that both replicas see it alike.
 */
export const CROSSING_MS = 5000

export interface ConnectionChoice {
  readonly current: MessageStreamDirection
  readonly currentAgeMs: number
  readonly next: MessageStreamDirection
  /** Whether this replica's id comes before the peer's. */
  readonly selfIsLower: boolean
}

/**
 * Whether a new connection to a peer takes the place of the one there is. Both replicas must come to the same answer,
 * or each would close the connection the other keeps: of crossed dials the lower id's stays.
 */
export function supersedes({ current, currentAgeMs, next, selfIsLower }: ConnectionChoice): boolean {
  if (next === current) return true
  if (currentAgeMs > CROSSING_MS) return true
  return (next === 'outbound') === selfIsLower
}
