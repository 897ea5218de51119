import { describe, expect, it } from 'vitest'
import { Fetches } from '../../../core/log/fetches.ts'
import { slot } from '../../../core/model/ids.ts'
import { b, c, d } from '../../support/members.ts'

/** Fetches of a replica that is to come so far, and what it asks for, as "member from-to". */
function behind(target: number, source = b, others = [b, c]) {
  const fetches = new Fetches(() => others)
  fetches.target(slot(target), source)
  const due = (nowMs: number, takesAhead = true): string[] =>
    fetches.due(nowMs, takesAhead).map(({ to, slotFrom, slotTo }) => `${to} ${slotFrom}-${slotTo}`)
  return { fetches, due }
}
const upTo = (last: number) => (number: number) => number <= last

describe('missing slots', () => {
  it('are asked of several members at once, the lowest of who told of them, each slot of one', () => {
    const { due } = behind(2_000, d, [b, c, d])
    expect(due(0)).toEqual(['d 1-512', 'b 513-1024'])
    expect(due(10)).toEqual([])
  })

  it('are asked of who is free as soon as the first came', () => {
    const { fetches, due } = behind(2_000)
    due(0)
    fetches.answered(b, upTo(512))
    fetches.decided(slot(512))
    expect(due(10)).toEqual(['b 1025-1536'])
  })

  it('that came before others are not asked for again, and those before them are', () => {
    const { fetches, due } = behind(1_000)
    due(0)
    fetches.answered(c, (number) => number >= 513)
    expect(due(10)).toEqual([])
    fetches.declined(b)
    expect(due(20)).toEqual(['c 1-512'])
  })

  it('that an answer left out are asked for again: of it counts only what is held without a gap', () => {
    const { fetches, due } = behind(500)
    due(0)
    fetches.answered(b, (number) => number > 300)
    expect(due(10)).toEqual(['c 1-500'])
    fetches.answered(c, (number) => number <= 200 || number > 300)
    fetches.decided(slot(200))
    expect(due(20)).toEqual(['c 201-500'])
  })

  it('are no longer asked for when they are decided, however that came', () => {
    const { fetches, due } = behind(100)
    due(0)
    fetches.decided(slot(100))
    expect([due(5_000), fetches.takes(slot(100)), fetches.takes(slot(101))]).toEqual([[], false, true])
  })

  it('are asked for one after the other while there is no room for what must wait', () => {
    const { fetches, due } = behind(2_000)
    expect(due(0, false)).toEqual(['b 1-512'])
    fetches.declined(b)
    expect(due(10, false)).toEqual(['c 1-512'])
  })

  it('after a jump are asked of those, too, who had none before it', () => {
    const { fetches, due } = behind(2_000)
    due(0)
    fetches.declined(b)
    fetches.declined(c)
    expect(due(10)).toEqual([])
    fetches.jumped(slot(1_900))
    expect(due(20)).toEqual(['b 1901-2000'])
  })
})

describe('a member', () => {
  it('that stays silent, has nothing, or declines is passed over for the others', () => {
    const { fetches, due } = behind(10, b, [b, c, d])
    expect(due(0)).toEqual(['b 1-10'])
    expect([due(1_999), due(2_000)]).toEqual([[], ['c 1-10']])
    fetches.answered(c, () => false)
    expect(due(2_100)).toEqual(['d 1-10'])
    fetches.declined(d)
    expect(due(2_200)).toEqual([])
  })

  it('that stayed silent does not get the lowest slots again, however often all are tried', () => {
    const { fetches, due } = behind(600)
    expect(due(0)).toEqual(['b 1-512', 'c 513-600'])
    fetches.answered(c, () => false)
    expect([due(2_000), due(4_000)]).toEqual([[], ['c 1-512', 'b 513-600']])
    // Once it answers it is one of them again.
    fetches.answered(b, () => false)
    fetches.answered(c, () => false)
    expect([due(4_100), due(6_100)]).toEqual([[], ['b 1-512', 'c 513-600']])
  })

  it('is tried again when all were passed over, some time later', () => {
    const { fetches, due } = behind(10)
    due(0)
    fetches.declined(b)
    due(0)
    fetches.declined(c)
    expect([due(100), due(2_099), due(2_100)]).toEqual([[], [], ['b 1-10']])
  })

  it('that was not asked answers in vain', () => {
    const { fetches, due } = behind(10)
    fetches.answered(c, upTo(10))
    expect([fetches.takes(slot(2)), due(0)]).toEqual([false, ['b 1-10']])
  })

  it('that names a target beyond all reason is asked for no more than others', () => {
    expect(behind(Number.MAX_SAFE_INTEGER).due(0)).toEqual(['b 1-512', 'c 513-1024'])
  })
})

it('a slot is taken when it was asked of anybody, or is the next', () => {
  const { fetches, due } = behind(600)
  expect([1, 2].map((number) => fetches.takes(slot(number)))).toEqual([true, false])
  due(0)
  expect([1, 512, 600, 601].map((number) => fetches.takes(slot(number)))).toEqual([true, true, true, false])
})
