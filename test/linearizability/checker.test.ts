import { describe, expect, it } from 'vitest'
import { check } from './checker.ts'
import type { KvInput, KvOutput } from './models/kv.ts'
import { kv } from './models/kv.ts'
import { appendKv } from './models/append-kv.ts'
import { register } from './models/register.ts'
import { parseEdn } from './parse-edn.ts'
import { parseRegister } from './parse-register.ts'
import { HistoryRecorder } from './recorder.ts'

function registerVerdict(lines: string): string {
  return check(register, parseRegister(lines.replaceAll(/^ +/gm, ''))).kind
}

describe('a register', () => {
  it('that nobody used is linearizable', () => {
    expect(check(register, []).kind).toBe('linearizable')
  })

  it('begins as nil', () => {
    expect(registerVerdict('0 :invoke :read nil\n0 :ok :read nil')).toBe('linearizable')
    expect(registerVerdict('0 :invoke :read nil\n0 :ok :read 1')).toBe('not-linearizable')
  })

  it('may not answer a stale value', () => {
    const lines = (answer: number): string => `
      0 :invoke :write 1
      0 :ok :write 1
      0 :invoke :write 2
      0 :ok :write 2
      1 :invoke :read nil
      1 :ok :read ${answer}`
    expect(registerVerdict(lines(2))).toBe('linearizable')
    expect(registerVerdict(lines(1))).toBe('not-linearizable')
  })

  it('may answer the old or the new value while a write is under way, but not the old one after the new', () => {
    const lines = (first: number, second: number): string => `
      0 :invoke :write 1
      0 :ok :write 1
      0 :invoke :write 2
      1 :invoke :read nil
      1 :ok :read ${first}
      2 :invoke :read nil
      2 :ok :read ${second}
      0 :ok :write 2`
    expect(registerVerdict(lines(1, 1))).toBe('linearizable')
    expect(registerVerdict(lines(1, 2))).toBe('linearizable')
    expect(registerVerdict(lines(2, 2))).toBe('linearizable')
    expect(registerVerdict(lines(2, 1))).toBe('not-linearizable')
  })

  it('may not answer from the future', () => {
    expect(
      registerVerdict(`
        0 :invoke :read nil
        0 :ok :read 1
        1 :invoke :write 1
        1 :ok :write 1`),
    ).toBe('not-linearizable')
  })

  it('may let a write of the value already there take effect last', () => {
    expect(
      registerVerdict(`
        0 :invoke :write 1
        0 :ok :write 1
        0 :invoke :write 2
        1 :invoke :write 1
        0 :ok :write 2
        2 :invoke :read nil
        1 :ok :write 1
        2 :ok :read 1`),
    ).toBe('linearizable')
  })

  it('may not lose a write', () => {
    expect(
      registerVerdict(`
        0 :invoke :write 1
        0 :ok :write 1
        1 :invoke :read nil
        1 :ok :read nil`),
    ).toBe('not-linearizable')
  })

  it('may not let a compare-and-set succeed on another value', () => {
    const lines = (expected: number): string => `
      0 :invoke :write 1
      0 :ok :write 1
      1 :invoke :cas [${expected} 3]
      1 :ok :cas [${expected} 3]
      2 :invoke :read nil
      2 :ok :read 3`
    expect(registerVerdict(lines(1))).toBe('linearizable')
    expect(registerVerdict(lines(2))).toBe('not-linearizable')
  })

  it('may not let two compare-and-sets succeed on one value', () => {
    expect(
      registerVerdict(`
        0 :invoke :write 1
        0 :ok :write 1
        1 :invoke :cas [1 2]
        2 :invoke :cas [1 3]
        1 :ok :cas [1 2]
        2 :ok :cas [1 3]`),
    ).toBe('not-linearizable')
  })

  it('is not touched by an operation that failed', () => {
    const lines = (answer: number): string => `
      0 :invoke :write 1
      0 :ok :write 1
      0 :invoke :write 2
      0 :fail :write 2
      1 :invoke :read nil
      1 :ok :read ${answer}`
    expect(registerVerdict(lines(1))).toBe('linearizable')
    expect(registerVerdict(lines(2))).toBe('not-linearizable')
  })
})

describe('an operation in doubt', () => {
  const write = `
    0 :invoke :write 1
    0 :ok :write 1
    1 :invoke :write 2
    1 :info :write :timed-out`
  const reads = (...answers: readonly number[]): string =>
    answers.map((answer) => `\n5 :invoke :read nil\n5 :ok :read ${answer}`).join('')

  it('may take effect late, or never', () => {
    expect(registerVerdict(write + reads(1, 1, 1))).toBe('linearizable')
    expect(registerVerdict(write + reads(1, 1, 2))).toBe('linearizable')
    expect(registerVerdict(write + reads(2))).toBe('linearizable')
  })

  it('may not be seen and then unseen', () => {
    expect(registerVerdict(write + reads(1, 2, 1))).toBe('not-linearizable')
  })

  it('takes effect once at most', () => {
    const again = '\n0 :invoke :write 1\n0 :ok :write 1'
    expect(registerVerdict(write + reads(2) + again + reads(1))).toBe('linearizable')
    expect(registerVerdict(write + reads(2) + again + reads(2))).toBe('not-linearizable')
    const twice = `${write}\n9 :invoke :write 2\n9 :info :write :timed-out`
    expect(registerVerdict(twice + reads(2) + again + reads(2))).toBe('linearizable')
    expect(registerVerdict(twice + reads(2) + again + reads(2) + again + reads(2))).toBe('not-linearizable')
  })

  it('may not take effect before it was called', () => {
    expect(registerVerdict(`5 :invoke :read nil\n5 :ok :read 2${write}`)).toBe('not-linearizable')
  })

  it('may be one that never ended at all', () => {
    expect(registerVerdict(`1 :invoke :write 2${reads(2)}`)).toBe('linearizable')
    expect(registerVerdict(`1 :invoke :write 2${reads(3)}`)).toBe('not-linearizable')
  })

  it('may be a compare-and-set, which then finds its value or another', () => {
    const cas = `${write}\n2 :invoke :cas [2 3]\n2 :info :cas :timed-out`
    expect(registerVerdict(cas + reads(1, 2, 3))).toBe('linearizable')
    expect(registerVerdict(cas + reads(1, 3))).toBe('linearizable')
    expect(registerVerdict(cas + reads(3, 2))).toBe('not-linearizable')
  })

  it('says nothing when it is a read', () => {
    const read = '\n7 :invoke :read nil\n7 :info :read :timed-out'
    expect(registerVerdict(write + read + reads(1))).toBe('linearizable')
    expect(registerVerdict(write + read + reads(3))).toBe('not-linearizable')
  })
})

describe('keys that are appended to', () => {
  const event = (process: number, type: string, f: string, key: string, value: string): string =>
    `{:process ${process}, :type :${type}, :f :${f}, :key "${key}", :value "${value}"}\n`
  const append = (key: string, value: string): string =>
    event(0, 'invoke', 'append', key, value) + event(0, 'ok', 'append', key, value)
  const get = (key: string, value: string): string =>
    event(0, 'invoke', 'get', key, '') + event(0, 'ok', 'get', key, value)
  const verdict = (text: string): string => check(appendKv, parseEdn(text)).kind

  it('begin empty and grow', () => {
    expect(verdict(get('a', '') + append('a', 'x') + append('a', 'y') + get('a', 'xy'))).toBe('linearizable')
  })

  it('may not lose an update', () => {
    expect(verdict(append('a', 'x') + append('a', 'y') + get('a', 'y'))).toBe('not-linearizable')
  })

  it('may not apply one twice', () => {
    expect(verdict(append('a', 'x') + get('a', 'xx'))).toBe('not-linearizable')
    const unknown = event(1, 'invoke', 'append', 'a', 'x') + event(1, 'info', 'append', 'a', 'x')
    expect(verdict(append('a', 'x') + unknown + get('a', 'xx'))).toBe('linearizable')
  })

  it('are checked each for itself', () => {
    const right = append('a', 'x') + get('b', '') + append('b', 'z') + get('a', 'x')
    expect(verdict(right + get('b', 'z'))).toBe('linearizable')
    const found = check(appendKv, parseEdn(right + get('b', 'x')))
    expect(found).toMatchObject({ kind: 'not-linearizable', partition: 'b' })
  })

  it('can be put anew', () => {
    const put = event(0, 'invoke', 'put', 'a', 'n') + event(0, 'ok', 'put', 'a', 'n')
    expect(verdict(append('a', 'x') + put + append('a', 'y') + get('a', 'ny'))).toBe('linearizable')
    expect(verdict(append('a', 'x') + put + append('a', 'y') + get('a', 'xy'))).toBe('not-linearizable')
  })

  it('show appends that overlap in one order to everyone', () => {
    const overlapping =
      event(1, 'invoke', 'append', 'a', 'x') +
      event(2, 'invoke', 'append', 'a', 'y') +
      event(1, 'ok', 'append', 'a', 'x') +
      event(2, 'ok', 'append', 'a', 'y')
    expect(verdict(overlapping + get('a', 'yx') + get('a', 'yx'))).toBe('linearizable')
    expect(verdict(overlapping + get('a', 'yx') + get('a', 'xy'))).toBe('not-linearizable')
  })
})

describe('the kv machine', () => {
  const recorderOf = (): HistoryRecorder<KvInput, KvOutput> => new HistoryRecorder()
  const ok = (recorder: HistoryRecorder<KvInput, KvOutput>, input: KvInput, value: object): void =>
    recorder.invoke(0, input).ok({ kind: 'accepted', value: { ...value } })

  it('may not count one increment twice, whose client tried again', () => {
    for (const [value, kind] of [
      [1, 'linearizable'],
      [2, 'not-linearizable'],
    ] as const) {
      const recorder = recorderOf()
      ok(recorder, { op: 'increment', key: 'n' }, { value: 1 })
      ok(recorder, { op: 'get', key: 'n' }, { value, found: true })
      expect(check(kv, recorder.history()).kind).toBe(kind)
    }
  })

  it('may refuse what the value does not allow, and only that', () => {
    for (const [value, kind] of [
      ['text', 'linearizable'],
      [7, 'not-linearizable'],
    ] as const) {
      const recorder = recorderOf()
      ok(recorder, { op: 'set', key: 'n', value }, { existed: false })
      recorder.invoke(0, { op: 'increment', key: 'n' }).ok({ kind: 'rejected', code: 'not-an-integer' })
      expect(check(kv, recorder.history()).kind).toBe(kind)
    }
  })

  it('may not let a compare-and-set miss a value that was there', () => {
    const recorder = recorderOf()
    ok(recorder, { op: 'set', key: 'k', value: [1] }, { existed: false })
    ok(recorder, { op: 'compare-and-set', key: 'k', expected: [1], value: 2 }, { swapped: false, value: [1] })
    expect(check(kv, recorder.history()).kind).toBe('not-linearizable')
  })

  it('may have deleted in doubt', () => {
    const recorder = recorderOf()
    ok(recorder, { op: 'set', key: 'k', value: 1 }, { existed: false })
    recorder.invoke(1, { op: 'delete', key: 'k' }).info()
    ok(recorder, { op: 'get', key: 'k' }, { value: 1, found: true })
    ok(recorder, { op: 'set', key: 'k', value: 2 }, { existed: false })
    expect(check(kv, recorder.history()).kind).toBe('linearizable')
    ok(recorder, { op: 'get', key: 'k' }, { value: null, found: false })
    expect(check(kv, recorder.history()).kind).toBe('not-linearizable')
  })
})

describe('a limit that is reached', () => {
  const lines = Array.from({ length: 12 }, (_, process) => `${process} :invoke :write ${process}`)
  const overlapping = parseRegister([...lines, '99 :invoke :read nil', '99 :ok :read 99'].join('\n'))

  it('leaves the history undecided and says which', () => {
    const time = check(register, overlapping, { timeMs: -1, memoryBytes: 2 ** 30 })
    expect(time).toMatchObject({ kind: 'undecided', reason: 'the time limit was reached' })
    const memory = check(register, overlapping, { timeMs: 60_000, memoryBytes: 2 ** 10 })
    expect(memory).toMatchObject({ kind: 'undecided', reason: 'the memory limit was reached' })
  })

  it('leaves nothing undecided when another key is wrong', () => {
    const recorder = new HistoryRecorder<KvInput, KvOutput>()
    for (let process = 0; process < 12; process += 1)
      recorder.invoke(process, { op: 'increment', key: 'a', by: process })
    recorder.invoke('r', { op: 'get', key: 'a' }).ok({ kind: 'accepted', value: { value: 0.5, found: true } })
    const limits = { timeMs: 60_000, memoryBytes: 100_000 }
    const undecided = check(kv, recorder.history(), limits)
    expect(undecided).toMatchObject({ kind: 'undecided', reason: expect.stringContaining('at key "a"') as string })
    recorder.invoke('r', { op: 'get', key: 'b' }).ok({ kind: 'accepted', value: { value: 1, found: true } })
    expect(check(kv, recorder.history(), limits)).toMatchObject({ kind: 'not-linearizable', partition: 'b' })
  })
})
