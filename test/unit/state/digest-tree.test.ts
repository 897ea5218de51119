import { describe, expect, it } from 'vitest'
import { createPrng } from '../../../core/base/prng.ts'
import type { Digest, HashFunction } from '../../../core/model/digest.ts'
import { DigestTree, FAN_OUT, differingLeaves } from '../../../core/state/digest-tree.ts'
import { sha256 } from './sha256.ts'

const LEAVES = 1024

describe('digest tree', () => {
  it('has the same root whether its leaves were given at once or one by one', () => {
    const digests = leaves('end')
    const grown = new DigestTree(sha256, leaves('start'))
    digests.forEach((digest, index) => {
      grown.replaceLeaf(index, digest)
      if (index % 97 === 0) expect(grown.root).not.toBe('')
    })
    expect(grown.root).toBe(new DigestTree(sha256, digests).root)
    expect(grown.leaves).toEqual(digests)
  })

  it('gives a copy that hashes nothing, and goes its own way', () => {
    let hashes = 0
    const tree = new DigestTree((bytes) => {
      hashes += 1
      return sha256(bytes)
    }, leaves('a'))
    tree.replaceLeaf(40, leaf('pending'))
    hashes = 0
    const fork = tree.fork()
    expect(hashes).toBe(0)
    tree.replaceLeaf(7, leaf('mine'))
    fork.replaceLeaf(900, leaf('theirs'))
    const withLeaves = (changes: readonly (readonly [number, string])[]): Digest => {
      const digests = [...leaves('a')]
      for (const [index, text] of changes) digests[index] = leaf(text)
      return new DigestTree(sha256, digests).root
    }
    expect(tree.root).toBe(withLeaves([[40, 'pending'], [7, 'mine']])) // prettier-ignore
    expect(fork.root).toBe(withLeaves([[40, 'pending'], [900, 'theirs']])) // prettier-ignore
  })

  it('hashes nodes that are alike once, and a shorter one for itself', () => {
    let hashes = 0
    const counting: HashFunction = (bytes) => {
      hashes += 1
      return sha256(bytes)
    }
    const alike = (count: number): Digest[] => Array.from({ length: count }, () => leaf('empty'))
    const whole = new DigestTree(counting, alike(LEAVES))
    expect(hashes).toBe(2)
    const grown = new DigestTree(sha256, leaves('other'))
    for (let index = 0; index < LEAVES; index += 1) grown.replaceLeaf(index, leaf('empty'))
    expect(whole.root).toBe(grown.root)
    // Two nodes alike, and one of the first of their children only.
    const short = new DigestTree(sha256, alike(2 * FAN_OUT + 6))
    const [first, second, third] = short.childrenOf(2, 0)
    expect(first).toBe(second)
    expect(third).not.toBe(first)
    // What was taken over goes its own way when a leaf of it changes.
    whole.replaceLeaf(40, leaf('own'))
    grown.replaceLeaf(40, leaf('own'))
    expect(whole.root).toBe(grown.root)
  })

  it('changes its root with any single leaf', () => {
    const tree = new DigestTree(sha256, leaves('a'))
    const roots = new Set([tree.root])
    for (const index of [0, 1, 31, 32, 500, 1023]) {
      tree.replaceLeaf(index, leaf(`other ${index}`))
      roots.add(tree.root)
    }
    expect(roots.size).toBe(7)
  })

  it('costs one hash a level for a changed leaf, and none when nothing changed', () => {
    let hashes = 0
    const counting: HashFunction = (bytes) => {
      hashes += 1
      return sha256(bytes)
    }
    const tree = new DigestTree(counting, leaves('a'))
    hashes = 0
    expect([tree.root, tree.root].length).toBe(2)
    expect(hashes).toBe(0)
    tree.replaceLeaf(77, leaf('b'))
    tree.replaceLeaf(77, leaf('b'))
    expect([tree.root, tree.root].length).toBe(2)
    expect(hashes).toBe(tree.height)
  })

  it.each([1, 2, 3])(
    'leads to exactly the leaves that differ, asking only below nodes that differ (seed %i)',
    (seed) => {
      const prng = createPrng(seed)
      const digests = leaves('a')
      const mine = new DigestTree(sha256, digests)
      const changed = [...new Set(Array.from({ length: seed * 3 }, () => prng.between(0, LEAVES - 1)))]
      const theirs = new DigestTree(sha256, digests)
      for (const index of changed) theirs.replaceLeaf(index, leaf('rotten'))
      let questions = 0
      const asked = {
        root: theirs.root,
        height: theirs.height,
        childrenOf: (level: number, index: number) => {
          questions += 1
          return theirs.childrenOf(level, index)
        },
      }
      expect(differingLeaves(mine, asked)).toEqual(changed.toSorted((left, right) => left - right))
      expect(questions).toBe(1 + new Set(changed.map((index) => Math.floor(index / FAN_OUT))).size)
    },
  )

  it('finds no difference between equal trees', () => {
    const tree = new DigestTree(sha256, leaves('a'))
    expect(differingLeaves(tree, new DigestTree(sha256, leaves('a')))).toEqual([])
  })

  it('takes a number of leaves that fills no level', () => {
    const tree = new DigestTree(sha256, leaves('a').slice(0, 70))
    expect([tree.height, tree.childrenOf(1, 2).length, tree.childrenOf(2, 0).length]).toEqual([2, 6, 3])
  })
})

function leaves(what: string): Digest[] {
  return Array.from({ length: LEAVES }, (_, index) => leaf(`${what} ${index}`))
}

function leaf(what: string): Digest {
  return sha256(Buffer.from(what))
}
