import { describe, expect, it } from 'vitest'
import { BALLOT_NONE } from '../../../core/model/ballot.ts'
import type { ReplicaId } from '../../../core/model/ids.ts'
import { slot } from '../../../core/model/ids.ts'
import { ORDERING_TIMING } from '../../../core/ordering/timing.ts'
import { valueOf } from '../../support/inputs.ts'
import { a, b, ballotOf, c, configurationOf, d, five, stranger } from '../../support/members.ts'
import { OrderingBench } from '../../support/ordering-bench.ts'

const { electionMsMin, electionMsMax, heartbeatMs, leaderSilenceMs } = ORDERING_TIMING

function hearLeader(bench: OrderingBench, leader: ReplicaId, round: number): void {
  bench.hear(leader, { kind: 'heartbeat', ballot: ballotOf(round, leader), beat: 1, slotDecided: slot(0) })
}

/** @returns whether `from` is told that it would be followed. */
function asks(bench: OrderingBench, from: ReplicaId, round: number): boolean | undefined {
  bench.take()
  bench.hear(from, { kind: 'pre-vote', ballot: ballotOf(round, from), slotDecided: slot(0) })
  return bench.sent('pre-vote-reply')[0]?.message.granted
}

function leading(configuration?: ConstructorParameters<typeof OrderingBench>[0]): OrderingBench {
  const bench = new OrderingBench(configuration)
  const ballot = bench.untilItPrepares()
  bench.sync()
  for (const from of [b, c, d]) {
    if (bench.ordering.role === 'leader') break
    bench.hear(from, { kind: 'promise', ballot, slotDecided: slot(0), slotFrom: slot(1), slotTo: null, accepted: [] })
  }
  bench.take()
  return bench
}

describe('a follower', () => {
  it('asks for votes after a silence of random length, the same for the same seed', () => {
    const silences = [1, 2, 3, 4, 1].map((seed) => {
      const bench = new OrderingBench({ seed })
      while (bench.sent('pre-vote').length === 0) bench.tick(1)
      return bench.nowMs
    })
    expect(silences[4]).toBe(silences[0])
    expect(new Set(silences).size).toBe(4)
    expect(silences.filter((ms) => ms < electionMsMin || ms > electionMsMax)).toEqual([])
  })

  it('asks every other member, and spends no ballot by asking', () => {
    const bench = new OrderingBench()
    const ballot = bench.untilItAsks()
    expect(bench.effects).toEqual(
      [b, c].map((to) => ({ kind: 'send', to, message: { kind: 'pre-vote', ballot, slotDecided: 0 } })),
    )
    expect([ballot, bench.ordering.role]).toEqual([ballotOf(1, a), 'follower'])
  })

  it('keeps quiet as long as a leader is heard, by heartbeat or by proposal', () => {
    const bench = new OrderingBench()
    for (let beat = 0; beat < 40; beat += 1) {
      bench.tick(electionMsMin - 10)
      if (beat % 2 === 0) hearLeader(bench, b, 1)
      else
        bench.hear(b, {
          kind: 'accept',
          ballot: ballotOf(1, b),
          slot: slot(beat),
          value: valueOf('v'),
          slotDecided: slot(0),
        })
    }
    expect([bench.sent('pre-vote'), bench.ordering.leader]).toEqual([[], b])
  })

  it('does not follow a leader of an older ballot than it has promised, and tells it so', () => {
    const bench = new OrderingBench()
    hearLeader(bench, c, 5)
    hearLeader(bench, b, 4)
    expect(bench.ordering.leader).toBe(c)
    bench.hear(c, { kind: 'prepare', ballot: ballotOf(6, c), slotDecided: slot(0) })
    bench.take()
    hearLeader(bench, b, 4)
    expect(bench.effects).toEqual([
      { kind: 'send', to: b, message: { kind: 'refused', ballot: ballotOf(4, b), promised: ballotOf(6, c) } },
    ])
  })

  it('ignores a heartbeat in another’s name', () => {
    const bench = new OrderingBench()
    bench.hear(b, { kind: 'heartbeat', ballot: ballotOf(5, c), beat: 1, slotDecided: slot(0) })
    expect([bench.effects, bench.ordering.leader]).toEqual([[], undefined])
  })

  it('answers a heartbeat with the beat and its own decided index', () => {
    const bench = new OrderingBench()
    bench.decided(1, valueOf('v'))
    bench.hear(b, { kind: 'heartbeat', ballot: ballotOf(1, b), beat: 17, slotDecided: slot(0) })
    expect(bench.sent('heartbeat-reply')).toEqual([
      { to: b, message: { kind: 'heartbeat-reply', ballot: ballotOf(1, b), beat: 17, slotDecided: 1 } },
    ])
  })

  it('listens to members only', () => {
    const bench = new OrderingBench()
    hearLeader(bench, stranger, 9)
    expect([asks(bench, stranger, 99), bench.ordering.leader]).toEqual([undefined, undefined])
  })

  it('says that it has no leader once it misses one, and before it asks', () => {
    const bench = new OrderingBench()
    hearLeader(bench, b, 1)
    bench.take()
    bench.untilItAsks()
    expect(bench.effects[0]).toEqual({ kind: 'leader', leader: undefined, ballot: ballotOf(1, b) })
    expect(bench.ordering.leader).toBe(undefined)
  })
})

describe('a pre-vote', () => {
  it('is not granted while a leader is heard, whatever ballot is asked for', () => {
    const bench = new OrderingBench()
    hearLeader(bench, b, 1)
    bench.nowMs += electionMsMin - 1
    expect(asks(bench, c, 50)).toBe(false)
    bench.nowMs += 1
    expect(asks(bench, c, 50)).toBe(true)
  })

  it('is not granted by a leader that has its quorum', () => {
    const bench = leading()
    bench.tick(heartbeatMs)
    expect(asks(bench, c, 50)).toBe(false)
  })

  it('is granted only for a ballot above the promise, which it tells', () => {
    const bench = new OrderingBench()
    bench.hear(b, { kind: 'prepare', ballot: ballotOf(5, b), slotDecided: slot(0) })
    expect([asks(bench, a, 5), asks(bench, c, 5), asks(bench, c, 6)]).toEqual([false, true, true])
    expect(bench.sent('pre-vote-reply')).toEqual([
      { to: c, message: { kind: 'pre-vote-reply', ballot: ballotOf(6, c), granted: true, promised: ballotOf(5, b) } },
    ])
  })

  it('binds nobody: nothing is written, and two may be granted one', () => {
    const bench = new OrderingBench()
    expect([asks(bench, b, 1), asks(bench, c, 1)]).toEqual([true, true])
    expect(bench.effects.filter((effect) => effect.kind === 'persist')).toEqual([])
  })

  it('leads to a ballot only with a quorum of grants for this very question', () => {
    const bench = new OrderingBench({ configuration: five })
    const ballot = bench.untilItAsks()
    const reply = { kind: 'pre-vote-reply', ballot, granted: true, promised: BALLOT_NONE } as const
    bench.hear(b, { ...reply, granted: false })
    bench.hear(c, { ...reply, ballot: ballotOf(ballot.round + 1, a) })
    bench.hear(d, reply)
    bench.hear(d, reply)
    bench.hear(stranger, reply)
    expect(bench.sent('prepare')).toEqual([])
    bench.hear(c, reply)
    expect(bench.sent('prepare').length).toBe(4)
  })

  it('that was refused for an older ballot is asked above it the next time', () => {
    const bench = new OrderingBench()
    const ballot = bench.untilItAsks()
    bench.hear(b, { kind: 'pre-vote-reply', ballot, granted: false, promised: ballotOf(41, c) })
    bench.take()
    expect(bench.untilItAsks()).toEqual(ballotOf(42, a))
  })

  it('is of no use any more once a leader is heard', () => {
    const bench = new OrderingBench()
    const ballot = bench.untilItAsks()
    hearLeader(bench, c, 7)
    bench.hearGrants(ballot)
    expect(bench.sent('prepare')).toEqual([])
  })
})

describe('a leader', () => {
  it('shows that it lives, every beat with the next number', () => {
    const bench = leading()
    for (let beat = 0; beat < 3; beat += 1) bench.tick(heartbeatMs)
    const beats = bench.sent('heartbeat')
    expect(beats.map(({ to, message }) => [to, message.beat - (beats[0]?.message.beat ?? 0)])).toEqual([
      ...[
        [b, 0],
        [c, 0],
        [b, 1],
        [c, 1],
        [b, 2],
        [c, 2],
      ],
    ])
  })

  it('steps down when it heard from no quorum for too long, and says why', () => {
    const bench = leading()
    bench.tick(leaderSilenceMs - 1)
    expect(bench.ordering.role).toBe('leader')
    bench.tick(1)
    expect(bench.effects.filter((effect) => effect.kind === 'role')).toMatchObject([
      { role: 'follower', reason: 'lost-quorum' },
    ])
    expect(bench.ordering.leader).toBe(undefined)
  })

  it('goes on with one of two others', () => {
    const bench = leading()
    for (let beat = 1; beat < 60; beat += 1) {
      bench.tick(heartbeatMs)
      bench.hear(c, { kind: 'heartbeat-reply', ballot: bench.ordering.ballot, beat, slotDecided: slot(0) })
    }
    expect(bench.ordering.role).toBe('leader')
  })

  it('of five needs two others, not one twice', () => {
    const bench = leading({ configuration: five })
    for (let beat = 1; beat < 60; beat += 1) {
      bench.tick(heartbeatMs)
      bench.hear(c, { kind: 'heartbeat-reply', ballot: bench.ordering.ballot, beat, slotDecided: slot(0) })
    }
    expect(bench.ordering.role).toBe('follower')
  })

  it('that abdicates tells the others, and waits its time before it runs again', () => {
    const bench = leading()
    const { ballot } = bench.ordering
    bench.abdicate()
    expect(bench.sent('abdicated')).toEqual(
      [b, c].map((to) => ({ to, message: { kind: 'abdicated', ballot, reason: 'abdicated' } })),
    )
    expect([bench.ordering.role, bench.ordering.leader]).toEqual(['follower', undefined])
    bench.take()
    bench.tick(electionMsMin - 1)
    expect(bench.sent('pre-vote')).toEqual([])
    expect(asks(bench, c, 50)).toBe(true)
  })

  it('asks for slots that a follower has decided and it has not, once they are overdue', () => {
    const bench = leading()
    const reply = { kind: 'heartbeat-reply', ballot: bench.ordering.ballot, beat: 1, slotDecided: slot(3) } as const
    bench.hear(b, reply)
    expect(bench.effects.filter((effect) => effect.kind === 'behind')).toEqual([])
    bench.nowMs += ORDERING_TIMING.retryMs + 1
    bench.hear(c, { ...reply, slotDecided: slot(4) })
    expect(bench.effects.filter((effect) => effect.kind === 'behind')).toEqual([
      { kind: 'behind', slotDecided: 3, from: c },
    ])
  })
})

describe('a follower whose leader abdicates', () => {
  it('asks for votes within a heartbeat instead of waiting for silence', () => {
    const bench = new OrderingBench()
    hearLeader(bench, b, 1)
    bench.hear(b, { kind: 'abdicated', ballot: ballotOf(1, b), reason: 'abdicated' })
    expect(bench.ordering.leader).toBe(undefined)
    bench.tick(heartbeatMs)
    expect(bench.sent('pre-vote').length).toBe(2)
  })

  it('grants the next one at once', () => {
    const bench = new OrderingBench()
    hearLeader(bench, b, 1)
    bench.hear(b, { kind: 'abdicated', ballot: ballotOf(1, b), reason: 'abdicated' })
    expect(asks(bench, c, 2)).toBe(true)
  })

  it('believes it of the leader’s own ballot and from the leader only', () => {
    const bench = new OrderingBench()
    hearLeader(bench, b, 2)
    bench.hear(c, { kind: 'abdicated', ballot: ballotOf(2, b), reason: 'abdicated' })
    bench.hear(b, { kind: 'abdicated', ballot: ballotOf(1, b), reason: 'abdicated' })
    expect(bench.ordering.leader).toBe(b)
  })
})

describe('a cluster of one', () => {
  it('elects itself without a message, and proposes', () => {
    const bench = new OrderingBench({ configuration: configurationOf(a) })
    while (bench.ordering.role === 'follower') bench.tick(20)
    bench.sync()
    expect([bench.ordering.role, bench.ordering.leader]).toEqual(['leader', a])
    bench.propose(valueOf('alone'))
    bench.sync()
    expect(bench.effects.filter((effect) => effect.kind === 'chosen')).toEqual([
      { kind: 'chosen', slot: 1, ballot: ballotOf(1, a), value: valueOf('alone') },
    ])
  })
})
