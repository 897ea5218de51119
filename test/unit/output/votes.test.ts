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
import { a, always, b, ballotOf, c, three } from '../../support/members.ts'

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
  readonly votes = new Votes({ self: a, configurations: always(three), hash: sha256 })

  execute(
    number: number,
    outputs: readonly Output[],
    init: { isProxy?: boolean; isCounted?: boolean; bytes?: number; nowMs?: number } = {},
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
    const context = { isProxy: init.isProxy ?? true, isCounted: init.isCounted ?? true, nowMs: init.nowMs ?? 0 }
    return this.votes.executed(executed, context)
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

  /** Asks for the Outputs behind votes that differ. @returns where each member is to begin. */
  ask(): string[] {
    return this.votes.askDiffering(1).map(({ to, message }) => `${to}:${'first' in message ? message.first : ''}`)
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

  it('that come early are dropped with the slots that others executed', () => {
    const bench = new Bench()
    bench.vote(b, 1, right)
    bench.vote(b, 2, right)
    bench.votes.recovered(slot(1))
    for (const number of [1, 2]) bench.execute(number, [right])
    expect([bench.verdict(1), bench.verdict(2)]).toEqual(['open', 'majority'])
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
    expect([bench.verdict(1), bench.ask()]).toEqual(['open', ['b:0', 'c:0']])
    expect(bench.votes.outputs(b, body(1, [right]))?.slot).toBe(1)
    expect([bench.verdict(1), bench.signs(1)]).toEqual(['majority', 'dissents agrees agrees'])
  })

  it('take a body in parts, in order, each once', () => {
    const bench = new Bench()
    bench.execute(1, [wrong, wrong, wrong])
    const outputs = [right, accepted(2), accepted(3)]
    bench.vote(b, 1, ...outputs)
    const part = (from: number, to: number) => body(1, outputs.slice(from, to), { first: from, count: 3 })
    bench.ask()
    expect([bench.votes.outputs(b, part(2, 3)), bench.votes.outputs(b, part(0, 2))]).toEqual([undefined, undefined])
    expect(bench.ask()).toEqual(['b:2'])
    expect([bench.votes.outputs(b, part(0, 2)), bench.ask()]).toEqual([undefined, []])
    expect(bench.votes.outputs(b, part(2, 3))?.slot).toBe(1)
    expect(bench.signs(1)).toBe('answered answered none')
    bench.vote(c, 1, ...outputs)
    expect([bench.verdict(1, 0), bench.verdict(1, 2)]).toEqual(['majority', 'majority'])
  })

  it('keep no part while one before it is missing', () => {
    const bench = new Bench()
    bench.execute(1, [wrong, wrong])
    bench.vote(b, 1, right, right)
    bench.ask()
    bench.votes.outputs(b, body(1, [right], { first: 1, count: 2 }))
    bench.votes.outputs(b, body(1, [right], { first: 0, count: 2 }))
    expect([bench.signs(1), bench.ask()]).toEqual(['answered answered none', ['b:1']])
  })

  it('take Outputs of nobody that was not asked for them', () => {
    const bench = new Bench()
    bench.execute(1, [wrong])
    bench.vote(b, 1, right)
    expect(bench.votes.outputs(b, body(1, [right]))).toBe(undefined)
    bench.ask()
    expect(bench.votes.outputs(b, body(1, [right]))?.slot).toBe(1)
  })

  it('take no more of Outputs that another member gave', () => {
    const bench = new Bench()
    bench.execute(1, [wrong, wrong])
    for (const from of [b, c]) bench.vote(from, 1, right, right)
    bench.ask()
    bench.votes.outputs(c, body(1, [right], { first: 0, count: 2 }))
    expect(bench.votes.outputs(b, body(1, [right, right]))?.slot).toBe(1)
    expect(bench.votes.outputs(c, body(1, [right], { first: 1, count: 2 }))).toBe(undefined)
    expect(bench.ask()).toEqual([])
  })

  it('count in what bounds the memory: older slots go for the parts of newer ones', () => {
    const bench = new Bench()
    const last = LIMITS.outputSlotsMin + 1
    for (let number = 1; number <= last; number += 1) bench.execute(number, [wrong, wrong])
    const large = accepted('x'.repeat(LIMITS.outputBytesMax))
    bench.vote(b, last, large, right)
    bench.ask()
    expect(bench.votes.find(slot(1))?.slot).toBe(1)
    bench.votes.outputs(b, body(last, [large], { first: 0, count: 2 }))
    expect([bench.votes.find(slot(1)), bench.votes.find(slot(2))?.slot]).toEqual([undefined, 2])
  })

  it('do not mix the parts of two replicas', () => {
    const bench = new Bench()
    bench.execute(1, [wrong, wrong])
    bench.vote(b, 1, right, right)
    bench.vote(c, 1, right, right)
    bench.ask()
    bench.votes.outputs(b, body(1, [right], { first: 0, count: 2 }))
    expect(bench.votes.outputs(c, body(1, [right], { first: 1, count: 2 }))).toBe(undefined)
    expect(bench.verdict(1)).toBe('open')
  })

  it('refuse a body that does not hash to the vote, and take the right one afterwards', () => {
    const bench = new Bench()
    bench.execute(1, [wrong])
    bench.vote(b, 1, right)
    bench.ask()
    expect(bench.votes.outputs(b, body(1, [accepted('forged')]))).toBe(undefined)
    expect(bench.askAgain(200)).toMatchObject([outputsRequest(b, 1), voteRequest(c, 1)])
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
    bench.ask()
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
    bench.ask()
    expect([bench.votes.outputs(b, message), bench.verdict(1)]).toEqual([undefined, 'open'])
  })

  it('pass over a body of who has not voted', () => {
    const bench = new Bench()
    bench.execute(1, [wrong])
    bench.vote(b, 1, right)
    bench.ask()
    expect([bench.votes.outputs(c, body(1, [right])), bench.signs(1)]).toEqual([undefined, 'answered answered none'])
  })
})

describe('the parts of one member', () => {
  const part = new Uint8Array(12 * 1024 * 1024)

  /** Whether there was room for a large first part of this slot. */
  function takes(bench: Bench, number: number, from = b): boolean {
    if (bench.votes.find(slot(number)) === undefined) bench.execute(number, [wrong, wrong])
    bench.vote(from, number, right, right)
    bench.ask()
    bench.votes.outputs(from, { ...body(number, [right], { count: 2 }), outputs: [part] })
    return bench.ask().includes(`${from}:1`)
  }

  function filled(from = b): Bench {
    const bench = new Bench()
    expect([1, 2, 3].map((number) => takes(bench, number, from))).toEqual([true, true, false])
    return bench
  }

  it('have their place back when their slots are not kept any more', () => {
    const bench = filled()
    for (let number = 4; number <= LIMITS.outputSlotsMin + 1; number += 1) bench.execute(number, [right])
    expect(bench.votes.find(slot(1))).toBe(undefined)
    expect(takes(bench, LIMITS.outputSlotsMin + 2)).toBe(true)
  })

  it('have their place back when nobody asks for the rest any more', () => {
    const bench = filled()
    for (let nowMs = 200; nowMs <= 2_000; nowMs += 200) bench.askAgain(nowMs, false)
    expect(takes(bench, 4)).toBe(true)
  })

  it('have their place back when another member gave the same Outputs', () => {
    const bench = filled(c)
    for (const number of [1, 2]) {
      bench.vote(b, number, right, right)
      bench.ask()
      expect(bench.votes.outputs(b, body(number, [right, right]))?.slot).toBe(number)
    }
    expect(takes(bench, 4, c)).toBe(true)
  })

  it('are not asked for twice because another member differs too', () => {
    const bench = new Bench()
    bench.execute(1, [wrong])
    bench.vote(b, 1, right)
    expect(bench.ask()).toEqual(['b:0'])
    bench.vote(c, 1, accepted('another'))
    expect(bench.ask()).toEqual(['c:0'])
  })
})

describe('a replica in quarantine', () => {
  it('waits for no vote of its own: the Output that no majority can reach any more is told at once', () => {
    const bench = new Bench()
    bench.execute(1, [right], { isCounted: false })
    bench.vote(b, 1, right)
    expect(bench.verdict(1)).toBe('open')
    bench.vote(c, 1, wrong)
    bench.ask()
    bench.votes.outputs(c, body(1, [wrong]))
    expect(bench.verdict(1)).toBe('no-majority')
  })

  it('does not ask itself for its vote', () => {
    const bench = new Bench()
    bench.execute(1, [right], { isCounted: false })
    bench.vote(b, 1, right)
    expect(bench.askAgain(150)).toEqual([voteRequest(c, 1)])
    bench.vote(c, 1, right)
    expect([bench.verdict(1), bench.askAgain(300)]).toEqual(['majority', []])
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
