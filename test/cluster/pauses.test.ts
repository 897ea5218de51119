import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TestHost, isWell, signal, waitFor } from './harness.ts'

let host: TestHost
let paused: number[] = []

beforeEach(async () => {
  host = await TestHost.open()
  await host.found()
})

afterEach(async () => {
  for (const pid of paused) signal(pid, 'SIGCONT')
  paused = []
  await host.close()
})

async function pause(name: string): Promise<number> {
  const { replicas } = await host.view()
  const pid = replicas.find((replica) => replica.name === name)?.pid
  if (pid === undefined || pid === null) throw new Error(`replica ${name} has no process`)
  signal(pid, 'SIGSTOP')
  paused.push(pid)
  return pid
}

describe('a leader that is paused', () => {
  it('is replaced; continued, it serves no read older than what was written meanwhile', async () => {
    for (let round = 1; round <= 3; round += 1) {
      const { leader } = await host.until('a leader is there and all are well', isWell)
      const pid = await pause(leader ?? '')
      expect(await host.value('writer', round, { op: 'set', key: 'register', value: round })).toBeDefined()
      // Reads are asked for at the very moment the old leader wakes and still takes itself for the leader.
      signal(pid, 'SIGCONT')
      const reads = await Promise.all(Array.from({ length: 20 }, () => host.read({ op: 'get', key: 'register' })))
      expect(new Set(reads.map((read) => JSON.stringify(read)))).toEqual(
        new Set([JSON.stringify({ value: round, found: true })]),
      )
    }
  })

  it('leaves a record of the election that took its place', async () => {
    const { leader } = await host.view()
    await pause(leader ?? '')
    await host.value('writer', 1, { op: 'set', key: 'register', value: 1 })
    const election = await waitFor('an election', async () => {
      const { elections } = await host.call('cluster.elections', { cluster: host.cluster, limit: 1 })
      return elections[0]?.previous?.leader === leader ? elections[0] : undefined
    })
    expect(election).toMatchObject({ previous: { leader }, cause: 'silence' })
    expect(election.leader).not.toBe(leader)
  })
})

describe('a leader that is stopped gracefully', () => {
  it('hands over, and the record says so', async () => {
    const { leader } = await host.view()
    await host.call('replica.stop', { cluster: host.cluster, replica: leader ?? '' })
    const election = await waitFor('an election', async () => {
      const { elections } = await host.call('cluster.elections', { cluster: host.cluster, limit: 1 })
      return elections[0]?.previous === null ? undefined : elections[0]
    })
    expect(election).toMatchObject({ previous: { leader }, cause: 'abdicated' })
  })
})
