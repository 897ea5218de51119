import { describe, expect, it } from 'vitest'
import { findingText } from './campaign.ts'
import { runSeeds } from './run-seeds.ts'

const SEEDS = 300

describe('five cores under every fault the simulator knows', () => {
  it(`hold all invariants, and serve again once a majority is healed (${SEEDS} seeds)`, () => {
    const totals = runSeeds({ from: 1, count: SEEDS, replicas: [5] })
    expect(totals.findings.map(findingText)).toEqual([])
    expect(totals.inputs).toBeGreaterThan(SEEDS * 20)
    expect(totals.reads).toBeGreaterThan(SEEDS * 5)
  }, 300_000)
})
