import { assert, present } from '../base/assert.ts'
import { compareBallots } from '../model/ballot.ts'
import type { Ballot } from '../model/ballot.ts'
import { SLOT_NONE } from '../model/ids.ts'
import type { Slot } from '../model/ids.ts'
import type { LogRecord } from '../model/record.ts'
import type { SegmentInfo } from '../ports/record-store.ts'
import type { ChainEnd } from './record-document.ts'

/** Where the line of a record lies in its segment. */
export interface LinePlace {
  /** The record's number in the log. */
  readonly number: number
  /** From the file's start. Unit: bytes. */
  readonly offset: number
  /** Without the newline. */
  readonly bytes: number
}

/** Places are packed into 32 bits. */
export const SEGMENT_BYTES_LIMIT = 2 ** 32
const PLACE_FIELDS = 3

/**
 * What is known in memory of one segment: where its batches lie, and what must stay known when it goes.
 *
 * While it grows, places are kept in a map; sealed, in two arrays of 20 bytes a slot, ordered by slot.
 */
export class SegmentContent {
  readonly number: number
  /** Where the chain stands before it. */
  readonly from: ChainEnd
  /** On disk, all of it whole. */
  bytes = 0
  #slotLast = SLOT_NONE
  #ballotHighest: Ballot | undefined
  #batches: SegmentInfo['slots']
  #places: Map<Slot, LinePlace> | PackedPlaces = new Map<Slot, LinePlace>()

  constructor(number: number, from: ChainEnd) {
    this.number = number
    this.from = from
  }

  /** The highest slot a record of any kind names: the segment is needed while a later one is. */
  get slotLast(): Slot {
    return this.#slotLast
  }

  /** The highest ballot promised or accepted in it. */
  get ballotHighest(): Ballot | undefined {
    return this.#ballotHighest
  }

  get info(): SegmentInfo {
    return { number: this.number, bytes: this.bytes, slots: this.#batches }
  }

  /** Takes the next record in; of two of one slot the later counts. */
  add(record: LogRecord, place: LinePlace): void {
    assert(this.#places instanceof Map, 'a sealed segment does not grow')
    assert(place.offset + place.bytes < SEGMENT_BYTES_LIMIT, 'a segment is smaller than 4 GiB')
    if ('ballot' in record) this.#ballotHighest = higherBallot(this.#ballotHighest, record.ballot)
    if (record.kind === 'promised') return
    const slot = record.kind === 'jumped' ? record.certificate.slot : record.slot
    if (slot > this.#slotLast) this.#slotLast = slot
    if (record.kind === 'decided' || record.kind === 'jumped') return
    this.#places.set(slot, place)
    const { first, last } = this.#batches ?? { first: slot, last: slot }
    if (this.#batches === undefined || slot < first || slot > last) {
      this.#batches = { first: slot < first ? slot : first, last: slot > last ? slot : last }
    }
  }

  /** Nothing more comes: its places need less memory from now on. */
  seal(): void {
    if (this.#places instanceof Map) this.#places = new PackedPlaces(this.#places, this.from.number)
  }

  /** Where the newest batch of the slot lies in this segment. */
  find(slot: Slot): LinePlace | undefined {
    if (this.#batches === undefined || slot < this.#batches.first || slot > this.#batches.last) return undefined
    return this.#places.get(slot)
  }
}

class PackedPlaces {
  readonly #slots: Float64Array
  /** For each slot: the record's number after `#numberFrom`, offset, bytes. */
  readonly #fields: Uint32Array
  readonly #numberFrom: number

  constructor(places: ReadonlyMap<Slot, LinePlace>, numberFrom: number) {
    const ordered = [...places].sort(([left], [right]) => left - right)
    this.#slots = Float64Array.from(ordered, ([slot]) => slot)
    this.#fields = new Uint32Array(ordered.length * PLACE_FIELDS)
    this.#numberFrom = numberFrom
    for (const [index, [, { number, offset, bytes }]] of ordered.entries()) {
      this.#fields.set([number - numberFrom, offset, bytes], index * PLACE_FIELDS)
    }
  }

  get(slot: Slot): LinePlace | undefined {
    let low = 0
    let high = this.#slots.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (present(this.#slots[middle], 'a slot') < slot) low = middle + 1
      else high = middle
    }
    return this.#slots[low] === slot ? this.#at(low * PLACE_FIELDS) : undefined
  }

  #at(start: number): LinePlace {
    const [number, offset, bytes] = this.#fields.subarray(start, start + PLACE_FIELDS)
    return {
      number: this.#numberFrom + present(number, 'a number'),
      offset: present(offset, 'an offset'),
      bytes: present(bytes, 'a length'),
    }
  }
}

/** How many segments, from the oldest on, hold no record of a slot after this one. */
export function countDroppable(segments: readonly SegmentContent[], slot: Slot): number {
  const needed = segments.findIndex(({ slotLast }) => slotLast > slot)
  return needed === -1 ? segments.length : needed
}

/** The highest ballot there is among them. */
export function highestBallot(ballots: readonly (Ballot | undefined)[]): Ballot | undefined {
  return ballots.reduce(
    (highest, ballot) => (ballot === undefined ? highest : higherBallot(highest, ballot)),
    undefined,
  )
}

function higherBallot(left: Ballot | undefined, right: Ballot): Ballot {
  return left === undefined || compareBallots(right, left) > 0 ? right : left
}
