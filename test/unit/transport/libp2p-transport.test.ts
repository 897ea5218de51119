import { afterEach, describe, expect, it } from 'vitest'
import { InvariantError } from '../../../core/base/assert.ts'
import { LIMITS } from '../../../core/model/limits.ts'
import { createIdentity, createNetworkKey } from '../../../core/transport/identity.ts'
import { TransportError } from '../../../core/transport/errors.ts'
import { channelOf, CHANNELS } from '../../../core/wire/message.ts'
import type { Replica, ReplicaInit } from './cluster.ts'
import { addressOf, connect, countOf, startReplica, until } from './cluster.ts'
import { accept, accepted, heartbeat, logRequest, numbered, numberOf, vote } from './messages.ts'

const TEST_MS_MAX = 60_000
const networkKey = createNetworkKey()
const running: Replica[] = []

async function start(init: Partial<ReplicaInit> = {}): Promise<Replica> {
  const replica = await startReplica({ networkKey, ...init })
  running.push(replica)
  return replica
}

async function pair(): Promise<[Replica, Replica]> {
  const replicas: [Replica, Replica] = [await start(), await start()]
  await connect(...replicas)
  return replicas
}

afterEach(async () => {
  await Promise.all(running.splice(0).map(({ transport }) => transport.stop()))
})

describe('between connected replicas', { timeout: TEST_MS_MAX }, () => {
  it('delivers 10,000 messages of each channel in the order they were sent', async () => {
    const [a, b] = await pair()
    const count = 10_000
    for (let at = 1; at <= count; at += 1) {
      for (const channel of CHANNELS) a.transport.send(b.id, [numbered[channel](at)])
      if (at % 500 === 0) await new Promise(setImmediate)
    }
    await until('all have arrived', () => b.received.length === count * CHANNELS.length)
    const inOrder = Array.from({ length: count }, (_, index) => index + 1)
    for (const channel of CHANNELS) {
      const arrived = b.received.filter(({ message }) => channelOf(message) === channel)
      expect(arrived.map(({ message }) => numberOf(message))).toEqual(inOrder)
    }
    expect(new Set(b.received.map(({ from }) => from))).toEqual(new Set([a.id]))
  })

  it('carries the messages of one call and channel in one frame', async () => {
    const [a, b] = await pair()
    a.transport.send(b.id, [accepted(1), accepted(2), vote(3), heartbeat(4), logRequest(5), vote(6)])
    await until('all have arrived', () => b.received.length === 6)
    expect(b.frames.toSorted()).toEqual([1, 2, 3])
  })

  it('gathers the further calls of one turn into one frame', async () => {
    const [a, b] = await pair()
    for (let at = 0; at < 100; at += 1) a.transport.send(b.id, [accepted(at)])
    await until('all have arrived', () => b.received.length === 100)
    expect(b.frames).toEqual([1, 99])
  })

  it('splits what has more messages than a frame may have', async () => {
    const [a, b] = await pair()
    const messages = Array.from({ length: LIMITS.frameMessagesMax + 1 }, (_, at) => accepted(at))
    a.transport.send(b.id, messages)
    await until('all have arrived', () => b.received.length === messages.length)
    expect(b.frames).toEqual([LIMITS.frameMessagesMax, 1])
  })

  it('gives a large message a frame of its own, so that nothing waits for what comes after it', async () => {
    const [a, b] = await pair()
    const value = new Uint8Array(LIMITS.partBytesMax).fill(5)
    const messages = [1, 2, 3, 4, 5].map((at) => accept(at, value))
    a.transport.send(b.id, messages)
    await until('all have arrived', () => b.received.length === messages.length)
    expect(b.frames).toEqual([1, 1, 1, 1, 1])
    expect(b.refused).toEqual([])
  })

  it('delivers values of a part’s full size intact, with small messages of other channels beside them', async () => {
    const [a, b] = await pair()
    const value = Uint8Array.from({ length: LIMITS.partBytesMax }, (_, index) => (index * 31) % 251)
    for (let at = 1; at <= 8; at += 1) {
      a.transport.send(b.id, [accept(at, value)])
      a.transport.send(b.id, [vote(at)])
    }
    await until('all have arrived', () => b.received.length === 16)
    const values = b.received.flatMap(({ message }) => (message.kind === 'accept' ? [message.value] : []))
    expect(values.map((arrived) => Buffer.compare(arrived, value))).toEqual(Array(8).fill(0))
  })

  it('has two replicas that dial each other at once end up with one connection that delivers', async () => {
    for (let round = 0; round < 5; round += 1) {
      const [a, b] = [await start(), await start()]
      // A moved peer is dialed at once by both, so both dials are under way together.
      for (const [self, other] of [[a, b] as const, [b, a] as const]) {
        self.transport.setPeers([{ replica: other.id, addresses: [] }])
        self.transport.setPeers([addressOf(other)])
      }
      await until('both are connected', () => a.connected.has(b.id) && b.connected.has(a.id))
      let beat = 0
      await until('both hear each other', () => {
        beat += 1
        a.transport.send(b.id, [heartbeat(beat)])
        b.transport.send(a.id, [heartbeat(beat)])
        return a.received.length > 20 && b.received.length > 20
      })
      expect([a.connected.size, b.connected.size]).toEqual([1, 1])
      expect(countOf(a, 'transport.peer-disconnected') + countOf(b, 'transport.peer-disconnected')).toBe(0)
    }
  })
})

describe('when replicas come and go', { timeout: TEST_MS_MAX }, () => {
  it('delivers again after a peer restarts on another port and setPeers says so', async () => {
    const [a, b] = await pair()
    const before = addressOf(b)
    await b.transport.stop()
    await until('the loss is told', () => !a.connected.has(b.id))
    const again = await start({ identity: b.identity })
    expect(again.transport.addresses).not.toEqual(before.addresses)
    a.transport.setPeers([addressOf(again)])
    // The restarted replica has no address of the other: it is the other's dial that must come.
    again.transport.setPeers([{ replica: a.id, addresses: [] }])
    await until('both are connected', () => a.connected.has(b.id) && again.connected.has(a.id))
    a.transport.send(b.id, [accepted(7)])
    again.transport.send(a.id, [accepted(8)])
    await until('both were heard', () => again.received.length === 1 && a.received.length === 1)
  })

  it('finds a peer that comes up later, without being asked again', async () => {
    const a = await start()
    const later = await createIdentity()
    const probe = await start()
    const port = probe.transport.addresses
    await probe.transport.stop()
    a.transport.setPeers([{ replica: later.replica, addresses: port }])
    await until('a dial has failed', () => countOf(a, 'transport.dial-failed') > 1)
    const b = await start({ identity: later, listen: port })
    b.transport.setPeers([{ replica: a.id, addresses: [] }])
    await until('it is found', () => a.connected.has(b.id))
  })

  it('drops what is sent to a peer that is away', async () => {
    const [a, b] = [await start(), await start()]
    a.transport.setPeers([{ replica: b.id, addresses: [] }])
    a.transport.send(b.id, [accepted(1)])
    await connect(a, b)
    a.transport.send(b.id, [accepted(2)])
    await until('the second has arrived', () => b.received.length > 0)
    expect(b.received.map(({ message }) => numberOf(message))).toEqual([2])
  })

  it('hangs up on a peer that setPeers no longer names, and hears it no more', async () => {
    const [a, b] = await pair()
    a.transport.setPeers([])
    await until('both know', () => a.connected.size === 0 && b.connected.size === 0)
    b.transport.send(a.id, [accepted(1)])
    await until('the other was turned away', () => countOf(a, 'transport.stranger-denied') > 0)
    expect(a.received).toEqual([])
  })

  it('passes over addresses that do not parse', async () => {
    const [a, b] = [await start(), await start()]
    b.transport.setPeers([{ replica: a.id, addresses: [] }])
    a.transport.setPeers([{ replica: b.id, addresses: ['nowhere', '/ip4/127.0.0.1', ...b.transport.addresses] }])
    await until('it is found', () => a.connected.has(b.id))
    expect(countOf(a, 'transport.address-refused')).toBe(1)
  })
})

describe('on its own', { timeout: TEST_MS_MAX }, () => {
  it('listens on loopback only, unless told otherwise', async () => {
    const a = await start()
    expect(a.transport.addresses).toHaveLength(1)
    expect(a.transport.addresses[0]).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/[1-9]\d*$/)
  })

  it('says which address it cannot listen on', async () => {
    const a = await start()
    const failed = await start({ listen: a.transport.addresses }).catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(TransportError)
    expect(failed).toMatchObject({ fault: { code: 'TRANSPORT_LISTEN_FAILED', listen: a.transport.addresses } })
  })

  it('halts when a replica would talk to itself', async () => {
    const a = await start()
    expect(() => a.transport.send(a.id, [accepted(1)])).toThrow(InvariantError)
  })

  it('stops once, however often it is asked, and sends nothing afterwards', async () => {
    const [a, b] = await pair()
    await Promise.all([a.transport.stop(), a.transport.stop()])
    a.transport.send(b.id, [accepted(1)])
    a.transport.setPeers([addressOf(b)])
    await until('the other knows', () => !b.connected.has(a.id))
    expect(b.received).toEqual([])
  })
})
