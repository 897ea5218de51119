import { describe, expect, it } from 'vitest'
import { slot } from '../../core/model/ids.ts'
import { accepted } from '../../core/model/output.ts'
import { a, b, c, three } from '../support/members.ts'
import { Lan } from '../support/lan.ts'

/** Chandra, Griesemer, Redstone: Paxos Made Live, An Engineering Perspective (2007). */

const increment = { op: 'increment', key: 'n' }
const get = { op: 'get', key: 'n' }

function elected(): { readonly lan: Lan; readonly leader: typeof a; readonly followers: readonly (typeof a)[] } {
  const lan = new Lan(three)
  const leader = lan.elect()
  return { lan, leader, followers: [a, b, c].filter((id) => id !== leader) }
}

const outputOf = (lan: Lan, request: number) => {
  const reply = lan.reply(request)
  return reply?.kind === 'output' ? reply.output : undefined
}

describe('4.2, Multi-Paxos', () => {
  it('prepare messages are sent once a leadership, not once an instance', () => {
    const { lan, leader } = elected()
    const before = lan.sent.length
    for (let number = 1; number <= 20; number += 1) lan.submit(leader, { value: increment, sequence: number })
    lan.pass(200)
    expect(lan.replica(leader).status.slotDecided).toBe(20)
    expect(lan.sent.slice(before).filter(({ message }) => message.kind === 'prepare')).toEqual([])
  })

  it('several submissions are batched into one instance while earlier ones are under way', () => {
    const { lan, leader } = elected()
    lan.passes = ({ message }) => message.kind !== 'accept'
    for (let client = 0; client < 100; client += 1) lan.submit(leader, { value: increment, client: `c${client}` })
    lan.heal()
    lan.pass(1_000)
    const { slotDecided } = lan.replica(leader).status
    expect(slotDecided).toBeLessThan(100)
    const request = lan.submit(leader, { value: increment, client: 'last' })
    lan.pass(100)
    expect(outputOf(lan, request)).toEqual(accepted({ value: 101 }))
  })
})

describe('5.1, handling gaps', () => {
  it('a replica that missed instances asks another for them, and executes them in order', () => {
    const { lan, leader, followers } = elected()
    const [away = leader] = followers
    lan.cut(away)
    for (let number = 1; number <= 5; number += 1) lan.submit(leader, { value: increment, sequence: number })
    lan.heal()
    lan.pass(1_000)
    expect(lan.replica(away).status.slotExecuted).toBe(lan.replica(leader).status.slotExecuted)
    expect(
      lan
        .durable(away)
        .filter((record) => record.kind === 'learned')
        .map((record) => record.slot)
        .slice(0, 5),
    ).toEqual([1, 2, 3, 4, 5])
  })

  it('whoever it asks may be gone too: the next one is asked', () => {
    const { lan, leader, followers } = elected()
    const [away = leader] = followers
    lan.cut(away)
    for (let number = 1; number <= 5; number += 1) lan.submit(leader, { value: increment, sequence: number })
    lan.heal()
    lan.passes = ({ to, message }) => !(to === leader && message.kind === 'log-request')
    lan.pass(4_000)
    expect(lan.replica(away).status.slotExecuted).toBeGreaterThanOrEqual(5)
  })
})

describe('5.2, leases, and what they guard against', () => {
  it('a leader that was cut off and replaced answers no read from its old State', () => {
    const { lan, leader, followers } = elected()
    lan.submit(leader, { value: increment })
    lan.pass(100)
    lan.cut(leader)
    const stale = lan.read(leader, get, 'linearizable')
    const next = lan.elect()
    lan.submit(next, { value: increment, sequence: 2 })
    lan.pass(300)
    expect([followers.includes(next), lan.reply(stale)]).toEqual([true, undefined])
    lan.heal()
    lan.pass(2_000)
    expect(outputOf(lan, stale)).toEqual(accepted({ value: 2, found: true }))
  })
})

describe('5.3, epochs: what a leader was given before it lost leadership', () => {
  it('is executed at most once, whoever leads next', () => {
    const { lan, leader, followers } = elected()
    const [proxy = leader] = followers
    lan.passes = ({ from, message }) => !(from === leader && message.kind === 'heartbeat')
    const requests = Array.from({ length: 10 }, (_, index) =>
      lan.submit(proxy, { value: increment, client: `c${index}`, timeoutMs: 20_000 }),
    )
    lan.pass(1_500)
    lan.heal()
    lan.pass(5_000)
    const values = requests.map((request) => outputOf(lan, request))
    expect(new Set(values.map((output) => JSON.stringify(output)))).toEqual(
      new Set(Array.from({ length: 10 }, (_, index) => JSON.stringify(accepted({ value: index + 1 })))),
    )
  })
})

describe('3, what an acceptor must not forget', () => {
  it('survives the crash of all replicas at once: what was acknowledged is there afterwards', () => {
    const { lan, leader } = elected()
    const request = lan.submit(leader, { value: increment })
    lan.pass(100)
    for (const id of [a, b, c]) lan.restart(id)
    const read = lan.read(lan.elect(), get, 'linearizable')
    lan.pass(500)
    expect([outputOf(lan, request), outputOf(lan, read)]).toEqual([
      accepted({ value: 1 }),
      accepted({ value: 1, found: true }),
    ])
    expect(lan.replica(leader).decidedValue(slot(1))).toEqual(lan.replica(b).decidedValue(slot(1)))
  })
})
