/** A seeded source of numbers; the only randomness ranks 0-4 and the simulator may use. */
export interface Prng {
  /** A number in [0, 1). */
  readonly next: () => number
  /** A whole number in [from, to], both included. */
  readonly between: (from: number, to: number) => number
  /** True with this probability, 0 to 1. */
  readonly chance: (probability: number) => boolean
}

/**
 * sfc32 (Chris Doty-Humphrey's Small Fast Counter, 32 bit), seeded from one number by splitmix32.
 * The same seed gives the same numbers on every machine: only 32-bit integer arithmetic is used.
 */
export function createPrng(seed: number): Prng {
  let mixer = seed | 0
  const mix = (): number => {
    mixer = (mixer + 0x9e3779b9) | 0
    let word = mixer ^ (mixer >>> 16)
    word = Math.imul(word, 0x21f0aaad)
    word ^= word >>> 15
    word = Math.imul(word, 0x735a2d97)
    return (word ^ (word >>> 15)) | 0
  }
  let [a, b, c, d] = [mix(), mix(), mix(), 1]
  const next = (): number => {
    const sum = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + sum) | 0
    return (sum >>> 0) / 0x1_0000_0000
  }
  for (let round = 0; round < 12; round += 1) next()
  return {
    next,
    between: (from, to) => from + Math.floor(next() * (to - from + 1)),
    chance: (probability) => next() < probability,
  }
}
