import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TestHost, isAlive, isWell, signal, valueOf, waitFor } from './harness.ts'

const INCREMENT = { op: 'increment', key: 'counter' }

let host: TestHost

beforeEach(async () => {
  host = await TestHost.open()
  await host.found()
})

afterEach(async () => {
  await host.close()
})

interface Acknowledged {
  readonly client: string
  readonly sequence: number
  readonly value: unknown
}

/** Clients that count until told to stop; an Input that fails is sent again until it is answered. */
async function countWith(clients: number, isOver: () => boolean): Promise<Acknowledged[]> {
  const acknowledged: Acknowledged[] = []
  await Promise.all(
    Array.from({ length: clients }, async (_, index) => {
      const client = `counter-${index}`
      for (let sequence = 1; !isOver(); sequence += 1) {
        const value = await waitFor('an acknowledgement', async () => {
          const outcome = await host.submit(client, sequence, INCREMENT, 2_000)
          return outcome.kind === 'fail' ? undefined : valueOf(outcome)
        })
        acknowledged.push({ client, sequence, value })
      }
    }),
  )
  return acknowledged
}

/** Nothing acknowledged is lost, and nothing was executed twice. */
async function expectAllKept(acknowledged: readonly Acknowledged[]): Promise<void> {
  const values = new Set(acknowledged.map(({ value }) => JSON.stringify(value)))
  expect(values.size).toBe(acknowledged.length)
  expect(await host.read({ op: 'get', key: 'counter' })).toEqual({ value: acknowledged.length, found: true })
}

describe('three replica processes', () => {
  it('lose nothing acknowledged and execute nothing twice when the leader is killed under load', async () => {
    let over = false
    const counting = countWith(8, () => over)
    await host.until('some Inputs are decided', ({ slotDecided }) => slotDecided > 20)
    for (let kill = 0; kill < 2; kill += 1) {
      const { leader, slotDecided } = await host.until('a leader is there and all are well', isWell)
      await host.inject({ kind: 'kill', replica: leader ?? '' })
      await host.until('a new leader serves', (view) => view.leader !== leader && view.slotDecided > slotDecided + 20)
    }
    over = true
    const acknowledged = await counting
    await expectAllKept(acknowledged)
    await host.until('the killed are back and level', (view) => {
      const slots = new Set(view.replicas.map(({ slotExecuted }) => slotExecuted))
      return isWell(view) && slots.size === 1
    })
  })

  it('keep everything acknowledged when all three processes are killed at once', async () => {
    const acknowledged = await countWith(4, countDown(40))
    for (const pid of await host.pids()) signal(pid, 'SIGKILL')
    await host.until(
      'all were started again',
      (view) => isWell(view) && view.replicas.every(({ restarts }) => restarts > 0),
    )
    await expectAllKept(acknowledged)
  })

  it('keep everything, sessions too, over a restart of the whole host', async () => {
    const acknowledged = await countWith(2, countDown(20))
    const [first] = acknowledged
    await host.reopen()
    await host.until('all are well', isWell)
    await expectAllKept(acknowledged)
    expect(
      await host.value('counter-0', acknowledged.filter(({ client }) => client === 'counter-0').length, INCREMENT),
    ).toEqual(acknowledged.findLast(({ client }) => client === 'counter-0')?.value)
    expect(first?.value).toBeDefined()
  })

  it('answer FAIL without a majority, and go on when it is back', async () => {
    const { leader, replicas } = await host.view()
    const others = replicas.map(({ name }) => name).filter((name) => name !== leader)
    for (const replica of others) await host.call('replica.stop', { cluster: host.cluster, replica })
    const failed = await host.submit('patient', 1, INCREMENT, 700)
    expect(failed).toMatchObject({ kind: 'fail', reason: 'too-few-outputs', votes: { length: 3 } })
    expect((await host.view()).phase).toBe('no-quorum')
    for (const replica of others) await host.call('replica.start', { cluster: host.cluster, replica })
    await host.until('all are well', isWell)
    expect(await host.value('patient', 1, INCREMENT)).toEqual({ value: 1 })
  })

  it('outvote a lying replica, whichever it is, and name it', async () => {
    for (const [index, liar] of ['a', 'b', 'c'].entries()) {
      const { number } = await host.inject({ kind: 'lie', replica: liar })
      await host.until('it is seen to lie', ({ replicas }) =>
        replicas.some(({ name, faults }) => name === liar && faults.length > 0),
      )
      const outcome = await host.submit('honest', index + 1, INCREMENT)
      expect(valueOf(outcome)).toEqual({ value: index + 1 })
      const slot = await waitFor('all votes are opened', async () => {
        const { slots } = await host.call('cluster.votes', { cluster: host.cluster, limit: 5 })
        const found = slots.find((candidate) => outcome.kind !== 'fail' && candidate.slot === outcome.slot)
        return found?.inputs[0]?.votes.every(({ sign }) => sign === 'agrees' || sign === 'dissents') ? found : undefined
      })
      expect(slot.inputs[0]?.votes.filter(({ sign }) => sign === 'dissents').map(({ name }) => name)).toEqual([liar])
      await host.call('cluster.heal', { cluster: host.cluster, number })
      await host.until('it stopped', ({ replicas }) => replicas.every(({ faults }) => faults.length === 0))
    }
  })

  it('leave no process behind when the host closes', async () => {
    const pids = await host.pids()
    expect(pids.filter(isAlive)).toHaveLength(3)
    await host.closeHost()
    expect(pids.filter(isAlive)).toEqual([])
    await host.openHost()
  })
})

function countDown(from: number): () => boolean {
  let left = from
  return () => (left -= 1) < 0
}
