import { describe, expect, it } from 'vitest'
import { HistoryRecorder, counter } from './recorder.ts'

describe('a recorder', () => {
  it('numbers calls and returns as they come, and leaves out what failed', () => {
    const recorder = new HistoryRecorder<string, number>()
    const first = recorder.invoke('a', 'read')
    const second = recorder.invoke('b', 'write')
    second.fail()
    first.ok(5)
    recorder.invoke('a', 'write').info()
    expect(recorder.history()).toEqual([
      { process: 'a', call: 1, returned: 3, input: 'read', output: 5 },
      { process: 'a', call: 4, returned: undefined, input: 'write', output: undefined },
    ])
  })

  it('counts what has not ended as in doubt', () => {
    const recorder = new HistoryRecorder<string, number>()
    const open = recorder.invoke('a', 'read')
    expect(recorder.history()).toMatchObject([{ returned: undefined }])
    open.ok(1)
    expect(recorder.history()).toMatchObject([{ returned: 2 }])
  })

  it('shares its counter with others of the same history', () => {
    const next = counter()
    const [left, right] = [new HistoryRecorder<string, null>(next), new HistoryRecorder<string, null>(next)]
    const [first, second] = [left.invoke(0, 'x'), right.invoke(1, 'y')]
    first.ok(null)
    second.ok(null)
    const orders = [...left.history(), ...right.history()].map(({ call, returned }) => [call, returned])
    expect(orders).toEqual([
      [1, 3],
      [2, 4],
    ])
  })

  it('refuses a process that does two things at once, and an operation that ends twice', () => {
    const recorder = new HistoryRecorder<string, null>()
    const open = recorder.invoke('a', 'x')
    expect(() => recorder.invoke('a', 'y')).toThrow('process a invokes before its last operation ended')
    open.info()
    expect(() => recorder.invoke('a', 'y')).toThrow('process a invokes before its last operation ended')
    expect(() => open.ok(null)).toThrow('an operation of process a ends twice')
  })
})
