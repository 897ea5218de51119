import { describe, expect, it } from 'vitest'
import { PARTITIONS, Partition, digestOfEntries, partitionOf } from '../../../core/state/partition.ts'
import { sha256 } from './sha256.ts'

describe('partitions', () => {
  it('are the same for a key on every machine and in every version', () => {
    // Worked out by a second program from FNV-1a over UTF-16LE.
    expect(['', 'a', 'kv/entry/greeting', 'ledger/account/ada', 'ä', '\u{1f600}'].map(partitionOf)).toEqual([
      755, 962, 87, 624, 1020, 25,
    ])
  })

  it.each([
    ['numbered', (index: number) => `kv/entry/user/${index}`],
    ['padded', (index: number) => `kv/entry/${String(index).padStart(12, '0')}`],
    ['random-looking', (index: number) => `ledger/account/${sha256(Buffer.from(String(index)))}`],
    ['all in Chinese', (index: number) => `kv/entry/${String.fromCharCode(0x4e00 + (index % 5000))}${index}`],
  ])('are filled evenly by %s keys', (_, keyOf) => {
    const counts = new Array<number>(PARTITIONS).fill(0)
    const each = 100
    for (let index = 0; index < PARTITIONS * each; index += 1) {
      const partition = partitionOf(keyOf(index))
      counts[partition] = (counts[partition] ?? 0) + 1
    }
    // Six standard deviations of a fair throw around the mean of 100.
    expect(Math.max(...counts)).toBeLessThan(each + 60)
    expect(Math.min(...counts)).toBeGreaterThan(each - 60)
  })

  it('have a digest that tells every key from every value, and each entry from the next', () => {
    const digests = [
      [],
      [['a', 'b']],
      [['b', 'a']],
      [['a', 1]],
      [['a', '1']],
      [['a', null]],
      [['a', false]],
      [['a', ['b']]],
      [['a', { b: 1 }]],
      [['ab', '']],
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
      [['a', ['b', 'c', 'd']]],
    ].map((entries) => digestOfEntries(sha256, entries as [string, string][]))
    expect(new Set(digests).size).toBe(digests.length)
  })

  it('have the same digest for a value whatever order its keys were written in', () => {
    expect(digestOfEntries(sha256, [['k', { a: 1, bb: 2, c: [1.5, true] }]])).toBe(
      digestOfEntries(sha256, [['k', { c: [1.5, true], bb: 2, a: 1 }]]),
    )
  })

  it('hash the canonical CBOR of their entries, so that any program can check them', () => {
    // SHA-256 of 81 69"partition" and of 83 69"partition" 61"a" 82 01 61"x".
    expect([digestOfEntries(sha256, []), digestOfEntries(sha256, [['a', [1, 'x']]])]).toEqual([
      'a6cca975034e9e131ae19823268d45bc89e1cdb21c3acc73ac1fbb74604b4626',
      'bdd1181420ce100da92ba2a2d84f111fdd2633c8c94364a5231b7d6d73ae772f',
    ])
  })
})

describe('a partition', () => {
  const keysOf = (partition: Partition): string[] => partition.entries().map(([key]) => key)

  it('gives what it holds in key order, whatever was written since the last look', () => {
    const partition = new Partition(
      {},
      new Map([
        ['d', 1],
        ['b', 2],
      ]),
    )
    expect(keysOf(partition)).toEqual(['b', 'd'])
    // As many keys as before, and not the same.
    partition.values.delete('b')
    partition.values.set('a', 3)
    expect(keysOf(partition)).toEqual(['a', 'd'])
    partition.values.set('c', 4)
    expect(keysOf(partition)).toEqual(['a', 'c', 'd'])
    partition.values.set('c', 5)
    expect(partition.entries()).toEqual([
      ['a', 3],
      ['c', 5],
      ['d', 1],
    ])
    expect(partition.scrub(sha256)).toBe(digestOfEntries(sha256, partition.entries()))
    partition.values.clear()
    expect(keysOf(partition)).toEqual([])
  })

  it('and its copy each give their own keys, in whatever turns they are asked', () => {
    const before = new Partition(
      {},
      new Map([
        ['b', 1],
        ['a', 2],
      ]),
    )
    const after = before.copyFor({})
    after.values.delete('a')
    after.values.set('c', 3)
    for (let turn = 0; turn < 2; turn += 1) {
      expect(keysOf(before)).toEqual(['a', 'b'])
      expect(keysOf(after)).toEqual(['b', 'c'])
    }
  })
})
