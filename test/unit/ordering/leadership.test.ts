import { describe, expect, it } from 'vitest'
import type { Ballot } from '../../../core/model/ballot.ts'
import { slot } from '../../../core/model/ids.ts'
import type { OrderingEffect } from '../../../core/ordering/effects.ts'
import { Leadership } from '../../../core/ordering/leadership.ts'
import { ORDERING_TIMING } from '../../../core/ordering/timing.ts'
import { a, always, b, ballotOf, c, d, five, three } from '../../support/members.ts'
import { OrderingBench } from '../../support/ordering-bench.ts'

const ballot = ballotOf(3, a)
const none = slot(0)

class Bench {
  readonly effects: OrderingEffect[] = []
  readonly leadership: Leadership

  constructor(init: { readonly configuration?: typeof three; readonly clockBoundMs?: number } = {}) {
    const configuration = init.configuration ?? three
    this.leadership = new Leadership({
      self: a,
      configurations: always(configuration),
      emit: (effect) => this.effects.push(effect),
      lease: init.clockBoundMs === undefined ? undefined : { clockBoundMs: init.clockBoundMs },
    })
    this.leadership.begin(ballot, 0)
  }

  /** The beats sent, as one follower hears them. */
  beats(): number[] {
    return this.effects.flatMap((effect) =>
      effect.kind === 'send' && effect.to === b && effect.message.kind === 'heartbeat' ? [effect.message.beat] : [],
    )
  }

  confirmed(): number[] {
    return this.effects.flatMap((effect) => (effect.kind === 'confirmed' ? [effect.number] : []))
  }

  answer(from: typeof b, beat: number, nowMs: number, of: Ballot = ballot): void {
    this.leadership.answered(from, { ballot: of, beat }, nowMs)
  }
}

describe('a leader asked to prove that it leads', () => {
  it('sends one heartbeat for all that asked in a turn, and none when nobody did', () => {
    const bench = new Bench()
    bench.leadership.flush(none, 0)
    expect(bench.beats()).toEqual([])
    for (const number of [4, 5, 6]) bench.leadership.confirm(slot(number), 0)
    bench.leadership.flush(none, 0)
    bench.leadership.flush(none, 0)
    expect(bench.beats()).toEqual([1])
  })

  it('has proved it when a quorum answered a heartbeat sent after the question, and no earlier one', () => {
    const bench = new Bench()
    bench.leadership.tick(none, 0)
    const number = bench.leadership.confirm(slot(9), 1)
    bench.leadership.flush(none, 1)
    bench.answer(b, 1, 2)
    expect([bench.beats(), bench.confirmed()]).toEqual([[1, 2], []])
    bench.answer(b, 2, 3)
    expect(bench.effects.at(-1)).toEqual({ kind: 'confirmed', number, slot: 9 })
    bench.answer(c, 2, 4)
    expect(bench.confirmed()).toEqual([number])
  })

  it('counts a later heartbeat’s answer too, but none of another ballot', () => {
    const bench = new Bench()
    const number = bench.leadership.confirm(slot(9), 0)
    bench.leadership.flush(none, 0)
    bench.answer(b, 1, 1, ballotOf(2, a))
    expect(bench.confirmed()).toEqual([])
    bench.leadership.tick(none, 50)
    bench.answer(c, 2, 51)
    expect(bench.confirmed()).toEqual([number])
  })

  it('needs two others of five', () => {
    const bench = new Bench({ configuration: five })
    bench.leadership.confirm(slot(9), 0)
    bench.leadership.flush(none, 0)
    bench.answer(b, 1, 1)
    bench.answer(b, 1, 2)
    expect(bench.confirmed()).toEqual([])
    bench.answer(d, 1, 3)
    expect(bench.confirmed().length).toBe(1)
  })

  it('owes no proof any more once it leads no longer, not even if it leads again', () => {
    const bench = new Bench()
    bench.leadership.confirm(slot(9), 0)
    bench.leadership.flush(none, 0)
    bench.leadership.end()
    bench.answer(b, 1, 1)
    bench.leadership.begin(ballotOf(5, a), 2)
    bench.leadership.tick(none, 2)
    bench.answer(b, 2, 3, ballotOf(5, a))
    expect(bench.confirmed()).toEqual([])
  })
})

describe('a leader with a lease', () => {
  const bound = 100
  const lengthMs = ORDERING_TIMING.electionMsMin - bound

  it('needs no round as long as a quorum’s answers are young, counted from when they were asked for', () => {
    const bench = new Bench({ clockBoundMs: bound })
    bench.leadership.tick(none, 0)
    bench.answer(b, 1, 40)
    bench.leadership.confirm(slot(1), lengthMs - 1)
    expect(bench.confirmed()).toEqual([1])
    bench.leadership.confirm(slot(1), lengthMs)
    expect(bench.confirmed()).toEqual([1])
  })

  it('loses it when the clocks jump, until a beat after that is answered', () => {
    const bench = new Bench({ clockBoundMs: bound })
    bench.leadership.tick(none, 0)
    bench.leadership.clockJumped()
    bench.answer(b, 1, 1)
    bench.leadership.confirm(slot(1), 2)
    expect(bench.confirmed()).toEqual([])
    bench.leadership.tick(none, 60)
    bench.answer(b, 2, 61)
    bench.leadership.confirm(slot(1), 62)
    expect(bench.confirmed()).toContain(2)
  })

  it('has none in a new leadership', () => {
    const bench = new Bench({ clockBoundMs: bound })
    bench.leadership.tick(none, 0)
    bench.answer(b, 1, 1)
    bench.leadership.end()
    bench.leadership.begin(ballotOf(9, a), 2)
    bench.leadership.confirm(slot(1), 3)
    expect(bench.confirmed()).toEqual([])
  })

  it('has none without being told to', () => {
    const bench = new Bench()
    bench.leadership.tick(none, 0)
    bench.answer(b, 1, 1)
    bench.leadership.confirm(slot(1), 2)
    expect(bench.confirmed()).toEqual([])
  })
})

describe('a pulse', () => {
  it('tells every other member, now and then, whom this one follows and how far it is', () => {
    const bench = new OrderingBench()
    bench.hear(b, { kind: 'heartbeat', ballot: ballotOf(2, b), beat: 1, slotDecided: none })
    bench.tick(ORDERING_TIMING.pulseMs)
    bench.tick(ORDERING_TIMING.pulseMs - 1)
    expect(bench.pulses).toEqual([1, 2].map(() => ({ kind: 'pulse', ballot: ballotOf(2, b), slotDecided: 0 })))
  })

  it('shows who can reach a leader that this replica can’t hear', () => {
    const bench = new OrderingBench()
    bench.hear(c, { kind: 'pulse', ballot: ballotOf(2, b), slotDecided: none })
    expect(bench.ordering.route(bench.nowMs)).toBe(c)
    expect(bench.ordering.route(bench.nowMs + ORDERING_TIMING.leaderSilenceMs + 1)).toBe(undefined)
  })

  it('makes nobody a leader', () => {
    const bench = new OrderingBench()
    bench.hear(c, { kind: 'pulse', ballot: ballotOf(2, b), slotDecided: none })
    expect(bench.ordering.leader).toBe(undefined)
  })
})
