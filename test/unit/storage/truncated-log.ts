import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import { BALLOT_NONE, compareBallots } from '../../../core/model/ballot.ts'
import type { Ballot } from '../../../core/model/ballot.ts'
import type { LogRecord } from '../../../core/model/record.ts'
import { lastNumberOf, recordsOf, writeLog } from './log-folder.ts'

/** Of these records the 13th alone has the highest ballot: a truncated log must have it from its header. */
export const TRUNCATED_COUNT = 40
/** The first segments hold no later slot, and the 13th record lies in one of them. */
export const TRUNCATED_SLOT = 26
export const truncatedOptions = { segmentBytesMax: 2500 }

/** A log of several segments that is worth a truncation. */
export async function writeLongLog(folder: string): Promise<void> {
  await writeLog(folder, TRUNCATED_COUNT, truncatedOptions)
}

/** The highest ballot promised or accepted in records: what a replica that forgot it would break. */
export function highestBallot(records: readonly LogRecord[]): Ballot {
  const ballots = records.flatMap((record) => ('ballot' in record ? [record.ballot] : []))
  return ballots.reduce((highest, ballot) => (compareBallots(ballot, highest) > 0 ? ballot : highest), BALLOT_NONE)
}

/**
 * Checks what was found in a log of `recordsOf(1, …)` that was truncated up to a slot, or was about to be: a promise that
 * stands for what is gone, then the records without a gap, from the first of a later slot at the latest.
 *
 * @returns the number of the last record.
 */
export function expectIntact(found: readonly LogRecord[], slotTruncated: number): number {
  // When all was truncated, the promise of the header alone is left.
  const last = lastNumberOf(found) ?? TRUNCATED_COUNT
  const whole = recordsOf(last - found.length + 1, last)
  const isWhole = isDeepStrictEqual(found, whole)
  const first = last - found.length + (isWhole ? 1 : 2)
  if (!isWhole) expect([found[0]?.kind, found.slice(1)]).toEqual(['promised', recordsOf(first, last)])
  const gone = recordsOf(1, first - 1)
  expect(gone.filter((record) => 'slot' in record && record.slot > slotTruncated)).toEqual([])
  expect(highestBallot(found)).toEqual(highestBallot(recordsOf(1, last)))
  return last
}
