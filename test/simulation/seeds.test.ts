import { describe, expect, it } from 'vitest'
import { SimulatedCluster } from './cluster.ts'
import { keptSeeds } from './seed-list.ts'

describe('every seed that ever failed', () => {
  it('holds all invariants now', () => {
    const broken = keptSeeds().flatMap(({ seed, replicas, what }) => {
      const { violation } = new SimulatedCluster(seed, replicas).run()
      return violation === undefined ? [] : [`seed ${seed}, ${replicas} replicas (${what}): ${violation}`]
    })
    expect(broken).toEqual([])
  }, 120_000)
})
