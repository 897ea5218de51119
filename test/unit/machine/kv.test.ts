import { describe, expect, it } from 'vitest'
import type { Prng } from '../../../core/base/prng.ts'
import { createPrng } from '../../../core/base/prng.ts'
import type { CanonicalValue } from '../../../core/model/canonical.ts'
import { decodeCanonical, encodeCanonical, toCanonical } from '../../../core/model/canonical.ts'
import { kv } from '../../../core/machine/kv.ts'
import { playground } from './playground.ts'

const absent = { value: null, found: false }

describe('kv', () => {
  it('gets what was set, and null for an absent key', () => {
    const { ask } = playground(kv)
    expect(ask({ op: 'get', key: 'a' })).toEqual(absent)
    expect(ask({ op: 'set', key: 'a', value: { list: [1, null, 'x'] } })).toEqual({ existed: false })
    expect(ask({ op: 'set', key: 'a', value: [false] })).toEqual({ existed: true })
    expect(ask({ op: 'get', key: 'a' })).toEqual({ value: [false], found: true })
    expect(ask({ op: 'delete', key: 'a' })).toEqual({ existed: true })
    expect(ask({ op: 'delete', key: 'a' })).toEqual({ existed: false })
    expect(ask({ op: 'get', key: 'a' })).toEqual(absent)
  })

  it('leaves nothing behind when every key is deleted', () => {
    const { state, ask } = playground(kv)
    const root = state.root()
    ask({ op: 'set', key: 'a', value: 1 })
    ask({ op: 'set', key: 'b', value: 2, expiresInMs: 1000 })
    ask({ op: 'set', key: 'b', value: 2, expiresInMs: 2000 })
    for (const key of ['a', 'b']) ask({ op: 'delete', key })
    expect([state.size, state.root()]).toEqual([0, root])
  })

  it('swaps only what is as expected; null expects an absent key', () => {
    const { ask } = playground(kv)
    const swap = (expected: CanonicalValue, value: CanonicalValue): CanonicalValue =>
      ask({ op: 'compare-and-set', key: 'a', expected, value })
    expect(swap(1, 2)).toEqual({ swapped: false, value: null })
    expect(swap(null, { a: 1, b: [2] })).toEqual({ swapped: true, value: { a: 1, b: [2] } })
    expect(swap(null, 3)).toEqual({ swapped: false, value: { a: 1, b: [2] } })
    expect(swap({ a: 1, b: ['2'] }, 3)).toEqual({ swapped: false, value: { a: 1, b: [2] } })
    expect(swap({ b: [2], a: 1 }, 3)).toEqual({ swapped: true, value: 3 })
    expect(swap('3', 4)).toEqual({ swapped: false, value: 3 })
    expect(swap(3, 4)).toEqual({ swapped: true, value: 4 })
  })

  it('counts from 0, up or down', () => {
    const { ask } = playground(kv)
    expect(ask({ op: 'increment', key: 'n' })).toEqual({ value: 1 })
    expect(ask({ op: 'increment', key: 'n', by: 41 })).toEqual({ value: 42 })
    expect(ask({ op: 'increment', key: 'n', by: -50 })).toEqual({ value: -8 })
    expect(ask({ op: 'get', key: 'n' })).toEqual({ value: -8, found: true })
  })

  it.each(['1', 1.5, [1], true, 1e300])('refuses to increment %j, which is not a whole number', (value) => {
    const { apply, ask } = playground(kv)
    ask({ op: 'set', key: 'n', value })
    expect(apply({ op: 'increment', key: 'n' })).toEqual({
      ok: false,
      error: { code: 'not-an-integer', message: 'the key holds a value that is not a whole number' },
    })
    expect(ask({ op: 'get', key: 'n' })).toEqual({ value, found: true })
  })

  it('refuses to increment past what whole numbers are exact to', () => {
    const { apply, ask } = playground(kv)
    ask({ op: 'set', key: 'n', value: Number.MAX_SAFE_INTEGER - 1 })
    expect(ask({ op: 'increment', key: 'n' })).toEqual({ value: Number.MAX_SAFE_INTEGER })
    expect(apply({ op: 'increment', key: 'n' })).toMatchObject({ ok: false, error: { code: 'number-too-large' } })
    expect(apply({ op: 'increment', key: 'm', by: Number.MIN_SAFE_INTEGER })).toMatchObject({ ok: true })
    expect(apply({ op: 'increment', key: 'm', by: -1 })).toMatchObject({
      ok: false,
      error: { code: 'number-too-large' },
    })
  })

  it('never throws: whatever is not one of its inputs is a refusal', () => {
    const { state, apply } = playground(kv)
    const root = state.root()
    let deep: CanonicalValue = 1
    for (let level = 0; level < 17; level += 1) deep = [deep]
    for (const input of [null, 1, 'get', [], {}, { op: 'frob' }, { op: 'set', key: 'a' }, Uint8Array.of(1)]) {
      expect(apply(input)).toMatchObject({ ok: false, error: { code: 'input-invalid' } })
    }
    expect(apply({ op: 'set', key: 'a', value: deep })).toMatchObject({ ok: false, error: { code: 'input-invalid' } })
    expect(apply({ op: 'set', key: 'a', value: [Uint8Array.of(1)] })).toMatchObject({ ok: false })
    expect(state.root()).toBe(root)
  })

  it('holds the deepest value it takes, and gives it back', () => {
    const { ask } = playground(kv)
    let deep: CanonicalValue = 1
    for (let level = 0; level < 16; level += 1) deep = [deep]
    ask({ op: 'set', key: 'a', value: deep })
    expect(toCanonical(ask({ op: 'scan' }))).toEqual({ entries: [{ key: 'a', value: deep }], next: null })
  })

  it('shows a State that rotted as absent keys, and leaves the finding to the audit', () => {
    const { state, ask } = playground(kv)
    ask({ op: 'set', key: 'a', value: 1 })
    state.tamper('kv/entry/a', 'rotten')
    expect([ask({ op: 'get', key: 'a' }), ask({ op: 'scan' })]).toEqual([absent, { entries: [], next: null }])
    expect(ask({ op: 'set', key: 'a', value: 2 })).toEqual({ existed: false })
  })
})

describe('kv scan', () => {
  it('gives keys in order, by prefix and by range, and where they meet', () => {
    const { ask } = playground(kv)
    for (const key of ['a', 'user/1', 'user/2', 'user/3', 'user0', 'z']) ask({ op: 'set', key, value: 1 })
    expect(keysOf(ask({ op: 'scan' }))).toEqual(['a', 'user/1', 'user/2', 'user/3', 'user0', 'z'])
    expect(keysOf(ask({ op: 'scan', prefix: 'user/' }))).toEqual(['user/1', 'user/2', 'user/3'])
    expect(keysOf(ask({ op: 'scan', from: 'user/2', to: 'z' }))).toEqual(['user/2', 'user/3', 'user0'])
    expect(keysOf(ask({ op: 'scan', prefix: 'user/', from: 'user/2' }))).toEqual(['user/2', 'user/3'])
    expect(keysOf(ask({ op: 'scan', prefix: 'user/', from: 'a', to: 'user/2' }))).toEqual(['user/1'])
    expect(keysOf(ask({ op: 'scan', prefix: 'nobody' }))).toEqual([])
    expect(keysOf(ask({ op: 'scan', from: 'z', to: 'a' }))).toEqual([])
  })

  it('says where to go on when there are more than asked for', () => {
    const { ask } = playground(kv)
    const keys = Array.from({ length: 250 }, (_, index) => `p/${String(index).padStart(3, '0')}`)
    for (const key of ['o', ...keys, 'q']) ask({ op: 'set', key, value: 1 })
    expect(ask({ op: 'scan', prefix: 'p/', limit: 1 })).toEqual({
      entries: [{ key: 'p/000', value: 1 }],
      next: 'p/001',
    })
    const collected: string[] = []
    let next: CanonicalValue | undefined = ''
    while (typeof next === 'string') {
      const page: CanonicalValue = ask({ op: 'scan', prefix: 'p/', from: next })
      collected.push(...keysOf(page))
      next = nextOf(page)
    }
    expect(collected).toEqual(keys)
  })

  it('keeps its answer within a part of a message, whatever the values', () => {
    const { ask } = playground(kv)
    for (const key of ['a', 'b', 'c']) ask({ op: 'set', key, value: 'x'.repeat(900_000) })
    const first = ask({ op: 'scan' })
    expect([keysOf(first), nextOf(first)]).toEqual([['a'], 'b'])
    expect(encodeCanonical(first).length).toBeLessThan(2 * 1024 * 1024)
  })

  it('ends after a bounded number of steps, even when it finds only expired keys', () => {
    const { ask } = playground(kv)
    for (let index = 0; index < 10_050; index += 1) {
      ask({ op: 'set', key: String(index).padStart(6, '0'), value: 1, expiresInMs: 1000 }, 1)
    }
    const first = ask({ op: 'scan' }, 5000)
    expect(first).toEqual({ entries: [], next: '010000' })
    expect(ask({ op: 'scan', from: '010000' }, 5000)).toEqual({ entries: [], next: null })
  })
})

describe('kv expiry', () => {
  it('makes a key absent from the very moment ordered time reaches its expiry, for every operation', () => {
    const at = (timeMs: number, input: CanonicalValue): CanonicalValue => {
      const { ask } = playground(kv)
      ask({ op: 'set', key: 'a', value: 7, expiresInMs: 500 }, 1000)
      return ask(input, timeMs)
    }
    expect([1499, 1500].map((timeMs) => at(timeMs, { op: 'get', key: 'a' }))).toEqual([
      { value: 7, found: true },
      absent,
    ])
    expect([1499, 1500].map((timeMs) => keysOf(at(timeMs, { op: 'scan' })))).toEqual([['a'], []])
    expect([1499, 1500].map((timeMs) => at(timeMs, { op: 'delete', key: 'a' }))).toEqual([
      { existed: true },
      { existed: false },
    ])
    expect([1499, 1500].map((timeMs) => at(timeMs, { op: 'set', key: 'a', value: 1 }))).toEqual([
      { existed: true },
      { existed: false },
    ])
    expect([1499, 1500].map((timeMs) => at(timeMs, { op: 'increment', key: 'a' }))).toEqual([
      { value: 8 },
      { value: 1 },
    ])
    const swap: CanonicalValue = { op: 'compare-and-set', key: 'a', expected: null, value: 1 }
    expect([1499, 1500].map((timeMs) => at(timeMs, swap))).toEqual([
      { swapped: false, value: 7 },
      { swapped: true, value: 1 },
    ])
  })

  it('is replaced by set and compare-and-set, and kept by increment', () => {
    const { ask } = playground(kv)
    for (const key of ['set', 'swap', 'count', 'longer']) ask({ op: 'set', key, value: 1, expiresInMs: 100 }, 0)
    ask({ op: 'set', key: 'set', value: 2 }, 50)
    ask({ op: 'compare-and-set', key: 'swap', expected: 1, value: 2 }, 50)
    ask({ op: 'increment', key: 'count' }, 50)
    ask({ op: 'set', key: 'longer', value: 2, expiresInMs: 100 }, 50)
    expect(keysOf(ask({ op: 'scan' }, 99))).toEqual(['count', 'longer', 'set', 'swap'])
    expect(keysOf(ask({ op: 'scan' }, 100))).toEqual(['longer', 'set', 'swap'])
    expect(keysOf(ask({ op: 'scan' }, 150))).toEqual(['set', 'swap'])
    ask({ op: 'set', key: 'another', value: 1 }, 1_000_000)
    expect(keysOf(ask({ op: 'scan' }, 1_000_000))).toEqual(['another', 'set', 'swap'])
  })

  it('removes expired keys from the State in bounded work with each write, until none is left', () => {
    const { state, ask } = playground(kv)
    for (let index = 0; index < 100; index += 1)
      ask({ op: 'set', key: `k${index}`, value: 1, expiresInMs: 10 + index }, 0)
    expect(state.size).toBe(200)
    const sizes: number[] = []
    for (let write = 0; write < 4; write += 1) {
      ask({ op: 'delete', key: 'nothing' }, 1000)
      sizes.push(state.size)
    }
    expect(sizes).toEqual([136, 72, 8, 0])
  })

  it('removes nothing that has not expired', () => {
    const { state, ask } = playground(kv)
    ask({ op: 'set', key: 'late', value: 1, expiresInMs: 1001 }, 0)
    ask({ op: 'set', key: 'early', value: 1, expiresInMs: 1000 }, 0)
    ask({ op: 'delete', key: 'nothing' }, 999)
    expect(state.size).toBe(4)
    ask({ op: 'delete', key: 'nothing' }, 1000)
    expect([...state.scan({ from: '' })]).toEqual([
      ['kv/entry/late', [1, 1001]],
      ['kv/expiry/0000000000001001/late', true],
    ])
  })

  it('writes nothing when it is read, expired or not', () => {
    const { state, ask } = playground(kv)
    ask({ op: 'set', key: 'a', value: 1, expiresInMs: 10 }, 0)
    const root = state.root()
    expect([ask({ op: 'get', key: 'a' }, 100), ask({ op: 'scan' }, 100)]).toEqual([absent, { entries: [], next: null }])
    expect([state.scrub(), state.size]).toEqual([root, 2])
  })
})

describe('kv determinism', () => {
  it.each([1, 2, 3])('the same inputs give the same State and the same Outputs (seed %i)', (seed) => {
    const [left, right] = [playground(kv), playground(kv)]
    const prng = createPrng(seed)
    let timeMs = 1_700_000_000_000
    for (let step = 0; step < 4000; step += 1) {
      timeMs += prng.between(1, 50)
      const input = randomInput(prng)
      // What comes through the log was encoded and decoded; the other replica may hold the Input as it was made.
      const output = encodeCanonical(left.apply(input, timeMs))
      expect(encodeCanonical(right.apply(decodeCanonical(encodeCanonical(input)), timeMs))).toEqual(output)
      if (step % 500 === 0) expect(left.state.root()).toBe(right.state.scrub())
    }
    expect(left.state.root()).toBe(right.state.root())
    expect(left.state.size).toBeGreaterThan(10)
  })

  it.each([4, 5])('agrees with a plain map through random inputs (seed %i)', (seed) => {
    const prng = createPrng(seed)
    const { ask } = playground(kv)
    const model = new Map<string, { readonly value: CanonicalValue; readonly until: number }>()
    for (let timeMs = 1; timeMs < 20_000; timeMs += prng.between(1, 10)) {
      const key = `k${prng.between(0, 50)}`
      const held = model.get(key)
      const live = held !== undefined && timeMs < held.until ? held : undefined
      if (prng.chance(0.4)) {
        expect(ask({ op: 'get', key }, timeMs)).toEqual(live ? { value: live.value, found: true } : absent)
      } else if (prng.chance(0.3)) {
        expect(ask({ op: 'delete', key }, timeMs)).toEqual({ existed: live !== undefined })
        model.delete(key)
      } else {
        const expiresInMs = prng.between(1, 400)
        const value = prng.between(0, 9)
        const input = prng.chance(0.5) ? { op: 'set', key, value, expiresInMs } : { op: 'set', key, value }
        expect(ask(input, timeMs)).toEqual({ existed: live !== undefined })
        model.set(key, { value, until: 'expiresInMs' in input ? timeMs + expiresInMs : Infinity })
      }
      if (prng.chance(0.05)) {
        const expected = [...model].flatMap(([name, entry]) => (timeMs < entry.until ? [name] : [])).sort()
        expect(keysOf(ask({ op: 'scan' }, timeMs))).toEqual(expected)
      }
    }
  })
})

function randomInput(prng: Prng): CanonicalValue {
  const key = `k${prng.between(0, 80)}`
  const value: CanonicalValue = prng.chance(0.6) ? prng.between(0, 5) : { a: [prng.next(), `${prng.between(0, 9)}`] }
  switch (prng.between(0, 7)) {
    case 0:
      return { op: 'get', key }
    case 1:
      return { op: 'set', key, value }
    case 2:
      return { op: 'set', key, value, expiresInMs: prng.between(1, 5000) }
    case 3:
      return { op: 'delete', key }
    case 4:
      return { op: 'compare-and-set', key, expected: prng.chance(0.5) ? null : value, value }
    case 5:
      return { op: 'increment', key, by: prng.between(-3, 3) }
    case 6:
      return { op: 'scan', from: key, limit: prng.between(1, 30) }
    default:
      return { op: 'scan', prefix: key.slice(0, 2), surplus: 1 }
  }
}

function keysOf(page: CanonicalValue): string[] {
  const { entries } = page as { readonly entries: readonly { readonly key: string }[] }
  return entries.map(({ key }) => key)
}

function nextOf(page: CanonicalValue): CanonicalValue | undefined {
  return (page as { readonly next: CanonicalValue }).next
}
