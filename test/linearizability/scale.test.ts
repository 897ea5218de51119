import { describe, expect, it } from 'vitest'
import { createPrng } from '../../core/base/prng.ts'
import { check } from './checker.ts'
import { appendKv } from './models/append-kv.ts'
import { kv } from './models/kv.ts'
import { register } from './models/register.ts'
import { shortestOffendingPrefix } from './shortest-prefix.ts'
import { altered, randomAppendKv, randomKv, randomRegister } from './support/random.ts'

const SECONDS_MAX = 20

describe('a hundred thousand operations', () => {
  it('on keys appended to are judged in seconds, right or wrong near the end', () => {
    const size = { prng: createPrng(1), processes: 50, operations: 100_000, doubt: 0.01 }
    const history = randomAppendKv(size, 200)
    const read = history.findLast(({ input, returned }) => input.kind === 'get' && returned !== undefined)
    if (read === undefined) throw new Error('no get returned')
    const startedMs = performance.now()
    expect(check(appendKv, history).kind).toBe('linearizable')
    const wrong = altered(history, read, `${read.output ?? ''}!`)
    expect(check(appendKv, wrong)).toMatchObject({ kind: 'not-linearizable', partition: read.input.key })
    expect(shortestOffendingPrefix(appendKv, wrong)).toMatchObject({ isShortest: true, last: { call: read.call } })
    expect(performance.now() - startedMs).toBeLessThan(SECONDS_MAX * 1000)
  })

  it('on keys of the kv machine are judged in seconds, right or wrong near the end', () => {
    const history = randomKv({ prng: createPrng(2), processes: 32, operations: 100_000, doubt: 0.005 }, 200)
    const read = history.findLast(({ input, returned }) => input.op === 'get' && returned !== undefined)
    if (read === undefined) throw new Error('no get returned')
    const startedMs = performance.now()
    expect(check(kv, history).kind).toBe('linearizable')
    const wrong = altered(history, read, { kind: 'accepted', value: { value: 'never', found: true } })
    expect(check(kv, wrong)).toMatchObject({ kind: 'not-linearizable', partition: read.input.key })
    expect(performance.now() - startedMs).toBeLessThan(SECONDS_MAX * 1000)
  })
})

describe('one register with many operations in doubt', () => {
  it('is judged in seconds even where it goes wrong near the end', () => {
    const size = { prng: createPrng(7), processes: 8, operations: 2_000, doubt: 0.02 }
    const history = randomRegister(size, (prng) => prng.between(0, 5))
    expect(history.filter(({ returned }) => returned === undefined).length).toBeGreaterThan(15)
    const read = history.findLast(({ input, returned }) => input.kind === 'read' && returned !== undefined)
    if (read === undefined) throw new Error('no read returned')
    const startedMs = performance.now()
    expect(check(register, history).kind).toBe('linearizable')
    expect(check(register, altered(history, read, 6)).kind).toBe('not-linearizable')
    expect(performance.now() - startedMs).toBeLessThan(SECONDS_MAX * 1000)
  })
})
