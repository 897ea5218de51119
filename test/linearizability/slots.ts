import type { History } from './history.ts'

/** One return, with what was under way then. */
export interface Stage {
  /** The operation that returns, counted from 0 in the order of calls. */
  readonly operation: number
  readonly slot: number
  /** The operations under way just before, by slot; -1 where a slot is free. Valid until the next stage. */
  readonly open: Int32Array
}

/** So many slots are enough: the most operations under way at once. */
export function slotsNeeded(returned: History<unknown, unknown>): number {
  let open = 0
  let most = 0
  for (const { isReturn } of eventsOf(returned)) {
    open += isReturn ? -1 : 1
    most = Math.max(most, open)
  }
  return most
}

/** Goes through the returns in order of time. A slot is given at the call and is free again after the return. */
export function* stagesOf(returned: History<unknown, unknown>): Generator<Stage, undefined> {
  const open = new Int32Array(slotsNeeded(returned)).fill(-1)
  const slotOf = new Int32Array(returned.length)
  for (const { isReturn, operation } of eventsOf(returned)) {
    if (isReturn) {
      const slot = slotOf[operation] ?? 0
      yield { operation, slot, open }
      open[slot] = -1
    } else {
      const slot = open.indexOf(-1)
      slotOf[operation] = slot
      open[slot] = operation
    }
  }
  return undefined
}

interface Event {
  readonly order: number
  readonly isReturn: boolean
  readonly operation: number
}

/** Of two events with one number the call comes first: the operations then overlap, which forbids less. */
function eventsOf(returned: History<unknown, unknown>): readonly Event[] {
  return returned
    .flatMap(({ call, returned: end = Infinity }, operation) => [
      { order: call, isReturn: false, operation },
      { order: end, isReturn: true, operation },
    ])
    .sort((left, right) => left.order - right.order || Number(left.isReturn) - Number(right.isReturn))
}
