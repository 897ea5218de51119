import type { History } from '../history.ts'
import type { Model } from '../model.ts'

/**
 * The definition, word for word and for small histories only: some permutation of the operations that returned and of
 * some of those in doubt keeps the order of time and is what the model does.
 */
export function isLinearizable<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: History<Input, Output>,
): boolean {
  const returned = history.filter((operation) => operation.returned !== undefined)
  const doubtful = history.filter((operation) => operation.returned === undefined)
  return subsetsOf(doubtful).some((spent) =>
    permutationsOf([...returned, ...spent]).some((order) => explains(model, order)),
  )
}

/** Whether an order keeps the order of time and is what the model does. */
export function explains<State, Input, Output>(
  model: Model<State, Input, Output>,
  order: History<Input, Output>,
): boolean {
  // Read from the end: whoever comes earlier in the order may not have been called after a later one returned.
  let returnedFirst = Infinity
  for (const { call, returned } of order.toReversed()) {
    if (call > returnedFirst) return false
    returnedFirst = Math.min(returnedFirst, returned ?? Infinity)
  }
  let state = model.init
  for (const operation of order) {
    const { ok, state: next } = model.step(state, operation)
    if (!ok) return false
    state = next
  }
  return true
}

function subsetsOf<T>(items: readonly T[]): readonly (readonly T[])[] {
  return items.reduce<readonly (readonly T[])[]>(
    (subsets, item) => subsets.flatMap((subset) => [subset, [...subset, item]]),
    [[]],
  )
}

function permutationsOf<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length === 0) return [[]]
  return items.flatMap((item, index) =>
    permutationsOf([...items.slice(0, index), ...items.slice(index + 1)]).map((rest) => [item, ...rest]),
  )
}
