import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../../core/base/assert.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import type { Certificate } from '../../../core/model/checkpoint.ts'
import type { Slot } from '../../../core/model/ids.ts'
import { slot } from '../../../core/model/ids.ts'
import { LIMITS } from '../../../core/model/limits.ts'
import type { LogRecord } from '../../../core/model/record.ts'
import type { LogEffect } from '../../../core/log/log.ts'
import { Log } from '../../../core/log/log.ts'
import type { DecidedEntry, LogMessage } from '../../../core/wire/log.ts'
import { valueOf } from '../../support/inputs.ts'
import { a, always, b, ballotOf, c, configurationOf, stranger } from '../../support/members.ts'

const ballot = ballotOf(1, a)
const create = (): Log => new Log({ self: a, configurations: always(configurationOf(a, b, c)) })
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

  it('asks the other member when that one stays silent, and then, after a while, the first again', () => {
    const log = create()
    const asks = asked(log.behind(slot(9), c, 0)).map((ask) => [0, ...ask])
    for (let nowMs = 500; nowMs <= 8_000; nowMs += 500) {
      asks.push(...asked(log.tick(nowMs)).map((ask) => [nowMs, ...ask]))
    }
    expect(asks).toEqual([
      [0, c, 1, 9],
      [2_000, b, 1, 9],
      [6_000, c, 1, 9],
      [8_000, b, 1, 9],
    ])
  })

  it('never asks itself, and asks nobody in a cluster of one', () => {
    expect(asked(create().behind(slot(9), a, 0))).toEqual([[b, 1, 9]])
    expect(new Log({ self: a, configurations: always(configurationOf(a)) }).behind(slot(9), a, 0)).toEqual([])
  })

  it('does not ask again at every hint for what was asked for', () => {
    const log = create()
    log.behind(slot(9), c, 0)
    expect([log.behind(slot(9), b, 10), log.tick(1_999)]).toEqual([[], []])
    expect(asked(log.behind(slot(10), b, 1_999))).toEqual([[b, 10, 10]])
  })

  it('asks every other member at once, each for slots of its own, a thousand ahead', () => {
    expect(asked(create().behind(slot(5_000), c, 0))).toEqual([
      [c, 1, 512],
      [b, 513, 1024],
    ])
  })

  it('asks again for the slots that an answer left out, though it brought later ones', () => {
    const log = create()
    log.behind(slot(400), c, 0)
    const reply = { kind: 'log-reply', slotDecided: slot(400), entries: entries(300, 301) } as const
    expect(asked(log.message(c, reply, 10))).toEqual([[b, 1, 400]])
  })

  it('lets no more batches wait for earlier ones than it has memory for', () => {
    const log = create()
    log.behind(slot(5_000), c, 0)
    const big = new Uint8Array(LIMITS.partBytesMax)
    const asks: number[] = []
    for (let number = 513; asks.at(-1) !== 0 && number < 1_000; number += 1) {
      const fetchedBig = [{ slot: slot(number), value: big }]
      const reply: LogMessage = { kind: 'log-reply', slotDecided: slot(5_000), entries: fetchedBig }
      asks.push(asked(log.message(b, reply, 10)).length)
    }
    expect([asks.length, asks.at(-1)]).toEqual([4, 0])
    expect(asked(log.tick(2_500))).toEqual([[b, 1, 512]])
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

const accepted = (number: number, round: number, text: string): LogRecord => ({
  kind: 'accepted',
  slot: slot(number),
  ballot: ballotOf(round, a),
  value: valueOf(text),
})
const certificate = (number: number): Certificate => ({
  slot: slot(number),
  root: sha256(valueOf(`${number}`)),
  attestations: [],
})
const jumped = (number: number): LogRecord => ({ kind: 'jumped', certificate: certificate(number) })
const noted = (number: number): LogRecord => ({ kind: 'decided', slot: slot(number) })
/** A log from these records, and what they showed to be decided. */
function recovered(...records: readonly LogRecord[]): {
  readonly log: Log
  readonly told: (readonly [number, string])[]
} {
  const log = create()
  const told = records.flatMap((record) =>
    log.recover(record).map((effect) => {
      if (effect.kind !== 'decided') throw new Error(`a log that comes back asks for a ${effect.kind}`)
      return [effect.slot, new TextDecoder().decode(effect.value)] as const
    }),
  )
  return { log, told }
}
/** What the log wants written down, in order. */
const written = (effects: readonly LogEffect[]): LogRecord[] =>
  effects.flatMap((effect) => (effect.kind === 'persist' ? [effect.record] : []))

describe('a log that comes back', () => {
  it('tells what stands below a durable decided index, once and in order', () => {
    const { log, told } = recovered(accepted(2, 1, 'two'), accepted(1, 1, 'one'), noted(1), accepted(3, 1, 'three'))
    log.recovered(undefined)
    expect(told).toEqual([[1, 'one']])
    expect([log.slotDecided, log.decidedValue(slot(2)), replied(log, 1, 9)]).toEqual([1, undefined, [1]])
    expect(log.tick(0)).toEqual([])
  })

  it('holds the last record of each decided slot, accepted or fetched', () => {
    const { told } = recovered(
      accepted(1, 1, 'first'),
      accepted(1, 2, 'second'),
      accepted(2, 1, 'given up'),
      { kind: 'learned', slot: slot(2), value: valueOf('fetched') },
      noted(2),
    )
    expect(told).toEqual([
      [1, 'second'],
      [2, 'fetched'],
    ])
  })

  it('does not let a later record change a decided slot', () => {
    const { log, told } = recovered(accepted(1, 1, 'right'), noted(1), accepted(1, 2, 'wrong'), noted(2))
    expect(told).toEqual([[1, 'right']])
    expect(log.decidedValue(slot(1))).toBe(undefined)
  })

  it('halts over a decided index that falls', () => {
    expect(() => recovered(accepted(1, 1, 'one'), noted(1), noted(0))).toThrow(InvariantError)
  })

  it('decides again, differently or alike, what had not been noted as decided', () => {
    const { log, told } = recovered({ kind: 'learned', slot: slot(1), value: valueOf('v1') })
    log.recovered(undefined)
    expect([told, choose(log, 1)]).toEqual([[], [decided(1)]])
  })

  it('whose beginning was dropped tells the rest, and declines what it lacks', () => {
    const { log, told } = recovered({ kind: 'promised', ballot }, accepted(41, 1, 'x'), accepted(42, 1, 'y'), noted(42))
    log.recovered(certificate(41))
    expect(told).toEqual([
      [41, 'x'],
      [42, 'y'],
    ])
    expect([log.slotFirst, log.slotDecided, replied(log, 41, 50)]).toEqual([41, 42, [41, 42]])
    expect(log.message(b, { kind: 'log-request', slotFrom: slot(40), slotTo: slot(50) }, 0)).toEqual([
      { kind: 'send', to: b, message: { kind: 'log-gone', slotFirst: 41, checkpoint: 41 } },
    ])
  })

  it('with a hole goes on after it: what is before the hole is not given to others', () => {
    const { log } = recovered(accepted(1, 1, 'one'), noted(1), accepted(3, 1, 'three'), noted(3))
    expect([log.slotFirst, log.slotDecided, log.decidedValue(slot(1))]).toEqual([3, 3, undefined])
  })

  it('goes on after the checkpoint that stands for more than it noted as decided', () => {
    const { log } = recovered(accepted(1, 1, 'one'), noted(1), accepted(2, 1, 'perhaps'))
    log.recovered(certificate(5))
    expect([log.slotFirst, log.slotDecided, log.decidedValue(slot(2))]).toEqual([6, 5, undefined])
    expect(choose(log, 6).map(({ kind }) => kind)).toEqual(['persist', 'decided'])
  })

  it('never takes for decided what was accepted before a checkpoint stood for it, in no later life either', () => {
    const first = [accepted(1, 1, 'one'), noted(1), accepted(2, 1, 'given up'), accepted(3, 1, 'given up')]
    const { log } = recovered(...first)
    log.recovered(certificate(3))
    const later = recovered(...first, accepted(4, 1, 'four'), ...written(choose(log, 4)), ...written(log.tick(0)))
    expect(later.told).toEqual([
      [1, 'one'],
      [4, 'four'],
    ])
    expect([later.log.slotFirst, replied(later.log, 2, 9)]).toEqual([4, []])
  })
})

describe('a jump', () => {
  it('is written down, forgets what waits before it, and goes on with what waits behind it', () => {
    const log = create()
    choose(log, 1)
    for (const number of [3, 11]) choose(log, number)
    expect(log.jump(certificate(10))).toEqual([
      { kind: 'persist', record: noted(1) },
      { kind: 'persist', record: jumped(10) },
      decided(11),
    ])
    expect([log.slotFirst, log.slotDecided, log.decidedValue(slot(1))]).toEqual([11, 11, undefined])
  })

  it('leads forward', () => {
    const log = create()
    choose(log, 1)
    expect(() => log.jump(certificate(1))).toThrow(InvariantError)
    expect(() => recovered(accepted(1, 1, 'one'), noted(1), jumped(1))).toThrow(InvariantError)
  })

  it('asks for what comes after it, of everybody again', () => {
    const log = create()
    log.behind(slot(20), b, 0)
    for (const from of [b, c]) log.message(from, { kind: 'log-gone', slotFirst: slot(9), checkpoint: slot(10) }, 0)
    log.jump(certificate(10))
    expect(asked(log.tick(20))).toEqual([[b, 11, 20]])
  })

  it('over what was accepted here and not decided leaves nothing that a later start would execute', () => {
    const before = [accepted(1, 1, 'one'), accepted(2, 1, 'given up'), accepted(3, 1, 'given up')]
    const { log } = recovered(...before, noted(1))
    log.recovered(undefined)
    // There is no hole: only what was written down about the jump tells that slots 2 and 3 are unknown.
    const after = written(log.jump(certificate(3)))
    const { told, log: later } = recovered(...before, noted(1), ...after)
    expect(told).toEqual([[1, 'one']])
    expect([later.slotDecided, later.slotFirst]).toEqual([3, 4])
  })

  it('is still one when the log before what was given up is dropped, and the index noted there with it', () => {
    const before = [accepted(1, 1, 'one'), noted(1), accepted(2, 1, 'given up'), accepted(3, 1, 'given up')]
    const { log } = recovered(...before)
    log.recovered(certificate(1))
    const after = written(log.jump(certificate(3)))
    const { told } = recovered(...before.slice(2), ...after)
    expect(told).toEqual([])
  })

  it('that was cut short by a crash changes nothing of what is decided without it', () => {
    const before = [accepted(1, 1, 'one'), noted(1)]
    const { log } = recovered(...before)
    log.recovered(undefined)
    expect(written(log.jump(certificate(5)))).toEqual([jumped(5)])
    const { told } = recovered(...before, noted(1), accepted(2, 1, 'two'), noted(2))
    expect(told).toEqual([
      [1, 'one'],
      [2, 'two'],
    ])
  })
})

describe('batches that are not in memory any more', () => {
  const memory = { bytesMax: 0, slotsMin: 2 }
  const small = (slotUnsynced: () => Slot | undefined = () => undefined): Log => {
    const log = new Log({ self: a, configurations: always(configurationOf(a, b, c)), memory, slotUnsynced })
    for (const number of [1, 2, 3, 4]) choose(log, number)
    return log
  }
  const ask = (log: Log, from: number, to: number): readonly LogEffect[] =>
    log.message(b, { kind: 'log-request', slotFrom: slot(from), slotTo: slot(to) }, 0)

  it('are read from disk for who asks, once at a time', () => {
    const log = small()
    expect(ask(log, 2, 9)).toEqual([{ kind: 'read-log', to: b, slotFrom: 2, slotTo: 4 }])
    expect([ask(log, 2, 9), replied(log, 3, 9)]).toEqual([[], [3, 4]])
    expect(log.read(b, slot(2), entries(2, 3))).toEqual([
      { kind: 'send', to: b, message: { kind: 'log-reply', slotDecided: 4, entries: entries(2, 3) } },
    ])
    expect(ask(log, 2, 9).length).toBe(1)
  })

  it('and that were dropped while they were read are declined', () => {
    const log = small()
    ask(log, 1, 9)
    log.checkpointed(slot(3))
    log.truncated(slot(2))
    expect(log.read(b, slot(1), [])).toEqual([
      { kind: 'send', to: b, message: { kind: 'log-gone', slotFirst: 3, checkpoint: 3 } },
    ])
  })

  it('are not read while they are on their way to the disk: what lies there may be what was given up', () => {
    let slotUnsynced: Slot | undefined = slot(2)
    const log = small(() => slotUnsynced)
    expect([ask(log, 2, 9), log.readableTo(slot(2)), log.readableTo(slot(1))]).toEqual([[], undefined, slot(1)])
    slotUnsynced = undefined
    expect([ask(log, 2, 9).length, log.readableTo(slot(2))]).toEqual([1, 4])
  })

  it('were they dropped by all others, make this replica look for a checkpoint instead', () => {
    const log = create()
    choose(log, 1)
    log.behind(slot(9), b, 0)
    const gone = { kind: 'log-gone', slotFirst: slot(5), checkpoint: slot(8) } as const
    expect(log.message(b, gone, 0)).toEqual([{ kind: 'gone', from: b, checkpoint: 8 }])
    expect(log.message(c, { ...gone, checkpoint: slot(1) }, 0)).toEqual([])
    expect(log.message(stranger, gone, 0)).toEqual([])
  })
})
