import { describe, expect, it } from 'vitest'
import type { Configuration } from '../../../core/model/configuration.ts'
import type { ReplicaId } from '../../../core/model/ids.ts'
import { accepted } from '../../../core/model/output.ts'
import type { LogMemory } from '../../../core/log/recent-batches.ts'
import { Lan } from '../../support/lan.ts'
import { configurationOf, a, five, three } from '../../support/members.ts'

const NEVER = { slotsMax: Number.MAX_SAFE_INTEGER, bytesMax: Number.MAX_SAFE_INTEGER, tailSlots: 8 }

/** A cluster that is written to through its leader, one Input a slot. */
class Cluster {
  readonly lan: Lan
  leader: ReplicaId
  readonly #configuration: Configuration
  #sequence = 0

  constructor(configuration: Configuration = three, memory?: LogMemory) {
    this.#configuration = configuration
    this.lan = new Lan(configuration, NEVER, memory)
    this.leader = this.lan.elect()
  }

  get followers(): readonly ReplicaId[] {
    return this.members.filter((replica) => replica !== this.leader)
  }

  get members(): readonly ReplicaId[] {
    return this.#configuration.members.map(({ replica }) => replica)
  }

  follower(index = 0): ReplicaId {
    const follower = this.followers[index]
    if (follower === undefined) throw new Error('there is no such follower')
    return follower
  }

  do(op: 'set' | 'delete', key: string, value?: string): void {
    this.#sequence += 1
    const input = value === undefined ? { op, key } : { op, key, value }
    const request = this.lan.submit(this.leader, { value: input, sequence: this.#sequence })
    expect(this.lan.reply(request)?.kind).toBe('output')
  }

  write(count: number, text = 'v'): void {
    for (let index = 0; index < count; index += 1) this.do('set', `k${index}`, `${text}${index}`)
  }

  checkpoint(): void {
    this.lan.checkpoint(this.leader)
    this.lan.pass(40)
  }

  /** As much as makes the others drop what a replica that is away would need. */
  goOn(text = 'later'): void {
    for (let round = 0; round < 3; round += 1) {
      this.write(20, `${text}${round}-`)
      this.checkpoint()
    }
  }

  /** Whether this replica holds what the leader holds. */
  isLevel(id: ReplicaId): boolean {
    const [own, leading] = [this.lan.replica(id), this.lan.replica(this.leader)]
    return own.status.slotExecuted === leading.status.slotExecuted && own.stateRoot() === leading.stateRoot()
  }

  /** The leader and this follower are a majority of three, and each is needed for it. */
  cutAllBut(id: ReplicaId): void {
    for (const other of this.followers) if (other !== id) this.lan.cut(other)
  }

  notes(id: ReplicaId): string[] {
    return this.lan.notes.filter(({ replica }) => replica === id).map(({ note }) => note.kind)
  }
}

const stale = (cluster: Cluster, id: ReplicaId, key: string): unknown => {
  const reply = cluster.lan.reply(cluster.lan.read(id, { op: 'get', key }, 'stale'))
  return reply?.kind === 'stale' ? reply.output : undefined
}

describe('two replicas that were away', () => {
  it('receive the State at the same time, each for itself, and of five members three go on', () => {
    const cluster = new Cluster(five)
    cluster.write(50)
    const away = [cluster.follower(0), cluster.follower(1)]
    for (const id of away) cluster.lan.cut(id)
    cluster.goOn()
    cluster.lan.heal()
    cluster.lan.pass(3_000)
    cluster.write(5, 'after')
    cluster.lan.pass(200)
    expect(away.map((id) => [cluster.isLevel(id), cluster.notes(id).includes('transfer-ended')])).toEqual([
      [true, true],
      [true, true],
    ])
  })
})

describe('a replica whose log can not rebuild its State', () => {
  /** A follower that was away, heard that the log is gone, and can't write what it receives. */
  function missing(memory?: LogMemory): { readonly cluster: Cluster; readonly away: ReplicaId } {
    const cluster = new Cluster(three, memory)
    cluster.write(10)
    cluster.do('set', 'key', 'old')
    const away = cluster.follower()
    cluster.lan.cut(away)
    cluster.do('set', 'key', 'new')
    cluster.goOn()
    cluster.lan.heal()
    cluster.lan.performs = (id, effect) => id !== away || effect.kind !== 'checkpoint'
    cluster.lan.pass(2_000)
    expect(cluster.lan.replica(away).status.isStateMissing).toBe(true)
    return { cluster, away }
  }

  it('answers no linearizable read from the State it has, and a stale one with its slot', () => {
    const { cluster, away } = missing()
    const request = cluster.lan.read(away, { op: 'get', key: 'key' }, 'linearizable')
    const { slotExecuted } = cluster.lan.replica(away).status
    const old = cluster.lan.read(away, { op: 'get', key: 'key' }, 'stale')
    cluster.lan.pass(2_000)
    expect(cluster.lan.reply(request)).toBe(undefined)
    expect(cluster.lan.reply(old)).toMatchObject({
      kind: 'stale',
      slot: slotExecuted,
      output: accepted({ found: true, value: 'old' }),
    })
    cluster.lan.pass(4_000)
    expect(cluster.lan.reply(request)?.kind).toBe('fail')
  })

  it('takes no part in a vote until it has the State, and votes right from then on', () => {
    const { cluster, away } = missing()
    const before = cluster.lan.sent.length
    cluster.do('set', 'key', 'newer')
    expect(cluster.lan.sent.slice(before).some(({ from, message }) => from === away && message.kind === 'vote')).toBe(
      false,
    )
    cluster.lan.performs = () => true
    cluster.lan.restart(away)
    cluster.lan.pass(3_000)
    cluster.cutAllBut(away)
    const request = cluster.lan.submit(cluster.leader, { value: { op: 'get', key: 'key' }, client: 'bob' })
    cluster.lan.pass(100)
    expect(cluster.lan.reply(request)).toMatchObject({ output: accepted({ found: true, value: 'newer' }) })
  })

  it('accepts and follows, but leaves leading to others', () => {
    const { cluster, away } = missing()
    const other = cluster.followers.find((id) => id !== away)
    const roles: string[] = []
    cluster.lan.cut(cluster.leader)
    for (let tick = 0; tick < 300; tick += 1) {
      cluster.lan.pass(20)
      roles.push(cluster.lan.replica(away).status.role)
    }
    expect([new Set(roles), cluster.lan.elect()]).toEqual([new Set(['follower']), other])
  })

  it('reads what was decided meanwhile from its disk, CHECKPOINTs and all, once the State is there', () => {
    const { cluster, away } = missing({ bytesMax: 0, slotsMin: 4 })
    cluster.write(30, 'meanwhile')
    cluster.checkpoint()
    cluster.write(30, 'and after')
    cluster.lan.performs = () => true
    cluster.lan.pass(6_000)
    cluster.lan.restart(away)
    cluster.lan.pass(3_000)
    expect(cluster.isLevel(away)).toBe(true)
    const newest = cluster.lan.replica(cluster.leader).checkpoints.checkpoints.at(-1)
    expect(cluster.lan.replica(away).checkpoints.checkpoints.at(-1)).toMatchObject({
      slot: newest?.slot,
      root: newest?.root,
    })
  })

  it('executes an Input once, though its first Output came with the State', () => {
    const cluster = new Cluster()
    const away = cluster.follower()
    cluster.lan.cut(away)
    const increment = { value: { op: 'increment', key: 'n' }, client: 'once', sequence: 1 }
    cluster.lan.submit(cluster.leader, increment)
    cluster.goOn()
    cluster.lan.heal()
    cluster.lan.pass(3_000)
    expect(cluster.isLevel(away)).toBe(true)
    cluster.cutAllBut(away)
    const again = cluster.lan.submit(away, increment)
    cluster.lan.pass(200)
    expect(cluster.lan.reply(again)).toMatchObject({ kind: 'output', output: accepted({ value: 1 }) })
    expect(stale(cluster, away, 'n')).toEqual(accepted({ found: true, value: 1 }))
  })
})

describe('a source that goes on meanwhile', () => {
  it('and drops what was being received is followed to its newer checkpoint, keys that went included', () => {
    const cluster = new Cluster()
    cluster.write(60)
    const away = cluster.follower()
    cluster.lan.cut(away)
    cluster.goOn()
    cluster.lan.heal()
    let pieces = 0
    cluster.lan.passes = ({ to, message }) => {
      if (message.kind === 'state-pieces' && to === away) pieces += 1
      return to !== away || message.kind !== 'state-pieces' || pieces < 2
    }
    cluster.lan.pass(2_000)
    expect(cluster.lan.replica(away).checkpoints.transfer).toMatchObject({ phase: 'fetching' })
    cluster.lan.cut(away)
    cluster.lan.pass(11_000)
    for (let index = 0; index < 60; index += 1) cluster.do('delete', `k${index}`)
    for (let round = 0; round < 3; round += 1) {
      cluster.do('set', 'only', `${round}`)
      cluster.checkpoint()
    }
    cluster.lan.heal()
    cluster.lan.pass(8_000)
    expect([cluster.isLevel(away), cluster.lan.replica(away).status.isStateMissing]).toEqual([true, false])
  })
})

describe('a crash', () => {
  it('after a jump executes nothing that was accepted before it and given up by all others', () => {
    const cluster = new Cluster()
    cluster.write(5)
    const old = cluster.leader
    // Slots that only the old leader ever accepts.
    cluster.lan.passes = ({ message }) => message.kind !== 'accept'
    for (let number = 1; number <= 5; number += 1) {
      cluster.lan.submit(old, { value: { op: 'set', key: 'given up', value: 'yes' }, client: `lost ${number}` })
    }
    cluster.lan.heal()
    cluster.lan.cut(old)
    cluster.leader = cluster.lan.elect()
    cluster.write(30)
    cluster.goOn()
    cluster.lan.heal()
    cluster.lan.performs = (id, effect) => id !== old || effect.kind !== 'checkpoint'
    cluster.lan.pass(2_000)
    expect(cluster.lan.replica(old).status.isStateMissing).toBe(true)
    cluster.lan.passes = ({ from, to }) => from !== old && to !== old
    cluster.lan.restart(old)
    expect(stale(cluster, old, 'given up')).toEqual(accepted({ found: false, value: null }))
    expect(cluster.lan.replica(old).status.isStateMissing).toBe(true)
    cluster.lan.heal()
    cluster.lan.pass(4_000)
    expect(cluster.isLevel(old)).toBe(true)
  })

  it('of who has moved its log does not make the State depend on the member that offered it', () => {
    const cluster = new Cluster()
    cluster.write(5)
    const [away, third, source] = [cluster.follower(0), cluster.follower(1), cluster.leader]
    cluster.lan.cut(away)
    cluster.goOn()
    // The third has the newest checkpoint, and hears from nobody that a majority vouches for it.
    const tells = new Set(['attestation', 'certificate'])
    cluster.lan.passes = ({ to, message }) => to !== third || !tells.has(message.kind)
    cluster.goOn()
    cluster.lan.performs = (id, effect) => id !== away || effect.kind !== 'checkpoint'
    cluster.lan.uncut(away)
    cluster.lan.pass(2_000)
    const { slotDecided } = cluster.lan.replica(away).status
    const unstable = cluster.lan.replica(third).checkpoints.checkpoints.filter((info) => info.certificate === undefined)
    expect([cluster.lan.replica(away).status.isStateMissing, unstable.at(-1)?.slot]).toEqual([true, slotDecided])
    // Now the one that offered it is gone, and the receiver has only what is on its disk.
    cluster.lan.heal()
    cluster.lan.cut(source)
    cluster.lan.restart(away)
    cluster.leader = cluster.lan.elect()
    cluster.lan.pass(6_000)
    expect([cluster.isLevel(away), cluster.isLevel(third)]).toEqual([true, true])
    cluster.do('set', 'key', 'value')
  })

  it('between a checkpoint that was received and its certificate costs another transfer, and nothing else', () => {
    const cluster = new Cluster()
    cluster.write(20)
    const away = cluster.follower()
    cluster.lan.cut(away)
    cluster.goOn()
    cluster.lan.heal()
    cluster.lan.performs = (id, effect) => id !== away || effect.kind !== 'certify'
    cluster.lan.pass(3_000)
    expect(cluster.isLevel(away)).toBe(true)
    cluster.lan.heal()
    cluster.lan.restart(away)
    expect(cluster.lan.replica(away).status.isStateMissing).toBe(true)
    cluster.lan.pass(3_000)
    expect([cluster.isLevel(away), cluster.lan.replica(away).status.isStateMissing]).toEqual([true, false])
  })

  it('of a cluster of one leaves it its State, from checkpoint and log', () => {
    const cluster = new Cluster(configurationOf(a))
    cluster.goOn()
    cluster.write(20, 'tail')
    const root = cluster.lan.replica(a).stateRoot()
    const { slotExecuted } = cluster.lan.replica(a).status
    const { slotFirst, checkpoints } = cluster.lan.replica(a).checkpoints
    expect([slotFirst > 1, checkpoints.length]).toEqual([true, 2])
    cluster.lan.restart(a)
    cluster.lan.elect()
    expect([cluster.lan.replica(a).stateRoot(), cluster.lan.replica(a).status.slotExecuted]).toEqual([
      root,
      slotExecuted,
    ])
    cluster.do('set', 'key', 'value')
  })
})
