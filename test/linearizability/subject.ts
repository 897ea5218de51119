import { serialize } from 'node:v8'
import type { History, Operation } from './history.ts'
import type { Model } from './model.ts'

/** One partition's operations, sorted out for a search; each kind is counted from 0 in the order of calls. */
export interface Subject<State, Input, Output> {
  readonly model: Model<State, Input, Output>
  readonly returned: History<Input, Output>
  /** In doubt; without reads, which then say nothing. */
  readonly doubtful: History<Input, Output>
  /** For each operation in doubt the equal one called just before it, or -1. */
  readonly twin: Int32Array
  /** For each operation that returned: 1 if it is a read. */
  readonly isRead: Uint8Array
  /** Those that returned and are reads, by their return; empty where there is no lookahead. */
  readonly reads: readonly number[]
  readonly canLeadTo: (state: State, read: Operation<Input, Output>) => boolean
}

export interface Budget {
  /** On the clock of performance.now(). Unit: ms. */
  readonly deadlineMs: number
  /** What the search's own tables may take. */
  readonly memoryBytes: number
}

export function subjectOf<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: History<Input, Output>,
): Subject<State, Input, Output> {
  const byCall = history.toSorted((left, right) => left.call - right.call)
  const returned = byCall.filter((operation) => operation.returned !== undefined)
  const doubtful = byCall.filter((operation) => operation.returned === undefined && !model.isRead(operation))
  const canLeadTo = model.lookahead?.(byCall)
  return {
    model,
    returned,
    doubtful,
    twin: twinsOf(doubtful),
    isRead: Uint8Array.from(returned, (operation) => (model.isRead(operation) ? 1 : 0)),
    reads: canLeadTo === undefined ? [] : readsOf(model, returned),
    canLeadTo: canLeadTo ?? (() => true),
  }
}

export function operationOf<Input, Output>(
  operations: History<Input, Output>,
  index: number,
): Operation<Input, Output> {
  const operation = operations[index]
  if (operation === undefined) throw new RangeError(`no operation ${index}`)
  return operation
}

export const MEMORY_REASON = 'the memory limit was reached'
export const TIME_REASON = 'the time limit was reached'

function readsOf<State, Input, Output>(
  model: Model<State, Input, Output>,
  returned: History<Input, Output>,
): readonly number[] {
  return returned
    .flatMap((operation, index) => (model.isRead(operation) ? [{ at: operation.returned ?? 0, index }] : []))
    .sort((left, right) => left.at - right.at)
    .map(({ index }) => index)
}

function twinsOf(operations: History<unknown, unknown>): Int32Array {
  const last = new Map<string, number>()
  return Int32Array.from(operations, ({ input }, index) => {
    const text = serialize(input).toString('latin1')
    const twin = last.get(text) ?? -1
    last.set(text, index)
    return twin
  })
}
