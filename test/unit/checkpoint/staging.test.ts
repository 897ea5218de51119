import { describe, expect, it } from 'vitest'
import { Staging } from '../../../core/checkpoint/staging.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import type { Digest } from '../../../core/model/digest.ts'
import { PARTITIONS, digestOfEntries, partitionOf } from '../../../core/state/partition.ts'
import type { State } from '../../../core/state/state.ts'
import { rootOf, stateOf } from './parts.ts'

const digestsOf = (state: State): readonly Digest[] => state.partitionDigests()
const empty = digestOfEntries(sha256, [])
/** Takes over whatever differs, as a transfer would. @returns the partitions that had to be received. */
function bring(staging: Staging, target: State): number[] {
  const received: number[] = []
  for (const [partition, digest] of digestsOf(target).entries()) {
    if (staging.has(partition, digest)) continue
    received.push(partition)
    staging.put(partition, digest, target.entries(partition))
  }
  return received
}

describe('a State that is put together', () => {
  it('needs only what differs from the one that is here', () => {
    const own = stateOf({ same: 'x', changed: 'old', removed: 'x' })
    const target = stateOf({ same: 'x', changed: 'new', added: 'x' })
    const staging = new Staging(sha256, own.freeze())
    expect(bring(staging, target).sort()).toEqual([partitionOf('changed'), partitionOf('added')].sort())
    expect([staging.state.root(), staging.state.scrub(), staging.state.get('removed')]).toEqual([
      target.root(),
      target.root(),
      undefined,
    ])
    expect([...staging.state.scan({ from: '' })].map(([key]) => key)).toEqual(['added', 'changed', 'same'])
  })

  it('needs everything when nothing here may be trusted', () => {
    const target = stateOf({ same: 'x' })
    expect(bring(new Staging(sha256, undefined), target)).toEqual([partitionOf('same')])
  })

  it('leaves the State it is taken from as it is, and so do later writes', () => {
    const own = stateOf({ same: 'x' })
    const root = own.root()
    const staging = new Staging(sha256, own.freeze())
    bring(staging, stateOf({ same: 'x', added: 'y' }))
    staging.state.set('same', 'written after')
    expect([own.root(), own.scrub(), own.get('same')]).toEqual([root, root, 'x'])
    own.set('same', 'written here')
    expect(staging.state.get('same')).toBe('written after')
  })

  it('is brought to a newer checkpoint with what was received for an older one', () => {
    const staging = new Staging(sha256, undefined)
    bring(staging, stateOf({ stays: 'x', goes: 'x', changes: 'old' }))
    const newer = stateOf({ stays: 'x', changes: 'new' })
    expect(bring(staging, newer)).toEqual([partitionOf('changes')])
    expect([staging.state.root(), staging.state.scrub()]).toEqual([newer.root(), newer.root()])
  })

  it('never needs an empty partition, whatever was there: nobody has a piece of one to give', () => {
    const staging = new Staging(sha256, stateOf({ here: 'x' }).freeze())
    bring(staging, stateOf({ here: 'x', gone: 'y' }))
    expect(['here', 'gone'].map((key) => staging.has(partitionOf(key), empty))).toEqual([true, true])
    expect([staging.state.size, staging.state.root()]).toEqual([0, stateOf({}).root()])
  })
})

describe('the digests of all partitions', () => {
  it('are believed when they give the root that was attested', () => {
    const staging = new Staging(sha256, undefined)
    const target = stateOf({ a: 'x', b: 'y' })
    const digests = digestsOf(target)
    expect([
      staging.isTreeOf(digests, target.root()),
      staging.isTreeOf(digests.with(0, rootOf('other')), target.root()),
      staging.isTreeOf(digests.slice(0, PARTITIONS - 1), target.root()),
      staging.isTreeOf([...digests, empty], target.root()),
      staging.isTreeOf([], target.root()),
    ]).toEqual([true, false, false, false, false])
  })
})
