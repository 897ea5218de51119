import { describe, expect, it } from 'vitest'
import { RecentBatches } from '../../../core/log/recent-batches.ts'
import { slot } from '../../../core/model/ids.ts'
import { LIMITS } from '../../../core/model/limits.ts'

const filled = (count: number, bytes: number, memory?: { bytesMax: number; slotsMin: number }): RecentBatches => {
  const recent = new RecentBatches(memory)
  for (let number = 1; number <= count; number += 1) {
    recent.add(slot(number), { ballot: undefined, value: new Uint8Array(bytes) })
  }
  return recent
}
const first = (recent: RecentBatches, count: number): number => {
  for (let number = 1; number <= count; number += 1) if (recent.get(slot(number)) !== undefined) return number
  return 0
}
const range = (recent: RecentBatches, from: number, to: number): number[] =>
  recent.range(slot(from), slot(to)).map((entry) => entry.slot)

describe('the newest batches', () => {
  it('stay in memory as many as fit its bytes, and the oldest go first', () => {
    expect(first(filled(20, 10, { bytesMax: 100, slotsMin: 1 }), 20)).toBe(11)
  })

  it('stay in memory whatever their size when they may not be on disk yet', () => {
    expect(first(filled(20, 10, { bytesMax: 0, slotsMin: 5 }), 20)).toBe(16)
    const count = LIMITS.logMemorySlotsMin + 10
    expect(first(filled(count, LIMITS.logMemoryBytesMax), count)).toBe(11)
  })

  it('begin anew after they were cleared, bytes and all', () => {
    const recent = filled(10, 10, { bytesMax: 100, slotsMin: 1 })
    recent.clear()
    for (let number = 21; number <= 30; number += 1) {
      recent.add(slot(number), { ballot: undefined, value: new Uint8Array(10) })
    }
    expect(range(recent, 21, 99)).toEqual([21, 22, 23, 24, 25, 26, 27, 28, 29, 30])
  })
})

describe('a range of them', () => {
  it('ends before the first slot that is not there', () => {
    const recent = filled(3, 1)
    recent.add(slot(5), { ballot: undefined, value: new Uint8Array(1) })
    expect([range(recent, 1, 9), range(recent, 4, 9), range(recent, 5, 9)]).toEqual([[1, 2, 3], [], [5]])
  })

  it('holds no more bytes than a part, but always one batch, and no more slots than a frame', () => {
    const half = LIMITS.partBytesMax / 2
    expect(range(filled(4, half, { bytesMax: 9 * half, slotsMin: 1 }), 1, 4)).toEqual([1, 2])
    expect(range(filled(2, LIMITS.partBytesMax + 1), 1, 2)).toEqual([1])
    const many = filled(LIMITS.frameMessagesMax + 5, 0)
    expect(range(many, 1, Number.MAX_SAFE_INTEGER).length).toBe(LIMITS.frameMessagesMax)
  })
})
