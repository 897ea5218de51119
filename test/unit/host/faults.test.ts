import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Fault } from '../../../core/api/faults.ts'
import { createPrng } from '../../../core/base/prng.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import { Faults } from '../../../core/host/faults/faults.ts'
import { FaultyCheckpointStore, FaultyRecordStore, passDisk } from '../../../core/host/faults/faulty-stores.ts'
import { FaultyTransport } from '../../../core/host/faults/faulty-transport.ts'
import { skewedClock } from '../../../core/host/faults/skewed-clock.ts'
import { slot } from '../../../core/model/ids.ts'
import type { LogRecord } from '../../../core/model/record.ts'
import type { ReplicaEvent } from '../../../core/replica/events.ts'
import type { Message } from '../../../core/wire/message.ts'
import { HandClock, HeldStore, NoCheckpoints, NotingTransport, settled } from '../../support/host-parts.ts'
import { a, b, ballotOf, c } from '../../support/members.ts'

const FOLDER = '/a-folder'
const RECORD: LogRecord = { kind: 'promised', ballot: ballotOf(1, a) }
const messageAt = (index: number): Message => ({
  kind: 'refused',
  ballot: ballotOf(index, a),
  promised: ballotOf(9, b),
})
const message = messageAt(1)

/** Faults of replica a, and a transport that has them. */
function bench(self = 'a') {
  const faults = new Faults(self)
  const inner = new NotingTransport(self === 'a' ? a : b)
  const transport = new FaultyTransport(inner, { faults, prng: createPrng(1), nameOf: (replica) => replica })
  const sent = () => inner.frames.map(({ to, messages }) => [to, messages.length] as const)
  return { faults, inner, transport, sent }
}

const link = { from: 'a', to: 'b', bothWays: false }

describe('a link', () => {
  it('that is partitioned loses what goes that way, and nothing else', () => {
    const { faults, transport, sent } = bench()
    faults.order(1, { kind: 'partition', ...link }, true)
    transport.send(b, [message])
    transport.send(c, [message])
    faults.order(1, { kind: 'partition', ...link }, false)
    transport.send(b, [message])
    expect(sent()).toEqual([
      [c, 1],
      [b, 1],
    ])
  })

  it.each([
    [false, 1],
    [true, 0],
  ])('from a to b, both ways %s, lets %d messages of b through to a', (bothWays, count) => {
    const { faults, transport, sent } = bench('b')
    faults.order(1, { kind: 'partition', from: 'a', to: 'b', bothWays }, true)
    transport.send(a, [message])
    expect(sent()).toHaveLength(count)
  })

  it('that drops a part loses about that part, and keeps the order of the rest', () => {
    const { faults, inner, transport } = bench()
    faults.order(1, { kind: 'drop', ...link, part: 0.3 }, true)
    for (let index = 0; index < 1_000; index += 1) transport.send(b, [messageAt(index)])
    const rounds = inner.frames.flatMap(({ messages }) =>
      messages.map((one) => (one.kind === 'refused' ? one.ballot.round : -1)),
    )
    expect(rounds.length).toBeGreaterThan(630)
    expect(rounds.length).toBeLessThan(770)
    expect(rounds).toEqual(rounds.toSorted((left, right) => left - right))
  })

  it('that duplicates everything sends each message twice', () => {
    const { faults, transport, sent } = bench()
    faults.order(1, { kind: 'duplicate', ...link, part: 1 }, true)
    transport.send(b, [message, message])
    expect(sent()).toEqual([[b, 4]])
  })

  describe('that delays', () => {
    beforeEach(() => {
      vi.useFakeTimers()
    })
    afterEach(() => {
      vi.useRealTimers()
    })

    it('sends that much later, in order', () => {
      const { faults, transport, sent } = bench()
      faults.order(1, { kind: 'delay', ...link, byMs: 200 }, true)
      transport.send(b, [message])
      vi.advanceTimersByTime(150)
      transport.send(b, [message, message])
      expect(sent()).toEqual([])
      vi.advanceTimersByTime(60)
      expect(sent()).toEqual([[b, 1]])
      vi.advanceTimersByTime(150)
      expect(sent()).toEqual([
        [b, 1],
        [b, 2],
      ])
    })

    it('lets go at once what it held when that ends, before anything later', () => {
      const { faults, transport, sent } = bench()
      faults.order(1, { kind: 'delay', ...link, byMs: 10_000 }, true)
      transport.send(b, [message])
      transport.send(b, [message, message])
      faults.order(1, { kind: 'delay', ...link, byMs: 10_000 }, false)
      transport.send(b, [message, message, message])
      expect(sent().map(([, count]) => count)).toEqual([1, 2, 3])
    })

    it('sends nothing more when it is stopped', async () => {
      const { faults, transport, sent } = bench()
      faults.order(1, { kind: 'delay', ...link, byMs: 100 }, true)
      transport.send(b, [message])
      await transport.stop()
      vi.advanceTimersByTime(1_000)
      expect(sent()).toEqual([])
    })
  })
})

describe('a disk', () => {
  const stall: Fault = { kind: 'disk-stall', replica: 'a' }
  const full: Fault = { kind: 'disk-full', replica: 'a' }

  it('that stalls writes nothing down until that ends, then all of it in order', async () => {
    const faults = new Faults('a')
    const inner = new HeldStore()
    const store = new FaultyRecordStore(inner, faults, FOLDER)
    faults.order(1, stall, true)
    const ends = [store.append([RECORD]), store.append([RECORD, RECORD])]
    await settled()
    expect(inner.appends).toEqual([])
    faults.order(1, stall, false)
    await settled()
    expect(inner.appends.map((records) => records.length)).toEqual([1, 2])
    inner.sync()
    inner.sync()
    await Promise.all(ends)
  })

  it('that stalls by two orders goes on when both have ended', async () => {
    const faults = new Faults('a')
    const inner = new HeldStore()
    const store = new FaultyRecordStore(inner, faults, FOLDER)
    for (const number of [1, 2]) faults.order(number, stall, true)
    void store.append([RECORD])
    faults.order(1, stall, false)
    await settled()
    expect(inner.appends).toEqual([])
    faults.order(2, stall, false)
    await settled()
    expect(inner.appends).toHaveLength(1)
  })

  it('that is full refuses as a real one does, and is read all the same', async () => {
    const faults = new Faults('a')
    const inner = new HeldStore()
    const store = new FaultyRecordStore(inner, faults, FOLDER)
    const checkpoints = new FaultyCheckpointStore(new NoCheckpoints(), faults, FOLDER)
    faults.order(1, full, true)
    await expect(store.append([RECORD])).rejects.toMatchObject({ fault: { code: 'STORAGE_FULL', file: FOLDER } })
    await expect(store.truncate(slot(1))).rejects.toMatchObject({ fault: { code: 'STORAGE_FULL' } })
    await expect(
      checkpoints.certify({ slot: slot(1), root: sha256(Uint8Array.of()), attestations: [] }),
    ).rejects.toMatchObject({ fault: { code: 'STORAGE_CHECKPOINT_FAILED', reason: 'full' } })
    await expect(passDisk(faults, FOLDER)).rejects.toMatchObject({ fault: { code: 'STORAGE_FULL' } })
    expect([inner.appends, await store.read({ slotFrom: slot(1), slotTo: slot(1), bytesMax: 1 })]).toEqual([[], []])
    faults.order(1, full, false)
    await expect(passDisk(faults, FOLDER)).resolves.toBeUndefined()
  })

  it('without a fault passes everything on', async () => {
    const inner = new HeldStore()
    const store = new FaultyRecordStore(inner, new Faults('a'), FOLDER)
    const end = store.append([RECORD])
    await settled()
    inner.sync()
    await end
    expect(inner.appends).toEqual([[RECORD]])
  })
})

describe('a clock', () => {
  it('that is wrong moves away from the monotonic one, and back', () => {
    const faults = new Faults('a')
    const clock = skewedClock(new HandClock(), faults)
    const offset = () => clock.read().wallMs - clock.read().monotonicMs
    const before = offset()
    faults.order(1, { kind: 'clock-skew', replica: 'a', byMs: -5_000 }, true)
    expect(offset()).toBe(before - 5_000)
    faults.order(1, { kind: 'clock-skew', replica: 'a', byMs: -5_000 }, false)
    expect(offset()).toBe(before)
  })
})

describe('what a replica does wrong by itself', () => {
  it('is told to it, also when it was ordered before it ran; and ends with the last order', () => {
    const faults = new Faults('a')
    const events: ReplicaEvent[] = []
    faults.order(1, { kind: 'lie', replica: 'a', how: 'sometimes' }, true)
    faults.attach((event) => events.push(event))
    faults.order(2, { kind: 'lie', replica: 'a', how: 'always' }, true)
    faults.order(2, { kind: 'lie', replica: 'a', how: 'always' }, false)
    faults.order(1, { kind: 'lie', replica: 'a', how: 'sometimes' }, false)
    faults.order(3, { kind: 'flip-byte', replica: 'a', key: 'kv/entry/k' }, true)
    faults.order(4, { kind: 'disable-auditor', replica: 'a' }, true)
    expect(events).toEqual([
      { kind: 'lie', active: true, how: 'sometimes' },
      { kind: 'lie', active: true, how: 'always' },
      { kind: 'lie', active: true, how: 'sometimes' },
      { kind: 'lie', active: false, how: undefined },
      { kind: 'tamper', key: 'kv/entry/k' },
      { kind: 'disable-auditor', active: true },
    ])
  })
})
