import { createPrng } from '../../core/base/prng.ts'

/** Values are cut from a pool of this size: to make each anew would cost the clients. */
const POOL_BYTES = 16 * 1024 * 1024
const WORDS = ['ballot', 'quorum', 'replica', 'slot', 'vote', 'output', 'log', 'State', 'digest', 'lease', 'epoch']

export type ValueKind = 'text' | 'random'

/**
 * Values of so many bytes, by number: two differ unless their numbers lie a whole pool apart. `text`: words and
 * numbers, which pack well. `random`: any 7-bit character, each as likely as the other: text can't be packed less.
 */
export function createValues(kind: ValueKind, bytes: number): (number: number) => string {
  const pool = kind === 'text' ? words() : characters()
  const count = Math.floor(pool.length / bytes)
  return (number) => {
    const from = (number % count) * bytes
    return pool.slice(from, from + bytes)
  }
}

function words(): string {
  const prng = createPrng(1)
  const parts: string[] = []
  for (let length = 0; length < POOL_BYTES;) {
    const part = `${WORDS[prng.between(0, WORDS.length - 1)] ?? ''} ${prng.between(0, 999)} `
    parts.push(part)
    length += part.length
  }
  return parts.join('')
}

function characters(): string {
  const prng = createPrng(1)
  const bytes = Buffer.allocUnsafe(POOL_BYTES)
  for (let index = 0; index < POOL_BYTES; index += 1) bytes[index] = prng.between(0, 127)
  return bytes.toString('latin1')
}
