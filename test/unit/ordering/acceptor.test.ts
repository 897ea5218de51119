import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../../core/base/assert.ts'
import type { Ballot } from '../../../core/model/ballot.ts'
import { BALLOT_NONE } from '../../../core/model/ballot.ts'
import type { ReplicaId } from '../../../core/model/ids.ts'
import { slot } from '../../../core/model/ids.ts'
import { LIMITS } from '../../../core/model/limits.ts'
import { Acceptor } from '../../../core/ordering/acceptor.ts'
import type { OrderingEffect } from '../../../core/ordering/effects.ts'
import { valueOf } from '../../support/inputs.ts'
import { a, always, b, ballotOf, c, three } from '../../support/members.ts'

class Bench {
  effects: OrderingEffect[] = []
  readonly acceptor = new Acceptor(always(three), (effect) => this.effects.push(effect))

  prepare(from: ReplicaId, ballot: Ballot, slotDecided = 0): boolean {
    this.effects = []
    return this.acceptor.prepare(from, { kind: 'prepare', ballot, slotDecided: slot(slotDecided) })
  }

  accept(from: ReplicaId, ballot: Ballot, number: number, text = 'v', slotDecided = 0): boolean {
    this.effects = []
    return this.acceptor.accept(from, {
      kind: 'accept',
      ballot,
      slot: slot(number),
      value: valueOf(text),
      slotDecided: slot(slotDecided),
    })
  }

  /** The parts of the promise that waits for its record. */
  promised(): { from: number; to: number | null; slots: number[] }[] {
    return this.effects
      .flatMap((effect) => (effect.kind === 'persist' ? effect.then : []))
      .flatMap(({ message }) => (message.kind === 'promise' ? [message] : []))
      .map(({ slotFrom, slotTo, accepted }) => ({
        from: slotFrom,
        to: slotTo,
        slots: accepted.map((entry) => entry.slot),
      }))
  }
}

const toAll = (ballot: Ballot, number: number) =>
  [a, b, c].map((to) => ({ to, message: { kind: 'accepted', ballot, slot: slot(number) } }))

describe('an acceptor asked to promise', () => {
  it('refuses a lower ballot at once with the one that stands in its way, and writes nothing', () => {
    const bench = new Bench()
    bench.prepare(c, ballotOf(3, c))
    expect(bench.prepare(b, ballotOf(3, b))).toBe(false)
    expect(bench.effects).toEqual([
      { kind: 'send', to: b, message: { kind: 'refused', ballot: ballotOf(3, b), promised: ballotOf(3, c) } },
    ])
    expect(bench.acceptor.promised).toEqual(ballotOf(3, c))
  })

  it('promises the same ballot again, behind a record again, since the first answer may be lost', () => {
    const bench = new Bench()
    bench.prepare(b, ballotOf(3, b))
    const first = bench.effects
    expect([bench.prepare(b, ballotOf(3, b)), bench.effects]).toEqual([true, first])
  })

  it('ignores a ballot that is not the sender’s own', () => {
    const bench = new Bench()
    expect([bench.prepare(b, ballotOf(3, c)), bench.accept(b, ballotOf(3, c), 1)]).toEqual([false, false])
    expect([bench.effects, bench.acceptor.promised]).toEqual([[], BALLOT_NONE])
  })

  it('tells of every slot after the farther of the two decided indexes, in order', () => {
    const bench = new Bench()
    for (const number of [7, 5, 6, 3]) bench.accept(a, ballotOf(1, a), number)
    bench.prepare(b, ballotOf(2, b), 5)
    expect(bench.promised()).toEqual([{ from: 6, to: null, slots: [6, 7] }])
    bench.acceptor.decided(slot(6))
    bench.prepare(c, ballotOf(3, c), 1)
    expect(bench.promised()).toEqual([{ from: 7, to: null, slots: [7] }])
  })

  it('splits a promise into parts of bounded size that leave no gap, holes between slots included', () => {
    const bench = new Bench()
    const big = 'x'.repeat(LIMITS.batchBytesMax)
    for (const number of [1, 2, 9]) bench.accept(a, ballotOf(1, a), number, big)
    bench.accept(a, ballotOf(1, a), 10, 'small')
    bench.prepare(b, ballotOf(2, b))
    expect(bench.promised()).toEqual([
      { from: 1, to: 1, slots: [1] },
      { from: 2, to: 8, slots: [2] },
      { from: 9, to: null, slots: [9, 10] },
    ])
  })
})

describe('an acceptor asked to accept', () => {
  it('writes the batch down and answers every member behind that record', () => {
    const bench = new Bench()
    expect(bench.accept(b, ballotOf(1, b), 4, 'batch')).toBe(true)
    const [ballot, value] = [ballotOf(1, b), valueOf('batch')]
    expect(bench.effects).toEqual([
      { kind: 'persist', record: { kind: 'accepted', slot: 4, ballot, value }, then: toAll(ballot, 4) },
    ])
    expect(bench.acceptor.accepted(slot(4))).toEqual({ slot: 4, ballot, value })
  })

  it('refuses a lower ballot than it promised, and keeps what it had', () => {
    const bench = new Bench()
    bench.accept(a, ballotOf(1, a), 1, 'kept')
    bench.prepare(c, ballotOf(5, c))
    expect(bench.accept(a, ballotOf(1, a), 1, 'late')).toBe(false)
    expect(bench.effects).toEqual([
      { kind: 'send', to: a, message: { kind: 'refused', ballot: ballotOf(1, a), promised: ballotOf(5, c) } },
    ])
    expect(bench.acceptor.accepted(slot(1))?.value).toEqual(valueOf('kept'))
  })

  it('takes a higher ballot without a prepare, and holds to it from then on', () => {
    const bench = new Bench()
    bench.prepare(a, ballotOf(1, a))
    expect([bench.accept(c, ballotOf(4, c), 1), bench.acceptor.promised]).toEqual([true, ballotOf(4, c)])
    expect(bench.prepare(b, ballotOf(4, b))).toBe(false)
  })

  it('replaces what it accepted in a lower ballot', () => {
    const bench = new Bench()
    bench.accept(a, ballotOf(1, a), 1, 'old')
    bench.accept(b, ballotOf(2, b), 1, 'new')
    expect(bench.acceptor.accepted(slot(1))).toEqual({ slot: 1, ballot: ballotOf(2, b), value: valueOf('new') })
  })

  it('answers a repeated accept too, behind a record of its own: the first may not be durable yet', () => {
    const bench = new Bench()
    const ballot = ballotOf(1, b)
    bench.accept(b, ballot, 4)
    expect(bench.accept(b, ballot, 4)).toBe(true)
    expect(bench.effects).toEqual([{ kind: 'persist', record: { kind: 'promised', ballot }, then: toAll(ballot, 4) }])
  })

  it('lets a decided slot be, though the ballot stands', () => {
    const bench = new Bench()
    bench.acceptor.decided(slot(4))
    expect([bench.accept(b, ballotOf(1, b), 4), bench.effects]).toEqual([true, []])
    expect([bench.accept(b, ballotOf(1, b), 5), bench.effects.length]).toEqual([true, 1])
  })

  it('takes slots two windows ahead and not one more: who is farther behind catches up first', () => {
    const bench = new Bench()
    const last = 2 * LIMITS.windowSlotsMax
    expect([bench.accept(b, ballotOf(1, b), last), bench.effects.length]).toEqual([true, 1])
    expect([bench.accept(b, ballotOf(1, b), last + 1), bench.effects]).toEqual([true, []])
    bench.acceptor.decided(slot(1))
    expect([bench.accept(b, ballotOf(1, b), last + 1), bench.effects.length]).toEqual([true, 1])
  })

  it('forgets batches once they are decided, and its decided index does not fall', () => {
    const bench = new Bench()
    for (const number of [1, 2, 3]) bench.accept(b, ballotOf(1, b), number)
    bench.acceptor.decided(slot(2))
    expect([1, 2, 3].map((number) => bench.acceptor.accepted(slot(number)) !== undefined)).toEqual([false, false, true])
    expect(() => bench.acceptor.decided(slot(1))).toThrow(InvariantError)
  })
})

describe('an acceptor that comes back', () => {
  it('holds the highest ballot of its records, whatever their order, and the last batch of each slot', () => {
    const bench = new Bench()
    const record = (round: number, text: string) => ({
      ballot: ballotOf(round, a),
      entry: { slot: slot(1), ballot: ballotOf(round, a), value: valueOf(text) },
    })
    bench.acceptor.recover(record(2, 'old'))
    bench.acceptor.recover({ ballot: ballotOf(9, c) })
    bench.acceptor.recover(record(3, 'new'))
    expect(bench.acceptor.promised).toEqual(ballotOf(9, c))
    expect(bench.acceptor.accepted(slot(1))).toEqual(record(3, 'new').entry)
    expect(bench.prepare(b, ballotOf(9, b))).toBe(false)
  })
})
