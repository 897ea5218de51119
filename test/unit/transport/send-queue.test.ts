import { describe, expect, it } from 'vitest'
import { LIMITS } from '../../../core/model/limits.ts'
import { SendQueue } from '../../../core/transport/send-queue.ts'

const ROOM = 1_000_000

function bytes(length: number, mark: number): Uint8Array {
  return new Uint8Array(length).fill(mark)
}

function marks(taken: readonly Uint8Array[]): (number | undefined)[] {
  return taken.map((message) => message[0])
}

describe('SendQueue', () => {
  it('gives back each channel in its order', () => {
    const queue = new SendQueue(1000)
    queue.push('ordering', bytes(1, 1))
    queue.push('output', bytes(1, 2))
    queue.push('ordering', bytes(1, 3))
    expect(marks(queue.take('ordering', ROOM))).toEqual([1, 3])
    expect(marks(queue.take('output', ROOM))).toEqual([2])
    expect(marks(queue.take('transfer', ROOM))).toEqual([])
    expect(queue.bytes).toBe(0)
  })

  it('takes as many messages as fit, and no more than a frame may have', () => {
    const queue = new SendQueue()
    for (const mark of [1, 2, 3]) queue.push('ordering', bytes(10, mark))
    expect(marks(queue.take('ordering', 29))).toEqual([1, 2])
    for (let count = 0; count < LIMITS.frameMessagesMax; count += 1) queue.push('ordering', bytes(1, 4))
    expect(queue.take('ordering', ROOM)).toHaveLength(LIMITS.frameMessagesMax)
    expect(marks(queue.take('ordering', ROOM))).toEqual([4])
  })

  it('pushes out the oldest whole messages of any channel when it is full, and tells how many', () => {
    const queue = new SendQueue(100)
    queue.push('transfer', bytes(60, 1))
    queue.push('ordering', bytes(30, 2))
    expect(queue.push('ordering', bytes(10, 3))).toBe(0)
    expect(queue.push('ordering', bytes(20, 4))).toBe(1)
    expect(queue.push('output', bytes(90, 5))).toBe(3)
    expect(queue.bytes).toBe(90)
    expect(marks(queue.take('ordering', ROOM))).toEqual([])
    expect(marks(queue.take('output', ROOM))).toEqual([5])
  })

  it('loses no count and no order over many messages', () => {
    const queue = new SendQueue(5000 * 4)
    const taken: number[] = []
    let dropped = 0
    const take = (bytesMax: number): void => {
      for (const message of queue.take('ordering', bytesMax)) taken.push(Buffer.from(message).readUInt32BE(0))
    }
    for (let round = 0; round < 20_000; round += 1) {
      const message = Buffer.alloc(4)
      message.writeUInt32BE(round)
      dropped += queue.push('ordering', message)
      if (round % 7 === 0) take(12)
    }
    while (queue.bytes > 0) take(ROOM)
    expect(taken.length + dropped).toBe(20_000)
    expect(dropped).toBeGreaterThan(0)
    expect(taken).toEqual(taken.toSorted((left, right) => left - right))
    expect(taken.at(-1)).toBe(19_999)
  })
})
