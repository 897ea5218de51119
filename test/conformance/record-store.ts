import { describe, expect, it } from 'vitest'
import { sha256 } from '../../core/crypto/hash.ts'
import { replicaId, slot } from '../../core/model/ids.ts'
import { LIMITS } from '../../core/model/limits.ts'
import type { LogRecord } from '../../core/model/record.ts'
import type { RecordStore } from '../../core/ports/record-store.ts'

/** One disk, and the stores that are opened on it one after the other. */
export interface RecordStoreSubject {
  readonly open: (onRecord: (record: LogRecord) => void) => Promise<RecordStore>
  /** The power fails: the open store is gone, and with it what was not synced. */
  readonly cutPower: () => void
  /** The disk fills up, or has room again. */
  readonly setFull: (full: boolean) => void
  /** Syncs take until the returned function is called. */
  readonly holdSyncs: () => () => void
}

const alice = replicaId('alice')

/** What every record store promises. */
export function recordStoreConformance(name: string, createSubject: () => RecordStoreSubject): void {
  const reopen = async (subject: RecordStoreSubject): Promise<{ store: RecordStore; found: readonly LogRecord[] }> => {
    const found: LogRecord[] = []
    const store = await subject.open((record) => found.push(record))
    return { store, found }
  }
  const foundIn = async (subject: RecordStoreSubject): Promise<readonly LogRecord[]> => {
    const { store, found } = await reopen(subject)
    await store.close()
    return found
  }

  describe(`record store: ${name}`, () => {
    it('is empty at first', async () => {
      expect(await foundIn(createSubject())).toEqual([])
    })

    it('gives every kind of record back as it was, in the order of appending', async () => {
      const subject = createSubject()
      const { store } = await reopen(subject)
      const records = oneOfEachKind()
      await store.append(records)
      await store.close()
      expect(await foundIn(subject)).toEqual(records)
    })

    it('keeps an empty value, every byte, and the largest value there is', async () => {
      const subject = createSubject()
      const { store } = await reopen(subject)
      const values = [new Uint8Array(), Uint8Array.from({ length: 256 }, (_, byte) => byte)]
      const records = [...values, new Uint8Array(LIMITS.partBytesMax).fill(0xff)].map((value): LogRecord => ({
        kind: 'learned',
        slot: slot(1),
        value,
      }))
      await store.append(records)
      await store.close()
      const found = await foundIn(subject)
      const pairs = found.map((record, index) => [record, records[index]])
      expect(pairs.every(([left, right]) => sameValue(left, right))).toBe(true)
      expect(found).toHaveLength(3)
    })

    it('keeps a proposer of any characters', async () => {
      const subject = createSubject()
      const { store } = await reopen(subject)
      const names = ['\u2028\u2029\u0085', '"}\n{', '%0041', '\\', 'ü€😀', '\ud800', '$x.y']
      const records = names.map((proposer, index): LogRecord => {
        return { kind: 'promised', ballot: { round: index + 1, proposer: replicaId(proposer) } }
      })
      await store.append(records)
      await store.close()
      expect(await foundIn(subject)).toEqual(records)
    })

    it('keeps the order of overlapping calls', async () => {
      const subject = createSubject()
      const { store } = await reopen(subject)
      const records = decidedFrom(1, 60)
      const calls: Promise<void>[] = []
      for (let index = 0; index < records.length; index += 3) calls.push(store.append(records.slice(index, index + 3)))
      await Promise.all(calls)
      await store.close()
      expect(await foundIn(subject)).toEqual(records)
    })

    it('resolves calls in the order they were made', async () => {
      const { store } = await reopen(createSubject())
      const resolved: number[] = []
      await Promise.all(
        decidedFrom(1, 10).map(async (record, index) => {
          await store.append([record])
          resolved.push(index)
        }),
      )
      await store.close()
      expect(resolved).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    })

    it('goes on where it stopped after it was closed and opened again', async () => {
      const subject = createSubject()
      const records = decidedFrom(1, 9)
      for (let index = 0; index < records.length; index += 3) {
        const { store, found } = await reopen(subject)
        expect(found).toEqual(records.slice(0, index))
        await store.append(records.slice(index, index + 3))
        await store.close()
      }
      expect(await foundIn(subject)).toEqual(records)
    })

    it('has every acknowledged record after a power cut, and nothing that was not appended', async () => {
      const subject = createSubject()
      const records = decidedFrom(1, 30)
      let acknowledged = 0
      for (let round = 0; round < 3; round += 1) {
        const { store, found } = await reopen(subject)
        expect(found.length).toBeGreaterThanOrEqual(acknowledged)
        expect(found).toEqual(records.slice(0, found.length))
        await store.append(records.slice(found.length, found.length + 4))
        acknowledged = found.length + 4
        const release = subject.holdSyncs()
        // Never acknowledged, so it may be there or not; the process that waits for it is gone.
        store.append(records.slice(acknowledged, acknowledged + 2)).catch(() => undefined)
        subject.cutPower()
        release()
      }
    })

    it('does not resolve before the sync', async () => {
      const subject = createSubject()
      const { store } = await reopen(subject)
      const release = subject.holdSyncs()
      let resolved = false
      const call = store.append(decidedFrom(1, 1)).then(() => {
        resolved = true
      })
      await turnsOfTheLoop(20)
      expect(resolved).toBe(false)
      release()
      await call
      await store.close()
    })

    it('rejects with the same fault for ever after the first failure, and keeps what was acknowledged', async () => {
      const subject = createSubject()
      const { store } = await reopen(subject)
      const records = decidedFrom(1, 2)
      await store.append(records)
      subject.setFull(true)
      const outcomes = await Promise.allSettled([store.append(decidedFrom(3, 1)), store.append(decidedFrom(4, 1))])
      subject.setFull(false)
      const later = await Promise.allSettled([store.append(decidedFrom(5, 1)), store.append(decidedFrom(6, 1))])
      await store.close()
      for (const outcome of [...outcomes, ...later]) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: { fault: { code: 'STORAGE_FULL' } } })
      }
      const found = await foundIn(subject)
      expect(found.slice(0, 2)).toEqual(records)
      expect(found).toEqual(decidedFrom(1, found.length))
      expect(found.length).toBeLessThanOrEqual(4)
    })

    it('works again after it was opened anew on a disk that has room', async () => {
      const subject = createSubject()
      const { store } = await reopen(subject)
      subject.setFull(true)
      await expect(store.append(decidedFrom(1, 1))).rejects.toMatchObject({ fault: { code: 'STORAGE_FULL' } })
      await store.close()
      subject.setFull(false)
      const second = await reopen(subject)
      const next = decidedFrom(second.found.length + 1, 1)
      await second.store.append(next)
      await second.store.close()
      expect(await foundIn(subject)).toEqual([...second.found, ...next])
    })

    it('waits with closing for what is under way, closes once, and takes nothing after', async () => {
      const subject = createSubject()
      const { store } = await reopen(subject)
      const records = decidedFrom(1, 5)
      const calls = records.map((record) => store.append([record]))
      await Promise.all([store.close(), store.close()])
      await Promise.all(calls)
      await expect(store.append(decidedFrom(6, 1))).rejects.toMatchObject({ fault: { code: 'STORAGE_CLOSED' } })
      expect(await foundIn(subject)).toEqual(records)
    })

    it('has nothing to wait for when nothing is appended', async () => {
      const subject = createSubject()
      const { store } = await reopen(subject)
      await store.append([])
      await store.close()
      expect(await foundIn(subject)).toEqual([])
    })

    it('reads slots back: the newest record of each, without a gap, bounded in bytes but at least one', async () => {
      const subject = createSubject()
      const { store } = await reopen(subject)
      const learned = (number: number, byte: number): LogRecord => {
        return { kind: 'learned', slot: slot(number), value: new Uint8Array(100).fill(byte) }
      }
      const ballot = { round: 3, proposer: alice }
      const accepted: LogRecord = { kind: 'accepted', slot: slot(2), ballot, value: Uint8Array.of(9) }
      await store.append([learned(1, 1), learned(2, 2), learned(3, 3), accepted, learned(5, 5)])
      const read = (from: number, to: number, bytesMax: number) =>
        store.read({ slotFrom: slot(from), slotTo: slot(to), bytesMax })
      const found = await read(1, 9, 10_000)
      expect(found.map((stored) => [stored.slot, stored.ballot, stored.value[0], stored.value.length])).toEqual([
        [1, undefined, 1, 100],
        [2, ballot, 9, 1],
        [3, undefined, 3, 100],
      ])
      expect([await read(4, 5, 10_000), (await read(1, 3, 1)).length, (await read(1, 3, 101)).length]).toEqual([
        [],
        1,
        2,
      ])
      await store.close()
      const again = await reopen(subject)
      expect((await again.store.read({ slotFrom: slot(2), slotTo: slot(3), bytesMax: 10_000 })).length).toBe(2)
      await again.store.close()
    })

    it('keeps every later slot and the highest promise when it drops what a checkpoint stands for', async () => {
      const subject = createSubject()
      const { store } = await reopen(subject)
      const ballot = { round: 7, proposer: alice }
      await store.append([{ kind: 'promised', ballot }])
      for (let number = 1; number <= 40; number += 1) {
        await store.append([{ kind: 'learned', slot: slot(number), value: new Uint8Array(1000).fill(number) }])
      }
      await store.truncate(slot(30))
      await store.append([{ kind: 'learned', slot: slot(41), value: new Uint8Array(10) }])
      expect((await store.read({ slotFrom: slot(31), slotTo: slot(41), bytesMax: 100_000 })).length).toBe(11)
      await store.close()
      const found = await foundIn(subject)
      const promises = found.filter((record) => 'ballot' in record && record.ballot.round === 7)
      const slots = found.flatMap((record) => (record.kind === 'learned' && record.slot > 30 ? [record.slot] : []))
      expect([promises.length > 0, slots.length]).toEqual([true, 11])
    })

    it('tells how many bytes it holds', async () => {
      const subject = createSubject()
      const first = await reopen(subject)
      const bytesEmpty = first.store.bytes
      await first.store.append([{ kind: 'learned', slot: slot(1), value: new Uint8Array(3000) }])
      const bytesFull = first.store.bytes
      await first.store.close()
      const second = await reopen(subject)
      expect(second.store.bytes).toBe(bytesFull)
      await second.store.close()
      expect(bytesFull - bytesEmpty).toBeGreaterThanOrEqual(3000)
    })
  })
}

export function decidedFrom(first: number, count: number): readonly LogRecord[] {
  return Array.from({ length: count }, (_, index) => ({ kind: 'decided', slot: slot(first + index) }))
}

function oneOfEachKind(): readonly LogRecord[] {
  const ballot = { round: 3, proposer: alice }
  const signature = Uint8Array.from({ length: 64 }, (_, index) => index * 3)
  const attestations = [{ replica: alice, signature }]
  return [
    { kind: 'promised', ballot },
    { kind: 'accepted', slot: slot(7), ballot, value: Uint8Array.from([0, 10, 13, 34, 125, 255]) },
    { kind: 'learned', slot: slot(8), value: Uint8Array.from([1]) },
    { kind: 'decided', slot: slot(8) },
    { kind: 'jumped', certificate: { slot: slot(9), root: sha256(signature), attestations } },
  ]
}

function sameValue(left: LogRecord | undefined, right: LogRecord | undefined): boolean {
  if (left?.kind !== 'learned' || right?.kind !== 'learned') return false
  return Buffer.compare(left.value, right.value) === 0
}

/** Lets everything run that is ready to run: a held sync is the only thing left to wait for. */
async function turnsOfTheLoop(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}
