import { describe, expect, it } from 'vitest'
import type { Ballot } from '../../core/model/ballot.ts'
import { compareBallots } from '../../core/model/ballot.ts'
import type { ReplicaId } from '../../core/model/ids.ts'
import { slot } from '../../core/model/ids.ts'
import type { OrderingEffect } from '../../core/ordering/effects.ts'
import { NOOP_BATCH } from '../../core/wire/batch.ts'
import type { AcceptedEntry, OrderingMessage } from '../../core/wire/ordering.ts'
import { valueOf } from '../support/inputs.ts'
import { a, b, ballotOf, c, d, e, five, three } from '../support/members.ts'
import { OrderingBench } from '../support/ordering-bench.ts'

/** Lamport, Paxos Made Simple (2001). Ballots are its proposal numbers, batches its values, slots its instances. */

const prepare = (ballot: Ballot): Extract<OrderingMessage, { kind: 'prepare' }> => ({
  kind: 'prepare',
  ballot,
  slotDecided: slot(0),
})
const accept = (ballot: Ballot, number: number, text: string): Extract<OrderingMessage, { kind: 'accept' }> => ({
  kind: 'accept',
  ballot,
  slot: slot(number),
  value: valueOf(text),
  slotDecided: slot(0),
})
const entry = (ballot: Ballot, number: number, text: string): AcceptedEntry => ({
  slot: slot(number),
  ballot,
  value: valueOf(text),
})
const promise = (
  ballot: Ballot,
  ...accepted: readonly AcceptedEntry[]
): Extract<OrderingMessage, { kind: 'promise' }> => ({
  kind: 'promise',
  ballot,
  slotDecided: slot(0),
  slotFrom: slot(1),
  slotTo: null,
  accepted: [...accepted],
})

/** A proposer of five, its own promise durable, that has heard these promises. */
function proposing(
  promises: readonly (readonly [ReplicaId, readonly AcceptedEntry[]])[],
  own: readonly AcceptedEntry[] = [],
): OrderingBench {
  const bench = new OrderingBench({ configuration: five })
  for (const held of own)
    bench.hear(held.ballot.proposer, accept(held.ballot, held.slot, new TextDecoder().decode(held.value)))
  if (own.length > 0) bench.tick(1_000)
  const ballot = bench.untilItPrepares()
  bench.take()
  bench.sync()
  for (const [from, accepted] of promises) bench.hear(from, promise(ballot, ...accepted))
  return bench
}

/** What it proposes, slot by slot, as any one acceptor is told. */
const proposals = (bench: OrderingBench): [number, string][] =>
  bench
    .sent('accept')
    .filter(({ to }) => to === e)
    .map(({ message }) => [message.slot, new TextDecoder().decode(message.value)])
const noop = new TextDecoder().decode(NOOP_BATCH)
const chosen = (effects: readonly OrderingEffect[]) => effects.filter((effect) => effect.kind === 'chosen')

describe('2.1, the problem', () => {
  it('only a value that was proposed may be chosen: a leader without promises of any proposes nothing by itself', () => {
    const bench = proposing([
      [b, []],
      [c, []],
    ])
    expect([bench.ordering.role, proposals(bench)]).toEqual(['leader', []])
  })

  it('a process never learns that a value is chosen unless it is: acceptances of a minority are not enough', () => {
    const bench = new OrderingBench({ configuration: five })
    const ballot = ballotOf(1, b)
    bench.hear(b, accept(ballot, 1, 'v'))
    bench.sync()
    bench.hear(b, { kind: 'accepted', ballot, slot: slot(1) })
    expect(chosen(bench.effects)).toEqual([])
    bench.hear(c, { kind: 'accepted', ballot, slot: slot(1) })
    expect(chosen(bench.effects)).toEqual([{ kind: 'chosen', slot: 1, ballot, value: valueOf('v') }])
  })
})

describe('2.2, choosing a value', () => {
  it('P1: an acceptor accepts the first proposal that it receives', () => {
    const bench = new OrderingBench()
    bench.hear(b, accept(ballotOf(1, b), 1, 'first'))
    expect(bench.effects.filter((effect) => effect.kind === 'persist').map((effect) => effect.record)).toEqual([
      { kind: 'accepted', slot: 1, ballot: ballotOf(1, b), value: valueOf('first') },
    ])
  })

  it('P1a: an acceptor accepts a proposal numbered n if it has not answered a prepare above n', () => {
    const accepts = (promised: Ballot, asked: Ballot): boolean => {
      const bench = new OrderingBench()
      bench.hear(promised.proposer, prepare(promised))
      bench.take()
      bench.hear(asked.proposer, accept(asked, 1, 'v'))
      return bench.effects.some((effect) => effect.kind === 'persist')
    }
    expect([
      accepts(ballotOf(5, b), ballotOf(5, b)),
      accepts(ballotOf(5, b), ballotOf(6, c)),
      accepts(ballotOf(5, b), ballotOf(5, c)),
      accepts(ballotOf(5, c), ballotOf(5, b)),
      accepts(ballotOf(5, b), ballotOf(4, c)),
    ]).toEqual([true, true, true, false, false])
  })

  it('P1a holds across a crash: what stands in the log is promised still', () => {
    const bench = new OrderingBench()
    bench.ordering.recover({ kind: 'accepted', slot: slot(1), ballot: ballotOf(7, c), value: valueOf('v') })
    bench.hear(b, prepare(ballotOf(6, b)))
    expect(bench.sent('refused')).toEqual([
      { to: b, message: { kind: 'refused', ballot: ballotOf(6, b), promised: ballotOf(7, c) } },
    ])
  })

  it('P2c(a): with no earlier proposal accepted in a quorum, any value may be proposed', () => {
    const bench = proposing([
      [b, []],
      [c, []],
    ])
    bench.take()
    bench.propose(valueOf('free'))
    expect(proposals(bench)).toEqual([[1, 'free']])
  })

  it('P2c(b): else the value of the highest-numbered proposal accepted in the quorum is proposed', () => {
    const [low, middle] = [ballotOf(1, d), ballotOf(1, e)]
    const answers: readonly (readonly [ReplicaId, readonly AcceptedEntry[]])[] = [
      [b, [entry(low, 1, 'older'), entry(middle, 2, 'two')]],
      [c, [entry(middle, 1, 'newest')]],
    ]
    expect(proposals(proposing(answers))).toEqual([
      [1, 'newest'],
      [2, 'two'],
    ])
    expect(proposals(proposing(answers.toReversed()))).toEqual([
      [1, 'newest'],
      [2, 'two'],
    ])
  })

  it('P2c(b) counts what the proposer itself has accepted', () => {
    const bench = proposing(
      [
        [b, []],
        [c, []],
      ],
      [entry(ballotOf(1, d), 1, 'own')],
    )
    expect(proposals(bench)).toEqual([[1, 'own']])
  })

  it('P2c: the quorum of phase 1 is a majority, and promises of other ballots are none', () => {
    const bench = proposing([[b, []]])
    bench.hear(c, promise(ballotOf(99, a)))
    expect([bench.ordering.role, bench.sent('accept')]).toEqual(['candidate', []])
  })

  it('P2c: a value learned late, from promises after the quorum was complete, changes nothing any more', () => {
    const bench = proposing([
      [b, []],
      [c, []],
    ])
    bench.take()
    bench.hear(d, promise(bench.ordering.ballot, entry(ballotOf(1, d), 1, 'late')))
    bench.propose(valueOf('mine'))
    expect(proposals(bench)).toEqual([[1, 'mine']])
  })

  it('phase 1(b): a promise tells the highest-numbered proposal accepted in each slot', () => {
    const bench = new OrderingBench()
    bench.hear(b, accept(ballotOf(1, b), 1, 'old'))
    bench.hear(c, accept(ballotOf(2, c), 1, 'new'))
    bench.sync()
    bench.hear(b, prepare(ballotOf(3, b)))
    expect(bench.sync()).toEqual([{ to: b, message: promise(ballotOf(3, b), entry(ballotOf(2, c), 1, 'new')) }])
  })
})

describe('2.3, learning a chosen value', () => {
  it('each acceptor tells all learners, so that everyone decides without a message of the leader’s', () => {
    const bench = new OrderingBench()
    const ballot = ballotOf(1, b)
    bench.hear(b, accept(ballot, 1, 'v'))
    expect(bench.sync().map(({ to, message }) => [to, message.kind])).toEqual([
      [b, 'accepted'],
      [c, 'accepted'],
    ])
    bench.hear(c, { kind: 'accepted', ballot, slot: slot(1) })
    expect(chosen(bench.effects)).toEqual([{ kind: 'chosen', slot: 1, ballot, value: valueOf('v') }])
  })
})

describe('2.4, progress', () => {
  it('a proposer that meets a higher number abandons its own and draws one above it', () => {
    const bench = new OrderingBench()
    const ballot = bench.untilItPrepares()
    bench.hear(b, { kind: 'refused', ballot, promised: ballotOf(40, c) })
    bench.take()
    expect([bench.ordering.role, bench.untilItPrepares()]).toEqual(['follower', ballotOf(41, a)])
  })
})

describe('2.5, the implementation', () => {
  it('proposers draw their numbers from disjoint sets: two never have one ballot', () => {
    const drawn = [a, b, c].map((self) => {
      const bench = new OrderingBench({ self, configuration: three })
      return bench.untilItPrepares()
    })
    expect(drawn).toEqual([ballotOf(1, a), ballotOf(1, b), ballotOf(1, c)])
    expect(drawn.map((ballot) => drawn.filter((other) => compareBallots(ballot, other) === 0).length)).toEqual([
      1, 1, 1,
    ])
  })

  it('a proposer draws no number twice: after a crash it begins above what its log holds', () => {
    const bench = new OrderingBench()
    bench.ordering.recover({ kind: 'promised', ballot: ballotOf(12, a) })
    expect(bench.untilItPrepares()).toEqual(ballotOf(13, a))
  })

  it('a response is held back until its record is in stable storage: promise and accepted exist only behind one', () => {
    const bench = new OrderingBench()
    const ballot = ballotOf(3, b)
    bench.hear(b, prepare(ballot))
    bench.hear(b, accept(ballot, 1, 'v'))
    expect(bench.effects.filter((effect) => effect.kind !== 'leader')).toEqual([
      { kind: 'persist', record: { kind: 'promised', ballot }, then: [{ to: b, message: promise(ballot) }] },
      {
        kind: 'persist',
        record: { kind: 'accepted', slot: 1, ballot, value: valueOf('v') },
        then: [a, b, c].map((to) => ({ to, message: { kind: 'accepted', ballot, slot: 1 } })),
      },
    ])
  })

  it('the leader’s own acceptance counts no earlier than another’s: after its record is durable', () => {
    const bench = proposing([
      [b, []],
      [c, []],
    ])
    const { ballot } = bench.ordering
    bench.propose(valueOf('v'))
    for (const from of [b, c]) bench.hear(from, { kind: 'accepted', ballot, slot: slot(1) })
    expect(chosen(bench.effects)).toEqual([])
    bench.sync()
    expect(chosen(bench.effects).length).toBe(1)
  })
})

describe('3, implementing a state machine', () => {
  it('one prepare serves infinitely many instances: the leader proposes in slot after slot without another', () => {
    const bench = proposing([
      [b, []],
      [c, []],
    ])
    bench.take()
    for (const text of ['x', 'y', 'z']) bench.propose(valueOf(text))
    expect([bench.sent('prepare'), proposals(bench)]).toEqual([
      [],
      [
        [1, 'x'],
        [2, 'y'],
        [3, 'z'],
      ],
    ])
  })

  it('holes an earlier leader left are filled with no-ops, so that what stands behind them can be executed', () => {
    const before = ballotOf(1, e)
    const bench = proposing([
      [b, [entry(before, 3, 'three')]],
      [c, [entry(before, 5, 'five')]],
    ])
    expect(proposals(bench)).toEqual([
      [1, noop],
      [2, noop],
      [3, 'three'],
      [4, noop],
      [5, 'five'],
    ])
  })

  it('a new leader proposes nothing of its own before it finished what was begun', () => {
    const bench = proposing([
      [b, [entry(ballotOf(1, e), 2, 'two')]],
      [c, []],
    ])
    bench.take()
    bench.propose(valueOf('own'))
    expect(proposals(bench)).toEqual([[3, 'own']])
  })

  it('two leaders at once do no harm: only one of them gets a batch chosen in a slot', () => {
    const ballots = [ballotOf(1, b), ballotOf(2, c)] as const
    const bench = new OrderingBench()
    bench.hear(b, prepare(ballots[0]))
    bench.hear(c, prepare(ballots[1]))
    bench.hear(b, accept(ballots[0], 1, 'of b'))
    bench.hear(c, accept(ballots[1], 1, 'of c'))
    bench.sync()
    bench.hear(b, { kind: 'accepted', ballot: ballots[0], slot: slot(1) })
    bench.hear(c, { kind: 'accepted', ballot: ballots[1], slot: slot(1) })
    expect(chosen(bench.effects)).toEqual([{ kind: 'chosen', slot: 1, ballot: ballots[1], value: valueOf('of c') }])
  })
})
