import { describe, expect, it } from 'vitest'
import type { Slot } from '../../../core/model/ids.ts'
import { slot } from '../../../core/model/ids.ts'
import { Promises } from '../../../core/ordering/promises.ts'
import type { AcceptedEntry, OrderingMessage } from '../../../core/wire/ordering.ts'
import { valueOf } from '../../support/inputs.ts'
import { a, b, ballotOf, c } from '../../support/members.ts'

type Promise = Extract<OrderingMessage, { kind: 'promise' }>

const part = (
  from: number,
  to: number | null,
  init: { decided?: number; accepted?: AcceptedEntry[] } = {},
): Promise => ({
  kind: 'promise',
  ballot: ballotOf(9, a),
  slotDecided: slot(init.decided ?? from - 1),
  slotFrom: slot(from),
  slotTo: to === null ? null : slot(to),
  accepted: init.accepted ?? [],
})
const entry = (number: number, round: number, text: string): AcceptedEntry => ({
  slot: slot(number),
  ballot: ballotOf(round, a),
  value: valueOf(text),
})
const gathered = (slotDecided: number, parts: readonly Promise[]): Promises => {
  const promises = new Promises(slot(slotDecided))
  for (const message of parts) promises.add(a, message)
  return promises
}
const texts = (adopted: ReadonlyMap<Slot, AcceptedEntry>): Record<number, string> =>
  Object.fromEntries([...adopted].map(([number, { value }]) => [number, new TextDecoder().decode(value)]))

describe('a promise in parts', () => {
  it.each([
    ['one part to the end', 0, [part(1, null)], true],
    ['parts that join', 0, [part(1, 4, { decided: 0 }), part(5, null, { decided: 0 })], true],
    ['parts in the wrong order', 0, [part(5, null, { decided: 0 }), part(1, 4, { decided: 0 })], true],
    [
      'parts that overlap',
      0,
      [part(1, 7, { decided: 0 }), part(3, 5, { decided: 0 }), part(6, null, { decided: 0 })],
      true,
    ],
    ['a part twice', 0, [part(1, 4, { decided: 0 }), part(1, 4, { decided: 0 })], false],
    ['the first part only', 0, [part(1, 4, { decided: 0 })], false],
    ['the last part only', 0, [part(5, null, { decided: 0 })], false],
    ['a part lost between', 0, [part(1, 2, { decided: 0 }), part(4, null, { decided: 0 })], false],
    ['a beginning that the proposer has decided', 4, [part(5, null, { decided: 0 })], true],
    ['a beginning beyond what the proposer has decided', 3, [part(5, null, { decided: 0 })], false],
    ['a beginning that the acceptor has decided', 0, [part(5, null)], true],
    [
      'parts of two answers, the later from farther on',
      0,
      [part(1, 3, { decided: 0 }), part(6, null, { decided: 5 })],
      true,
    ],
    [
      'a gap that only another part says is decided',
      0,
      [part(7, null, { decided: 0 }), part(1, 2, { decided: 6 })],
      true,
    ],
    [
      'parts of two answers with a gap that nobody decided',
      0,
      [part(1, 3, { decided: 0 }), part(6, null, { decided: 4 })],
      false,
    ],
  ])('with %s', (_, slotDecided, parts, isComplete) => {
    expect(gathered(slotDecided, parts).complete()).toEqual(isComplete ? [a] : [])
  })

  it('of one acceptor does not fill the gap of another', () => {
    const promises = new Promises(slot(0))
    promises.add(a, part(1, 4, { decided: 0 }))
    promises.add(b, part(5, null, { decided: 0 }))
    expect([promises.complete(), promises.farthest()]).toEqual([[], undefined])
  })
})

describe('what a new leader learns from its promises', () => {
  it('is who has decided most, of those that promised without a gap', () => {
    const promises = new Promises(slot(2))
    promises.add(a, part(3, null))
    promises.add(b, part(8, null))
    promises.add(c, part(20, 25))
    expect(promises.farthest()).toEqual({ replica: b, slotDecided: 7 })
  })

  it('is the batch of the highest ballot in each slot, whoever tells it first', () => {
    const [low, high] = [
      part(1, null, { accepted: [entry(1, 2, 'old'), entry(3, 5, 'only')] }),
      part(1, null, { accepted: [entry(1, 4, 'new'), entry(2, 1, 'lone')] }),
    ]
    for (const order of [
      [low, high],
      [high, low],
    ] as const) {
      const promises = new Promises(slot(0))
      promises.add(b, order[0])
      promises.add(c, order[1])
      expect(texts(promises.adopted())).toEqual({ 1: 'new', 2: 'lone', 3: 'only' })
    }
  })

  it('leaves out what an acceptor with a gap has told', () => {
    const promises = new Promises(slot(0))
    promises.add(b, part(1, null, { accepted: [entry(1, 2, 'whole')] }))
    promises.add(c, part(1, 4, { accepted: [entry(1, 8, 'torn')] }))
    expect(texts(promises.adopted())).toEqual({ 1: 'whole' })
  })
})
