import type { Connection } from '@libp2p/interface'
import { afterEach, describe, expect, it } from 'vitest'
import { clusterId } from '../../../core/model/ids.ts'
import { LIMITS } from '../../../core/model/limits.ts'
import { createNetworkKey } from '../../../core/transport/identity.ts'
import { encodeEnvelope } from '../../../core/wire/envelope.ts'
import { CHANNELS } from '../../../core/wire/message.ts'
import type { Replica } from './cluster.ts'
import { addressOf, connect, countOf, startReplica, until } from './cluster.ts'
import { accept, accepted, envelope, numberOf, vote } from './messages.ts'
import type { Stranger } from './stranger.ts'
import { framed, readMessages, startStranger } from './stranger.ts'

const TEST_MS_MAX = 60_000
const MIB = 1024 * 1024
const networkKey = createNetworkKey()
const ends: (() => Promise<void>)[] = []

async function start(key: string = networkKey): Promise<Replica> {
  const replica = await startReplica({ networkKey: key })
  ends.push(() => replica.transport.stop())
  return replica
}

async function startRaw(key: string = networkKey): Promise<Stranger> {
  const stranger = await startStranger(key)
  ends.push(async () => stranger.node.stop())
  return stranger
}

/** A replica and a configured peer of it that does what it likes. */
async function withMember(): Promise<{ replica: Replica; member: Stranger; connection: Connection }> {
  const [replica, member] = [await start(), await startRaw()]
  replica.transport.setPeers([{ replica: member.id, addresses: [] }])
  const connection = await member.dial(replica)
  await until('it is connected', () => replica.connected.has(member.id))
  return { replica, member, connection }
}

afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()))
})

describe('a stranger', { timeout: TEST_MS_MAX }, () => {
  it('with another network key cannot connect, though it is configured', async () => {
    const [a, b] = [await start(), await start(createNetworkKey())]
    a.transport.setPeers([addressOf(b)])
    b.transport.setPeers([addressOf(a)])
    await until('both have tried', () => [a, b].every((replica) => countOf(replica, 'transport.dial-failed') > 0))
    await until('the failure is traced', () => [a, b].some((own) => countOf(own, 'transport.inbound-failed') > 0))
    expect([a.connected.size, b.connected.size]).toEqual([0, 0])
  })

  it('with the right network key is denied and traced when its id is not configured', async () => {
    const [replica, stranger] = [await start(), await startRaw()]
    const connection = await stranger.dial(replica).catch(() => undefined)
    await until('it is denied', () => countOf(replica, 'transport.stranger-denied') > 0)
    await until('its connection is gone', () => connection?.status !== 'open')
    expect(replica.events.find(({ event }) => event === 'transport.stranger-denied')?.fields).toMatchObject({
      stranger: stranger.id,
      direction: 'inbound',
    })
    expect(replica.connected.size).toBe(0)
  })

  it('costs one trace a second, however often it comes', async () => {
    const [replica, stranger] = [await start(), await startRaw()]
    const startedMs = performance.now()
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const connection = await stranger.dial(replica).catch(() => undefined)
      await until('it is turned away', () => connection?.status !== 'open')
    }
    const secondsBegun = Math.ceil((performance.now() - startedMs) / 1000)
    expect(countOf(replica, 'transport.stranger-denied')).toBeLessThanOrEqual(secondsBegun + 1)
  })

  it('is not dialed at the address of a member, whose key it has not', async () => {
    const [a, stranger, b] = [await start(), await start(), await start()]
    a.transport.setPeers([{ replica: b.id, addresses: stranger.transport.addresses }])
    stranger.transport.setPeers([{ replica: a.id, addresses: [] }])
    await until('the dial has failed', () => countOf(a, 'transport.dial-failed') > 0)
    expect(a.connected.size).toBe(0)
  })
})

describe('a member that breaks the rules', { timeout: TEST_MS_MAX }, () => {
  it.each([
    ['bytes that are no CBOR', () => framed(new Uint8Array(50).fill(0xff)), 'FRAME_NOT_CBOR'],
    ['an empty frame', () => framed(new Uint8Array(0)), 'FRAME_NOT_CBOR'],
    ['CBOR that is no envelope', () => framed(Buffer.from([0xa1, 0x61, 0x61, 0x01])), 'FRAME_MALFORMED'],
    ['a frame above the limit', () => framed(new Uint8Array(9), LIMITS.frameBytesMax + 1), 'FRAME_TOO_LARGE'],
  ])('is refused %s, and heard again on a new stream', async (_what, bytes, code) => {
    const { replica, member, connection } = await withMember()
    const stream = await member.open(connection, 'ordering')
    stream.send(framed(encodeEnvelope(envelope(member.id, [accepted(1)]))))
    stream.send(bytes())
    await until('it is refused', () => replica.refused.length === 1)
    await until('its stream is reset', () => stream.status === 'reset')
    expect(replica.refused).toMatchObject([{ from: member.id, fault: { code } }])
    expect(connection.status).toBe('open')
    await sendUntilHeard({ replica, member, connection })
  })

  it.each([
    ['speaks in the name of another', (_member: Stranger, other: Replica) => envelope(other.id, [accepted(1)]), 'from'],
    [
      'speaks of another cluster',
      (member: Stranger) => ({ ...envelope(member.id, [accepted(1)]), cluster: clusterId('another') }),
      'cluster',
    ],
    [
      'sends on the wrong channel',
      (member: Stranger) => envelope(member.id, [accepted(1), vote(2)]),
      'messages: vote on the ordering channel',
    ],
  ])('is refused when it %s', async (_what, make, detail) => {
    const { replica, member, connection } = await withMember()
    const other = await start()
    const stream = await member.open(connection, 'ordering')
    stream.send(framed(encodeEnvelope(make(member, other))))
    await until('it is refused', () => replica.refused.length === 1)
    await until('its stream is reset', () => stream.status === 'reset')
    expect(replica.refused[0]).toMatchObject({ from: member.id, fault: { code: 'FRAME_MALFORMED' } })
    expect(replica.refused[0]?.fault.detail).toContain(detail)
    expect(replica.received).toEqual([])
  })

  it('is throttled when it keeps sending rubbish', async () => {
    const { replica, member, connection } = await withMember()
    const rubbish = framed(new Uint8Array(50).fill(0xff))
    const startedMs = performance.now()
    let opened = 0
    await until('it was refused five times', () => {
      opened += 1
      member
        .open(connection, 'ordering')
        .then((stream) => stream.send(rubbish))
        .catch(() => undefined)
      return replica.refused.length === 5
    })
    // Four pauses of at least half of 50, 100, 200 and 400 ms lie between five refusals.
    expect(performance.now() - startedMs).toBeGreaterThan(375)
    expect(opened).toBeGreaterThan(10)
  })

  it('is heard on its newest stream only', async () => {
    const { replica, member, connection } = await withMember()
    const older = await member.open(connection, 'ordering')
    older.send(framed(encodeEnvelope(envelope(member.id, [accepted(1)]))))
    await until('the first was heard', () => replica.received.length === 1)
    const newer = await member.open(connection, 'ordering')
    newer.send(framed(encodeEnvelope(envelope(member.id, [accepted(2)]))))
    await until('the second was heard', () => replica.received.length === 2)
    await until('the older stream is reset', () => older.status === 'reset')
    expect(replica.refused).toEqual([])
  })
})

describe('a member that does not read', { timeout: TEST_MS_MAX }, () => {
  it('leaves memory bounded, and the newest messages for when it reads again', async () => {
    const { replica, member } = await withMember()
    await until('the streams are open', () => member.inbound.length === CHANNELS.length)
    const value = new Uint8Array(MIB)
    const before = process.memoryUsage().arrayBuffers
    const count = 400
    for (let at = 1; at <= count; at += 1) {
      replica.transport.send(member.id, [accept(at, value)])
      if (at % 20 === 0) await new Promise(setImmediate)
    }
    await until('some are dropped', () => countOf(replica, 'transport.messages-dropped') > 0)
    const dropped = replica.events.findLast(({ event }) => event === 'transport.messages-dropped')
    expect(dropped?.fields['queueBytes']).toBeLessThanOrEqual(LIMITS.sendQueueBytesMax)
    // What a queue, a frame under way and garbage not yet collected may take, of 400 MiB offered.
    await until('memory is bounded', () => process.memoryUsage().arrayBuffers - before < 120 * MIB)
    expect(replica.connected.has(member.id)).toBe(true)
  })

  it('does not keep the others waiting', async () => {
    const { replica, member } = await withMember()
    const other = await start()
    other.transport.setPeers([addressOf(replica)])
    replica.transport.setPeers([{ replica: member.id, addresses: [] }, addressOf(other)])
    await until('both are connected', () => replica.connected.size === 2)
    for (let at = 1; at <= 50; at += 1) replica.transport.send(member.id, [accept(at, new Uint8Array(MIB))])
    replica.transport.send(other.id, [accepted(51)])
    await until('the other has heard', () => other.received.length === 1)
  })

  it('gets what still waits, oldest first, once it reads', async () => {
    const { replica, member } = await withMember()
    await until('the streams are open', () => member.inbound.length === CHANNELS.length)
    for (let at = 1; at <= 100; at += 1) replica.transport.send(member.id, [accept(at, new Uint8Array(MIB))])
    await until('some are dropped', () => countOf(replica, 'transport.messages-dropped') > 0)
    const arrived: (number | undefined)[] = []
    for (const stream of member.inbound) readMessages(stream, (message) => arrived.push(numberOf(message)))
    await until('the newest has arrived', () => arrived.at(-1) === 100)
    expect(arrived).toEqual(arrived.toSorted((left = 0, right = 0) => left - right))
    expect(arrived.length).toBeLessThan(100)
  })

  it('does not keep stop waiting', async () => {
    const [a, b] = [await start(), await start()]
    await connect(a, b)
    const { replica, member } = await withMember()
    for (let at = 1; at <= 20; at += 1) replica.transport.send(member.id, [accept(at, new Uint8Array(MIB))])
    const startedMs = performance.now()
    await replica.transport.stop()
    expect(performance.now() - startedMs).toBeLessThan(5000)
  })
})

interface Talk {
  readonly replica: Replica
  readonly member: Stranger
  readonly connection: Connection
}

/** Opens streams until one is heard: for a moment after a refusal none is. */
async function sendUntilHeard({ replica, member, connection }: Talk): Promise<void> {
  const heard = replica.received.length
  const bytes = framed(encodeEnvelope(envelope(member.id, [accepted(2)])))
  await until('it is heard again', () => {
    member
      .open(connection, 'ordering')
      .then((stream) => stream.send(bytes))
      .catch(() => undefined)
    return replica.received.length > heard
  })
}
