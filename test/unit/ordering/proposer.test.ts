import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../../core/base/assert.ts'
import type { Ballot } from '../../../core/model/ballot.ts'
import type { ReplicaId } from '../../../core/model/ids.ts'
import { slot } from '../../../core/model/ids.ts'
import { LIMITS } from '../../../core/model/limits.ts'
import { ORDERING_TIMING } from '../../../core/ordering/timing.ts'
import { NOOP_BATCH } from '../../../core/wire/batch.ts'
import type { AcceptedEntry } from '../../../core/wire/ordering.ts'
import { valueOf } from '../../support/inputs.ts'
import { a, b, ballotOf, c, d, e, five, three } from '../../support/members.ts'
import { OrderingBench } from '../../support/ordering-bench.ts'

interface Told {
  /** What it promised before it ran itself. */
  readonly promised?: Ballot
  readonly decided?: number
  readonly accepted?: readonly AcceptedEntry[]
}

function hearPromise(bench: OrderingBench, from: ReplicaId, ballot: Ballot, told: Told = {}): void {
  const decided = told.decided ?? 0
  bench.hear(from, {
    kind: 'promise',
    ballot,
    slotDecided: slot(decided),
    slotFrom: slot(decided + 1),
    slotTo: null,
    accepted: [...(told.accepted ?? [])],
  })
}

/** A replica that leads, and what it did first as a leader. */
function leading(told: Told = {}): { readonly bench: OrderingBench; readonly ballot: Ballot } {
  const bench = new OrderingBench()
  const { promised } = told
  if (promised !== undefined) bench.hear(promised.proposer, { kind: 'prepare', ballot: promised, slotDecided: slot(0) })
  const ballot = bench.untilItPrepares()
  bench.take()
  bench.sync()
  hearPromise(bench, b, ballot, told)
  return { bench, ballot }
}

const entry = (number: number, ballot: Ballot, text: string): AcceptedEntry => ({
  slot: slot(number),
  ballot,
  value: valueOf(text),
})
const proposals = (bench: OrderingBench, to: ReplicaId) =>
  bench
    .sent('accept')
    .filter((sent) => sent.to === to)
    .map(({ message }) => [message.slot, new TextDecoder().decode(message.value)] as const)
const noop = new TextDecoder().decode(NOOP_BATCH)

describe('a proposer in phase 1', () => {
  it('leads with a quorum of promises, its own among them', () => {
    const { bench, ballot } = leading()
    expect(bench.effects.find((effect) => effect.kind === 'role')).toEqual({
      kind: 'role',
      role: 'leader',
      ballot,
      reason: 'elected',
    })
    expect([bench.ordering.role, bench.ordering.room]).toEqual(['leader', LIMITS.windowSlotsMax])
  })

  it('does not lead before its own promise is durable, whoever else has promised', () => {
    const bench = new OrderingBench()
    const ballot = bench.untilItPrepares()
    hearPromise(bench, b, ballot)
    hearPromise(bench, c, ballot)
    expect(bench.ordering.role).toBe('candidate')
    bench.sync()
    expect(bench.ordering.role).toBe('leader')
  })

  it('needs three of five', () => {
    const bench = new OrderingBench({ configuration: five })
    const ballot = bench.untilItPrepares()
    bench.sync()
    hearPromise(bench, d, ballot)
    hearPromise(bench, d, ballot)
    expect(bench.ordering.role).toBe('candidate')
    hearPromise(bench, e, ballot)
    expect(bench.ordering.role).toBe('leader')
  })

  it('does not count promises of another ballot, or of strangers', () => {
    const bench = new OrderingBench()
    const ballot = bench.untilItPrepares()
    bench.sync()
    hearPromise(bench, b, ballotOf(ballot.round - 1, a))
    hearPromise(bench, b, ballotOf(ballot.round + 1, a))
    hearPromise(bench, d, ballot)
    expect(bench.ordering.role).toBe('candidate')
  })

  it('asks again those that did not answer', () => {
    const bench = new OrderingBench()
    bench.untilItPrepares()
    bench.take()
    bench.tick(ORDERING_TIMING.retryMs - 1)
    expect(bench.sent('prepare')).toEqual([])
    bench.tick(1)
    expect(bench.sent('prepare').map(({ to }) => to)).toEqual([b, c])
  })

  it('gives up at a refusal by a higher ballot, not at one that is out of date', () => {
    const bench = new OrderingBench()
    const ballot = bench.untilItPrepares()
    bench.hear(b, { kind: 'refused', ballot, promised: ballotOf(ballot.round - 1 || 1, a) })
    expect(bench.ordering.role).toBe('candidate')
    bench.hear(b, { kind: 'refused', ballot, promised: ballotOf(ballot.round + 1, c) })
    expect(bench.ordering.role).toBe('follower')
    bench.take()
    expect(bench.untilItPrepares().round).toBeGreaterThan(ballot.round + 1)
  })

  it('gives up when another replica prepares a higher ballot', () => {
    const bench = new OrderingBench()
    const ballot = bench.untilItPrepares()
    bench.hear(c, { kind: 'prepare', ballot: ballotOf(ballot.round, c), slotDecided: slot(0) })
    expect(bench.ordering.role).toBe('follower')
  })
})

describe('a new leader', () => {
  it('proposes again, in its own ballot, what was accepted before, and no-ops in the holes between', () => {
    const { bench, ballot } = leading({ accepted: [entry(2, ballotOf(1, c), 'two'), entry(4, ballotOf(1, c), 'four')] })
    expect(proposals(bench, b)).toEqual([
      [1, noop],
      [2, 'two'],
      [3, noop],
      [4, 'four'],
    ])
    expect(proposals(bench, c)).toEqual(proposals(bench, b))
    expect(new Set(bench.sent('accept').map(({ message }) => message.ballot))).toEqual(new Set([ballot]))
    bench.take()
    bench.propose(valueOf('new'))
    expect(proposals(bench, b)).toEqual([[5, 'new']])
  })

  it('fetches what others have decided before it proposes anything', () => {
    const { bench } = leading({ decided: 2, accepted: [entry(4, ballotOf(1, c), 'four')] })
    expect(bench.effects.filter((effect) => effect.kind === 'behind')).toEqual([
      { kind: 'behind', slotDecided: 2, from: b },
    ])
    expect([bench.ordering.role, bench.ordering.room, bench.sent('accept')]).toEqual(['candidate', 0, []])
    bench.decided(1, valueOf('one'))
    expect(bench.ordering.role).toBe('candidate')
    bench.decided(2, valueOf('two'))
    expect(bench.ordering.role).toBe('leader')
    expect(proposals(bench, b)).toEqual([
      [3, noop],
      [4, 'four'],
    ])
  })

  it('asks for those decisions again, and gives up when nobody has them for five seconds', () => {
    const { bench } = leading({ decided: 2 })
    bench.take()
    bench.tick(ORDERING_TIMING.retryMs)
    expect(bench.effects.filter((effect) => effect.kind === 'behind')).toEqual([
      { kind: 'behind', slotDecided: 2, from: b },
    ])
    bench.take()
    bench.tick(ORDERING_TIMING.recoveryMs)
    expect(bench.effects.find((effect) => effect.kind === 'role')).toMatchObject({
      role: 'follower',
      reason: 'recovery-stalled',
    })
  })
})

describe('a leader', () => {
  it('proposes slot after slot without waiting, up to a window', () => {
    const { bench } = leading()
    for (let count = 0; count < LIMITS.windowSlotsMax; count += 1) bench.propose(valueOf(`v${count}`))
    expect(proposals(bench, c).map(([number]) => number)).toEqual(
      Array.from({ length: LIMITS.windowSlotsMax }, (_, index) => index + 1),
    )
    expect([bench.ordering.room, bench.ordering.inFlight]).toEqual([0, LIMITS.windowSlotsMax])
    bench.decided(1, valueOf('v0'))
    expect([bench.ordering.room, bench.ordering.inFlight]).toEqual([1, LIMITS.windowSlotsMax - 1])
  })

  it('sends a proposal again only to those who were not heard to accept it', () => {
    const { bench, ballot } = leading()
    bench.propose(valueOf('v'))
    bench.hear(b, { kind: 'accepted', ballot, slot: slot(1) })
    bench.take()
    bench.tick(ORDERING_TIMING.retryMs)
    expect(bench.sent('accept').map(({ to, message }) => [to, message.slot])).toEqual([[c, 1]])
  })

  it('tells its decided index with the next proposal', () => {
    const { bench } = leading()
    bench.propose(valueOf('v'))
    bench.decided(1, valueOf('v'))
    bench.take()
    bench.propose(valueOf('w'))
    expect(bench.sent('accept').map(({ message }) => [message.slot, message.slotDecided])).toEqual([
      [2, 1],
      [2, 1],
    ])
  })

  it('is deposed when another batch is decided in a slot it proposed', () => {
    const { bench } = leading()
    bench.propose(valueOf('mine'))
    bench.take()
    bench.decided(1, valueOf('theirs'))
    expect(bench.effects.find((effect) => effect.kind === 'role')).toMatchObject({
      role: 'follower',
      reason: 'deposed',
    })
    expect([bench.ordering.leader, bench.ordering.room]).toEqual([undefined, 0])
  })

  it('is deposed when a slot is decided that it has not proposed', () => {
    const { bench } = leading()
    bench.decided(1, valueOf('theirs'))
    expect(bench.ordering.role).toBe('follower')
  })

  it('ends when a higher ballot is prepared, proposed, or refuses it', () => {
    const higher = ballotOf(99, c)
    const news = [
      { kind: 'prepare', ballot: higher, slotDecided: slot(0) },
      { kind: 'accept', ballot: higher, slot: slot(1), value: valueOf('v'), slotDecided: slot(0) },
      { kind: 'heartbeat', ballot: higher, beat: 1, slotDecided: slot(0) },
      { kind: 'refused', ballot: ballotOf(1, a), promised: higher },
    ] as const
    for (const message of news) {
      const { bench } = leading()
      bench.hear(c, message)
      expect([message.kind, bench.ordering.role]).toEqual([message.kind, 'follower'])
    }
  })

  it('answers an older leader’s heartbeat with a refusal, and goes on leading', () => {
    const { bench, ballot } = leading({ promised: ballotOf(7, c) })
    bench.hear(c, { kind: 'heartbeat', ballot: ballotOf(7, c), beat: 1, slotDecided: slot(0) })
    expect(bench.sent('refused')).toEqual([
      { to: c, message: { kind: 'refused', ballot: ballotOf(7, c), promised: ballot } },
    ])
    expect(bench.ordering.role).toBe('leader')
  })
})

describe('who does not lead', () => {
  it('has no room, and to propose all the same is a bug', () => {
    const bench = new OrderingBench({ configuration: three })
    expect(bench.ordering.room).toBe(0)
    expect(() => bench.propose(valueOf('v'))).toThrow(InvariantError)
  })
})
