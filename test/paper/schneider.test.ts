import { describe, expect, it } from 'vitest'
import type { Output } from '../../core/model/output.ts'
import { accepted } from '../../core/model/output.ts'
import { a, b, c, d, e, five, three } from '../support/members.ts'
import { Lan } from '../support/lan.ts'

/** Schneider, Implementing Fault-Tolerant Services Using the State Machine Approach: A Tutorial (1990). */

const increment = { op: 'increment', key: 'n' }
const outputOf = (lan: Lan, request: number): Output | undefined => {
  const reply = lan.reply(request)
  return reply?.kind === 'output' ? reply.output : undefined
}
const signsOf = (lan: Lan, request: number): string[] => (lan.signs(request) ?? '').split(' ').toSorted()

describe('2, state machines', () => {
  it('O1: the requests of one client are processed in the order it made them', () => {
    const lan = new Lan(three)
    const leader = lan.elect()
    const requests = [1, 2, 3, 4].map((sequence) => lan.submit(leader, { value: increment, sequence }))
    lan.pass(200)
    expect(requests.map((request) => outputOf(lan, request))).toEqual([1, 2, 3, 4].map((value) => accepted({ value })))
  })

  it('outputs are determined by the sequence of requests alone: equal logs give equal States', () => {
    const lan = new Lan(three)
    const leader = lan.elect()
    for (let number = 1; number <= 30; number += 1) {
      const value = { op: 'set', key: `k${number % 7}`, value: { number }, expiresInMs: 40 }
      lan.submit([a, b, c][number % 3] ?? leader, { value, client: `c${number % 3}`, sequence: number })
      lan.pass(20)
    }
    lan.pass(500)
    expect(new Set([a, b, c].map((id) => lan.replica(id).stateRoot())).size).toBe(1)
  })
})

describe('3, fault-tolerant state machines', () => {
  it.each([
    [three, 1],
    [five, 2],
  ])('2t + 1 replicas tolerate t that stop (%#)', (configuration, faults) => {
    const lan = new Lan(configuration)
    const leader = lan.elect()
    const stopped = [
      leader,
      ...configuration.members.map((member) => member.replica).filter((id) => id !== leader),
    ].slice(0, faults)
    for (const id of stopped) lan.cut(id)
    const request = lan.submit(lan.elect(), { value: increment })
    lan.pass(500)
    expect(outputOf(lan, request)).toEqual(accepted({ value: 1 }))
  })

  it('t + 1 that stop are too many: then there is no Output, and nobody is told one', () => {
    const lan = new Lan(three)
    const leader = lan.elect()
    for (const id of [a, b, c].filter((other) => other !== leader)) lan.cut(id)
    const request = lan.submit(leader, { value: increment, timeoutMs: 1_000 })
    lan.pass(1_000)
    expect(lan.reply(request)).toMatchObject({ kind: 'fail', reason: 'too-few-outputs' })
  })
})

describe('4, tolerating faulty output: the voter takes what a majority of all replicas gave', () => {
  it('t of 2t + 1 that answer wrongly are outvoted, the voter’s own replica among them', () => {
    const lan = new Lan(five)
    const leader = lan.elect()
    const voter = [a, b, c, d, e].find((id) => id !== leader) ?? leader
    for (const id of [leader, voter]) lan.step(id, { kind: 'lie', active: true })
    const request = lan.submit(voter, { value: increment })
    lan.pass(300)
    expect(outputOf(lan, request)).toEqual(accepted({ value: 1 }))
    expect(signsOf(lan, request).filter((sign) => sign === 'agrees').length).toBeGreaterThanOrEqual(3)
  })

  it('a majority of those who answer is not enough, when it is none of all', () => {
    const lan = new Lan(five)
    const leader = lan.elect()
    const others = [a, b, c, d, e].filter((id) => id !== leader)
    const [voter = leader, second = leader] = others
    lan.passes = ({ from, message }) => message.kind !== 'vote' || from === leader || from === second
    lan.step(leader, { kind: 'lie', active: true })
    const request = lan.submit(voter, { value: increment, timeoutMs: 120 })
    lan.pass(120)
    expect(lan.reply(request)?.kind).toBe('fail')
    expect(signsOf(lan, request)).toEqual(['answered', 'answered', 'answered', 'none', 'none'])
  })

  it('no wrong Output is ever told while most tell the truth, in a hundred requests at every replica', () => {
    const lan = new Lan(three)
    const leader = lan.elect()
    const liar = [a, b, c].find((id) => id !== leader) ?? leader
    lan.step(liar, { kind: 'lie', active: true })
    const requests = Array.from({ length: 99 }, (_, index) =>
      lan.submit([a, b, c][index % 3] ?? leader, { value: increment, client: `c${index}` }),
    )
    lan.pass(1_000)
    expect(requests.map((request) => outputOf(lan, request))).toEqual(
      requests.map((_, index) => accepted({ value: index + 1 })),
    )
  })
})

describe('2.1, requests with identifiers', () => {
  it('are processed at most once, however often and wherever a client makes them', () => {
    const lan = new Lan(three)
    lan.elect()
    const requests = Array.from({ length: 12 }, (_, index) =>
      lan.submit([a, b, c][index % 3] ?? a, { value: increment, timeoutMs: 20_000 }),
    )
    lan.pass(3_000)
    const after = lan.submit(a, { value: increment, client: 'bob' })
    lan.pass(300)
    expect(requests.map((request) => outputOf(lan, request))).toEqual(requests.map(() => accepted({ value: 1 })))
    expect(outputOf(lan, after)).toEqual(accepted({ value: 2 }))
  })
})
