import type { MessageStreamDirection } from '@libp2p/interface'
import { describe, expect, it } from 'vitest'
import { CROSSING_MS, supersedes } from '../../../core/transport/connection-choice.ts'

/** Who dialed, as each of two replicas sees it. */
function seenBy(selfIsLower: boolean, dialedByLower: boolean): MessageStreamDirection {
  return dialedByLower === selfIsLower ? 'outbound' : 'inbound'
}

/** Whether the lower id's connection is the one kept, when a replica sees the two dials in this order. */
function keepsLower(init: { readonly selfIsLower: boolean; readonly lowerFirst: boolean }): boolean {
  const { selfIsLower, lowerFirst } = init
  const taken = supersedes({
    current: seenBy(selfIsLower, lowerFirst),
    currentAgeMs: 1,
    next: seenBy(selfIsLower, !lowerFirst),
    selfIsLower,
  })
  return taken !== lowerFirst
}

describe('connection choice', () => {
  it('has both replicas keep the same of two crossed dials, in whatever order each sees them', () => {
    for (const selfIsLower of [true, false]) {
      for (const lowerFirst of [true, false]) expect(keepsLower({ selfIsLower, lowerFirst })).toBe(true)
    }
  })

  it('takes a second connection of the same dialer for its new one', () => {
    const same = { current: 'inbound', next: 'inbound', currentAgeMs: 1 } as const
    expect(supersedes({ ...same, selfIsLower: true })).toBe(true)
    expect(supersedes({ ...same, selfIsLower: false })).toBe(true)
  })

  it('takes a later connection even from the higher id, which has lost the first', () => {
    const choice = { current: 'outbound', next: 'inbound', selfIsLower: true } as const
    expect(supersedes({ ...choice, currentAgeMs: CROSSING_MS - 1 })).toBe(false)
    expect(supersedes({ ...choice, currentAgeMs: CROSSING_MS + 1 })).toBe(true)
  })
})
