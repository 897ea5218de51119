import type { Prng } from '../../core/base/prng.ts'

/**
 * -ln of the middles of 64 equal parts of (0, 1). Unit: thousandths. A table, because the last digit of Math.log
 * differs between machines.
 */
const EXPONENTIAL = [
  4852, 3753, 3243, 2906, 2655, 2454, 2287, 2144, 2019, 1908, 1808, 1717, 1633, 1556, 1485, 1418, 1356, 1297, 1241,
  1188, 1138, 1091, 1045, 1002, 960, 920, 882, 845, 809, 774, 741, 709, 678, 647, 618, 589, 562, 535, 508, 483, 458,
  433, 409, 386, 363, 341, 319, 298, 277, 257, 237, 217, 198, 179, 161, 143, 125, 107, 90, 73, 56, 40, 24, 8,
] as const

/** Time to the next of what happens so often on average, at least 1. Unit: µs. Never (undefined) for 0. */
export function gapUs(prng: Prng, perSecond: number): number | undefined {
  if (perSecond === 0) return undefined
  return 1 + Math.floor(((EXPONENTIAL[prng.between(0, EXPONENTIAL.length - 1)] ?? 0) * 1_000) / perSecond)
}

/** How many turns of something until it happens, when it happens at one in `one` on average; 0 for never. */
export function countdown(prng: Prng, one: number): number {
  if (one === 0) return 0
  return 1 + Math.floor(((EXPONENTIAL[prng.between(0, EXPONENTIAL.length - 1)] ?? 0) * one) / 1_000)
}

/** @throws Error for an empty list. */
export function pick<T>(prng: Prng, items: readonly T[]): T {
  const item = items[prng.between(0, items.length - 1)]
  if (item === undefined) throw new Error('nothing to pick from')
  return item
}

/** A shuffled copy. */
export function shuffled<T>(prng: Prng, items: readonly T[]): T[] {
  const copy = [...items]
  for (let last = copy.length - 1; last > 0; last -= 1) {
    const other = prng.between(0, last)
    const [one, two] = [copy[last], copy[other]]
    if (one === undefined || two === undefined) continue
    copy[last] = two
    copy[other] = one
  }
  return copy
}
