import type { History, Operation } from './history.ts'

export interface Step<State> {
  /** False when the operation's output cannot come from this state. */
  readonly ok: boolean
  /** The state afterwards; of no meaning when not `ok`. */
  readonly state: State
}

/**
 * What a right object does, one operation after another. States are values: `step` returns a new one, and the same
 * state and operation always give the same.
 */
export interface Model<State, Input, Output> {
  readonly init: State
  /** An operation whose `output` is undefined is right in every state: it takes effect as it may. */
  readonly step: (state: State, operation: Operation<Input, Output>) => Step<State>
  /** Equal for equal states and only for those. */
  readonly key: (state: State) => string
  /**
   * True when the operation, with its output, changes no state in which it is right: a read, or what was refused.
   * In doubt, a read says nothing.
   */
  readonly isRead: (operation: Operation<Input, Output>) => boolean
  /**
   * Operations in different partitions never touch the same state, so each is checked alone: a history is
   * linearizable exactly if each object's part of it is (Herlihy and Wing (1990), theorem 1).
   */
  readonly partitionOf?: (operation: Operation<Input, Output>) => string
  /**
   * An optional shortcut for one partition: answers false only when no order of its operations leads from `state`
   * to one in which `read` is right. undefined: nothing can be said about this partition.
   */
  readonly lookahead?: (
    partition: History<Input, Output>,
  ) => ((state: State, read: Operation<Input, Output>) => boolean) | undefined
}
