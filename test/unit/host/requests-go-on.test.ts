import { expect, it } from 'vitest'
import { requestsGoOn } from '../../../core/host/requests-go-on.ts'
import { slot } from '../../../core/model/ids.ts'
import type { ReplicaStatus } from '../../../core/replica/replica.ts'

function watched() {
  let nowMs = 1_000
  const replica = { status: { slotDecided: slot(7) } as ReplicaStatus }
  const goesOn = requestsGoOn(replica, () => nowMs)
  return {
    goesOn,
    after: (ms: number): boolean => {
      nowMs += ms
      return goesOn()
    },
    decided: (): boolean => {
      replica.status = { ...replica.status, slotDecided: slot(replica.status.slotDecided + 1) }
      return goesOn()
    },
  }
}

it('requests go on while slots are decided again and again, and half a second longer', () => {
  const { goesOn, after, decided } = watched()
  expect(goesOn()).toBe(false)
  expect(decided()).toBe(false)
  expect(after(200)).toBe(false)
  expect(decided()).toBe(true)
  expect(after(400)).toBe(true)
  expect(decided()).toBe(true)
  expect(after(499)).toBe(true)
  expect(after(1)).toBe(false)
})

it('one slot now and then, or many at once, are no requests that go on', () => {
  const { after, decided } = watched()
  for (let count = 0; count < 5; count += 1) {
    expect(decided()).toBe(false)
    expect(decided()).toBe(false)
    expect(after(10_000)).toBe(false)
  }
})
