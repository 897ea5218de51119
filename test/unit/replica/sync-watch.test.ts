import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../../core/base/assert.ts'
import { slot } from '../../../core/model/ids.ts'
import type { LogRecord } from '../../../core/model/record.ts'
import { SyncWatch } from '../../../core/replica/sync-watch.ts'
import { a, ballotOf } from '../../support/members.ts'

const ballot = ballotOf(1, a)
const accepted = (number: number, bytes = 1): LogRecord => ({
  kind: 'accepted',
  slot: slot(number),
  ballot,
  value: new Uint8Array(bytes),
})

describe('what is on its way to the disk', () => {
  it('is as old as its oldest record', () => {
    const watch = new SyncWatch()
    expect(watch.waitingMs(500)).toBe(0)
    watch.handed(accepted(1), 100)
    watch.handed(accepted(2), 200)
    expect(watch.waitingMs(500)).toBe(400)
    watch.persisted(1)
    expect(watch.waitingMs(500)).toBe(300)
  })

  it('is full with so many bytes of batches, until they are durable', () => {
    const watch = new SyncWatch()
    watch.handed(accepted(1, 64 * 1024 * 1024), 0)
    expect(watch.isFull).toBe(false)
    watch.handed(accepted(2), 0)
    expect(watch.isFull).toBe(true)
    watch.persisted(1)
    expect(watch.isFull).toBe(false)
  })

  it('tells the lowest slot with a batch among it: what lies on disk of that one may be older', () => {
    const watch = new SyncWatch()
    expect(watch.slotUnsynced).toBe(undefined)
    watch.handed(accepted(9), 0)
    watch.handed({ kind: 'decided', slot: slot(1) }, 0)
    watch.handed({ kind: 'learned', slot: slot(7), value: new Uint8Array(1) }, 0)
    expect(watch.slotUnsynced).toBe(7)
    watch.persisted(2)
    expect(watch.slotUnsynced).toBe(7)
    watch.persisted(1)
    expect(watch.slotUnsynced).toBe(undefined)
  })

  it('is never more than was handed over', () => {
    expect(() => {
      new SyncWatch().persisted(1)
    }).toThrow(InvariantError)
  })
})
