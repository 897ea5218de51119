import { describe, expect, it } from 'vitest'
import { createPrng } from '../../../core/base/prng.ts'

const draws = (seed: number, count: number): number[] => {
  const prng = createPrng(seed)
  return Array.from({ length: count }, () => prng.next())
}

describe('the seeded source of numbers', () => {
  it('gives these numbers for these seeds on every machine, so that a recorded seed replays for ever', () => {
    const heads = [0, 1, -1, 0x7fffffff].map((seed) => draws(seed, 3).map((number) => Math.floor(number * 2 ** 32)))
    expect(heads).toEqual([
      [2899526011, 769844623, 220372281],
      [2420951833, 2513034076, 3847892949],
      [2300869303, 3917632794, 3726809994],
      [3833588335, 1704302681, 3485079413],
    ])
  })

  it('gives other numbers for a neighbouring seed', () => {
    expect(draws(1, 8).filter((number) => draws(2, 8).includes(number))).toEqual([])
  })

  it('stays in [0, 1) and spreads evenly over ten parts', () => {
    const drawn = draws(42, 100_000)
    const counts = Array.from({ length: 10 }, (_, part) => drawn.filter((n) => Math.floor(n * 10) === part).length)
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(100_000)
    expect(counts.filter((count) => count < 9_600 || count > 10_400)).toEqual([])
  })

  it('draws whole numbers from both ends of a range and none beyond', () => {
    const prng = createPrng(7)
    const drawn = new Set(Array.from({ length: 1_000 }, () => prng.between(-2, 2)))
    expect([...drawn].toSorted((left, right) => left - right)).toEqual([-2, -1, 0, 1, 2])
    expect(createPrng(7).between(5, 5)).toBe(5)
  })

  it('is never true with probability 0, always with 1, and a quarter of the time with 0.25', () => {
    const prng = createPrng(11)
    const hits = (probability: number): number => {
      let count = 0
      for (let draw = 0; draw < 10_000; draw += 1) if (prng.chance(probability)) count += 1
      return count
    }
    expect([hits(0), hits(1)]).toEqual([0, 10_000])
    expect(Math.abs(hits(0.25) - 2_500)).toBeLessThan(150)
  })
})
