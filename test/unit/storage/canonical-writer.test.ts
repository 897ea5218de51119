import { describe, expect, it } from 'vitest'
import { concatBytes } from '../../../core/base/bytes.ts'
import type { CanonicalValue } from '../../../core/model/canonical.ts'
import { encodeCanonical } from '../../../core/model/canonical.ts'
import { CanonicalWriter } from '../../../core/storage/canonical-writer.ts'

/** Where the head of a text, of bytes or of a list gets longer, and where text is written another way. */
const LENGTHS = [0, 1, 23, 24, 255, 256, 4096, 4097, 65_535, 65_536, 300_000]

function written(value: CanonicalValue, writer = new CanonicalWriter()): Uint8Array {
  writer.clear()
  writer.value(value)
  const bytes = concatBytes(writer.chunks())
  expect(bytes).toHaveLength(writer.bytes)
  return bytes
}

function isCanonical(value: CanonicalValue): boolean {
  return Buffer.compare(written(value), encodeCanonical(value)) === 0
}

describe('a value is written as the canonical form has it', () => {
  it.each(LENGTHS)('text, bytes and lists of length %d', (length) => {
    // One, two, three and four bytes in UTF-8; the lengths in between put the boundary inside of each.
    for (const text of ['x', 'ü', '€', '😀']) {
      for (const shorter of [0, 1, 2]) {
        const repeated = text.repeat(Math.max(0, Math.ceil(length / Buffer.byteLength(text)) - shorter))
        expect(isCanonical(repeated)).toBe(true)
        expect(isCanonical(`a${repeated}`)).toBe(true)
      }
    }
    expect(isCanonical(new Uint8Array(length).fill(7))).toBe(true)
    expect(isCanonical(Array.from({ length }, (_, index) => index % 3))).toBe(true)
  })

  it.each([0, -0, 1, 23, 24, 255, 256, 65_535, 65_536, 0xffff_ffff, 0x1_0000_0000, Number.MAX_SAFE_INTEGER])(
    'the number %d, and those around it',
    (number) => {
      for (const value of [number, number + 1, -number, number + 0.5, number * 1e200]) {
        expect(isCanonical(value)).toBe(true)
      }
    },
  )

  it('everything else, nested', () => {
    const list: CanonicalValue = [null, true, false, [], {}, ['', [new Uint8Array([1, 2])]], { b: [1], a: 'ü' }]
    expect(isCanonical(list)).toBe(true)
    expect(isCanonical({ list, other: [list, list] })).toBe(true)
  })
})

describe('a writer', () => {
  it('takes up its memory again after it was cleared, and writes no less', () => {
    const writer = new CanonicalWriter()
    const long = ['x'.repeat(200_000), 'y'.repeat(200_000)]
    expect(Buffer.compare(written(long, writer), encodeCanonical(long))).toBe(0)
    expect(Buffer.compare(written('short', writer), encodeCanonical('short'))).toBe(0)
    const [first] = writer.chunks()
    expect(Buffer.compare(written('other', writer), encodeCanonical('other'))).toBe(0)
    expect(writer.chunks()[0]?.buffer).toBe(first?.buffer)
  })
})
