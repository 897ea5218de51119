import { createHash } from 'node:crypto'
import { zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { sha256 } from '../../../core/crypto/hash.ts'
import type { CanonicalValue } from '../../../core/model/canonical.ts'
import { encodeCanonical } from '../../../core/model/canonical.ts'
import { LIMITS } from '../../../core/model/limits.ts'
import type { Entry } from '../../../core/state/partition.ts'
import { digestOfEntries } from '../../../core/state/partition.ts'
import {
  decodePartition,
  digestOf,
  EMPTY_PARTITION_DIGEST,
  encodePartition,
  packPartition,
  unpackPartition,
} from '../../../core/storage/checkpoint-partition.ts'
import { inOrder, Slices } from '../../../core/storage/checkpoint-slices.ts'

const slices = new Slices()

function entriesOf(count: number, value: (index: number) => CanonicalValue = (index) => index): readonly Entry[] {
  return Array.from({ length: count }, (_, index) => [`key-${String(index).padStart(9, '0')}`, value(index)] as const)
}

function flat(entries: readonly Entry[]): CanonicalValue[] {
  return ['partition', ...entries.flat()]
}

describe('the encoding of a partition, made in slices', () => {
  // About the sizes at which the array's head gets longer: 24, 256 and 65,536 items.
  it.each([0, 1, 11, 12, 127, 128, 32_767, 32_768])('is the bytes the digest is over: %d entries', async (count) => {
    const entries = entriesOf(count)
    const encoded = await encodePartition(entries, slices)
    expect(encoded?.digest).toBe(digestOfEntries(sha256, entries))
    expect(Buffer.compare(encoded?.raw ?? Buffer.alloc(0), encodeCanonical(flat(entries)))).toBe(0)
    expect(await decodePartition(encoded?.raw ?? Buffer.alloc(0), slices)).toEqual(entries)
  })

  it('is the same with large values, and values of every kind', async () => {
    const kinds: readonly CanonicalValue[] = [
      'x'.repeat(3_000_000),
      new Uint8Array(2_500_000).fill(3),
      [null, true, -1.5, { b: [1], a: 'ü' }],
      { deep: { deeper: { list: ['y'.repeat(100_000)] } } },
      Number.MAX_SAFE_INTEGER,
      1e20,
    ]
    const entries = entriesOf(40, (index) => kinds[index % kinds.length] ?? null)
    const encoded = await encodePartition(entries, slices)
    expect(encoded?.digest).toBe(digestOfEntries(sha256, entries))
    const decoded = await decodePartition(encoded?.raw ?? Buffer.alloc(0), slices)
    expect(decoded).toHaveLength(40)
    expect(digestOfEntries(sha256, decoded ?? [])).toBe(encoded?.digest)
  })

  it('of an empty partition has the digest such a partition has', () => {
    expect(EMPTY_PARTITION_DIGEST).toBe(digestOfEntries(sha256, []))
  })

  it('is refused past the limit', async () => {
    const value = 'x'.repeat(64 * 1024 * 1024)
    expect(
      await encodePartition(
        entriesOf(4, () => value),
        slices,
      ),
    ).toBeUndefined()
  }, 60_000)
})

describe('what is no partition is refused', () => {
  const shapes: readonly (readonly [string, CanonicalValue])[] = [
    ['a node of the digest tree', ['node', 'a', 'b']],
    ['no array', 'partition'],
    ['nothing', []],
    ['a key without a value', ['partition', 'a', 1, 'b']],
    ['a key that is no string', ['partition', 1, 'a']],
    ['keys that fall', ['partition', 'b', 1, 'a', 2]],
    ['a key twice', ['partition', 'a', 1, 'a', 2]],
  ]
  it.each(shapes)('%s', async (_, value) => {
    expect(await decodePartition(encodeCanonical(value), slices)).toBeUndefined()
  })

  it('bytes that end too early or go on, wherever', async () => {
    const raw = encodeCanonical(flat(entriesOf(20, (index) => ({ value: [index, 'text'] }))))
    for (let length = 0; length < raw.length; length += 1) {
      expect(await decodePartition(raw.subarray(0, length), slices)).toBeUndefined()
    }
    expect(await decodePartition(Uint8Array.of(...raw, 0), slices)).toBeUndefined()
  })

  it('an array that says it is longer than anything can be', async () => {
    const raw = Uint8Array.of(0x9a, 0xff, 0xff, 0xff, 0xff, ...encodeCanonical('partition'))
    expect(await decodePartition(raw, slices)).toBeUndefined()
  })
})

describe('packing', () => {
  it('gives the same bytes back, packed where that is smaller', async () => {
    const random = createHash('shake256', { outputLength: 5000 }).update('seed').digest()
    for (const raw of [Buffer.alloc(0), Buffer.from('short'), Buffer.alloc(5_000_000, 'abc'), random]) {
      const packed = await packPartition(raw)
      expect(packed.length).toBeLessThanOrEqual(raw.length)
      const again = await unpackPartition(packed, raw.length)
      expect(Buffer.compare(again ?? Buffer.from('none'), raw)).toBe(0)
    }
    expect((await packPartition(Buffer.alloc(5_000_000, 'abc'))).length).toBeLessThan(50_000)
    expect((await packPartition(random)).length).toBe(random.length)
  })

  it('never gives more bytes than announced, nor fewer', async () => {
    const bomb = zstdCompressSync(Buffer.alloc(50_000_000))
    for (const rawBytes of [bomb.length + 1, 100_000, 49_999_999, 50_000_001]) {
      expect(await unpackPartition(bomb, rawBytes)).toBeUndefined()
    }
    expect(await unpackPartition(bomb, 50_000_000)).toHaveLength(50_000_000)
  })

  it('refuses sizes that cannot be, and bytes that are not packed', async () => {
    const packed = await packPartition(Buffer.alloc(1000))
    for (const rawBytes of [-1, 0.5, Number.NaN, packed.length - 1, LIMITS.partitionBytesMax + 1, 2 ** 53]) {
      expect(await unpackPartition(packed, rawBytes)).toBeUndefined()
    }
    expect(await unpackPartition(Buffer.from('this is no frame of Zstandard'), 1000)).toBeUndefined()
    expect(await unpackPartition(packed.subarray(0, -1), 1000)).toBeUndefined()
    expect(await unpackPartition(new Uint8Array(), 1000)).toBeUndefined()
  })
})

it('hashes large bytes as small ones', async () => {
  const bytes = Buffer.alloc(3_500_001, 'some bytes')
  expect(await digestOf(bytes, slices)).toBe(sha256(bytes))
})

describe('work in order', () => {
  it('is given in the order of the items, and never more at once than allowed', async () => {
    let [underWay, most] = [0, 0]
    const results: number[] = []
    const perform = async (item: number): Promise<number> => {
      underWay += 1
      most = Math.max(most, underWay)
      // The later ones are done first.
      for (let turn = 0; turn < 20 - item; turn += 1) await Promise.resolve()
      underWay -= 1
      return item
    }
    for await (const result of inOrder([...Array(20).keys()], 3, perform)) results.push(result)
    expect(results).toEqual([...Array(20).keys()])
    expect(most).toBe(3)
  })

  it('ends with the first that fails, once the others have ended', async () => {
    let ended = 0
    const perform = async (item: number): Promise<number> => {
      await Promise.resolve()
      ended += 1
      if (item >= 2) throw new Error(`item ${item}`)
      return item
    }
    const results: number[] = []
    const work = async (): Promise<void> => {
      for await (const result of inOrder([...Array(20).keys()], 3, perform)) results.push(result)
    }
    await expect(work()).rejects.toThrow('item 2')
    expect(results).toEqual([0, 1])
    expect(ended).toBe(5)
  })
})
