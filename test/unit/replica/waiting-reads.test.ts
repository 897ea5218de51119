import { describe, expect, it } from 'vitest'
import { slot } from '../../../core/model/ids.ts'
import type { Slot } from '../../../core/model/ids.ts'
import { WaitingReads } from '../../../core/replica/waiting-reads.ts'
import { b, c } from '../../support/members.ts'

const MIB = 1024 * 1024
const now = { slotExecuted: slot(10), nowMs: 0 }
const question = (at: Slot, bytes = 1): Parameters<WaitingReads['add']>[1] => ({
  kind: 'read-request',
  life: 'x',
  slot: at,
  reads: [{ number: 1, machine: 'kv', payload: new Uint8Array(bytes) }],
})

describe('reads of other proxies that wait', () => {
  it('are taken out once, when their slot is executed', () => {
    const waiting = new WaitingReads()
    for (const at of [11, 12]) waiting.add(b, question(slot(at)), now)
    expect(waiting.take(slot(11)).map(({ from, message }) => [from, message.slot])).toEqual([[b, 11]])
    expect(waiting.take(slot(12)).map(({ message }) => message.slot)).toEqual([12])
  })

  it('are refused for slots that will not be executed in time', () => {
    const waiting = new WaitingReads()
    const add = (at: number) => waiting.add(b, question(slot(at)), now)
    expect([add(2 ** 50), add(10 + 4_097), add(10 + 4_096)]).toEqual([false, false, true])
  })

  it('are bounded in number by member, until some leave', () => {
    const waiting = new WaitingReads()
    const added = Array.from({ length: 2_000 }, (_, index) => waiting.add(b, question(slot(11 + (index % 2))), now))
    expect(added.filter(Boolean).length).toBe(1_024)
    expect(waiting.add(c, question(slot(11)), now)).toBe(true)
    waiting.take(slot(11))
    expect(waiting.add(b, question(slot(12)), now)).toBe(true)
  })

  it('are bounded in bytes by member, until they are dropped', () => {
    const waiting = new WaitingReads()
    const add = (from = b) => waiting.add(from, question(slot(11), MIB), now)
    expect(Array.from({ length: 9 }, () => add()).filter(Boolean).length).toBe(7)
    expect(add(c)).toBe(true)
    waiting.tick(999)
    expect(add()).toBe(false)
    waiting.tick(1_000)
    expect([add(), waiting.take(slot(11)).length]).toEqual([true, 1])
  })
})
