import { describe, expect, it } from 'vitest'
import { Retention } from '../../../core/checkpoint/retention.ts'
import { slot } from '../../../core/model/ids.ts'
import { b, c } from '../../support/members.ts'
import { infoOf } from './parts.ts'

const stable = (...numbers: readonly number[]) => numbers.map((number) => infoOf(number, undefined, true))
const unstable = (...numbers: readonly number[]) => numbers.map((number) => infoOf(number))
const TAIL = 10

describe('the log', () => {
  it('is dropped up to the older of the two newest stable checkpoints', () => {
    expect(new Retention(TAIL).decide(stable(100, 200, 300), slot(350), 0).slot).toBe(200)
  })

  it('is not dropped before there are two stable checkpoints', () => {
    const retention = new Retention(TAIL)
    expect(
      [[], stable(100), [...stable(100), ...unstable(200, 300)]].map((all) => retention.decide(all, slot(350), 0)),
    ).toMatchObject([{ slot: 0 }, { slot: 0 }, { slot: 0 }])
  })

  it('keeps a tail of the newest slots, counted from what was executed', () => {
    const retention = new Retention(TAIL)
    expect([
      retention.decide(stable(100, 104), slot(105), 0).slot,
      retention.decide(stable(100, 104), slot(5), 0).slot,
    ]).toEqual([95, 95])
    expect(new Retention(TAIL).decide(stable(100, 104), slot(5), 0).slot).toBe(0)
  })

  it('is kept from the checkpoint on that another replica receives, until it falls silent', () => {
    const retention = new Retention(TAIL)
    retention.pin(b, slot(100), 0)
    expect(retention.decide(stable(100, 200, 300), slot(350), 10_000)).toEqual({
      slot: 100,
      checkpoints: [100, 200, 300],
    })
    expect(retention.decide(stable(100, 200, 300), slot(350), 10_001)).toEqual({ slot: 200, checkpoints: [200, 300] })
  })

  it('is kept with the checkpoint a backup reads for as long as it is held, and all of it where that is 0', () => {
    const retention = new Retention(TAIL)
    const long = 10_000_000
    retention.hold(slot(0))
    expect(retention.pinned).toEqual([0])
    expect(retention.decide(stable(100, 200, 300), slot(350), long)).toEqual({ slot: 0, checkpoints: [200, 300] })
    retention.hold(slot(100))
    expect(retention.decide(stable(100, 200, 300), slot(350), 2 * long)).toEqual({
      slot: 100,
      checkpoints: [100, 200, 300],
    })
    retention.hold(undefined)
    expect(retention.decide(stable(100, 200, 300), slot(350), 2 * long)).toEqual({ slot: 200, checkpoints: [200, 300] })
  })

  it('once given up is not spoken of as kept again', () => {
    const retention = new Retention(TAIL)
    retention.decide(stable(200, 300), slot(350), 0)
    retention.pin(b, slot(200), 0)
    expect(retention.decide(stable(100, 200), slot(350), 0).slot).toBe(200)
  })
})

describe('checkpoints', () => {
  it('are kept: the two newest stable ones, and the newest of those that no majority is known to have attested', () => {
    const all = [...unstable(50), ...stable(100, 200, 300), ...unstable(400, 500, 600)]
    expect(new Retention(TAIL).decide(all, slot(700), 0).checkpoints).toEqual([200, 300, 400, 500, 600])
    const many = unstable(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
    expect(new Retention(TAIL).decide(many, slot(700), 0).checkpoints).toEqual([3, 4, 5, 6, 7, 8, 9, 10])
  })

  it('that are older than a stable one and were never attested go', () => {
    expect(new Retention(TAIL).decide([...unstable(100), ...stable(200)], slot(300), 0).checkpoints).toEqual([200])
  })

  it('are pinned once for each replica, the last it asked for', () => {
    const retention = new Retention(TAIL)
    for (const number of [100, 200]) retention.pin(b, slot(number), 0)
    retention.pin(c, slot(300), 0)
    expect(retention.pinned).toEqual([200, 300])
    expect(retention.decide(stable(100, 200, 300, 400, 500), slot(600), 0)).toEqual({
      slot: 200,
      checkpoints: [200, 300, 400, 500],
    })
  })

  it('that are not there, or not stable, are pinned in vain', () => {
    const retention = new Retention(TAIL)
    retention.pin(b, slot(7), 0)
    retention.pin(c, slot(100), 0)
    expect(retention.decide([...unstable(100), ...stable(200, 300)], slot(350), 0)).toEqual({
      slot: 200,
      checkpoints: [200, 300],
    })
  })
})
