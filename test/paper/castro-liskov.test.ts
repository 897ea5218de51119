import { describe, expect, it } from 'vitest'
import type { ReplicaId } from '../../core/model/ids.ts'
import { Lan } from '../support/lan.ts'
import { five, three } from '../support/members.ts'

/**
 * Castro, Liskov: Practical Byzantine Fault Tolerance (1999), and Practical Byzantine Fault Tolerance and Proactive
 * Recovery (2002).
 */

const NEVER = { slotsMax: Number.MAX_SAFE_INTEGER, bytesMax: Number.MAX_SAFE_INTEGER, tailSlots: 8 }

function elected(configuration = three) {
  const lan = new Lan(configuration, NEVER)
  const leader = lan.elect()
  const followers = configuration.members.map(({ replica }) => replica).filter((replica) => replica !== leader)
  let sequence = 0
  const write = (count: number, keys = count): void => {
    for (let index = 0; index < count; index += 1) {
      sequence += 1
      const value = { op: 'set', key: `k${index % keys}`, value: `${sequence}` }
      lan.submit(leader, { value, sequence })
    }
  }
  const checkpoint = (): void => {
    lan.checkpoint(leader)
    lan.pass(40)
  }
  const follower = (index = 0): ReplicaId => {
    const found = followers[index]
    if (found === undefined) throw new Error('there is no such follower')
    return found
  }
  return { lan, leader, follower, write, checkpoint }
}

describe('1999, 4.3, garbage collection', () => {
  it('a checkpoint is stable only with a proof: attestations by different replicas to the same digest', () => {
    const { lan, leader, follower, write, checkpoint } = elected(five)
    const heard = new Set<ReplicaId>([leader, follower(0)])
    lan.passes = ({ from, message }) => message.kind !== 'attestation' || heard.has(from)
    write(10)
    checkpoint()
    const certificate = () => lan.replica(leader).checkpoints.checkpoints.at(-1)?.certificate
    expect(certificate()).toBe(undefined)
    heard.add(follower(1))
    lan.pass(1_500)
    const root = lan.replica(leader).checkpoints.checkpoints.at(-1)?.root
    expect(certificate()).toMatchObject({ root, attestations: [{}, {}, {}] })
    expect(new Set(certificate()?.attestations.map(({ replica }) => replica))).toEqual(heard)
  })

  it('what comes before a stable checkpoint is discarded, and nothing while no checkpoint is stable', () => {
    const { lan, leader, write, checkpoint } = elected()
    lan.passes = ({ message }) => message.kind !== 'attestation'
    for (let round = 0; round < 3; round += 1) {
      write(20)
      checkpoint()
    }
    expect(lan.replica(leader).checkpoints).toMatchObject({ slotFirst: 1, retained: { slot: 0 } })
    lan.heal()
    lan.pass(1_500)
    expect(lan.replica(leader).checkpoints.slotFirst).toBeGreaterThan(20)
  })

  it('a replica that computed another State than the majority says so, and its checkpoint never counts', () => {
    const { lan, follower, write, checkpoint } = elected()
    write(10)
    const { checkpoints } = lan.replica(follower())
    expect(checkpoints.checkpoints).toEqual([])
    // Memory that fails while the State is written down.
    lan.performs = (id, effect) => {
      if (id === follower() && effect.kind === 'checkpoint') {
        lan.checkpoints(id).corrupts = true
        lan.performs = () => true
      }
      return true
    }
    checkpoint()
    lan.pass(1_500)
    const notes = lan.notes.filter(({ replica }) => replica === follower()).map(({ note }) => note.kind)
    expect(notes).toContain('checkpoint-deviates')
    expect(lan.replica(follower()).checkpoints.checkpoints.map((info) => info.certificate)).toEqual([undefined])
  })
})

describe('2002, 5.3, state transfer', () => {
  it('only the partitions that are out of date are fetched', () => {
    const { lan, leader, follower, write, checkpoint } = elected()
    write(400)
    const away = follower()
    lan.cut(away)
    for (let round = 0; round < 3; round += 1) {
      write(20, 3)
      checkpoint()
    }
    lan.heal()
    const before = lan.sent.length
    lan.pass(3_000)
    expect(lan.replica(away).stateRoot()).toBe(lan.replica(leader).stateRoot())
    const fetched = lan.sent.slice(before).flatMap(({ message }) => {
      return message.kind === 'state-pieces' ? message.pieces.map(({ partition }) => partition) : []
    })
    // Three keys, the session and the time.
    expect([fetched.length > 0, new Set(fetched).size <= 5]).toEqual([true, true])
  })

  it('what a faulty source sends is refuted by the digests that were attested, and taken from another', () => {
    const { lan, leader, follower, write, checkpoint } = elected()
    const away = follower(0)
    lan.cut(away)
    for (let round = 0; round < 3; round += 1) {
      write(40)
      checkpoint()
    }
    lan.heal()
    lan.checkpoints(follower(1)).lies = true
    lan.pass(4_000)
    expect(lan.replica(away).stateRoot()).toBe(lan.replica(leader).stateRoot())
    expect(lan.sent.some(({ from, message }) => from === follower(1) && message.kind === 'state-pieces')).toBe(true)
  })
})
