import { describe, expect, it } from 'vitest'
import { encodeCanonical } from '../../../core/model/canonical.ts'
import { slot } from '../../../core/model/ids.ts'
import type { ReplicaId, Slot } from '../../../core/model/ids.ts'
import type { Output } from '../../../core/model/output.ts'
import { accepted } from '../../../core/model/output.ts'
import type { ReadMessage } from '../../../core/wire/read.ts'
import { a, b, c, three } from '../../support/members.ts'
import { Lan } from '../../support/lan.ts'

const increment = { op: 'increment', key: 'n' }
const get = { op: 'get', key: 'n' }
const one = accepted({ value: 1, found: true })

/** A cluster in which the counter stands at 1. */
function counting(): {
  readonly lan: Lan
  readonly leader: typeof a
  readonly follower: typeof a
  readonly other: typeof a
} {
  const lan = new Lan(three)
  const leader = lan.elect()
  const [follower = leader, other = leader] = [a, b, c].filter((id) => id !== leader)
  lan.submit(leader, { value: increment })
  lan.pass(100)
  return { lan, leader, follower, other }
}

function outputOf(lan: Lan, request: number): Output | undefined {
  const reply = lan.reply(request)
  return reply?.kind === 'output' ? reply.output : undefined
}

describe('a linearizable read', () => {
  it('costs no slot, at the leader and at any other replica', () => {
    const { lan, leader, follower, other } = counting()
    const reads = [leader, follower, other].map((id) => lan.read(id, get, 'linearizable'))
    lan.pass(100)
    expect(reads.map((read) => outputOf(lan, read))).toEqual([one, one, one])
    expect(lan.replica(leader).status.slotDecided).toBe(1)
  })

  it('is voted on: a proxy that lies is outvoted', () => {
    const { lan, follower } = counting()
    lan.step(follower, { kind: 'lie', active: true })
    const read = lan.read(follower, get, 'linearizable')
    lan.pass(500)
    expect(outputOf(lan, read)).toEqual(one)
  })

  it('is not answered by a leader that was replaced and does not know it', () => {
    const { lan, leader } = counting()
    lan.cut(leader)
    lan.pass(200)
    const read = lan.read(leader, get, 'linearizable')
    const next = lan.elect()
    lan.submit(next, { value: increment, sequence: 2 })
    lan.pass(200)
    expect(lan.reply(read)).toBe(undefined)
  })

  it('waits for a replica that is behind rather than showing it an older State', () => {
    const { lan, leader, follower } = counting()
    lan.passes = ({ to, message }) => !(to === follower && (message.kind === 'accept' || message.kind === 'accepted'))
    lan.submit(leader, { value: increment, sequence: 2 })
    const read = lan.read(follower, get, 'linearizable')
    expect(outputOf(lan, read)).not.toEqual(one)
    lan.heal()
    lan.pass(1_000)
    expect(outputOf(lan, read)).toEqual(accepted({ value: 2, found: true }))
  })

  it('is ordered instead when its round gets no answer', () => {
    const { lan, leader, follower } = counting()
    lan.passes = ({ message }) => message.kind !== 'read-outputs'
    const read = lan.read(follower, get, 'linearizable')
    lan.pass(1_000)
    expect([outputOf(lan, read), lan.replica(leader).status.slotDecided]).toEqual([one, 2])
  })

  it('is FAIL at its deadline without a majority', () => {
    const { lan, leader, follower, other } = counting()
    lan.cut(follower)
    lan.cut(other)
    const read = lan.read(leader, get, 'linearizable')
    lan.pass(5_100)
    expect(lan.reply(read)).toMatchObject({ kind: 'fail', reason: 'too-few-outputs' })
  })

  it('believes who leads, and no other member, from which slot it may be answered', () => {
    const { lan, leader, follower, other } = counting()
    lan.passes = ({ message }) => message.kind !== 'read-index'
    const read = lan.read(follower, get, 'linearizable')
    const asked = lan.sent.map(({ message }) => message).find((message) => message.kind === 'read-index-request')
    if (asked?.kind !== 'read-index-request') throw new Error('nobody was asked')
    const { life, group } = asked
    const message = { kind: 'read-index', life, group, slot: slot(0) } as const
    lan.step(follower, { kind: 'message', from: other, message })
    expect([lan.reply(read), lan.sent.some((sent) => sent.message.kind === 'read-request')]).toEqual([undefined, false])
    lan.step(follower, { kind: 'message', from: leader, message })
    expect(outputOf(lan, read)).toEqual(one)
  })
})

describe('a read of another proxy', () => {
  const question = (number: number, at: Slot): ReadMessage => ({
    kind: 'read-request',
    life: 'x',
    slot: at,
    reads: [{ number, machine: 'kv', payload: encodeCanonical(get) }],
  })
  const answers = (lan: Lan, from: ReplicaId) =>
    lan.sent.filter((sent) => sent.from === from && sent.message.kind === 'read-outputs').length

  it('that has to wait is answered when its slot is executed, unless nobody waits for it any more', () => {
    const { lan, leader, follower, other } = counting()
    const ask = (number: number) => {
      const next = slot(lan.replica(follower).status.slotExecuted + 1)
      lan.step(follower, { kind: 'message', from: other, message: question(number, next) })
    }
    ask(1)
    lan.pass(900)
    expect(answers(lan, follower)).toBe(0)
    lan.submit(leader, { value: increment, sequence: 2 })
    expect(answers(lan, follower)).toBe(1)
    ask(2)
    lan.pass(1_000)
    lan.submit(leader, { value: increment, sequence: 3 })
    expect(answers(lan, follower)).toBe(1)
  })

  it('takes no other proxy’s place, however many one member asks', () => {
    const { lan, leader, follower, other } = counting()
    const next = slot(lan.replica(follower).status.slotExecuted + 1)
    for (let number = 1; number <= 10_000; number += 1) {
      lan.step(follower, { kind: 'message', from: other, message: question(number, next) })
    }
    lan.step(follower, { kind: 'message', from: leader, message: question(1, next) })
    lan.submit(leader, { value: increment, sequence: 2 })
    const answered = lan.sent.filter((sent) => sent.to === leader && sent.message.kind === 'read-outputs')
    expect(answered.filter(({ from }) => from === follower).length).toBe(1)
  })
})
