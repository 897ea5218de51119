import type { LogSlotView, ReplicaView } from '../../core/api/views.ts'

export type LogOrder = 'newest' | 'slot'
export type LogInput = LogSlotView['inputs'][number]

/** Inputs of one slot that get a row of their own; the inspector has the others. */
export const INPUTS_A_SLOT = 4

/** A row of the log: one Input of a slot, or what is to be said of a slot beside those shown. */
export interface LogRow {
  readonly key: string
  readonly slot: LogSlotView
  /** The first row of its slot: it names the slot, its ballot and its time. */
  readonly isFirst: boolean
  readonly input: LogInput | null
  /** Inputs of the slot without a row; 0 with no Input: the slot holds none. */
  readonly more: number
}

/** Rows of the slots given (by rising slot), in the order asked for. */
export function logRows(slots: readonly LogSlotView[], order: LogOrder): readonly LogRow[] {
  const ordered = order === 'newest' ? slots.toReversed() : slots
  return ordered.flatMap(rowsOf)
}

function rowsOf(slot: LogSlotView): readonly LogRow[] {
  // A row for the last one costs no more than one that says that there is one more.
  const shown = slot.inputCount === INPUTS_A_SLOT + 1 ? INPUTS_A_SLOT + 1 : INPUTS_A_SLOT
  const rows = slot.inputs
    .slice(0, shown)
    .map((input, index): LogRow => ({ key: `${slot.slot}/${index}`, slot, isFirst: index === 0, input, more: 0 }))
  const more = slot.inputCount - rows.length
  if (more > 0 || rows.length === 0) {
    rows.push({ key: `${slot.slot}`, slot, isFirst: rows.length === 0, input: null, more })
  }
  return rows
}

/** The slot of the checkpoint that stands for what a replica's log no longer holds; `null` when none is known. */
export function standsFor(replica: ReplicaView | undefined, slotFirst: number): number | null {
  const slots = replica?.storage.checkpoints.map(({ slot }) => slot).filter((slot) => slot >= slotFirst - 1) ?? []
  return slots.length === 0 ? null : Math.min(...slots)
}
