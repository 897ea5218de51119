import { describe, expect, it } from 'vitest'
import { LIMITS } from '../../../core/model/limits.ts'
import { LeaderQueue } from '../../../core/replica/leader-queue.ts'
import { encodeBatch } from '../../../core/wire/batch.ts'
import { inputOf } from '../../support/inputs.ts'

const small = (number: number) => inputOf(null, { client: `c${number}` })
const sized = (number: number, bytes: number) => ({ ...small(number), payload: new Uint8Array(bytes) })

describe('a leader’s queue', () => {
  it('gives Inputs out in the order they came, each once', () => {
    const queue = new LeaderQueue()
    for (const number of [3, 1, 3, 2, 1]) queue.add(small(number))
    expect([queue.size, queue.take(), queue.size, queue.take()]).toEqual([3, [small(3), small(1), small(2)], 0, []])
  })

  it('holds an Input back while it is proposed, and takes it again once that was decided', () => {
    const queue = new LeaderQueue()
    queue.add(small(1))
    queue.take()
    expect([queue.add(small(1)), queue.size]).toEqual([true, 0])
    queue.settle(small(1))
    expect([queue.add(small(1)), queue.size]).toEqual([true, 1])
  })

  it('knows different sequences of a client, and equal ones of different clients, apart', () => {
    const queue = new LeaderQueue()
    queue.add(inputOf(null, { client: 'x', sequence: 1 }))
    queue.add(inputOf(null, { client: 'x', sequence: 2 }))
    queue.add(inputOf(null, { client: 'y', sequence: 1 }))
    expect(queue.size).toBe(3)
  })

  it('closes a batch at its number of Inputs', () => {
    const queue = new LeaderQueue()
    for (let number = 0; number < LIMITS.batchInputsMax + 1; number += 1) queue.add(small(number))
    expect([queue.take().length, queue.take().length]).toEqual([LIMITS.batchInputsMax, 1])
  })

  it('closes a batch before it grows too large for a part, but always takes one', () => {
    const queue = new LeaderQueue()
    const half = LIMITS.inputBytesMax / 2
    for (const [number, bytes] of [half, half, half, LIMITS.inputBytesMax, 1].entries()) queue.add(sized(number, bytes))
    const batches = [queue.take(), queue.take(), queue.take(), queue.take()]
    expect(batches.map((inputs) => inputs.length)).toEqual([2, 1, 2, 0])
    const sizes = batches.slice(0, 3).map((inputs) => encodeBatch({ kind: 'inputs', timeMs: 1, inputs }).length)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(LIMITS.batchBytesMax)
  })

  it('is bounded in number and in bytes, and has room again when some were taken', () => {
    const queue = new LeaderQueue()
    for (let number = 0; number < LIMITS.queueInputsMax; number += 1) queue.add(small(number))
    expect([queue.add(small(-1)), queue.add(small(5))]).toEqual([false, true])
    queue.take()
    expect(queue.add(small(-1))).toBe(true)
    const heavy = new LeaderQueue()
    let taken = 0
    while (taken < 100 && heavy.add(sized(taken, LIMITS.inputBytesMax))) taken += 1
    expect(taken).toBeLessThanOrEqual(LIMITS.queueBytesMax / LIMITS.inputBytesMax + 1)
    heavy.take()
    heavy.take()
    expect(heavy.add(sized(-1, 1))).toBe(true)
  })

  it('forgets everything when leadership is over, what was proposed too', () => {
    const queue = new LeaderQueue()
    queue.add(small(1))
    queue.take()
    queue.add(small(2))
    queue.clear()
    expect([queue.size, queue.add(small(1)), queue.add(small(2)), queue.size]).toEqual([0, true, true, 2])
  })
})
