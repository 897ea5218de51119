import { encode } from 'cborg'
import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../../core/base/assert.ts'
import type { CanonicalValue } from '../../../core/model/canonical.ts'
import { decodeCanonical, encodeCanonical } from '../../../core/model/canonical.ts'
import { isNestedWithin } from '../../../core/model/nesting.ts'

function nested(levels: number, inner: CanonicalValue = 1): CanonicalValue {
  let value = inner
  for (let level = 0; level < levels; level += 1) value = level % 2 === 0 ? [value] : { a: value, b: level }
  return value
}

describe('the levels of an encoding', () => {
  it.each([1, 2, 31, 63, 64])('are counted: %d', (levels) => {
    const bytes = encode(nested(levels))
    expect([isNestedWithin(bytes, levels), isNestedWithin(bytes, levels - 1)]).toEqual([true, false])
  })

  it('are those at the deepest place, wherever it stands, and not the sum of all', () => {
    const wide = [nested(5), 'text', new Uint8Array(300), [], {}, nested(9, 'x'.repeat(70_000)), -1, 2 ** 40, 0.5, null]
    expect([isNestedWithin(encode(wide), 10), isNestedWithin(encode(wide), 9)]).toEqual([true, false])
  })

  it('of hundreds of thousands are told without the stack, and refused alike in every process', () => {
    const bytes = Uint8Array.of(...new Array<number>(100_000).fill(0x81), 0x01)
    expect(isNestedWithin(bytes, 64)).toBe(false)
    expect(() => decodeCanonical(bytes)).toThrow(InvariantError)
  })
})

describe('what has no canonical form', () => {
  it.each([
    ['a whole number past 2^53', encode(2n ** 60n)],
    ['a tag', Uint8Array.of(0xc1, 0x01)],
    ['a list of a length that is not told', Uint8Array.of(0x9f, 0x01, 0xff)],
    ['a list that ends early', Uint8Array.of(0x82, 0x01)],
    ['a length past all bytes', Uint8Array.of(0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)],
  ])('is refused: %s', (_, bytes) => {
    expect(() => decodeCanonical(bytes)).toThrow(InvariantError)
  })

  it('and what has one is read as before', () => {
    const value = { list: [nested(20), 2 ** 53 - 1, -(2 ** 53 - 1), 0.5], text: 'ü' }
    expect(decodeCanonical(encodeCanonical(value))).toEqual(value)
  })
})
