import { describe, expect, it } from 'vitest'
import { createPrng } from '../../../core/base/prng.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import { Sessions } from '../../../core/execution/sessions.ts'
import { accepted, rejected } from '../../../core/model/output.ts'
import { State } from '../../../core/state/state.ts'
import { inputOf } from '../../support/inputs.ts'

const at = (slot: number, position = 0) => ({ slot, position })
const clients = (state: State): string[] =>
  [...state.scan({ from: '~session/', to: '~session0' })].map(([key]) => key.slice('~session/'.length))
const use = (sessions: Sessions, client: string, where: ReturnType<typeof at>, sequence = where.slot): void => {
  sessions.remember(inputOf(null, { client, sequence }), accepted(where.slot), where)
}

describe('a client’s session', () => {
  it('gives the Output of its last Input again, lets the next execute, and refuses what it has overtaken', () => {
    const sessions = new Sessions(new State(sha256))
    const earlier = (sequence: number) => sessions.earlier(inputOf(null, { sequence }))
    expect(earlier(5)).toBe(undefined)
    sessions.remember(inputOf(null, { sequence: 5 }), rejected('overdraft', 'too little'), at(1))
    expect([earlier(5), earlier(6), earlier(4)]).toEqual([
      rejected('overdraft', 'too little'),
      undefined,
      rejected('sequence-superseded', 'client alice has already used sequence 5; its Output for 4 is gone'),
    ])
  })

  it('is its own: no client sees another’s, whatever their names', () => {
    const sessions = new Sessions(new State(sha256))
    use(sessions, 'alice', at(1))
    use(sessions, 'alice/0', at(3))
    expect(['alice0', 'alic', 'alice/', '\uffff'].map((client) => sessions.earlier(inputOf(null, { client })))).toEqual(
      Array.from({ length: 4 }, () => undefined),
    )
  })

  it('stands in the State, so that who rebuilds from it answers retries alike', () => {
    const state = new State(sha256)
    use(new Sessions(state), 'alice', at(1))
    expect(new Sessions(state).earlier(inputOf(null, { sequence: 1 }))).toEqual(accepted(1))
  })
})

describe('clients that were silent', () => {
  it('longest are forgotten first when there are too many; use, not age, counts', () => {
    const state = new State(sha256)
    const sessions = new Sessions(state, { sessionsMax: 3 })
    for (const [index, client] of ['a', 'b', 'c', 'a', 'd', 'e'].entries()) use(sessions, client, at(index + 1))
    expect(clients(state)).toEqual(['a', 'd', 'e'])
  })

  it('longest are forgotten when the Outputs kept weigh too much, but never the one just used', () => {
    const state = new State(sha256)
    const sessions = new Sessions(state, { bytesMax: 1_000 })
    const keep = (client: string, slot: number, length: number): void => {
      sessions.remember(inputOf(null, { client, sequence: slot }), accepted('x'.repeat(length)), at(slot))
    }
    keep('a', 1, 300)
    keep('b', 2, 300)
    keep('a', 3, 300)
    expect(clients(state)).toEqual(['a', 'b'])
    keep('c', 4, 400)
    expect(clients(state)).toEqual(['a', 'c'])
    keep('d', 5, 5_000)
    expect(clients(state)).toEqual(['d'])
    keep('e', 6, 10)
    expect(clients(state)).toEqual(['e'])
  })

  it('are forgotten in the order of the batch when one slot used them all', () => {
    const state = new State(sha256)
    const sessions = new Sessions(state, { sessionsMax: 2 })
    for (const [position, client] of ['z', 'y', 'x'].entries()) use(sessions, client, at(1, position))
    expect(clients(state)).toEqual(['x', 'y'])
    const rebuilt = new Sessions(state, { sessionsMax: 2 })
    use(rebuilt, 'w', at(2))
    expect(clients(state)).toEqual(['w', 'x'])
  })

  it('are the same ones for a replica that rebuilt its sessions from the State at any moment', () => {
    const prng = createPrng(63)
    const limits = { sessionsMax: 8, bytesMax: 1_500 }
    const [steady, restarting] = [new State(sha256), new State(sha256)]
    const live = new Sessions(steady, limits)
    let rebuilt = new Sessions(restarting, limits)
    for (let slot = 1; slot <= 2_000; slot += 1) {
      if (prng.chance(0.2)) rebuilt = new Sessions(restarting, limits)
      for (let position = 0; position < prng.between(1, 4); position += 1) {
        const client = `c${prng.between(1, 12)}`
        const output = accepted({ text: 'x'.repeat(prng.between(0, 400)) })
        for (const sessions of [live, rebuilt]) {
          sessions.remember(inputOf(null, { client, sequence: slot }), output, at(slot, position))
        }
      }
      expect(restarting.root()).toBe(steady.root())
    }
  })
})
