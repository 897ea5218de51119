import { describe, expect, it } from 'vitest'
import { CHECKPOINT_POLICY, CheckpointCounter } from '../../../core/checkpoint/policy.ts'
import { slot } from '../../../core/model/ids.ts'

const counter = (): CheckpointCounter => new CheckpointCounter({ ...CHECKPOINT_POLICY, slotsMax: 3, bytesMax: 100 })

describe('a CHECKPOINT', () => {
  it('is due after so many slots since the last one', () => {
    const slots = counter()
    const due = [1, 2, 3].map((number) => {
      slots.executed(slot(number), 1, false)
      return slots.isDue
    })
    expect(due).toEqual([false, false, true])
  })

  it('is due after so many bytes since the last one, if that comes first', () => {
    const bytes = counter()
    bytes.executed(slot(1), 99, false)
    expect(bytes.isDue).toBe(false)
    bytes.executed(slot(2), 1, false)
    expect(bytes.isDue).toBe(true)
  })

  it('begins the count anew, and so does a State that is installed', () => {
    const count = counter()
    for (const number of [1, 2, 3]) count.executed(slot(number), 40, false)
    count.executed(slot(4), 40, true)
    expect([count.slots, count.bytes, count.slotLast, count.isDue]).toEqual([0, 0, 4, false])
    count.executed(slot(5), 40, false)
    count.begin(slot(50))
    expect([count.slots, count.bytes, count.slotLast]).toEqual([0, 0, 50])
  })
})
