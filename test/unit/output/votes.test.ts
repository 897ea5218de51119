import { describe, expect, it } from 'vitest'
import { sha256 } from '../../../core/crypto/hash.ts'
import { encodeCanonical } from '../../../core/model/canonical.ts'
import type { ReplicaId } from '../../../core/model/ids.ts'
import { slot } from '../../../core/model/ids.ts'
import { LIMITS } from '../../../core/model/limits.ts'
import type { Output } from '../../../core/model/output.ts'
import { accepted } from '../../../core/model/output.ts'
import { Votes } from '../../../core/output/votes.ts'
import { askers, outputDigest, slotDigest, voteSignature } from '../../support/digests.ts'
import { a, b, ballotOf, c, three } from '../../support/members.ts'

const right = accepted('right')
const wrong = accepted('wrong')
const body = (number: number, outputs: readonly Output[], init: { first?: number; count?: number } = {}) =>
  ({
    kind: 'outputs',
    slot: slot(number),
    first: init.first ?? 0,
    count: init.count ?? outputs.length,
    outputs: outputs.map(encodeCanonical),
  }) as const

class Bench {
  readonly votes = new Votes({ self: a, configuration: three, hash: sha256 })

  execute(
    number: number,
    outputs: readonly Output[],
    init: { isProxy?: boolean; bytes?: number; nowMs?: number } = {},
  ) {
    const inputs = askers(outputs.length)
    const digest = slotDigest(...outputs)
    const executed = {
      slot: slot(number),
      ballot: ballotOf(1, a),
      timeMs: 1,
      inputs,
      outputs,
      repeats: new Set<number>(),
      digests: outputs.map((output, index) => outputDigest(output, inputs[index])),
      digest,
      signature: voteSignature(a, number, digest),
      bytes: init.bytes ?? 10,
    }
    return this.votes.executed(executed, { isProxy: init.isProxy ?? true, isCounted: true, nowMs: init.nowMs ?? 0 })
  }

  vote(from: ReplicaId, number: number, ...outputs: readonly Output[]) {
    const digest = slotDigest(...outputs)
    return this.votes.vote(from, { slot: slot(number), digest, signature: voteSignature(from, number, digest) }, 1)
  }

  verdict(number: number, position = 0): string | undefined {
    return this.votes.find(slot(number))?.tally.verdict(position).kind
  }

  signs(number: number): string | undefined {
    return this.votes
      .find(slot(number))
      ?.tally.standings(0)
      .map((standing) => standing.sign)
      .join(' ')
  }

  askAgain(nowMs: number, isAwaited = true) {
    return this.votes.askAgain(() => isAwaited, nowMs)
  }
}

const voteRequest = (to: ReplicaId, ...slots: readonly number[]) => ({ to, message: { kind: 'vote-request', slots } })
const outputsRequest = (to: ReplicaId, number: number, first = 0) => ({
  to,
  message: { kind: 'outputs-request', slot: number, first },
})

describe('votes on a slot', () => {
  it('that come after it was executed here are counted with this replica’s own', () => {
    const bench = new Bench()
    bench.execute(1, [right])
    expect(bench.signs(1)).toBe('answered none none')
    expect(bench.vote(b, 1, right)?.slot).toBe(1)
    expect([bench.verdict(1), bench.signs(1)]).toEqual(['majority', 'agrees agrees none'])
  })

  it('that come early are kept until it is', () => {
    const bench = new Bench()
    expect(bench.vote(b, 1, right)).toBe(undefined)
    bench.execute(1, [right])
    expect(bench.verdict(1)).toBe('majority')
  })

  it('that come early and twice count as they came first', () => {
    const bench = new Bench()
    bench.vote(b, 1, right)
    bench.vote(b, 1, wrong)
    bench.execute(1, [right])
    expect(bench.verdict(1)).toBe('majority')
  })

  it('are dropped when it holds no Input of this proxy, and when it is past', () => {
    const bench = new Bench()
    bench.vote(b, 1, right)
    expect(bench.execute(1, [right], { isProxy: false })).toBe(undefined)
    expect([bench.vote(c, 1, right), bench.votes.find(slot(1))]).toEqual([undefined, undefined])
  })

  it('that are too early to be kept come again when they are asked for', () => {
    const bench = new Bench()
    bench.vote(b, 4_096, right)
    bench.vote(b, 4_097, right)
    bench.execute(4_096, [right])
    expect(bench.verdict(4_096)).toBe('majority')
    bench.execute(4_097, [right])
    expect(bench.verdict(4_097)).toBe('open')
    expect(bench.askAgain(150)).toEqual([voteRequest(c, 4_096, 4_097), voteRequest(b, 4_097)])
  })
})

describe('votes that differ', () => {
  it('have their Outputs asked for at once, and only once', () => {
    const bench = new Bench()
    bench.execute(1, [right])
    bench.vote(b, 1, wrong)
    expect(bench.votes.askDiffering(1)).toEqual([outputsRequest(b, 1)])
    expect(bench.votes.askDiffering(2)).toEqual([])
  })

  it('are settled by the body behind them', () => {
    const bench = new Bench()
    bench.execute(1, [wrong])
    bench.vote(b, 1, right)
    bench.vote(c, 1, right)
    expect(bench.verdict(1)).toBe('open')
    expect(bench.votes.outputs(b, body(1, [right]))?.slot).toBe(1)
    expect([bench.verdict(1), bench.signs(1)]).toEqual(['majority', 'dissents agrees agrees'])
  })

  it('take a body in parts, in any order, repeated or not', () => {
    const bench = new Bench()
    bench.execute(1, [wrong, wrong, wrong])
    const outputs = [right, accepted(2), accepted(3)]
    bench.vote(b, 1, ...outputs)
    bench.vote(c, 1, ...outputs)
    const part = (from: number, to: number) => body(1, outputs.slice(from, to), { first: from, count: 3 })
    expect([bench.votes.outputs(b, part(2, 3)), bench.votes.outputs(b, part(2, 3))]).toEqual([undefined, undefined])
    expect(bench.votes.outputs(b, part(0, 2))?.slot).toBe(1)
    expect([bench.verdict(1, 0), bench.verdict(1, 2)]).toEqual(['majority', 'majority'])
  })

  it('do not mix the parts of two replicas', () => {
    const bench = new Bench()
    bench.execute(1, [wrong, wrong])
    bench.vote(b, 1, right, right)
    bench.vote(c, 1, right, right)
    bench.votes.outputs(b, body(1, [right], { first: 0, count: 2 }))
    expect(bench.votes.outputs(c, body(1, [right], { first: 1, count: 2 }))).toBe(undefined)
    expect(bench.verdict(1)).toBe('open')
  })

  it('refuse a body that does not hash to the vote, and take the right one afterwards', () => {
    const bench = new Bench()
    bench.execute(1, [wrong])
    bench.vote(b, 1, right)
    expect(bench.votes.outputs(b, body(1, [accepted('forged')]))).toBe(undefined)
    expect(bench.votes.outputs(b, body(1, [right]))?.slot).toBe(1)
  })

  it.each([
    ['that are no CBOR', Uint8Array.of(0xff)],
    ['that are no Output', encodeCanonical({ ok: 'perhaps' })],
    ['with a break where a value should stand', Uint8Array.from(Buffer.from('a2626f6bf56576616c7565ff', 'hex'))],
    ['nested without end', new Uint8Array(100_000).fill(0x81)],
  ])('refuse bytes %s as a value: no member can halt another', (_, bytes) => {
    const bench = new Bench()
    bench.execute(1, [right])
    bench.vote(b, 1, wrong)
    expect(bench.votes.outputs(b, { ...body(1, [wrong]), outputs: [bytes] })).toBe(undefined)
  })

  it.each([
    ['for another number of Outputs', body(1, [right, right])],
    ['for a slot nobody asked about', body(9, [right])],
    ['with positions beyond the batch', body(1, [right], { first: 5, count: 1 })],
  ])('pass over a body %s', (_, message) => {
    const bench = new Bench()
    bench.execute(1, [wrong])
    bench.vote(b, 1, right)
    expect([bench.votes.outputs(b, message), bench.verdict(1)]).toEqual([undefined, 'open'])
  })

  it('pass over a body of who has not voted', () => {
    const bench = new Bench()
    bench.execute(1, [wrong])
    bench.vote(b, 1, right)
    expect([bench.votes.outputs(c, body(1, [right])), bench.signs(1)]).toEqual([undefined, 'answered answered none'])
  })
})

describe('what is missing', () => {
  it('is asked for again, per member in one message, not before its time', () => {
    const bench = new Bench()
    for (const number of [1, 2]) bench.execute(number, [right])
    bench.vote(b, 1, right)
    expect(bench.askAgain(149)).toEqual([])
    expect(bench.askAgain(150)).toEqual([voteRequest(c, 1, 2), voteRequest(b, 2)])
    expect([bench.askAgain(299), bench.askAgain(300).length]).toEqual([[], 2])
  })

  it('is asked for again with the bodies that did not come', () => {
    const bench = new Bench()
    bench.execute(1, [right])
    bench.vote(b, 1, wrong)
    bench.vote(c, 1, right)
    bench.votes.askDiffering(10)
    expect(bench.askAgain(160)).toEqual([outputsRequest(b, 1)])
  })

  it('is not asked for once every member has voted alike', () => {
    const bench = new Bench()
    bench.execute(1, [right])
    for (const from of [b, c]) bench.vote(from, 1, right)
    expect(bench.askAgain(10_000)).toEqual([])
  })

  it('is asked for a few times to complete the picture, and for ever while somebody waits', () => {
    const rounds = (isAwaited: boolean): number => {
      const bench = new Bench()
      bench.execute(1, [right])
      bench.vote(b, 1, right)
      let asks = 0
      for (let nowMs = 150; nowMs <= 3_000; nowMs += 150) asks += bench.askAgain(nowMs, isAwaited).length
      return asks
    }
    expect([rounds(false), rounds(true)]).toEqual([4, 20])
  })
})

describe('what is shown', () => {
  it('are the newest slots first, before one, and no more than asked for', () => {
    const bench = new Bench()
    for (const number of [1, 2, 5, 6]) bench.execute(number, [right])
    const shown = (query: Parameters<Votes['recent']>[0]) => bench.votes.recent(query).slots.map(({ slot }) => slot)
    expect([shown({ limit: 3 }), shown({ limit: 9, slotBefore: 5 }), shown({ limit: 0 })]).toEqual([
      [6, 5, 2],
      [2, 1],
      [],
    ])
  })

  it('are only those that changed since the version a reader has', () => {
    const bench = new Bench()
    for (const number of [1, 2, 3]) bench.execute(number, [right])
    const { version } = bench.votes.recent({ limit: 9 })
    bench.vote(b, 2, right)
    const after = bench.votes.recent({ limit: 9, versionAfter: version })
    expect([after.slots.map(({ slot }) => slot), after.version]).toEqual([[2], version + 1])
    expect(bench.votes.recent({ limit: 9, versionAfter: after.version }).slots).toEqual([])
  })

  it('is bounded in slots, the oldest going first', () => {
    const bench = new Bench()
    for (let number = 1; number <= LIMITS.outputSlotsMax + 3; number += 1) bench.execute(number, [right])
    expect([3, 4].map((number) => bench.votes.find(slot(number)) === undefined)).toEqual([true, false])
    expect(bench.askAgain(150).length).toBe(2)
  })

  it('is bounded in bytes, the oldest going first, but never the newest: somebody waits for their Outputs', () => {
    const bench = new Bench()
    const last = LIMITS.outputSlotsMin + 10
    for (let number = 1; number <= last; number += 1) bench.execute(number, [right], { bytes: LIMITS.outputBytesMax })
    const kept = Array.from({ length: last }, (_, index) => index + 1).filter((number) =>
      bench.votes.find(slot(number)),
    )
    expect([kept[0], kept.length]).toEqual([11, LIMITS.outputSlotsMin])
    bench.vote(b, last, right)
    expect(bench.verdict(last)).toBe('majority')
  })
})
