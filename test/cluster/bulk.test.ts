import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TestHost, isWell } from './harness.ts'

let host: TestHost

beforeEach(async () => {
  host = await TestHost.open()
  await host.found()
})

afterEach(async () => {
  await host.close()
})

describe('large Inputs and Outputs, many at once', () => {
  it('are all ordered and answered', async () => {
    const value = 'x'.repeat(1024 * 1024 - 200)
    const sets = Array.from({ length: 32 }, (_, index) =>
      host.submit(`bulk-${index}`, 1, { op: 'set', key: `large-${index % 4}`, value }, 60_000),
    )
    const outcomes = await Promise.all(sets)
    expect(outcomes.map(({ kind }) => kind)).toEqual(outcomes.map(() => 'output'))
    const gets = Array.from({ length: 32 }, (_, index) =>
      host.submit(`reader-${index}`, 1, { op: 'get', key: `large-${index % 4}` }, 60_000),
    )
    expect((await Promise.all(gets)).map(({ kind }) => kind)).toEqual(gets.map(() => 'output'))
    await host.until('all are well', isWell)
  })

  it('in thousands are all answered too', async () => {
    const value = 'y'.repeat(8 * 1024)
    const sets = Array.from({ length: 2_000 }, (_, index) =>
      host.submit(`many-${index}`, 1, { op: 'set', key: `k-${index % 100}`, value }, 60_000),
    )
    const kinds = new Set((await Promise.all(sets)).map(({ kind }) => kind))
    expect([...kinds]).toEqual(['output'])
  })
})
