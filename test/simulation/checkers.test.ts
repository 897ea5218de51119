import { describe, expect, it } from 'vitest'
import { createPrng } from '../../core/base/prng.ts'
import type { Output } from '../../core/model/output.ts'
import { replicaId, slot } from '../../core/model/ids.ts'
import { HistoryChecker } from './checkers/histories.ts'
import { LeaderChecker } from './checkers/leaders.ts'
import type { FaultPlan } from './faults.ts'
import { drawFaults } from './faults.ts'
import { NarrowLink } from './narrow-link.ts'

describe('the history of what clients saw', () => {
  it('is explained when a read sees the last write', () => {
    const histories = new HistoryChecker()
    histories.invoke({ op: 'set', key: 'x', value: 1 })(reply({ ok: true, value: { existed: false } }))
    histories.invoke({ op: 'get', key: 'x' })(reply({ ok: true, value: { found: true, value: 1 } }))
    expect(() => {
      histories.check()
    }).not.toThrow()
  })

  it('is not when a read is stale, also of a large value', () => {
    const histories = new HistoryChecker()
    const [first, second] = ['one', 'two'].map((name) => name.padEnd(100_000, 'x'))
    histories.invoke({ op: 'set', key: 'w', value: first ?? '' })(reply({ ok: true, value: { existed: false } }))
    histories.invoke({ op: 'set', key: 'w', value: second ?? '' })(reply({ ok: true, value: { existed: true } }))
    histories.invoke({ op: 'get', key: 'w' })(reply({ ok: true, value: { found: true, value: first ?? '' } }))
    expect(() => {
      histories.check()
    }).toThrow('linearizable histories: no order of the operations on w')
  })

  it('leaves in doubt what was never answered, and what its client had left behind', () => {
    const histories = new HistoryChecker()
    histories.invoke({ op: 'set', key: 'x', value: 1 })
    histories.invoke({ op: 'set', key: 'x', value: 2 })(
      reply({ ok: false, error: { code: 'sequence-superseded', message: '' } }),
    )
    histories.invoke({ op: 'get', key: 'x' })(reply({ ok: true, value: { found: true, value: 2 } }))
    histories.invoke({ op: 'get', key: 'x' })(reply({ ok: true, value: { found: true, value: 1 } }))
    expect(() => {
      histories.check()
    }).not.toThrow()
  })
})

describe('links that carry little', () => {
  it('let the channels take turns, and what shares a frame arrive together', () => {
    let nowUs = 0
    const scheduled: { readonly atUs: number; readonly run: () => void }[] = []
    const link = new NarrowLink({
      bytesPerSecond: 1_000_000,
      schedule: (afterUs, run) => scheduled.push({ atUs: nowUs + afterUs, run }),
    })
    const arrived: [string, number][] = []
    const push = (channel: 'ordering' | 'transfer', name: string, bytes: number): void => {
      link.push(channel, bytes, () => arrived.push([name, nowUs]))
    }
    push('transfer', 'bulk', 200_000)
    push('ordering', 'accept', 100_000)
    push('ordering', 'heartbeat', 100)
    for (let next = scheduled.shift(); next !== undefined; next = scheduled.shift()) {
      nowUs = next.atUs
      next.run()
    }
    expect(arrived).toEqual([
      ['accept', 231_116],
      ['heartbeat', 231_116],
      ['bulk', 300_100],
    ])
  })

  it('may depose a leader a few times, not again and again', () => {
    const leaders = new LeaderChecker()
    const plan: FaultPlan = {
      ...drawFaults(createPrng(1), 3),
      scenario: 'narrow-links',
      bytesPerSecond: 2_000_000,
    }
    for (let round = 1; round <= 3; round += 1) leaders.leads(0, 1, { round, proposer: replicaId('a') })
    expect(() => {
      leaders.checkSteady(plan)
    }).not.toThrow()
    leaders.leads(0, 1, { round: 4, proposer: replicaId('a') })
    expect(() => {
      leaders.checkSteady(plan)
    }).toThrow('steady leadership: 4 elections')
  })
})

function reply(output: Output) {
  return { kind: 'output', slot: slot(1), output, votes: [] } as const
}
