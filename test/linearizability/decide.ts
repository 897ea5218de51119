import type { History } from './history.ts'
import type { Model } from './model.ts'
import { Search } from './search.ts'
import type { Budget } from './subject.ts'
import { subjectOf } from './subject.ts'
import { Sweep } from './sweep.ts'

export type Decision = { readonly configurations: number } & (
  | { readonly kind: 'linearizable' }
  /** The history up to any event before `stuckAt` is linearizable. An event's number. */
  | { readonly kind: 'not-linearizable'; readonly stuckAt: number }
  | { readonly kind: 'undecided'; readonly reason: string }
)

/** Enough for nearly every history; beyond, a depth-first search may have lost its way. */
const TURN_FIRST = 200_000
const TURN_GROWTH = 4

/**
 * Whether one partition is linearizable. The depth-first search is quick where the history is right, the sweep where
 * it is wrong in an intricate way: they take turns that grow, each with half of the memory, until one knows.
 */
export function decide<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: History<Input, Output>,
  { deadlineMs, memoryBytes }: Budget,
): Decision {
  const subject = subjectOf(model, history)
  const half = { deadlineMs, memoryBytes: memoryBytes / 2 }
  const search = new Search(subject, half)
  let sweep: Sweep<State, Input, Output> | undefined
  for (let turn = TURN_FIRST; ; turn *= TURN_GROWTH) {
    const searched = search.run(turn)
    if (isKnown(searched)) return { ...searched, configurations: search.configurations }
    sweep ??= new Sweep(subject, half)
    const swept = sweep.run(turn)
    const configurations = search.configurations + sweep.configurations
    if (isKnown(swept)) return { ...swept, configurations }
    // One that has reached a limit keeps saying so; when the other has as well, there is nothing left to try.
    if (searched !== undefined && swept !== undefined) return { ...searched, configurations }
  }
}

function isKnown<T extends { readonly kind: string }>(
  outcome: T | undefined,
): outcome is Exclude<T, { readonly kind: 'undecided' }> {
  return outcome !== undefined && outcome.kind !== 'undecided'
}
