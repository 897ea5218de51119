import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../../core/base/assert.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import { encodeCanonical } from '../../../core/model/canonical.ts'
import type { ReplicaId } from '../../../core/model/ids.ts'
import type { Output } from '../../../core/model/output.ts'
import { accepted } from '../../../core/model/output.ts'
import type { SlotVote } from '../../../core/output/tally.ts'
import { Tally } from '../../../core/output/tally.ts'
import { askers, outputDigest, slotDigest, voteSignature } from '../../support/digests.ts'
import { a, b, c, d, e, five, stranger, three } from '../../support/members.ts'

const [right, wrong, odd] = [accepted('right'), accepted('wrong'), accepted('odd')]

function tallyOf(init: { readonly count?: number; readonly configuration?: typeof three } = {}): Tally {
  return new Tally({
    configuration: init.configuration ?? three,
    hash: sha256,
    inputs: askers(init.count ?? 1),
  })
}

/** On slot 1. */
function voteOf(replica: ReplicaId, ...outputs: readonly Output[]): SlotVote {
  const digest = slotDigest(...outputs)
  return { digest, signature: voteSignature(replica, 1, digest) }
}

/** Opens a body and votes for it. */
function vote(tally: Tally, replica: typeof a, ...outputs: readonly Output[]): void {
  tally.vote(replica, voteOf(replica, ...outputs), 0)
  tally.body(slotDigest(...outputs), outputs)
}

const signs = (tally: Tally, position = 0): string =>
  tally
    .standings(position)
    .map((standing) => standing.sign)
    .join(' ')

describe('a tally', () => {
  it('finds the Output that a majority of the configuration gave, and who dissents', () => {
    const tally = tallyOf()
    tally.own(slotDigest(wrong), { outputs: [wrong], digests: [outputDigest(wrong)], repeats: new Set() })
    tally.vote(a, voteOf(a, wrong), 5)
    tally.vote(b, voteOf(b, right), 7)
    expect([tally.verdict(0), signs(tally)]).toEqual([{ kind: 'open' }, 'answered answered none'])
    tally.vote(c, voteOf(c, right), 9)
    expect(tally.verdict(0)).toEqual({ kind: 'open' })
    expect(tally.body(slotDigest(right), [right])).toBe(true)
    expect(tally.verdict(0)).toEqual({ kind: 'majority', output: right, digest: outputDigest(right) })
    expect(tally.standings(0)).toEqual([
      { replica: a, sign: 'dissents', digest: outputDigest(wrong), atMs: 5, signature: voteOf(a, wrong).signature },
      { replica: b, sign: 'agrees', digest: outputDigest(right), atMs: 7, signature: voteOf(b, right).signature },
      { replica: c, sign: 'agrees', digest: outputDigest(right), atMs: 9, signature: voteOf(c, right).signature },
    ])
  })

  it('needs a majority of all members, not of those who answered', () => {
    const tally = tallyOf({ configuration: five })
    vote(tally, a, right)
    vote(tally, b, right)
    expect([tally.verdict(0), tally.isRipe]).toEqual([{ kind: 'open' }, false])
    vote(tally, c, right)
    expect([tally.verdict(0).kind, tally.isRipe]).toEqual(['majority', true])
  })

  it('compares Outputs one by one: slots that differ in one may agree in the others', () => {
    const tally = tallyOf({ count: 2 })
    vote(tally, a, right, wrong)
    vote(tally, b, right, right)
    vote(tally, c, odd, right)
    expect([tally.verdict(0), tally.verdict(1)]).toEqual([
      { kind: 'majority', output: right, digest: outputDigest(right) },
      { kind: 'majority', output: right, digest: outputDigest(right, askers(2)[1]) },
    ])
    expect([signs(tally, 0), signs(tally, 1)]).toEqual(['agrees agrees dissents', 'dissents agrees agrees'])
  })

  it('says that there will be no majority as soon as none is possible, and no sooner', () => {
    const tally = tallyOf({ configuration: five })
    vote(tally, a, right)
    vote(tally, b, wrong)
    vote(tally, c, odd)
    expect(tally.verdict(0)).toEqual({ kind: 'open' })
    vote(tally, d, accepted('other'))
    expect(tally.verdict(0)).toEqual({ kind: 'no-majority' })
    expect(signs(tally)).toBe('answered answered answered answered none')
  })

  it('holds a vote without a body for undecided: its Output may be any', () => {
    const tally = tallyOf()
    vote(tally, a, right)
    vote(tally, b, wrong)
    tally.vote(c, voteOf(c, odd), 0)
    expect([tally.verdict(0), tally.unopened()]).toEqual([{ kind: 'open' }, [c]])
    tally.body(slotDigest(odd), [odd])
    expect([tally.verdict(0), tally.unopened()]).toEqual([{ kind: 'no-majority' }, []])
  })

  it('does not count strangers, and holds a member to its first vote', () => {
    const tally = tallyOf()
    vote(tally, a, right)
    vote(tally, stranger, right)
    tally.vote(a, voteOf(a, wrong), 99)
    expect([tally.verdict(0), tally.missing(), tally.digestOf(a)]).toEqual([
      { kind: 'open' },
      [b, c],
      slotDigest(right),
    ])
    expect([tally.digestOf(stranger), tally.digestOf(b)]).toEqual([undefined, undefined])
  })

  it('refuses a body that does not hash to its digest, has too few Outputs, or too many', () => {
    const tally = tallyOf()
    tally.vote(a, voteOf(a, right), 0)
    tally.vote(b, voteOf(b, right), 0)
    expect([
      tally.body(slotDigest(right), [wrong]),
      tally.body(slotDigest(right), []),
      tally.body(slotDigest(right, right), [right, right]),
    ]).toEqual([false, false, false])
    expect([tally.verdict(0), tally.unopened()]).toEqual([{ kind: 'open' }, [a, b]])
  })

  it('keeps a body it has: nobody can put another in its place', () => {
    const tally = tallyOf()
    tally.own(slotDigest(right), { outputs: [right], digests: [outputDigest(right)], repeats: new Set() })
    tally.vote(a, voteOf(a, right), 0)
    tally.vote(b, voteOf(b, right), 0)
    expect(tally.body(slotDigest(right), [wrong])).toBe(false)
    expect(tally.verdict(0)).toEqual({ kind: 'majority', output: right, digest: outputDigest(right) })
  })

  it('counts votes of different bodies together where they agree, in a configuration of five', () => {
    const tally = tallyOf({ count: 2, configuration: five })
    vote(tally, a, right, odd)
    vote(tally, c, right, wrong)
    vote(tally, e, right, right)
    expect([tally.verdict(0).kind, tally.verdict(1).kind]).toEqual(['majority', 'open'])
  })

  it('knows who signed one and the same slot: who agrees on an Output may differ elsewhere in it', () => {
    const tally = tallyOf({ count: 2 })
    vote(tally, a, right, wrong)
    vote(tally, b, right, right)
    vote(tally, c, right, right)
    const endorsed = (position: number, output: Output) =>
      tally.endorsements(position, outputDigest(output, askers(2)[position])).map(({ signatures, ...rest }) => ({
        ...rest,
        by: signatures.map(({ replica, signature }) => [replica, signature]),
      }))
    const of = (outputs: readonly [Output, Output], ...members: readonly ReplicaId[]) => ({
      slotDigest: slotDigest(...outputs),
      digests: outputs.map((output, index) => outputDigest(output, askers(2)[index])),
      repeats: new Set(),
      by: members.map((member) => [member, voteOf(member, ...outputs).signature]),
    })
    expect(endorsed(0, right)).toEqual([of([right, wrong], a), of([right, right], b, c)])
    expect(endorsed(1, right)).toEqual([of([right, right], b, c)])
    expect(endorsed(1, odd)).toEqual([])
  })

  it('takes a body only for the Inputs of its slot, repeats marked as what they are', () => {
    const [input] = askers(1)
    const digest = sha256(encodeCanonical([outputDigest(right, input, true)]))
    const body = (of: typeof digest, ...repeats: readonly number[]) => tallyOf().body(of, [right], new Set(repeats))
    expect([body(digest, 0), body(slotDigest(right), 0), body(digest), body(slotDigest(right))]).toEqual([
      true,
      false,
      false,
      true,
    ])
  })

  it('has no verdict on an Input the slot does not hold', () => {
    expect(() => tallyOf().verdict(1)).toThrow(InvariantError)
    expect(() => tallyOf().verdict(-1)).toThrow(InvariantError)
  })
})
