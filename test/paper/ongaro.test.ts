import { describe, expect, it } from 'vitest'
import { slot } from '../../core/model/ids.ts'
import type { Output } from '../../core/model/output.ts'
import { accepted, rejected } from '../../core/model/output.ts'
import { ORDERING_TIMING } from '../../core/ordering/timing.ts'
import { a, b, ballotOf, c, d, e, five, three } from '../support/members.ts'
import { Lan } from '../support/lan.ts'
import { OrderingBench } from '../support/ordering-bench.ts'

/** Ongaro, Consensus: Bridging Theory and Practice (2014). */

const increment = { op: 'increment', key: 'n' }
const outputOf = (lan: Lan, request: number): Output | undefined => {
  const reply = lan.reply(request)
  return reply?.kind === 'output' ? reply.output : undefined
}

describe('6.2, routing requests to the leader', () => {
  it('a leader that hears from no quorum for an election timeout steps down, so that clients ask elsewhere', () => {
    const lan = new Lan(five)
    const leader = lan.elect()
    const others = [a, b, c, d, e].filter((id) => id !== leader)
    for (const id of others.slice(0, 3)) lan.cut(id)
    lan.pass(ORDERING_TIMING.leaderSilenceMs + 100)
    expect([lan.replica(leader).status.role, lan.replica(leader).status.leader]).toEqual(['follower', undefined])
  })

  it('a leader that still reaches a quorum goes on', () => {
    const lan = new Lan(five)
    const leader = lan.elect()
    const { ballot } = lan.replica(leader).status
    for (const id of [a, b, c, d, e].filter((other) => other !== leader).slice(0, 2)) lan.cut(id)
    lan.pass(5_000)
    expect(lan.replica(leader).status).toMatchObject({ role: 'leader', ballot })
  })
})

describe('6.3, linearizable semantics', () => {
  it('a client’s session answers its retry with the first Output, even by another leader', () => {
    const lan = new Lan(three)
    const leader = lan.elect()
    const first = lan.submit(leader, { value: increment })
    lan.submit(leader, { value: increment, client: 'bob' })
    lan.pass(100)
    lan.cut(leader)
    const retry = lan.submit(lan.elect(), { value: increment })
    lan.pass(300)
    expect([outputOf(lan, first), outputOf(lan, retry)]).toEqual([accepted({ value: 1 }), accepted({ value: 1 })])
  })

  it('a session survives the restart of every replica: it stands in the replicated State', () => {
    const lan = new Lan(three)
    lan.submit(lan.elect(), { value: increment })
    lan.pass(100)
    for (const id of [a, b, c]) lan.restart(id)
    const retry = lan.submit(lan.elect(), { value: increment })
    lan.pass(300)
    expect(outputOf(lan, retry)).toEqual(accepted({ value: 1 }))
  })

  it('a sequence the client has gone beyond is refused, not executed again', () => {
    const lan = new Lan(three)
    const leader = lan.elect()
    for (const sequence of [1, 2]) lan.submit(leader, { value: increment, sequence })
    const outdated = lan.submit(leader, { value: increment, sequence: 1 })
    lan.pass(200)
    expect(outputOf(lan, outdated)).toEqual(
      rejected('sequence-superseded', 'client alice has already used sequence 2; its Output for 1 is gone'),
    )
  })
})

describe('6.4, read-only queries', () => {
  it('a read sees every write acknowledged before it began, at any replica', () => {
    const lan = new Lan(three)
    const leader = lan.elect()
    for (let sequence = 1; sequence <= 5; sequence += 1) {
      lan.submit(leader, { value: increment, sequence })
      const reads = [a, b, c].map((id) => lan.read(id, { op: 'get', key: 'n' }, 'linearizable'))
      lan.pass(300)
      expect(reads.map((read) => outputOf(lan, read))).toEqual(
        reads.map(() => accepted({ value: sequence, found: true })),
      )
    }
  })
})

describe('9.6, preventing disruptions when a server rejoins the cluster', () => {
  it('a pre-vote is not granted within an election timeout of hearing a leader', () => {
    const bench = new OrderingBench()
    bench.hear(b, { kind: 'heartbeat', ballot: ballotOf(1, b), beat: 1, slotDecided: slot(0) })
    bench.nowMs += ORDERING_TIMING.electionMsMin - 1
    bench.hear(c, { kind: 'pre-vote', ballot: ballotOf(77, c), slotDecided: slot(0) })
    expect(bench.sent('pre-vote-reply').map(({ message }) => message.granted)).toEqual([false])
  })

  it('a replica that was cut off draws no ballots meanwhile, and does not depose the leader when it is back', () => {
    const lan = new Lan(three)
    const leader = lan.elect()
    const { ballot } = lan.replica(leader).status
    const away = [a, b, c].find((id) => id !== leader) ?? leader
    lan.cut(away)
    lan.pass(10_000)
    lan.heal()
    lan.pass(3_000)
    expect(lan.replica(leader).status).toMatchObject({ role: 'leader', ballot })
    expect(lan.replica(away).status).toMatchObject({ role: 'follower', leader, ballot })
  })

  it('a replica that hears the leader badly, while others hear it well, does not depose it', () => {
    const lan = new Lan(three)
    const leader = lan.elect()
    const { ballot } = lan.replica(leader).status
    const deaf = [a, b, c].find((id) => id !== leader) ?? leader
    lan.passes = ({ from, to }) => !(from === leader && to === deaf)
    lan.pass(5_000)
    expect(lan.replica(leader).status).toMatchObject({ role: 'leader', ballot })
  })
})

describe('3.10, leadership transfer', () => {
  it('a leader that hands over is replaced sooner than one that falls silent', () => {
    const replacedAfterMs = (leave: (lan: Lan, leader: typeof a) => void): number => {
      const lan = new Lan(three)
      const leader = lan.elect()
      lan.pass(100)
      const beforeMs = lan.nowMs
      leave(lan, leader)
      lan.cut(leader)
      lan.elect()
      return lan.nowMs - beforeMs
    }
    const handedOver = replacedAfterMs((lan, leader) => lan.step(leader, { kind: 'abdicate' }))
    const silent = replacedAfterMs(() => undefined)
    expect(handedOver).toBeLessThan(ORDERING_TIMING.electionMsMin)
    expect(silent).toBeGreaterThanOrEqual(ORDERING_TIMING.electionMsMin)
  })
})
