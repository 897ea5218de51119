import { describe, expect, it } from 'vitest'
import { encodeCanonical } from '../../../core/model/canonical.ts'
import { slot } from '../../../core/model/ids.ts'
import { LIMITS } from '../../../core/model/limits.ts'
import type { Output } from '../../../core/model/output.ts'
import { accepted } from '../../../core/model/output.ts'
import { digestOfSlot, voteSignature } from '../../support/digests.ts'
import { inputOf } from '../../support/inputs.ts'
import { a, b, c, three } from '../../support/members.ts'
import { Lan } from '../../support/lan.ts'

const increment = { op: 'increment', key: 'n' }

function elected(): {
  readonly lan: Lan
  readonly leader: typeof a
  readonly follower: typeof a
  readonly other: typeof a
} {
  const lan = new Lan(three)
  const leader = lan.elect()
  const [follower = leader, other = leader] = [a, b, c].filter((id) => id !== leader)
  return { lan, leader, follower, other }
}

function outputOf(lan: Lan, request: number): Output | undefined {
  const reply = lan.reply(request)
  return reply?.kind === 'output' ? reply.output : undefined
}

const failOf = (lan: Lan, request: number): string | undefined => {
  const reply = lan.reply(request)
  return reply?.kind === 'fail' ? reply.reason : undefined
}
/** The signs without their places: who leads differs. */
const signsOf = (lan: Lan, request: number): string[] | undefined => lan.signs(request)?.split(' ').toSorted()

describe('a request', () => {
  it('gets the majority Output, with every member’s vote, at the leader and at any other replica', () => {
    const { lan, leader, follower } = elected()
    const [one, two] = [
      lan.submit(leader, { value: increment }),
      lan.submit(follower, { value: increment, client: 'bob' }),
    ]
    lan.pass(40)
    expect([outputOf(lan, one), outputOf(lan, two)]).toEqual([accepted({ value: 1 }), accepted({ value: 2 })])
    const reply = lan.reply(two)
    expect(reply).toMatchObject({ kind: 'output', slot: 2, votes: [{ replica: a }, { replica: b }, { replica: c }] })
    expect(signsOf(lan, two)?.filter((sign) => sign === 'agrees').length).toBeGreaterThanOrEqual(2)
  })

  it('that comes twice while it is under way executes once and answers both callers', () => {
    const { lan, follower } = elected()
    lan.passes = ({ message }) => message.kind !== 'vote'
    const requests = [lan.submit(follower, { value: increment }), lan.submit(follower, { value: increment })]
    lan.heal()
    lan.pass(300)
    expect(requests.map((request) => outputOf(lan, request))).toEqual([accepted({ value: 1 }), accepted({ value: 1 })])
    expect(lan.replica(follower).status.waiting).toBe(0)
  })

  it('made at two replicas executes once and answers both', () => {
    const { lan, leader, follower } = elected()
    lan.passes = ({ message }) => message.kind !== 'accept'
    const requests = [lan.submit(leader, { value: increment }), lan.submit(follower, { value: increment })]
    lan.heal()
    lan.pass(3_000)
    expect(requests.map((request) => outputOf(lan, request))).toEqual([accepted({ value: 1 }), accepted({ value: 1 })])
  })

  it('that was answered gets its first Output again, even after another executed', () => {
    const { lan, leader, follower } = elected()
    lan.submit(leader, { value: increment })
    lan.submit(leader, { value: increment, client: 'bob' })
    const retry = lan.submit(follower, { value: increment })
    lan.pass(100)
    expect(outputOf(lan, retry)).toEqual(accepted({ value: 1 }))
  })

  it('waits for a leader when there is none', () => {
    const lan = new Lan(three)
    const request = lan.submit(b, { value: increment })
    lan.elect()
    lan.pass(200)
    expect(outputOf(lan, request)).toEqual(accepted({ value: 1 }))
  })

  it('is given to the next leader when the one it was given to goes', () => {
    const { lan, leader, follower } = elected()
    lan.passes = ({ to, message }) => !(to === leader && message.kind === 'forward')
    const request = lan.submit(follower, { value: increment, timeoutMs: 10_000 })
    lan.cut(leader)
    lan.elect()
    lan.pass(300)
    expect(outputOf(lan, request)).toEqual(accepted({ value: 1 }))
  })

  it('is given to the same leader again when it was lost on the way', () => {
    const { lan, leader, follower } = elected()
    lan.passes = ({ message }) => message.kind !== 'forward'
    const request = lan.submit(follower, { value: increment, timeoutMs: 10_000 })
    lan.pass(500)
    lan.heal()
    lan.pass(1_000)
    expect([outputOf(lan, request), lan.replica(follower).status.leader]).toEqual([accepted({ value: 1 }), leader])
  })

  it('that is forgotten is answered no more, and makes room', () => {
    const { lan, follower } = elected()
    lan.passes = () => false
    const [gone, stays] = [lan.submit(follower, { value: increment }), lan.submit(follower, { value: increment })]
    lan.step(follower, { kind: 'forget', request: gone })
    expect(lan.replica(follower).status.waiting).toBe(1)
    lan.step(follower, { kind: 'forget', request: stays })
    lan.heal()
    lan.pass(3_000)
    expect([lan.replica(follower).status.waiting, lan.reply(gone), lan.reply(stays)]).toEqual([0, undefined, undefined])
  })
})

describe('requests that were given to a leader and then forgotten', () => {
  it('do not stand in the way of later ones, however large they were', () => {
    const { lan, follower } = elected()
    const value = { op: 'set', key: 'k', value: 'x'.repeat(1024 * 1024 - 64) }
    lan.passes = ({ message }) => message.kind !== 'forward'
    const forgotten = [1, 2, 3, 4, 5, 6].map((sequence) => lan.submit(follower, { value, sequence }))
    for (const request of forgotten) lan.step(follower, { kind: 'forget', request })
    lan.heal()
    const request = lan.submit(follower, { value: increment, client: 'bob' })
    lan.pass(2_000)
    expect([lan.replica(follower).status.waiting, outputOf(lan, request)]).toEqual([0, accepted({ value: 1 })])
  })
})

describe('FAIL', () => {
  it('is the answer at the deadline, and not before, when too few replicas answered', () => {
    const { lan, leader, follower, other } = elected()
    lan.cut(follower)
    lan.cut(other)
    const request = lan.submit(leader, { value: increment, timeoutMs: 400 })
    lan.pass(380)
    expect(lan.reply(request)).toBe(undefined)
    lan.pass(20)
    expect(lan.reply(request)).toEqual({
      kind: 'fail',
      reason: 'too-few-outputs',
      slot: undefined,
      votes: [a, b, c].map((replica) => ({
        replica,
        sign: 'none',
        digest: undefined,
        afterMs: undefined,
        signature: undefined,
      })),
    })
  })

  it('names the slot and who had answered when the Input was executed and the votes did not come', () => {
    const { lan, leader } = elected()
    lan.passes = ({ message }) => message.kind !== 'vote'
    const request = lan.submit(leader, { value: increment, timeoutMs: 400 })
    lan.pass(400)
    expect(lan.reply(request)).toMatchObject({ kind: 'fail', reason: 'too-few-outputs', slot: 1 })
    expect(signsOf(lan, request)).toEqual(['answered', 'none', 'none'])
  })

  it('comes at once when every member has answered something else', () => {
    const { lan, leader, follower, other } = elected()
    lan.passes = ({ message }) => message.kind !== 'vote' && message.kind !== 'outputs-request'
    const request = lan.submit(leader, { value: increment, timeoutMs: 60_000 })
    for (const from of [follower, other]) {
      const output = accepted(`only ${from} says so`)
      const digest = digestOfSlot([inputOf(increment)], [output])
      const signature = voteSignature(from, 1, digest)
      lan.step(leader, { kind: 'message', from, message: { kind: 'vote', slot: slot(1), digest, signature } })
      expect(lan.reply(request)).toBe(undefined)
      const outputs = [encodeCanonical(output)]
      lan.step(leader, {
        kind: 'message',
        from,
        message: { kind: 'outputs', slot: slot(1), first: 0, count: 1, outputs },
      })
    }
    expect([failOf(lan, request), lan.signs(request)]).toEqual(['no-majority', 'answered answered answered'])
  })

  it('is "no-majority" at the deadline when a majority answered, and not alike', () => {
    const { lan, leader, follower, other } = elected()
    lan.step(follower, { kind: 'lie', active: true })
    lan.cut(other)
    const request = lan.submit(leader, { value: increment, timeoutMs: 600 })
    lan.pass(600)
    expect([failOf(lan, request), signsOf(lan, request)]).toEqual(['no-majority', ['answered', 'answered', 'none']])
  })

  it('does not mean that nothing happened: a retry gets the Output of the one execution', () => {
    const { lan, leader } = elected()
    lan.passes = ({ message }) => message.kind !== 'vote'
    const failed = lan.submit(leader, { value: increment, timeoutMs: 200 })
    lan.pass(200)
    lan.heal()
    const retry = lan.submit(leader, { value: increment })
    lan.pass(200)
    expect([failOf(lan, failed), outputOf(lan, retry)]).toEqual(['too-few-outputs', accepted({ value: 1 })])
  })
})

describe('a liar', () => {
  it('is outvoted, and seen to dissent, when it is another replica', () => {
    const { lan, leader, follower } = elected()
    lan.step(follower, { kind: 'lie', active: true })
    lan.passes = ({ from, message }) => !(from !== follower && message.kind === 'vote')
    const request = lan.submit(leader, { value: increment })
    lan.heal()
    lan.pass(400)
    expect([outputOf(lan, request), signsOf(lan, request)]).toEqual([
      accepted({ value: 1 }),
      ['agrees', 'agrees', 'dissents'],
    ])
  })

  it('is outvoted when it is the proxy itself', () => {
    const { lan, follower } = elected()
    lan.step(follower, { kind: 'lie', active: true })
    const request = lan.submit(follower, { value: increment })
    lan.pass(100)
    expect(outputOf(lan, request)).toEqual(accepted({ value: 1 }))
    expect(signsOf(lan, request)).toContain('dissents')
  })

  it('has the right State all the time', () => {
    const { lan, leader, follower } = elected()
    lan.step(follower, { kind: 'lie', active: true })
    lan.submit(leader, { value: increment })
    lan.pass(100)
    expect(lan.replica(follower).stateRoot()).toBe(lan.replica(leader).stateRoot())
  })
})

describe('a full queue', () => {
  it('answers "busy" at once, takes a retry of what it holds, and takes more when there is room', () => {
    const lan = new Lan(three)
    for (let number = 1; number <= LIMITS.queueInputsMax; number += 1) {
      lan.submit(a, { value: increment, sequence: number, timeoutMs: 60_000 })
    }
    const [more, known] = [
      lan.submit(a, { value: increment, client: 'bob' }),
      lan.submit(a, { value: increment, sequence: 7 }),
    ]
    expect([lan.reply(more), lan.reply(known)]).toEqual([{ kind: 'busy' }, undefined])
    lan.step(a, { kind: 'forget', request: 1 })
    expect(lan.reply(lan.submit(a, { value: increment, client: 'bob' }))).toBe(undefined)
  })

  it('counts bytes, not only Inputs', () => {
    const lan = new Lan(three)
    const value = { op: 'set', key: 'k', value: 'x'.repeat(1024 * 1024) }
    const requests = Array.from({ length: 64 }, (_, index) => lan.submit(a, { value, sequence: index + 1 }))
    expect(requests.map((request) => lan.reply(request)?.kind).filter((kind) => kind === 'busy').length).toBe(1)
  })
})
