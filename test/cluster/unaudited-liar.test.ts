import { afterAll, beforeAll, expect, it } from 'vitest'
import { TestHost } from './harness.ts'

const REQUESTS = 10_000
const CLIENTS = 64

let host: TestHost

beforeAll(async () => {
  host = await TestHost.open()
  await host.found()
})

afterAll(async () => {
  await host.close()
})

it('a replica with its auditor disabled lies for 10,000 requests; not one wrong reply', async () => {
  const { leader } = await host.view()
  // The leader, who is the proxy of nearly all: its own Output is the first that is there, and does not count more.
  const liar = leader ?? ''
  await host.inject({ kind: 'disable-auditor', replica: liar }, 600_000)
  await host.inject({ kind: 'lie', replica: liar }, 600_000)
  await host.until('it lies', ({ replicas }) =>
    replicas.some(({ name, faults }) => name === liar && faults.includes('lie')),
  )
  let right = 0
  const wrong: unknown[] = []
  let left = REQUESTS
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, index) => {
      const client = `client-${index}`
      for (let sequence = 1; (left -= 1) >= 0; sequence += 1) {
        const value = await host.value(client, sequence, { op: 'increment', key: client })
        if (JSON.stringify(value) === JSON.stringify({ value: sequence })) right += 1
        else wrong.push(value)
      }
    }),
  )
  expect([right, wrong]).toEqual([REQUESTS, []])
  const { replicas, injected } = await host.view()
  expect(replicas.find(({ name }) => name === liar)?.faults.toSorted()).toEqual(['disable-auditor', 'lie'])
  expect(injected).toHaveLength(2)
  const { slots } = await host.call('cluster.votes', { cluster: host.cluster, limit: 50 })
  const dissenters = slots.flatMap(({ inputs }) =>
    inputs.flatMap(({ votes }) => votes.filter(({ sign }) => sign === 'dissents').map(({ name }) => name)),
  )
  expect([...new Set(dissenters)]).toEqual([liar])
})
