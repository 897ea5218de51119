import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../../core/base/assert.ts'
import type { Prng } from '../../../core/base/prng.ts'
import { createPrng } from '../../../core/base/prng.ts'
import type { CanonicalValue } from '../../../core/model/canonical.ts'
import { NotCanonicalError } from '../../../core/model/canonical.ts'
import type { Digest, HashFunction } from '../../../core/model/digest.ts'
import { DigestTree, differingLeaves } from '../../../core/state/digest-tree.ts'
import { PARTITIONS, digestOfEntries, partitionOf } from '../../../core/state/partition.ts'
import { State } from '../../../core/state/state.ts'
import { sha256 } from './sha256.ts'

describe('state', () => {
  it('holds what was set, in key order, until it is deleted', () => {
    const state = new State(sha256)
    state.set('b', 2)
    state.set('a', { list: [1, null] })
    state.set('c', 'x')
    expect([state.get('a'), state.get('d'), state.size]).toEqual([{ list: [1, null] }, undefined, 3])
    expect([state.delete('b'), state.delete('b'), state.size]).toEqual([true, false, 2])
    expect([...state.scan({ from: '' })]).toEqual([
      ['a', { list: [1, null] }],
      ['c', 'x'],
    ])
    expect([...state.scan({ from: 'a', to: 'c' })].map(([key]) => key)).toEqual(['a'])
    expect([...state.scan({ from: 'c', to: 'a' })]).toEqual([])
  })

  it.each([1, 2, 3])('agrees with a plain map through random writes (seed %i)', (seed) => {
    const prng = createPrng(seed)
    const state = new State(sha256)
    const model = new Map<string, CanonicalValue>()
    for (let step = 0; step < 5000; step += 1) writeBoth(prng, state, model)
    expect(contents(state)).toEqual(sortedEntries(model))
    expect(state.size).toBe(model.size)
    for (const [key, value] of model) expect(state.get(key)).toEqual(value)
  })

  it.each([1, 2, 3, 4])('has a root that tells what is held, not how it came about (seed %i)', (seed) => {
    const prng = createPrng(seed)
    const state = new State(sha256)
    const model = new Map<string, CanonicalValue>()
    for (let step = 0; step < 3000; step += 1) {
      writeBoth(prng, state, model)
      if (prng.chance(0.01)) expect(state.root()).toBe(state.scrub())
      if (prng.chance(0.005)) state.freeze()
    }
    const other = new State(sha256)
    for (const [key, value] of shuffled(prng, [...model])) other.set(key, value)
    expect(state.root()).toBe(other.root())
    expect(state.scrub()).toBe(other.root())
    expect(state.partitionDigests()).toEqual(other.partitionDigests())
    for (const key of model.keys()) other.delete(key)
    expect(other.root()).toBe(new State(sha256).root())
  })

  it('changes its root with any single entry', () => {
    const state = new State(sha256)
    for (let index = 0; index < 100; index += 1) state.set(`key ${index}`, index)
    const before = state.root()
    state.set('key 50', '50')
    expect(state.root()).not.toBe(before)
    state.set('key 50', 50)
    expect(state.root()).toBe(before)
    state.delete('key 50')
    expect(state.root()).not.toBe(before)
  })

  it('hashes for its root only the partitions that were written, and the nodes above them', () => {
    const { hash, count } = counted()
    const state = new State(hash)
    for (let index = 0; index < 20_000; index += 1) state.set(`key ${index}`, index)
    state.root()
    expect(count(() => state.root())).toBe(0)
    expect(
      count(() => {
        state.set('key 1', 'other')
        state.set('key 1', 'once more')
        state.root()
      }),
    ).toBe(3)
    expect(count(() => state.scrub())).toBe(PARTITIONS + 33)
  })

  it.each([
    ['undefined', undefined],
    ['not a number', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['a lone surrogate', 'a\ud800'],
    ['a date', { at: new Date(0) }],
    ['undefined deep inside', { list: [{ a: undefined }] }],
    ['a function', () => 1],
  ])('refuses %s and changes nothing', (_, value) => {
    const state = new State(sha256)
    const root = state.root()
    expect(() => {
      state.set('a', value as CanonicalValue)
    }).toThrow(NotCanonicalError)
    expect([state.size, state.root(), state.scrub()]).toEqual([0, root, root])
  })

  it('refuses a key that is not well-formed Unicode, which would have no encoding of its own', () => {
    const state = new State(sha256)
    expect(() => {
      state.set('\udc00', 1)
    }).toThrow('the key is not well-formed Unicode')
    expect(state.size).toBe(0)
  })

  it('holds 0 for -0', () => {
    const state = new State(sha256)
    state.set('a', -0)
    state.set('b', [-0])
    expect([state.get('a'), state.get('b')]).toStrictEqual([0, [0]])
  })

  it('holds values nobody can change: neither who set them nor who got them', () => {
    const state = new State(sha256)
    const mine = { list: [1, 2], bytes: 0 }
    const bytes = Uint8Array.of(1, 2, 3)
    state.set('a', mine)
    state.set('b', bytes)
    const root = state.scrub()
    mine.list.push(3)
    bytes[0] = 9
    const got = state.get('a') as { list: number[] }
    expect(() => got.list.push(4)).toThrow(TypeError)
    expect([state.get('a'), state.get('b')]).toEqual([{ list: [1, 2], bytes: 0 }, Uint8Array.of(1, 2, 3)])
    expect(state.scrub()).toBe(root)
  })

  it('lets a scan go on while its caller writes', () => {
    const state = new State(sha256)
    for (let index = 0; index < 3000; index += 1) state.set(`key ${String(index).padStart(4, '0')}`, index)
    const seen: CanonicalValue[] = []
    for (const [key, value] of state.scan({ from: '' })) {
      seen.push(value)
      state.delete(key)
      if (key === 'key 0100') state.set('key 2999', 'changed ahead')
    }
    expect(seen).toEqual([...Array.from({ length: 2999 }, (_, index) => index), 'changed ahead'])
    expect([state.size, state.root()]).toEqual([0, new State(sha256).root()])
  })
})

describe('rotten memory', () => {
  it('is noticed by a scrub, not by a root, and found by drilling down', () => {
    const [sound, rotten] = [filled(2000), filled(2000)]
    const root = sound.root()
    rotten.tamper('key 77', 'flipped')
    expect([rotten.root(), rotten.get('key 77')]).toEqual([root, 'flipped'])
    expect(rotten.scrub()).not.toBe(root)
    const [partition, ...others] = differingLeaves(sound.scrubTree(), rotten.scrubTree())
    expect([partition, others]).toEqual([partitionOf('key 77'), []])
    const expected = sound.entries(partitionOf('key 77'))
    const differing = rotten.entries(partitionOf('key 77')).filter(([, value], index) => value !== expected[index]?.[1])
    expect(differing).toEqual([['key 77', 'flipped']])
  })

  it('shows in the root once its partition is written to', () => {
    const state = filled(10)
    const root = state.root()
    state.tamper('key 7', 'flipped')
    state.set('key 7', 7)
    expect([state.root(), state.scrub()]).toEqual([root, root])
  })

  it('is noticed although it came between a write and the next root', () => {
    const [sound, rotten] = [filled(10), filled(10)]
    for (const state of [sound, rotten]) {
      state.root()
      state.set('key 7', 'new')
    }
    rotten.tamper('key 7', 'flipped')
    expect(rotten.root()).toBe(sound.root())
    expect(rotten.scrub()).not.toBe(sound.scrub())
  })

  it('does not reach a view that was frozen before', () => {
    const state = filled(10)
    const frozen = state.freeze()
    state.tamper('key 7', 'flipped')
    expect([frozen.get('key 7'), frozen.scrub()]).toEqual([7, filled(10).root()])
  })
})

describe('frozen views', () => {
  it('stay what they were, several at once, whatever is written later', () => {
    const prng = createPrng(11)
    const state = new State(sha256)
    const model = new Map<string, CanonicalValue>()
    const kept: { frozen: ReturnType<State['freeze']>; entries: unknown; root: Digest }[] = []
    for (let step = 0; step < 6000; step += 1) {
      writeBoth(prng, state, model)
      // Some are frozen before a root was ever asked for, some long after, some just after.
      if (step % 2000 === 1300 || step === 2500) state.root()
      if (step % 1000 === 500) {
        kept.push({ frozen: state.freeze(), entries: sortedEntries(model), root: plainState(model).root() })
      }
    }
    for (const { frozen, entries, root } of kept) {
      expect([...frozen.scan({ from: '' })]).toEqual(entries)
      expect([frozen.root(), frozen.scrub()]).toEqual([root, root])
      expect(
        new DigestTree(
          sha256,
          eachPartition((index) => frozen.scrubPartition(index)),
        ).root,
      ).toBe(root)
    }
    expect(contents(state)).toEqual(sortedEntries(model))
  })

  it('answer like the State they were taken of', () => {
    const state = filled(500)
    const frozen = state.freeze()
    state.delete('key 3')
    state.set('key 4', 'other')
    state.set('new', 1)
    expect([frozen.size, frozen.get('key 3'), frozen.get('key 4'), frozen.get('new')]).toEqual([500, 3, 4, undefined])
    expect(frozen.entries(partitionOf('key 4'))).toContainEqual(['key 4', 4])
    expect([...frozen.scan({ from: 'key 498', to: 'key 5' })]).toEqual([
      ['key 498', 498],
      ['key 499', 499],
    ])
    expect(frozen.partitionDigests()).toEqual(filled(500).partitionDigests())
    expect(differingLeaves(frozen.digestTree(), state.digestTree()).length).toBe(3)
  })

  it('cost no hash to make, and share the digests that still hold', () => {
    const { hash, count } = counted()
    const state = new State(hash)
    for (let index = 0; index < 1000; index += 1) state.set(`key ${index}`, index)
    state.root()
    let frozen = state.freeze()
    expect(count(() => (frozen = state.freeze()))).toBe(0)
    expect(count(() => frozen.root())).toBe(0)
    expect(
      count(() => {
        state.set('key 1', 'other')
        state.root()
      }),
    ).toBe(3)
    state.set('key 2', 'other')
    frozen = state.freeze()
    expect(count(() => frozen.root())).toBe(3)
  })

  it('take nothing from a scan of them that is under way', () => {
    const state = filled(1000)
    const seen: CanonicalValue[] = []
    for (const [key, value] of state.freeze().scan({ from: '' })) {
      state.delete(key)
      seen.push(value)
    }
    expect([seen.length, state.size]).toEqual([1000, 0])
  })
})

describe('replacing partitions', () => {
  it('carries a State over to another, partition by partition, only those that differ', () => {
    const [source, target] = [filled(3000), filled(3000)]
    source.set('key 5', 'changed')
    source.delete('key 6')
    target.set('extra', 1)
    expect(target.root()).not.toBe(source.root())
    const frozen = source.freeze()
    const differing = differingLeaves(frozen.digestTree(), target.digestTree())
    expect(differing.length).toBe(new Set(['key 5', 'key 6', 'extra'].map(partitionOf)).size)
    for (const partition of differing) target.replacePartition(partition, frozen.entries(partition))
    expect([target.root(), target.scrub()]).toEqual([source.root(), source.root()])
    expect(contents(target)).toEqual(contents(source))
    expect(target.size).toBe(source.size)
  })

  it('keeps the digest it is given, until something is written there', () => {
    let hashed = 0
    const state = new State((bytes) => {
      hashed += 1
      return sha256(bytes)
    })
    const source = filled(3000)
    const digests = source.partitionDigests()
    state.root()
    for (const [partition, digest] of digests.entries()) {
      state.replacePartition(partition, source.entries(partition), digest)
    }
    hashed = 0
    expect(state.partitionDigests()).toEqual(digests)
    expect([hashed, state.digestKept(3), state.freeze().digestKept(3)]).toEqual([0, digests[3], digests[3]])
    expect([state.root(), state.scrub()]).toEqual([source.root(), source.root()])
    const partition = partitionOf('key 5')
    state.set('key 5', 'written')
    source.set('key 5', 'written')
    expect(state.digestKept(partition)).toBeUndefined()
    expect([state.root(), state.scrub()]).toEqual([source.root(), source.root()])
    state.replacePartition(partition, source.entries(partition))
    expect(state.digestKept(partition)).toBeUndefined()
    expect(state.root()).toBe(source.root())
  })

  it('holds what was verified as it is, and for good; what was not, as a copy', () => {
    const [key, value] = ['key 1', { list: ['a', { deep: [1] }], bytes: new Uint8Array([1]) }]
    const partition = partitionOf(key)
    const digest = digestOfEntries(sha256, [[key, value]])
    const copying = filled(0)
    copying.replacePartition(partition, [[key, value]])
    expect([copying.get(key) === value, Object.isFrozen(value)]).toEqual([false, false])
    const trusting = filled(0)
    trusting.replacePartition(partition, [[key, value]], digest)
    expect(trusting.get(key)).toBe(value)
    const [list, deep] = [value.list, value.list[1] as { deep: number[] }]
    expect([value, list, deep, deep.deep].map((part) => Object.isFrozen(part))).toEqual([true, true, true, true])
    expect(trusting.root()).toBe(copying.root())
  })

  it('leaves views that were frozen before as they were', () => {
    const state = filled(100)
    const frozen = state.freeze()
    for (let partition = 0; partition < PARTITIONS; partition += 1) state.replacePartition(partition, [])
    expect([state.size, frozen.size, frozen.scrub()]).toEqual([0, 100, filled(100).root()])
  })

  it('refuses a key of another partition, and a key twice, and changes nothing', () => {
    const state = filled(100)
    const partition = partitionOf('key 1')
    for (const entries of [
      [['key 1', 1] as const, ['key 2', 2] as const],
      [['key 1', 1] as const, ['key 1', 2] as const],
    ]) {
      expect(() => {
        state.replacePartition(partition, entries)
      }).toThrow(InvariantError)
    }
    expect([state.scrub(), contents(state)]).toEqual([filled(100).root(), contents(filled(100))])
  })
})

function filled(count: number): State {
  const state = new State(sha256)
  for (let index = 0; index < count; index += 1) state.set(`key ${index}`, index)
  return state
}

function plainState(model: ReadonlyMap<string, CanonicalValue>): State {
  const state = new State(sha256)
  for (const [key, value] of model) state.set(key, value)
  return state
}

function contents(state: State): unknown {
  return [...state.scan({ from: '' })]
}

function sortedEntries(model: ReadonlyMap<string, CanonicalValue>): unknown {
  return [...model].sort(([left], [right]) => (left < right ? -1 : 1))
}

function eachPartition<T>(of: (index: number) => T): T[] {
  return Array.from({ length: PARTITIONS }, (_, index) => of(index))
}

function writeBoth(prng: Prng, state: State, model: Map<string, CanonicalValue>): void {
  const key = `key ${prng.between(0, 1500)}`
  if (prng.chance(0.3)) {
    expect(state.delete(key)).toBe(model.delete(key))
    return
  }
  const value = randomValue(prng, 0)
  state.set(key, value)
  model.set(key, value)
}

function randomValue(prng: Prng, depth: number): CanonicalValue {
  switch (prng.between(0, depth < 3 ? 6 : 4)) {
    case 0:
      return null
    case 1:
      return prng.chance(0.5)
    case 2:
      return prng.between(-1000, 1000)
    case 3:
      return prng.next() * 1e6
    case 4:
      return `text ${prng.between(0, 100)}`
    case 5:
      return Array.from({ length: prng.between(0, 3) }, () => randomValue(prng, depth + 1))
    default:
      return { a: randomValue(prng, depth + 1), [`b${prng.between(0, 9)}`]: randomValue(prng, depth + 1) }
  }
}

function shuffled<T>(prng: Prng, items: readonly T[]): T[] {
  const mixed = [...items]
  for (let last = mixed.length - 1; last > 0; last -= 1) {
    const other = prng.between(0, last)
    const [left, right] = [mixed[last], mixed[other]]
    if (left !== undefined) mixed[other] = left
    if (right !== undefined) mixed[last] = right
  }
  return mixed
}

function counted(): { readonly hash: HashFunction; readonly count: (work: () => unknown) => number } {
  let hashes = 0
  return {
    hash: (bytes) => {
      hashes += 1
      return sha256(bytes)
    },
    count: (work) => {
      const before = hashes
      work()
      return hashes - before
    },
  }
}
