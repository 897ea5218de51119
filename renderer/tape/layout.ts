import type { SlotVotesView } from '../../core/api/views.ts'
import { slotFailed, slotSigns, worstSign, type Sign } from '../formatting/votes.ts'

/** A column of the tape. `first` to `last` are the slots it stands for: one, or several when slots come fast. */
export type TapeColumn =
  | {
      readonly kind: 'votes'
      readonly first: number
      readonly last: number
      /** One a replica, in the order of the names given; none when the slots held no Input. */
      readonly signs: readonly Sign[]
      readonly failed: boolean
      /** One of the slots orders a CHECKPOINT or an AUDIT: the column is thicker. */
      readonly checkpoint: boolean
    }
  /** Slots whose votes are not held here. */
  | { readonly kind: 'gap'; readonly first: number; readonly last: number }

export interface TapeLayoutOptions {
  readonly names: readonly string[]
  /** How many columns there is room for. */
  readonly columnsMax: number
  /** From `slotsPerColumn`; columns start at multiples of it, so that they stay what they are as slots come. */
  readonly slotsPerColumn: number
}

/** Columns for slots given newest first; the newest column comes first. */
export function tapeColumns(slots: readonly SlotVotesView[], options: TapeLayoutOptions): readonly TapeColumn[] {
  const { names, columnsMax, slotsPerColumn } = options
  const columns: TapeColumn[] = []
  let bucket: SlotVotesView[] = []
  let bucketNumber: number | null = null

  const close = (): void => {
    const column = columnOf(bucket, names)
    if (column !== null) columns.push(column)
    bucket = []
  }
  for (const slot of slots) {
    const number = Math.floor(slot.slot / slotsPerColumn)
    if (bucketNumber !== null && number !== bucketNumber) {
      close()
      if (number < bucketNumber - 1) {
        columns.push({ kind: 'gap', first: (number + 1) * slotsPerColumn, last: bucketNumber * slotsPerColumn - 1 })
      }
      if (columns.length >= columnsMax) return columns.slice(0, columnsMax)
    }
    bucketNumber = number
    bucket.push(slot)
  }
  close()
  return columns.slice(0, columnsMax)
}

function columnOf(bucket: readonly SlotVotesView[], names: readonly string[]): TapeColumn | null {
  const newest = bucket[0]
  const oldest = bucket.at(-1)
  if (newest === undefined || oldest === undefined) return null
  const signs = bucket.filter(({ inputCount }) => inputCount > 0).map((slot) => slotSigns(slot, names))
  return {
    kind: 'votes',
    first: oldest.slot,
    last: newest.slot,
    signs: signs.length === 0 ? [] : names.map((_, index) => worstSign(signs.map((one) => one[index] ?? 'none'))),
    failed: bucket.some(slotFailed),
    checkpoint: bucket.some(({ inputs }) => inputs.some(({ kind }) => kind === 'checkpoint' || kind === 'audit')),
  }
}

/** Columns a second that an eye can still follow. */
const COLUMNS_PER_SECOND = 24
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000] as const

/** How many slots share a column at a rate of slots per second: 1 while that can be followed. */
export function slotsPerColumn(slotsPerSecond: number): number {
  const needed = slotsPerSecond / COLUMNS_PER_SECOND
  return STEPS.find((step) => step >= needed) ?? STEPS[STEPS.length - 1] ?? 1
}
