import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../../core/base/assert.ts'
import { slot } from '../../../core/model/ids.ts'
import { LIMITS } from '../../../core/model/limits.ts'
import type { LogRecord } from '../../../core/model/record.ts'
import type { LogEffect } from '../../../core/log/log.ts'
import { Log } from '../../../core/log/log.ts'
import type { DecidedEntry } from '../../../core/wire/log.ts'
import { valueOf } from '../../support/inputs.ts'
import { a, b, ballotOf, c, stranger } from '../../support/members.ts'

const ballot = ballotOf(1, a)
const create = (): Log => new Log({ self: a, members: [a, b, c] })
const choose = (log: Log, number: number, text = `v${number}`): readonly LogEffect[] =>
  log.chosen(slot(number), { ballot, value: valueOf(text) })
const decided = (number: number, text = `v${number}`): LogEffect => ({
  kind: 'decided',
  slot: slot(number),
  ballot,
  value: valueOf(text),
})
const fetched = (number: number): LogEffect => ({
  kind: 'decided',
  slot: slot(number),
  ballot: undefined,
  value: valueOf(`v${number}`),
})
const learned = (number: number): LogEffect => ({
  kind: 'persist',
  record: { kind: 'learned', slot: slot(number), value: valueOf(`v${number}`) },
})
const entries = (...numbers: readonly number[]): DecidedEntry[] =>
  numbers.map((number) => ({ slot: slot(number), value: valueOf(`v${number}`) }))
const asked = (effects: readonly LogEffect[]) =>
  effects.flatMap((effect) =>
    effect.kind === 'send' && effect.message.kind === 'log-request'
      ? [[effect.to, effect.message.slotFrom, effect.message.slotTo]]
      : [],
  )
const replied = (log: Log, from: number, to: number): number[] => {
  const [effect] = log.message(b, { kind: 'log-request', slotFrom: slot(from), slotTo: slot(to) }, 0)
  return effect?.kind === 'send' && effect.message.kind === 'log-reply'
    ? effect.message.entries.map((entry) => entry.slot)
    : []
}

describe('chosen slots', () => {
  it('become decided in order and without a gap, in whatever order they are chosen', () => {
    const log = create()
    expect([choose(log, 3), choose(log, 2), log.slotDecided]).toEqual([[], [], 0])
    expect(choose(log, 1)).toEqual([decided(1), decided(2), decided(3)])
    expect([log.slotDecided, log.decidedValue(slot(2)), log.decidedValue(slot(4))]).toEqual([
      3,
      valueOf('v2'),
      undefined,
    ])
  })

  it('are decided once, however often a quorum is heard of', () => {
    const log = create()
    choose(log, 1)
    expect(choose(log, 1)).toEqual([])
  })

  it('are never decided twice differently: that halts the replica', () => {
    const log = create()
    choose(log, 1)
    expect(() => choose(log, 1, 'other')).toThrow(InvariantError)
  })

  it('do not wait in unbounded number', () => {
    const log = create()
    const last = 4 * LIMITS.windowSlotsMax
    for (let number = last + 1; number > 1; number -= 1) choose(log, number)
    expect(choose(log, 1).length).toBe(last)
  })

  it('are not shown as decided while they wait for one before them', () => {
    const log = create()
    choose(log, 2)
    expect(log.decidedValue(slot(2))).toBe(undefined)
  })
})

describe('the decided index', () => {
  it('is written down at the next tick, once', () => {
    const log = create()
    choose(log, 1)
    choose(log, 2)
    expect([log.tick(0), log.tick(1)]).toEqual([[{ kind: 'persist', record: { kind: 'decided', slot: 2 } }], []])
  })
})

describe('a replica that is behind', () => {
  it('asks whoever knows more for what it misses', () => {
    const log = create()
    choose(log, 1)
    expect(log.behind(slot(9), c, 0)).toEqual([
      { kind: 'send', to: c, message: { kind: 'log-request', slotFrom: 2, slotTo: 9 } },
    ])
  })

  it('asks the other member when that one stays silent, and then the first again', () => {
    const log = create()
    const asks = [...asked(log.behind(slot(9), c, 0))]
    for (let nowMs = 500; nowMs <= 6_000; nowMs += 500) asks.push(...asked(log.tick(nowMs)))
    expect(asks).toEqual([
      [c, 1, 9],
      [b, 1, 9],
      [c, 1, 9],
      [b, 1, 9],
    ])
  })

  it('never asks itself, and asks nobody in a cluster of one', () => {
    expect(asked(create().behind(slot(9), a, 0))).toEqual([[b, 1, 9]])
    expect(new Log({ self: a, members: [a] }).behind(slot(9), a, 0)).toEqual([])
  })

  it('does not ask again at every hint', () => {
    const log = create()
    log.behind(slot(9), c, 0)
    expect([log.behind(slot(10), b, 10), log.tick(1_999)]).toEqual([[], []])
    expect(asked(log.tick(2_000))).toEqual([[b, 1, 10]])
  })

  it('asks for a thousand slots at a time', () => {
    expect(asked(create().behind(slot(5_000), c, 0))).toEqual([[c, 1, 1024]])
  })

  it('writes each fetched slot down before it counts as decided, and asks the same member on at once', () => {
    const log = create()
    log.behind(slot(4), c, 0)
    const effects = log.message(c, { kind: 'log-reply', slotDecided: slot(6), entries: entries(1, 2) }, 10)
    expect(effects).toEqual([
      learned(1),
      fetched(1),
      learned(2),
      fetched(2),
      { kind: 'send', to: c, message: { kind: 'log-request', slotFrom: 3, slotTo: 6 } },
    ])
  })

  it('takes fetched slots only from the very next on, without a gap', () => {
    const log = create()
    expect(log.message(b, { kind: 'log-reply', slotDecided: slot(0), entries: entries(2, 3) }, 0)).toEqual([])
    expect(log.message(b, { kind: 'log-reply', slotDecided: slot(0), entries: entries(1, 3) }, 0)).toEqual([
      learned(1),
      fetched(1),
    ])
    expect(log.message(b, { kind: 'log-reply', slotDecided: slot(0), entries: entries(1, 2) }, 0)).toEqual([
      learned(2),
      fetched(2),
    ])
  })

  it('goes on with slots that were chosen and waited for the fetched one', () => {
    const log = create()
    choose(log, 2)
    expect(log.message(b, { kind: 'log-reply', slotDecided: slot(0), entries: entries(1) }, 0)).toEqual([
      learned(1),
      fetched(1),
      decided(2),
    ])
  })

  it('believes members only', () => {
    const log = create()
    expect(log.message(stranger, { kind: 'log-reply', slotDecided: slot(9), entries: entries(1) }, 0)).toEqual([])
    expect([log.slotDecided, asked(log.tick(1_000))]).toEqual([0, []])
  })
})

describe('a replica that is asked', () => {
  it('answers with decided slots only, from the first asked for, and with how far it is', () => {
    const log = create()
    for (const number of [1, 2, 3, 5]) choose(log, number)
    expect(log.message(b, { kind: 'log-request', slotFrom: slot(2), slotTo: slot(99) }, 0)).toEqual([
      { kind: 'send', to: b, message: { kind: 'log-reply', slotDecided: 3, entries: entries(2, 3) } },
    ])
    expect([replied(log, 0, 1), replied(log, 3, 2), replied(log, 4, 9)]).toEqual([[1], [], []])
  })

  it('does not answer strangers', () => {
    const log = create()
    choose(log, 1)
    expect(log.message(stranger, { kind: 'log-request', slotFrom: slot(1), slotTo: slot(1) }, 0)).toEqual([])
  })

  it('answers with no more bytes than a part, but always with one slot', () => {
    const log = create()
    const big = 'x'.repeat(LIMITS.partBytesMax / 2)
    choose(log, 1, `${big}${big}`)
    for (const number of [2, 3]) choose(log, number, big)
    choose(log, 4, 'y')
    expect([replied(log, 1, 9), replied(log, 2, 9), replied(log, 3, 9)]).toEqual([[1], [2, 3], [3, 4]])
  })

  it('answers with no more slots than a frame may hold', () => {
    const log = create()
    for (let number = 1; number <= LIMITS.frameMessagesMax + 5; number += 1) choose(log, number)
    expect(replied(log, 1, Number.MAX_SAFE_INTEGER).length).toBe(LIMITS.frameMessagesMax)
  })
})

describe('a log that comes back', () => {
  const accepted = (number: number, round: number, text: string): LogRecord => ({
    kind: 'accepted',
    slot: slot(number),
    ballot: ballotOf(round, a),
    value: valueOf(text),
  })
  const recovered = (...records: readonly LogRecord[]): Log => {
    const log = create()
    for (const record of records) log.recover(record)
    return log
  }

  it('counts only what stands below a durable decided index', () => {
    const log = recovered(
      accepted(1, 1, 'one'),
      accepted(2, 1, 'two'),
      { kind: 'decided', slot: slot(1) },
      accepted(3, 1, 'three'),
    )
    expect(log.recovered()).toEqual([{ slot: 1, value: valueOf('one') }])
    expect([log.slotDecided, log.decidedValue(slot(2)), replied(log, 1, 9)]).toEqual([1, undefined, [1]])
  })

  it('holds the last record of each decided slot, accepted or fetched', () => {
    const log = recovered(
      accepted(1, 1, 'first'),
      accepted(1, 2, 'second'),
      accepted(2, 1, 'given up'),
      { kind: 'learned', slot: slot(2), value: valueOf('fetched') },
      { kind: 'decided', slot: slot(2) },
    )
    expect(log.recovered()).toEqual([
      { slot: 1, value: valueOf('second') },
      { slot: 2, value: valueOf('fetched') },
    ])
  })

  it('does not let a later record change a decided slot', () => {
    const log = recovered(accepted(1, 1, 'right'), { kind: 'decided', slot: slot(1) }, accepted(1, 2, 'wrong'))
    expect(log.recovered()).toEqual([{ slot: 1, value: valueOf('right') }])
  })

  it('halts over a decided slot without a batch, and over a decided index that falls', () => {
    expect(() => recovered(accepted(2, 1, 'two'), { kind: 'decided', slot: slot(2) }).recovered()).toThrow(
      InvariantError,
    )
    expect(() =>
      recovered(accepted(1, 1, 'one'), { kind: 'decided', slot: slot(1) }, { kind: 'decided', slot: slot(0) }),
    ).toThrow(InvariantError)
  })

  it('decides again, differently or alike, what had not been noted as decided', () => {
    const log = recovered({ kind: 'learned', slot: slot(1), value: valueOf('v1') })
    expect([log.recovered(), choose(log, 1)]).toEqual([[], [decided(1)]])
  })
})
