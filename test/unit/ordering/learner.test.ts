import { describe, expect, it } from 'vitest'
import type { Ballot } from '../../../core/model/ballot.ts'
import { slot } from '../../../core/model/ids.ts'
import { LIMITS } from '../../../core/model/limits.ts'
import { Acceptor } from '../../../core/ordering/acceptor.ts'
import type { OrderingEffect } from '../../../core/ordering/effects.ts'
import { Learner } from '../../../core/ordering/learner.ts'
import { valueOf } from '../../support/inputs.ts'
import { a, always, b, ballotOf, c, d, e, five, stranger, three } from '../../support/members.ts'

class Bench {
  readonly learned: OrderingEffect[] = []
  readonly acceptor: Acceptor
  readonly learner: Learner

  constructor(configuration = three) {
    const configurations = always(configuration)
    this.acceptor = new Acceptor(configurations, () => undefined)
    this.learner = new Learner({
      configurations,
      acceptor: this.acceptor,
      emit: (effect) => this.learned.push(effect),
    })
  }

  /** The batch is accepted here. */
  hold(ballot: Ballot, number: number, text: string): void {
    const message = { kind: 'accept', ballot, slot: slot(number), value: valueOf(text), slotDecided: slot(0) } as const
    this.acceptor.accept(ballot.proposer, message)
    this.learner.check(slot(number))
  }

  decided(number: number): void {
    this.acceptor.decided(slot(number))
    this.learner.decided(slot(number))
  }
}

const one = slot(1)
const [low, high] = [ballotOf(1, a), ballotOf(2, b)]
const chosen = (ballot: Ballot, number: number, text: string) => ({
  kind: 'chosen',
  slot: number,
  ballot,
  value: valueOf(text),
})

describe('a learner', () => {
  it('decides when a quorum accepted in one ballot, as soon as it holds the batch', () => {
    const bench = new Bench()
    bench.learner.accepted(a, one, low)
    bench.learner.accepted(b, one, low)
    expect(bench.learned).toEqual([])
    bench.hold(low, 1, 'v')
    expect(bench.learned).toEqual([chosen(low, 1, 'v')])
  })

  it('decides by others’ acceptances alone, whatever its own acceptor has answered', () => {
    const bench = new Bench()
    bench.hold(low, 1, 'v')
    bench.learner.accepted(b, one, low)
    bench.learner.accepted(c, one, low)
    expect(bench.learned).toEqual([chosen(low, 1, 'v')])
  })

  it('adds up no acceptances of different ballots', () => {
    const bench = new Bench(five)
    bench.hold(high, 1, 'v')
    bench.learner.accepted(a, one, low)
    bench.learner.accepted(b, one, low)
    bench.learner.accepted(c, one, high)
    bench.learner.accepted(d, one, high)
    expect(bench.learned).toEqual([])
    bench.learner.accepted(e, one, high)
    expect(bench.learned).toEqual([chosen(high, 1, 'v')])
  })

  it('counts an acceptor once, and in the highest ballot it was heard in', () => {
    const bench = new Bench(five)
    bench.hold(high, 1, 'v')
    for (const ballot of [high, low, low, high]) bench.learner.accepted(a, one, ballot)
    bench.learner.accepted(b, one, low)
    bench.learner.accepted(c, one, low)
    expect(bench.learned).toEqual([])
    expect([bench.learner.hasAccepted(one, high, a), bench.learner.hasAccepted(one, low, a)]).toEqual([true, false])
  })

  it('does not count strangers', () => {
    const bench = new Bench()
    bench.hold(low, 1, 'v')
    bench.learner.accepted(a, one, low)
    bench.learner.accepted(stranger, one, low)
    expect(bench.learned).toEqual([])
  })

  it('takes an entry of a lower ballot for no proof: what was chosen since may be another batch', () => {
    const bench = new Bench()
    bench.hold(low, 1, 'stale')
    bench.learner.accepted(a, one, high)
    bench.learner.accepted(b, one, high)
    expect(bench.learned).toEqual([])
    bench.hold(high, 1, 'right')
    expect(bench.learned).toEqual([chosen(high, 1, 'right')])
  })

  it('takes an entry of a higher ballot: it holds what was chosen below', () => {
    const bench = new Bench()
    bench.hold(high, 1, 'v')
    bench.learner.accepted(a, one, low)
    bench.learner.accepted(c, one, low)
    expect(bench.learned).toEqual([chosen(low, 1, 'v')])
  })

  it('counts neither for decided slots nor for those far ahead', () => {
    const bench = new Bench()
    bench.decided(3)
    const far = slot(3 + 4 * LIMITS.windowSlotsMax + 1)
    for (const number of [slot(3), far]) bench.learner.accepted(b, number, low)
    expect([bench.learner.hasAccepted(slot(3), low, b), bench.learner.hasAccepted(far, low, b)]).toEqual([false, false])
    bench.learner.accepted(b, slot(far - 1), low)
    expect(bench.learner.hasAccepted(slot(far - 1), low, b)).toBe(true)
  })
})

describe('a decided index that a leader announces', () => {
  it('is believed for slots accepted here in that leader’s ballot', () => {
    const bench = new Bench()
    bench.hold(low, 1, 'v')
    bench.hold(low, 2, 'w')
    bench.hold(low, 3, 'x')
    bench.learner.announced(a, low, slot(2))
    expect(bench.learned).toEqual([chosen(low, 1, 'v'), chosen(low, 2, 'w')])
  })

  it('is not believed for a slot accepted in another ballot, lower or higher: that must be fetched', () => {
    for (const [held, announced] of [
      [low, high],
      [high, low],
    ] as const) {
      const bench = new Bench()
      bench.hold(held, 1, 'v')
      bench.learner.announced(announced.proposer, announced, one)
      expect(bench.learned).toEqual([{ kind: 'behind', slotDecided: one, from: announced.proposer }])
    }
  })

  it('is believed up to the first gap; what follows must be fetched', () => {
    const bench = new Bench()
    bench.hold(low, 1, 'v')
    bench.hold(low, 3, 'x')
    bench.learner.announced(a, low, slot(3))
    expect(bench.learned).toEqual([chosen(low, 1, 'v'), { kind: 'behind', slotDecided: 3, from: a }])
  })

  it('says nothing new below what is decided here', () => {
    const bench = new Bench()
    bench.decided(4)
    bench.learner.announced(a, low, slot(4))
    expect(bench.learned).toEqual([])
  })
})
