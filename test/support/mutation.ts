import { decode, encode } from 'cborg'
import type { Prng } from '../../core/base/prng.ts'

type Tree = unknown

/** What no honest sender writes, and what lies just beside it. */
const ODDITIES: readonly Tree[] = [
  ...[null, true, '', 'a', 'x'.repeat(200), '__proto__', '\u{1f600}'],
  ...[0, -1, 1, 0.5, 1e300, 2 ** 31, 2 ** 53, -(2 ** 53), 2n ** 63n],
  ...[[], {}, [[]], { kind: 'accept' }, new Uint8Array(0), new Uint8Array(300)],
]

/** Breaks an encoding, which must not be empty, as its structure suggests: in its tree, or in its bytes. */
export function mutated(bytes: Uint8Array, prng: Prng): Uint8Array {
  const tree = prng.chance(0.6) ? treeOf(bytes) : undefined
  return tree === undefined ? mutatedBytes(bytes, prng) : encode(mutatedTree(tree, prng))
}

/** @returns undefined for bytes that are too broken already to be mutated as a tree. */
function treeOf(bytes: Uint8Array): Tree {
  try {
    const tree: Tree = decode(bytes)
    // cborg decodes a stray "break" to a symbol, which it can't encode.
    encode(tree)
    return tree
  } catch {
    return undefined
  }
}

function mutatedTree(tree: Tree, prng: Prng): Tree {
  if (Array.isArray(tree)) return mutatedList(tree, prng)
  if (typeof tree === 'object' && tree !== null && !(tree instanceof Uint8Array)) return mutatedObject(tree, prng)
  if (typeof tree === 'number' && prng.chance(0.5)) return tree + prng.between(-2, 2)
  if (typeof tree === 'string' && prng.chance(0.5)) return tree.slice(prng.between(0, tree.length))
  return pick(ODDITIES, prng)
}

function mutatedList(list: readonly Tree[], prng: Prng): Tree {
  const index = prng.between(0, list.length - 1)
  switch (prng.between(0, list.length === 0 ? 1 : 4)) {
    case 0:
      return pick(ODDITIES, prng)
    case 1:
      return [...list, pick(ODDITIES, prng)]
    case 2:
      return list.toSpliced(index, 1)
    default:
      return list.with(index, mutatedTree(list[index], prng))
  }
}

function mutatedObject(object: object, prng: Prng): Tree {
  const entries: (readonly [string, Tree])[] = Object.entries(object)
  const index = prng.between(0, entries.length - 1)
  const [key = 'key', value] = entries[index] ?? []
  switch (prng.between(0, 9)) {
    case 0:
      return pick(ODDITIES, prng)
    case 1:
      return { ...object, [pick(['extra', 'kind', 'slot', '__proto__', ''], prng)]: pick(ODDITIES, prng) }
    case 2:
      return Object.fromEntries(entries.toSpliced(index, 1))
    default:
      return { ...object, [key]: mutatedTree(value, prng) }
  }
}

function mutatedBytes(bytes: Uint8Array, prng: Prng): Uint8Array {
  const at = prng.between(0, bytes.length - 1)
  const copy = Array.from(bytes)
  switch (prng.between(0, 3)) {
    case 0:
      return Uint8Array.from(copy.with(at, prng.between(0, 255)))
    case 1:
      return bytes.slice(0, at)
    case 2:
      return Uint8Array.from(copy.toSpliced(at, prng.between(1, 4)))
    default:
      return Uint8Array.from(copy.toSpliced(at, 0, ...copy.slice(at, at + prng.between(1, 12))))
  }
}

function pick<T>(items: readonly T[], prng: Prng): T {
  const item = items[prng.between(0, items.length - 1)]
  if (item === undefined) throw new Error('there is nothing to pick from')
  return item
}
