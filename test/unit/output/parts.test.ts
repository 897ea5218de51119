import { describe, expect, it } from 'vitest'
import type { ReplicaId } from '../../../core/model/ids.ts'
import { slot } from '../../../core/model/ids.ts'
import { PART_BYTES_MAX, Parts } from '../../../core/output/parts.ts'
import { b, c } from '../../support/members.ts'

const MIB = 1024 * 1024
const COUNT = 512

/** A member that sends as much as it is asked for. @returns how many parts of 2 MiB were taken. */
function fill(parts: Parts, from: ReplicaId, slots: number): number {
  const outputs = [new Uint8Array(2 * MIB)]
  let taken = 0
  for (let number = 1; number <= slots; number += 1) {
    for (let first = 0; first < COUNT; first += 1) {
      parts.ask(slot(number), from)
      const message = { kind: 'outputs', slot: slot(number), first, count: COUNT, outputs } as const
      if (parts.take(from, message) === 'refused') break
      taken += 1
    }
  }
  return taken
}

describe('parts of Outputs', () => {
  it('of one member are bounded in bytes over all slots, and take nothing from another’s', () => {
    const parts = new Parts()
    const taken = fill(parts, b, 40)
    expect(parts.bytes).toBeLessThanOrEqual(PART_BYTES_MAX)
    expect([taken, fill(parts, c, 40)]).toEqual([15, 15])
  })

  it('have their place back when they are dropped, and when their slot goes', () => {
    const parts = new Parts()
    fill(parts, b, 1)
    parts.drop(slot(1), b)
    expect([parts.bytes, fill(parts, b, 1)]).toEqual([0, 15])
    parts.forget(slot(1))
    expect([parts.bytes, fill(parts, b, 1)]).toEqual([0, 15])
    parts.dropAll(slot(1))
    expect(parts.bytes).toBe(0)
  })

  it('that were opened count until their slot goes', () => {
    const parts = new Parts()
    fill(parts, b, 1)
    const { bytes } = parts
    parts.opened(slot(1), b)
    parts.drop(slot(1), b)
    parts.dropAll(slot(1))
    expect(parts.bytes).toBe(bytes)
    parts.forget(slot(1))
    expect(parts.bytes).toBe(0)
  })

  it('answer one question each', () => {
    const parts = new Parts()
    const part = (first: number) =>
      parts.take(b, { kind: 'outputs', slot: slot(1), first, count: 3, outputs: [Uint8Array.of(first)] })
    expect(part(0)).toBe('refused')
    expect(parts.ask(slot(1), b)).toMatchObject({ first: 0 })
    expect([part(1), part(0), part(1)]).toEqual(['refused', 'more', 'refused'])
    expect(parts.ask(slot(1), b)).toMatchObject({ first: 1 })
    expect([part(1), parts.isAsked(slot(1), b)]).toEqual(['more', false])
  })
})
