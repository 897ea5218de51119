import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../../core/base/assert.ts'
import { createPrng } from '../../../core/base/prng.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import { builtInMachines, createRegistry } from '../../../core/machine/registry.ts'
import { clientId, clusterId, sequence, slot } from '../../../core/model/ids.ts'
import type { Output } from '../../../core/model/output.ts'
import { accepted } from '../../../core/model/output.ts'
import { Replica } from '../../../core/replica/replica.ts'
import { encodeCanonical } from '../../../core/model/canonical.ts'
import { decodeBatch } from '../../../core/wire/batch.ts'
import { a, b, c, stranger, three } from '../../support/members.ts'
import { inputOf } from '../../support/inputs.ts'
import { Lan } from '../../support/lan.ts'
import { testSigner } from '../../support/memory-disk.ts'

const increment = { op: 'increment', key: 'n' }
const get = { op: 'get', key: 'n' }
const others = (leader: typeof a) => [a, b, c].filter((id) => id !== leader)
const first = <T>(items: readonly T[]): T => {
  const [item] = items
  if (item === undefined) throw new Error('there is none')
  return item
}

function elected(): {
  readonly lan: Lan
  readonly leader: typeof a
  readonly follower: typeof a
  readonly other: typeof a
} {
  const lan = new Lan(three)
  const leader = lan.elect()
  const [follower = leader, other = leader] = others(leader)
  return { lan, leader, follower, other }
}

function outputOf(lan: Lan, request: number): Output | undefined {
  const reply = lan.reply(request)
  return reply?.kind === 'output' || reply?.kind === 'stale' ? reply.output : undefined
}

/** How many Inputs each decided slot holds, as a replica has them. */
function batchSizes(lan: Lan, id: typeof a): number[] {
  const { slotDecided } = lan.replica(id).status
  return Array.from({ length: slotDecided }, (_, index) => {
    const value = lan.replica(id).decidedValue(slot(index + 1))
    const decoded = decodeBatch(value ?? new Uint8Array(0))
    return decoded.ok && decoded.value.kind === 'inputs' ? decoded.value.inputs.length : 0
  })
}

describe('a replica', () => {
  it('takes no step before it is started, and no record after', () => {
    const replica = new Replica({
      self: a,
      cluster: clusterId('1a'.repeat(16)),
      signer: testSigner(a),
      configuration: three,
      registry: createRegistry(builtInMachines),
      hash: sha256,
      life: '1',
      prng: createPrng(1),
    })
    const now = { monotonicMs: 0, wallMs: 0 }
    expect(() => replica.step({ kind: 'tick' }, now)).toThrow(InvariantError)
    replica.start(now)
    expect(() => replica.recover({ kind: 'decided', slot: slot(0) })).toThrow(InvariantError)
  })

  it('hears no strangers', () => {
    const { lan, leader } = elected()
    const sentBefore = lan.sent.length
    lan.step(
      leader,
      { kind: 'message', from: stranger, message: { kind: 'forward', relayed: false, inputs: [inputOf(increment)] } },
      { kind: 'message', from: stranger, message: { kind: 'vote-request', slots: [slot(1)] } },
      { kind: 'message', from: stranger, message: { kind: 'log-request', slotFrom: slot(1), slotTo: slot(9) } },
    )
    expect([lan.replica(leader).status.slotDecided, lan.sent.length - sentBefore]).toEqual([0, 0])
  })

  it('gives equal effects for equal events', () => {
    const [one, other] = [new Lan(three), new Lan(three)]
    for (const lan of [one, other]) {
      lan.submit(lan.elect(), { value: increment })
      lan.pass(500)
    }
    expect(one.sent).toEqual(other.sent)
  })

  it('has the State and the log of before after a restart, and joins in again', () => {
    const { lan, leader, follower } = elected()
    lan.submit(leader, { value: increment })
    lan.pass(100)
    const root = lan.replica(follower).stateRoot()
    lan.restart(follower)
    expect([lan.replica(follower).status.slotExecuted, lan.replica(follower).stateRoot()]).toEqual([1, root])
    const request = lan.submit(leader, { value: increment, sequence: 2 })
    lan.pass(100)
    expect([outputOf(lan, request), lan.signs(request)]).toEqual([
      accepted({ value: 2 }),
      expect.stringContaining('agrees'),
    ])
    expect(lan.replica(follower).status.slotExecuted).toBe(2)
  })

  it('that was away fetches what it missed and ends with the same State', () => {
    const { lan, leader, follower } = elected()
    lan.cut(follower)
    for (let number = 1; number <= 100; number += 1) lan.submit(leader, { value: increment, sequence: number })
    lan.heal()
    lan.pass(2_000)
    expect(lan.replica(follower).status.slotExecuted).toBe(lan.replica(leader).status.slotExecuted)
    expect(lan.replica(follower).stateRoot()).toBe(lan.replica(leader).stateRoot())
  })

  it('orders what comes in one turn in one batch, in the order it came', () => {
    const { lan, leader } = elected()
    lan.step(
      leader,
      ...[1, 2, 3].map((number) => ({
        kind: 'submit' as const,
        request: number,
        client: clientId(`client-${number}`),
        sequence: sequence(1),
        machine: 'kv',
        payload: encodeCanonical(increment),
        timeoutMs: 1_000,
      })),
    )
    expect(batchSizes(lan, leader)).toEqual([3])
    expect([1, 2, 3].map((request) => outputOf(lan, request))).toEqual([1, 2, 3].map((value) => accepted({ value })))
  })

  it('does not order an Input a second time while its proxy sends it again', () => {
    const { lan, leader, follower } = elected()
    lan.passes = ({ message }) => message.kind !== 'accept'
    const request = lan.submit(follower, { value: increment })
    lan.step(leader, {
      kind: 'message',
      from: follower,
      message: { kind: 'forward', relayed: false, inputs: [inputOf(increment, { proxy: follower })] },
    })
    lan.heal()
    lan.pass(400)
    expect([batchSizes(lan, leader), outputOf(lan, request)]).toEqual([[1], accepted({ value: 1 })])
  })

  it('that no longer leads drops what it was given, so that it is not ordered twice later', () => {
    const { lan, leader, follower } = elected()
    lan.step(leader, { kind: 'abdicate' })
    lan.step(leader, {
      kind: 'message',
      from: follower,
      message: { kind: 'forward', relayed: false, inputs: [inputOf(increment, { proxy: follower })] },
    })
    lan.pass(2_000)
    expect(batchSizes(lan, leader)).toEqual([])
  })

  it('tells its votes again to a proxy that missed them', () => {
    const { lan, leader } = elected()
    lan.passes = ({ message }) => message.kind !== 'vote'
    const request = lan.submit(leader, { value: increment })
    lan.pass(60)
    expect(lan.reply(request)).toBe(undefined)
    lan.heal()
    lan.pass(200)
    expect(outputOf(lan, request)).toEqual(accepted({ value: 1 }))
  })

  it('shows the votes on the slots it was the proxy of', () => {
    const { lan, leader, follower } = elected()
    lan.submit(follower, { value: increment })
    lan.pass(100)
    expect(lan.replica(leader).recentVotes({ limit: 9 }).slots).toEqual([])
    const { slots } = lan.replica(follower).recentVotes({ limit: 9 })
    expect(slots).toMatchObject([
      {
        slot: 1,
        inputCount: 1,
        inputs: [
          {
            output: accepted({ value: 1 }),
            failed: undefined,
            votes: [{ sign: 'agrees' }, { sign: 'agrees' }, { sign: 'agrees' }],
          },
        ],
      },
    ])
    expect(first(slots).ballot.proposer).toBe(leader)
  })

  it('asked for a linearizable read tells what was acknowledged before, whichever replica is asked', () => {
    const { lan, leader, follower, other } = elected()
    lan.submit(leader, { value: increment })
    const reads = [leader, follower, other].map((id) => lan.read(id, get, 'linearizable'))
    lan.pass(100)
    expect(reads.map((request) => outputOf(lan, request))).toEqual(reads.map(() => accepted({ value: 1, found: true })))
  })

  it('asked for a stale read answers from its own State at once, without asking anybody', () => {
    const { lan, leader, follower } = elected()
    lan.cut(follower)
    lan.submit(leader, { value: increment })
    const sentBefore = lan.sent.length
    const request = lan.read(follower, get, 'stale')
    expect(lan.reply(request)).toEqual({ kind: 'stale', slot: 0, output: accepted({ value: null, found: false }) })
    expect(lan.sent.length).toBe(sentBefore)
  })
})
