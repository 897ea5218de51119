import { describe, expect, it } from 'vitest'
import type { Prng } from '../../../core/base/prng.ts'
import { createPrng } from '../../../core/base/prng.ts'
import { SortedKeys } from '../../../core/state/sorted-keys.ts'

describe('sorted keys', () => {
  it('give keys in the order of UTF-16 code units, whatever order they came in', () => {
    const keys = new SortedKeys()
    for (const key of ['b', '\u{1f600}', '', 'B', 'aa', '\uffee', 'a', 'ä']) expect(keys.add(key)).toBe(true)
    expect([...keys.range({ from: '' })]).toEqual(['', 'B', 'a', 'aa', 'b', 'ä', '\u{1f600}', '\uffee'])
  })

  it('hold each key once and say whether something changed', () => {
    const keys = new SortedKeys()
    expect([keys.add('a'), keys.add('a'), keys.delete('b'), keys.delete('a'), keys.delete('a'), keys.size]).toEqual([
      true,
      false,
      false,
      true,
      false,
      0,
    ])
  })

  it.each([1, 2, 3])('agree with a plain sorted array through random insertions and removals (seed %i)', (seed) => {
    const prng = createPrng(seed)
    const keys = new SortedKeys()
    const model = new Set<string>()
    for (let step = 0; step < 30_000; step += 1) {
      const key = randomKey(prng, 6000)
      // Grow first, then shrink, so that chunks are split and joined.
      if (prng.chance(step < 15_000 ? 0.8 : 0.2)) expect(keys.add(key)).toBe(addTo(model, key))
      else expect(keys.delete(key)).toBe(model.delete(key))
    }
    const sorted = [...model].sort()
    expect(keys.size).toBe(sorted.length)
    expect([...keys.range({ from: '' })]).toEqual(sorted)
    for (let round = 0; round < 200; round += 1) {
      const [from, to] = [randomKey(prng, 6000), randomKey(prng, 6000)]
      expect([...keys.range({ from, to })]).toEqual(sorted.filter((key) => key >= from && key < to))
    }
  })

  it('take rising and falling keys by the ten thousand', () => {
    const numbers = Array.from({ length: 10_000 }, (_, index) => String(index).padStart(6, '0'))
    for (const order of [numbers, numbers.toReversed()]) {
      const keys = new SortedKeys()
      for (const key of order) keys.add(key)
      expect([...keys.range({ from: '' })]).toEqual(numbers)
    }
  })

  it.each([4, 5, 6])('neither repeat nor skip a key when the caller writes between two steps (seed %i)', (seed) => {
    const prng = createPrng(seed)
    const keys = new SortedKeys()
    for (let count = 0; count < 3000; count += 1) keys.add(randomKey(prng, 6000))
    const staying = new Set(keys.range({ from: '' }))
    const given: string[] = []
    for (const key of keys.range({ from: '' })) {
      expect(keys.delete(key)).toBe(true)
      keys.add(key)
      given.push(key)
      for (let write = 0; write < 3; write += 1) {
        const other = randomKey(prng, 6000)
        if (prng.chance(0.5)) {
          keys.add(other)
        } else {
          keys.delete(other)
          if (other > key) staying.delete(other)
        }
      }
    }
    expect(given).toEqual([...new Set(given)].sort())
    expect([...staying].filter((key) => !given.includes(key))).toEqual([])
  })

  it('may be emptied while they are walked', () => {
    const keys = new SortedKeys()
    for (let count = 0; count < 2000; count += 1) keys.add(String(count).padStart(4, '0'))
    let removed = 0
    for (const key of keys.range({ from: '' })) if (keys.delete(key)) removed += 1
    expect([removed, keys.size, [...keys.range({ from: '' })]]).toEqual([2000, 0, []])
  })

  it('give a key that was added ahead of a scan, and not one added behind it', () => {
    const keys = new SortedKeys()
    for (const key of ['b', 'd']) keys.add(key)
    const given: string[] = []
    for (const key of keys.range({ from: '' })) {
      given.push(key)
      keys.add('a')
      keys.add('c')
    }
    expect(given).toEqual(['b', 'c', 'd'])
  })

  it.each([7, 8])('fork into sets that no longer see each other (seed %i)', (seed) => {
    const prng = createPrng(seed)
    const forks: { readonly keys: SortedKeys; readonly model: Set<string> }[] = [
      { keys: new SortedKeys(), model: new Set() },
    ]
    for (let step = 0; step < 20_000; step += 1) {
      const chosen = forks[prng.between(0, forks.length - 1)]
      if (chosen === undefined) throw new Error('there is a fork')
      if (step % 2500 === 2499) forks.push({ keys: chosen.keys.fork(), model: new Set(chosen.model) })
      const key = randomKey(prng, 4000)
      if (prng.chance(0.7)) expect(chosen.keys.add(key)).toBe(addTo(chosen.model, key))
      else expect(chosen.keys.delete(key)).toBe(chosen.model.delete(key))
    }
    for (const { keys, model } of forks) {
      expect([...keys.range({ from: '' })]).toEqual([...model].sort())
      expect(keys.size).toBe(model.size)
    }
  })
})

function randomKey(prng: Prng, variety: number): string {
  return `key/${prng.between(0, variety)}`
}

function addTo(model: Set<string>, key: string): boolean {
  const isNew = !model.has(key)
  model.add(key)
  return isNew
}
