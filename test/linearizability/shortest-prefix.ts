import type { Limits } from './checker.ts'
import { LIMITS, partitionsOf } from './checker.ts'
import { decide } from './decide.ts'
import type { History, Operation } from './history.ts'
import { prefixOf } from './history.ts'
import type { Model } from './model.ts'
import type { Budget } from './subject.ts'

export interface OffendingPrefix<Input, Output> {
  readonly partition: string
  /** The partition's part of the prefix; what had not returned by its end is in doubt. */
  readonly operations: History<Input, Output>
  /** The operation whose return ends the prefix: with it, no order explains the history any longer. */
  readonly last: Operation<Input, Output>
  /** False when a limit was reached before a shorter prefix could be ruled out. */
  readonly isShortest: boolean
}

/** The shortest prefix of `history` that is not linearizable; undefined when none was found. */
export function shortestOffendingPrefix<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: History<Input, Output>,
  limits: Limits = LIMITS,
): OffendingPrefix<Input, Output> | undefined {
  const budget = { deadlineMs: performance.now() + limits.timeMs, memoryBytes: limits.memoryBytes }
  let best: OffendingPrefix<Input, Output> | undefined
  let allDecided = true
  for (const [partition, operations] of partitionsOf(model, history)) {
    // What ends after the best prefix so far cannot be a shorter one.
    const within = best === undefined ? operations : prefixOf(operations, best.last.returned ?? Infinity)
    const offending = inPartition(model, within, budget)
    if (offending === 'undecided') allDecided = false
    else if (offending !== undefined) best = { partition, ...offending }
  }
  return best === undefined ? undefined : { ...best, isShortest: best.isShortest && allDecided }
}

type WithinPartition<Input, Output> = Omit<OffendingPrefix<Input, Output>, 'partition'>

function inPartition<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: History<Input, Output>,
  budget: Budget,
): WithinPartition<Input, Output> | 'undecided' | undefined {
  const whole = decide(model, operations, budget)
  if (whole.kind === 'undecided') return 'undecided'
  if (whole.kind === 'linearizable') return undefined
  const returns = operations
    .flatMap((operation) => (operation.returned === undefined ? [] : [{ at: operation.returned, operation }]))
    .sort((left, right) => left.at - right.at)
  const known = returns.findIndex(({ at }) => at >= whole.stuckAt)
  const { place, isShortest } = firstOffending(
    { from: known, to: returns.length - 1 },
    (index) => decide(model, prefixOf(operations, returns[index]?.at ?? Infinity), budget).kind,
  )
  const end = returns[place]
  if (end === undefined) throw new RangeError(`no return ${place}`)
  return { operations: prefixOf(operations, end.at), last: end.operation, isShortest }
}

/**
 * The first place in `from` to `to`, both included, whose prefix is not linearizable, given that the last one's is not.
 * The search got stuck at `from`, so the place is there or little later: steps double before the bisection.
 */
function firstOffending(
  { from, to }: { readonly from: number; readonly to: number },
  kindAt: (place: number) => 'linearizable' | 'not-linearizable' | 'undecided',
): { readonly place: number; readonly isShortest: boolean } {
  let low = from
  let high = to
  let isShortest = true
  let stride = 1
  let galloping = true
  while (low < high) {
    const probe = galloping ? Math.min(low + stride - 1, high - 1) : Math.floor((low + high) / 2)
    const kind = kindAt(probe)
    if (kind === 'undecided') isShortest = false
    if (kind === 'not-linearizable') {
      high = probe
      galloping = false
    } else {
      low = probe + 1
      stride *= 2
    }
  }
  return { place: high, isShortest }
}
