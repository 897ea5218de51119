import { describe, expect, it } from 'vitest'
import { sha256 } from '../../../core/crypto/hash.ts'
import { decodeCanonical, encodeCanonical } from '../../../core/model/canonical.ts'
import { slot } from '../../../core/model/ids.ts'
import { LIMITS } from '../../../core/model/limits.ts'
import type { Output } from '../../../core/model/output.ts'
import { accepted } from '../../../core/model/output.ts'
import { Answers } from '../../../core/output/answers.ts'
import type { OutputMessage } from '../../../core/wire/output.ts'
import { voteSignature } from '../../support/digests.ts'
import { a, b } from '../../support/members.ts'

const answerOf = (...outputs: readonly Output[]) => {
  const encoded = encodeCanonical(outputs)
  return { outputs, repeats: new Set<number>(), digest: sha256(encoded), bytes: encoded.length }
}
const answersOf = (): Answers => new Answers((number, digest) => voteSignature(a, number, digest))
const kept = (answers: Answers, numbers: readonly number[]): number[] =>
  answers.votes(b, numbers.map(slot)).flatMap(({ message }) => (message.kind === 'vote' ? [message.slot] : []))
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index)

describe('what a replica answered', () => {
  it('is voted again to whoever asks, for slots it has executed', () => {
    const answers = answersOf()
    const answer = answerOf(accepted(1))
    const { digest } = answer
    answers.keep(slot(3), answer)
    expect(answers.votes(b, [slot(2), slot(3), slot(4)])).toEqual([
      { to: b, message: { kind: 'vote', slot: 3, digest, signature: voteSignature(a, 3, digest) } },
    ])
  })

  it('is signed once, and only when somebody asks', () => {
    let signed = 0
    const answers = new Answers(() => Uint8Array.of((signed += 1)))
    for (const number of [1, 2, 3]) answers.keep(slot(number), answerOf(accepted(number)))
    expect(signed).toBe(0)
    const first = answers.vote(slot(2))
    expect([answers.vote(slot(2)), answers.votes(b, [slot(2)])[0]?.message, signed]).toEqual([first, first, 1])
    expect(answers.vote(slot(4))).toBe(undefined)
  })

  it('is told one Output after the other, in one part where it fits', () => {
    const answers = answersOf()
    answers.keep(slot(3), answerOf(accepted(1), accepted('two')))
    const outputs = [accepted(1), accepted('two')].map(encodeCanonical)
    expect(answers.outputs(b, slot(3), 0)).toEqual([
      { to: b, message: { kind: 'outputs', slot: 3, first: 0, count: 2, outputs } },
    ])
    expect(answers.outputs(b, slot(4), 0)).toEqual([])
  })

  it('is told in parts of bounded size, each saying where it belongs, that make up the whole', () => {
    const answers = answersOf()
    const outputs = [700, 700, 700, 1, 1_900, 200].map((kib) => accepted('x'.repeat(kib * 1024)))
    answers.keep(slot(1), answerOf(...outputs))
    const parts: Extract<OutputMessage, { kind: 'outputs' }>[] = []
    const position = (): number => parts.reduce((sum, part) => sum + part.outputs.length, 0)
    for (let asks = 0; asks < outputs.length && position() < outputs.length; asks += 1) {
      for (const { message } of answers.outputs(b, slot(1), position())) {
        if (message.kind === 'outputs') parts.push(message)
      }
    }
    expect(parts.map((part) => [part.first, part.outputs.length, part.count])).toEqual([
      [0, 2, 6],
      [2, 2, 6],
      [4, 1, 6],
      [5, 1, 6],
    ])
    expect(parts.flatMap((part) => part.outputs).map(decodeCanonical)).toEqual(outputs)
    const sizes = parts.map((part) => part.outputs.reduce((sum, output) => sum + output.length, 0))
    expect(Math.max(...sizes)).toBeLessThanOrEqual(LIMITS.partBytesMax)
  })

  it('is kept for the newest slots only', () => {
    const answers = answersOf()
    const last = LIMITS.outputSlotsMax + 10
    for (const number of range(1, last)) answers.keep(slot(number), answerOf(accepted(number)))
    expect(kept(answers, range(1, last))).toEqual(range(11, last))
  })

  it('is told from the position asked for on', () => {
    const answers = answersOf()
    const outputs = ['zero', 'one', 'two'].map((text) => accepted(text))
    answers.keep(slot(1), answerOf(...outputs))
    expect(answers.outputs(b, slot(1), 1)).toEqual([
      {
        to: b,
        message: { kind: 'outputs', slot: 1, first: 1, count: 3, outputs: outputs.slice(1).map(encodeCanonical) },
      },
    ])
    expect(answers.outputs(b, slot(1), 3)).toEqual([])
  })

  it('is kept within a bound of bytes, the oldest going first, but for the newest: their proxies may ask', () => {
    const answers = answersOf()
    const last = LIMITS.outputSlotsMin + 10
    for (const number of range(1, last)) {
      answers.keep(slot(number), { ...answerOf(accepted(1)), bytes: LIMITS.outputBytesMax })
    }
    expect(kept(answers, range(1, last))).toEqual(range(11, last))
  })
})
