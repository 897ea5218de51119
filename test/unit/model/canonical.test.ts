import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../../core/base/assert.ts'
import { toHex } from '../../../core/base/bytes.ts'
import { createPrng } from '../../../core/base/prng.ts'
import type { CanonicalValue } from '../../../core/model/canonical.ts'
import { decodeCanonical, encodeCanonical, NotCanonicalError, toCanonical } from '../../../core/model/canonical.ts'
import { accepted, outputFrom, rejected } from '../../../core/model/output.ts'

const nested = (levels: number): unknown => {
  let value: unknown = 'core'
  for (let level = 0; level < levels; level += 1) value = [value]
  return value
}
const pathOf = (value: unknown): string | undefined => {
  try {
    toCanonical(value)
    return undefined
  } catch (error) {
    if (!(error instanceof NotCanonicalError)) throw error
    return error.path
  }
}
const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

describe('toCanonical', () => {
  it('takes what has one encoding, and copies it', () => {
    const bytes = Uint8Array.of(1, 2)
    const value = { text: 'ü', list: [null, true, 1.5], bytes, empty: {} }
    const copy = toCanonical(value)
    bytes[0] = 9
    value.list.push(7)
    expect(copy).toStrictEqual({ text: 'ü', list: [null, true, 1.5], bytes: Uint8Array.of(1, 2), empty: {} })
  })

  it('copies bytes however deep they lie, and gives a copy of its own even of a Buffer', () => {
    const bytes = Buffer.from([1, 2])
    const copy = toCanonical([{ deep: bytes }])
    bytes[0] = 9
    expect(encodeCanonical(copy)).toEqual(encodeCanonical([{ deep: Uint8Array.of(1, 2) }]))
  })

  it('freezes lists and objects at every level', () => {
    const copy = toCanonical({ list: [{ leaf: 1 }] })
    expect(() => Object.assign(copy as object, { more: 1 })).toThrow(TypeError)
    const list = (copy as { list: readonly CanonicalValue[] }).list
    expect([Object.isFrozen(list), Object.isFrozen(list[0])]).toEqual([true, true])
  })

  it('makes 0 of -0, at any depth', () => {
    expect(toCanonical([-0, { zero: -0 }])).toStrictEqual([0, { zero: 0 }])
    expect(Object.is(toCanonical(-0), 0)).toBe(true)
  })

  it.each([
    ['undefined', undefined, ''],
    ['an undefined member', { a: { b: undefined } }, '/a/b'],
    ['a hole in a list', [1, , 3], '/1'], // eslint-disable-line no-sparse-arrays -- what the test is about
    ['NaN', [Number.NaN], '/0'],
    ['infinity', { a: Number.NEGATIVE_INFINITY }, '/a'],
    ['a bigint', 1n, ''],
    ['a function', () => 1, ''],
    ['a symbol', Symbol('s'), ''],
    ['a date', { at: new Date(0) }, '/at'],
    ['a map', new Map(), ''],
    ['an instance', new Error('no data'), ''],
    ['another typed array', new Uint16Array(1), ''],
    ['a lone surrogate', ['\ud800'], '/0'],
    ['a lone surrogate in a key', { 'a\udc00': 1 }, '/a\udc00'],
    ['a key that is no key in every language', JSON.parse('{"__proto__": 1}'), '/__proto__'],
  ])('refuses %s and says where', (_, value, path) => {
    expect(pathOf(value)).toBe(path)
  })

  it('takes 32 levels of nesting and no more, so that no recursion runs away', () => {
    expect([pathOf(nested(32)), pathOf(nested(33))]).toEqual([undefined, '/0'.repeat(33)])
    expect(() => toCanonical(nested(100_000))).toThrow(NotCanonicalError)
  })

  it('refuses what holds itself', () => {
    const loop: unknown[] = []
    loop.push(loop)
    expect(() => toCanonical(loop)).toThrow(NotCanonicalError)
  })
})

describe('the canonical encoding', () => {
  it('does not depend on the order in which keys were set', () => {
    expect(encodeCanonical({ b: 1, a: { d: 2, c: 3 } })).toEqual(encodeCanonical({ a: { c: 3, d: 2 }, b: 1 }))
  })

  it('is these bytes, in shortest forms with keys sorted by length and then by content', () => {
    const value = { bb: [1, -1, 24, 1.5], a: null, c: Uint8Array.of(255), '': '😀' }
    expect(toHex(encodeCanonical(value))).toBe(
      'a460' + '64f09f9880' + '6161f6' + '616341ff' + '62626284012018' + '18f93e00',
    )
  })

  it('gives every value back, over two thousand random ones', () => {
    const prng = createPrng(2_001)
    for (let round = 0; round < 2_000; round += 1) {
      const value = randomValue(prng, 4)
      expect(decodeCanonical(encodeCanonical(toCanonical(value)))).toStrictEqual(value)
    }
  })

  it.each([
    ['nothing', ''],
    ['half a list', '8201'],
    ['two values', '0101'],
    ['undefined', 'f7'],
    ['NaN', 'f97e00'],
    ['infinity', 'f97c00'],
    ['an integer in a longer form than it needs', '1801'],
    ['a key that is no text', 'a10101'],
    ['a tag', 'c100'],
    ['a million opening lists', '81'.repeat(1_000_000)],
  ])('is not %s', (_, hex) => {
    expect(() => decodeCanonical(fromHex(hex))).toThrow(InvariantError)
  })
})

describe('decodeCanonical', () => {
  it.each([
    ['a key twice', 'a2616101616102'],
    ['keys out of order', 'a2616201616101'],
    ['-0', 'f98000'],
    ['a whole number as a float', 'f93c00'],
    ['a float in a longer form than it needs', 'fb3ff8000000000000'],
    ['text that is not UTF-8', '61ff'],
    ['a list of unsaid length', '9f01ff'],
    ['a break where a value should stand', 'a16161ff'],
  ])('refuses %s: another encoding than the canonical one', (_, hex) => {
    expect(() => decodeCanonical(fromHex(hex))).toThrow(InvariantError)
  })
})

describe('an Output', () => {
  it('survives its canonical encoding', () => {
    const outputs = [accepted(null), accepted({ value: [1] }), rejected('overdraft', 'too little')]
    expect(outputs.map((output) => outputFrom(decodeCanonical(encodeCanonical(output))))).toStrictEqual(outputs)
  })

  it('is recognised by its shape, and nothing else is one', () => {
    const others: CanonicalValue[] = [
      ...[null, 1, 'ok', [], {}, Uint8Array.of(1)],
      ...[
        { ok: true },
        { ok: false },
        { ok: 1, value: 1 },
        { ok: false, error: 'x' },
        { ok: false, error: { code: 'x' } },
      ],
      { ok: false, error: { code: 1, message: 'x' } },
    ]
    expect(others.map(outputFrom)).toEqual(others.map(() => undefined))
  })
})

type Draw = ReturnType<typeof createPrng>

function randomValue(prng: Draw, depth: number): CanonicalValue {
  const kind = prng.between(0, depth === 0 ? 5 : 7)
  switch (kind) {
    case 0:
      return null
    case 1:
      return prng.chance(0.5)
    case 2:
      return prng.between(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    case 3:
      return prng.next() * 10 ** prng.between(-300, 300) || 0
    case 4:
      return String.fromCodePoint(...Array.from({ length: prng.between(0, 6) }, () => prng.between(0xe000, 0x10ffff)))
    case 5:
      return Uint8Array.from({ length: prng.between(0, 30) }, () => prng.between(0, 255))
    case 6:
      return Array.from({ length: prng.between(0, 4) }, () => randomValue(prng, depth - 1))
    default:
      return Object.fromEntries(
        Array.from({ length: prng.between(0, 4) }, (_, index) => [`k${index}é`, randomValue(prng, depth - 1)]),
      )
  }
}
