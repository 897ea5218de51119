import { encode } from 'cborg'
import { describe, expect, it } from 'vitest'
import { sha256 } from '../../../core/crypto/hash.ts'
import { hashCbor, isEncodingOf } from '../../../core/model/cbor.ts'

describe('what looks at an encoding without keeping it', () => {
  it.each([0, 20_000, 65_530, 65_536, 300_000])('hashes the same bytes, with %d of them in a value', (length) => {
    const value = { list: ['é', 1], bytes: new Uint8Array(length).fill(3) }
    expect(hashCbor(sha256, value)).toBe(sha256(encode(value)))
    expect(hashCbor(sha256, 'after')).toBe(sha256(encode('after')))
  })

  it('tells an encoding of a value from another one', () => {
    expect(isEncodingOf({ b: 1, a: 2 }, encode({ a: 2, b: 1 }))).toBe(true)
    expect(isEncodingOf({ b: 1, a: 2 }, encode({ a: 2, b: 2 }))).toBe(false)
    expect(isEncodingOf([1], encode([1, 2]).subarray(0, 2))).toBe(false)
  })

  it('refuses a circle', () => {
    const circle: unknown[] = []
    circle.push(circle)
    expect(() => hashCbor(sha256, circle)).toThrow('circular')
  })
})
