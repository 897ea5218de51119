import type { InputVotesView, SlotVotesView, VoteView } from '../../core/api/views.ts'

export type Sign = VoteView['sign']
export type VotesFilter = 'all' | 'dissent' | 'fail'

/** Worst first: what a slot shows for a replica when its Inputs differ. */
const SIGNS_WORST_FIRST: readonly Sign[] = ['dissents', 'none', 'answered', 'agrees']

/** The worst of some signs; `none` of none. */
export function worstSign(signs: readonly Sign[]): Sign {
  return SIGNS_WORST_FIRST.find((sign) => signs.includes(sign)) ?? 'none'
}

/** The sign of each member for a whole slot, in the order of `names`. */
export function slotSigns(slot: SlotVotesView, names: readonly string[]): readonly Sign[] {
  return names.map((name) => worstSign(slot.inputs.map((input) => signOf(input.votes, name))))
}

export function signOf(votes: readonly VoteView[], name: string): Sign {
  return votes.find((vote) => vote.name === name)?.sign ?? 'none'
}

export function slotFailed(slot: SlotVotesView): boolean {
  return slot.inputs.some((input) => input.failed !== null)
}

export function slotDissents(slot: SlotVotesView): boolean {
  return slot.inputs.some((input) => inputDissents(input))
}

export function inputDissents(input: InputVotesView): boolean {
  return input.votes.some((vote) => vote.sign === 'dissents')
}

export function agreeing(votes: readonly VoteView[]): number {
  return votes.filter((vote) => vote.sign === 'agrees').length
}

/** A row of the votes table: one Input of a slot, or what is to be said of a slot beside those shown. */
export interface VotesRow {
  readonly key: string
  readonly slot: SlotVotesView
  readonly input: InputVotesView | null
  /** Inputs of the slot that the host did not send along; 0 with no Input: the slot held none. */
  readonly more: number
}

/** Rows of the slots given (newest first), at most `rowsMax`. */
export function votesRows(slots: readonly SlotVotesView[], filter: VotesFilter, rowsMax: number): readonly VotesRow[] {
  const rows: VotesRow[] = []
  for (const slot of slots) {
    if (rows.length >= rowsMax) break
    for (const [index, input] of slot.inputs.entries()) {
      if (rows.length >= rowsMax) break
      if (passes(input, filter)) rows.push({ key: `${slot.slot}/${index}`, slot, input, more: 0 })
    }
    const more = slot.inputCount - slot.inputs.length
    if (filter === 'all' && rows.length < rowsMax && (more > 0 || slot.inputCount === 0)) {
      rows.push({ key: `${slot.slot}`, slot, input: null, more })
    }
  }
  return rows
}

function passes(input: InputVotesView, filter: VotesFilter): boolean {
  if (filter === 'all') return true
  return filter === 'fail' ? input.failed !== null : inputDissents(input)
}
