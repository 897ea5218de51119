import type { History, Operation } from './history.ts'
import type { Model } from './model.ts'
import { decide } from './decide.ts'

export interface Limits {
  /** For one call of the checker. Unit: ms. */
  readonly timeMs: number
  /** For the tables of one partition's search; they are let go before the next begins. */
  readonly memoryBytes: number
}

export const LIMITS: Limits = { timeMs: 300_000, memoryBytes: 2 ** 30 }

export type Verdict =
  | { readonly kind: 'linearizable'; readonly configurations: number }
  | { readonly kind: 'not-linearizable'; readonly configurations: number; readonly partition: string }
  | { readonly kind: 'undecided'; readonly configurations: number; readonly reason: string }

/**
 * Whether some order of the operations, which keeps each before those called after it had returned, is what `model`
 * does. Undecided, with the reason, when a limit is reached first; a partition that is not linearizable decides even so.
 *
 * Source: Wing and Gong, Testing and verifying concurrent objects (1993); Lowe, Testing for linearizability (2017).
 */
export function check<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: History<Input, Output>,
  limits: Limits = LIMITS,
): Verdict {
  const deadlineMs = performance.now() + limits.timeMs
  let configurations = 0
  let undecided: string | undefined
  for (const [partition, operations] of partitionsOf(model, history)) {
    const found = decide(model, operations, { deadlineMs, memoryBytes: limits.memoryBytes })
    configurations += found.configurations
    if (found.kind === 'not-linearizable') return { kind: 'not-linearizable', configurations, partition }
    if (found.kind === 'undecided') undecided ??= inPartition(found.reason, partition)
  }
  if (undecided !== undefined) return { kind: 'undecided', configurations, reason: undecided }
  return { kind: 'linearizable', configurations }
}

/** By the name of the partition; a model without partitions has one, named by the empty string. */
export function partitionsOf<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: History<Input, Output>,
): ReadonlyMap<string, History<Input, Output>> {
  return Map.groupBy(history, (operation: Operation<Input, Output>) => model.partitionOf?.(operation) ?? '')
}

function inPartition(reason: string, partition: string): string {
  return partition === '' ? reason : `${reason} at key ${JSON.stringify(partition)}`
}
