import { describe, expect, it } from 'vitest'
import { findingText } from './campaign.ts'
import { FAULT_KINDS } from './faults.ts'
import { runSeeds } from './run-seeds.ts'

const SEEDS = 700

describe('three cores under every fault the simulator knows', () => {
  it(`hold all invariants, and serve again once a majority is healed (${SEEDS} seeds)`, () => {
    const totals = runSeeds({ from: 1, count: SEEDS, replicas: [3] })
    expect(totals.findings.map(findingText)).toEqual([])
    expect(totals.inputs).toBeGreaterThan(SEEDS * 20)
    expect(totals.reads).toBeGreaterThan(SEEDS * 5)
    // A two-faced replica shows itself only beside a liar whose Outputs are asked for: three replicas have room for one.
    const unseen = FAULT_KINDS.filter((kind) => totals.faults[kind] === 0)
    expect(unseen.filter((kind) => kind !== 'two-faced')).toEqual([])
  }, 300_000)
})
