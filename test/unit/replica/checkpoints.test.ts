import { describe, expect, it } from 'vitest'
import type { CheckpointPolicy } from '../../../core/checkpoint/policy.ts'
import { CHECKPOINT_POLICY } from '../../../core/checkpoint/policy.ts'
import type { ReplicaId } from '../../../core/model/ids.ts'
import { Lan } from '../../support/lan.ts'
import { three } from '../../support/members.ts'

const NEVER: Partial<CheckpointPolicy> = { slotsMax: Number.MAX_SAFE_INTEGER, bytesMax: Number.MAX_SAFE_INTEGER }

/** A cluster with a leader, and a way to write so many keys through it, each in a slot of its own. */
function founded(policy: Partial<CheckpointPolicy> = NEVER): {
  readonly lan: Lan
  readonly leader: ReplicaId
  readonly followers: readonly ReplicaId[]
  readonly write: (count: number, text?: string) => void
} {
  const lan = new Lan(three, policy)
  const leader = lan.elect()
  let sequence = 0
  return {
    lan,
    leader,
    followers: three.members.map(({ replica }) => replica).filter((replica) => replica !== leader),
    write: (count, text = 'v') => {
      for (let index = 0; index < count; index += 1) {
        sequence += 1
        const value = { op: 'set', key: `k${sequence % 500}`, value: `${text}${sequence}` } as const
        const request = lan.submit(leader, { value, sequence })
        expect(lan.reply(request)?.kind).toBe('output')
      }
    },
  }
}

const slotsOf = (lan: Lan, id: ReplicaId): (readonly [number, boolean])[] =>
  lan.replica(id).checkpoints.checkpoints.map(({ slot, certificate }) => [slot, certificate !== undefined])

describe('a CHECKPOINT', () => {
  it('is an Input: ordered, executed by all, answered by a majority, written by each and made stable', () => {
    const { lan, leader, write, followers } = founded()
    write(20)
    const request = lan.checkpoint(leader)
    lan.pass(100)
    const reply = lan.reply(request)
    const { slotDecided } = lan.replica(leader).status
    expect(reply).toMatchObject({
      kind: 'output',
      slot: slotDecided,
      output: { ok: true, value: { slot: slotDecided } },
    })
    for (const id of [leader, ...followers]) expect(slotsOf(lan, id)).toEqual([[slotDecided, true]])
    const roots = three.members.map(({ replica }) => lan.replica(replica).checkpoints.checkpoints[0]?.root)
    expect(new Set([...roots, lan.replica(leader).stateRoot()]).size).toBe(1)
  })

  it('is ordered by the leader alone when the log has grown past its threshold, once', () => {
    const { lan, leader, write } = founded({ slotsMax: 50, bytesMax: Number.MAX_SAFE_INTEGER })
    write(49)
    lan.pass(100)
    expect(slotsOf(lan, leader)).toEqual([])
    write(10)
    lan.pass(100)
    expect(slotsOf(lan, leader).length).toBe(1)
    write(45)
    lan.pass(100)
    expect(slotsOf(lan, leader).length).toBe(2)
  })
})

describe('the log', () => {
  it('is dropped up to the older of the two newest stable checkpoints, and a tail is kept', () => {
    const { lan, leader, write } = founded()
    for (let round = 1; round <= 4; round += 1) {
      write(CHECKPOINT_POLICY.tailSlots)
      lan.checkpoint(leader)
      lan.pass(100)
    }
    const [older, newer] = slotsOf(lan, leader)
    expect([older?.[1], newer?.[1], slotsOf(lan, leader).length]).toEqual([true, true, 2])
    expect(lan.replica(leader).checkpoints.slotFirst).toBe((older?.[0] ?? 0) + 1)
    const first = lan.durable(leader).find((record) => record.kind === 'accepted')
    expect(first).toMatchObject({ slot: (older?.[0] ?? 0) + 1 })
  })

  it('and its checkpoint give the same State again after a restart', () => {
    const { lan, leader, followers, write } = founded()
    write(30)
    lan.checkpoint(leader)
    lan.pass(100)
    write(30)
    const root = lan.replica(leader).stateRoot()
    for (const id of followers) {
      lan.restart(id)
      expect(lan.replica(id).status).toMatchObject({ isStateMissing: false })
    }
    lan.pass(500)
    for (const id of followers) expect(lan.replica(id).stateRoot()).toBe(root)
  })
})

describe('a replica that was away for longer than the log reaches', () => {
  it('receives the State, only what differs, and executes what was decided meanwhile', () => {
    const { lan, leader, followers, write } = founded()
    const [away] = followers
    if (away === undefined) throw new Error('there are followers')
    write(500)
    lan.cut(away)
    for (let round = 1; round <= 4; round += 1) {
      write(CHECKPOINT_POLICY.tailSlots)
      lan.checkpoint(leader)
      lan.pass(100)
    }
    lan.heal()
    lan.pass(3_000)
    write(20)
    lan.pass(200)
    expect(lan.notes.filter(({ replica }) => replica === away).map(({ note }) => note.kind)).toContain('transfer-ended')
    expect(lan.replica(away).status).toMatchObject({ isStateMissing: false })
    expect(lan.replica(away).stateRoot()).toBe(lan.replica(leader).stateRoot())
    expect(lan.replica(away).status.slotExecuted).toBe(lan.replica(leader).status.slotExecuted)
    lan.restart(away)
    lan.pass(500)
    expect(lan.replica(away).stateRoot()).toBe(lan.replica(leader).stateRoot())
  })
})
