import { describe, expect, it } from 'vitest'
import { concatBytes, equalBytes, toHex } from '../../../core/base/bytes.ts'

const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values)

describe('toHex', () => {
  it('writes two lower-case digits a byte', () => {
    expect([toHex(bytes()), toHex(bytes(0, 9, 10, 127, 128, 255))]).toEqual(['', '00090a7f80ff'])
  })
})

describe('equalBytes', () => {
  it('compares content and length, not identity', () => {
    const pairs = [
      [bytes(1, 2), bytes(1, 2)],
      [bytes(), bytes()],
      [bytes(1, 2), bytes(1, 3)],
      [bytes(1, 2), bytes(1, 2, 0)],
      [bytes(1, 2, 0), bytes(1, 2)],
      [bytes(0), bytes()],
    ] as const
    expect(pairs.map(([left, right]) => equalBytes(left, right))).toEqual([true, true, false, false, false, false])
  })

  it('looks only at the window of a view', () => {
    expect(equalBytes(bytes(9, 1, 2, 9).subarray(1, 3), bytes(1, 2))).toBe(true)
  })

  it('notices one byte of many, wherever it is', () => {
    const count = 131
    const left = Uint8Array.from({ length: count + 3 }, (_, index) => index * 7).subarray(3)
    const right = Uint8Array.from(left)
    expect([equalBytes(left, right), equalBytes(left, left)]).toEqual([true, true])
    for (let index = 0; index < count; index += 1) {
      right[index] = (right[index] ?? 0) ^ 0x80
      expect(equalBytes(left, right)).toBe(false)
      right[index] = left[index] ?? 0
    }
  })
})

describe('concatBytes', () => {
  it('joins in order into bytes of its own', () => {
    const part = bytes(1, 2)
    const joined = concatBytes([part, bytes(), bytes(3)])
    part[0] = 9
    expect(joined).toEqual(bytes(1, 2, 3))
    expect(concatBytes([])).toEqual(bytes())
  })
})
