import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FaultArgument, InjectedView } from '../../core/api/faults.ts'
import type { ReplicaView, SlotVotesView, VoteView } from '../../core/api/views.ts'
import { TestHost, isWell, waitFor } from './harness.ts'

/** Long enough to be seen. Unit: ms. */
const FAULT_MS = 1_200
const HOUR_MS = 3_600_000

let host: TestHost
let sequence = 0
let leader = ''
let follower = ''

beforeAll(async () => {
  host = await TestHost.open()
  await host.found()
})

afterAll(async () => {
  await host.close()
})

/** Leadership may have moved: who is who is looked up before each. */
async function begin(): Promise<void> {
  const view = await host.until(
    'all are well and level',
    (seen) => isWell(seen) && seen.leader !== null && new Set(seen.replicas.map((one) => one.slotExecuted)).size === 1,
  )
  leader = view.leader ?? ''
  follower = view.replicas.map(({ name }) => name).find((name) => name !== leader) ?? ''
}

async function replica(name: string): Promise<ReplicaView> {
  const { replicas } = await host.view()
  const found = replicas.find((one) => one.name === name)
  if (found === undefined) throw new Error(`there is no replica ${name}`)
  return found
}

/** An Input that must be answered whatever is injected. @returns its slot. */
async function submit(): Promise<number> {
  sequence += 1
  const outcome = await host.submit('tester', sequence, { op: 'increment', key: 'n' })
  if (outcome.kind !== 'output') throw new Error('it was not answered')
  expect(outcome.output).toEqual({ ok: true, value: { value: sequence } })
  return outcome.slot
}

/** An Input that the leader was seen to write down. */
async function submitWritten(): Promise<void> {
  const before = await replica(leader)
  await submit()
  await waitFor('it is written down', async () =>
    (await replica(leader)).logBytes > before.logBytes ? true : undefined,
  )
}

async function votesOn(slot: number): Promise<SlotVotesView | undefined> {
  const { slots } = await host.call('cluster.votes', { cluster: host.cluster, limit: 20 })
  return slots.find((one) => one.slot === slot)
}

async function voteOf(name: string, slot: number): Promise<VoteView | undefined> {
  return (await votesOn(slot))?.inputs[0]?.votes.find((vote) => vote.name === name)
}

/** Shown while it is active; then it ends, by itself, when its time is over. */
async function untilEnded({ number, startedMs, endsMs }: InjectedView, on: string): Promise<void> {
  const ended = await waitFor('the fault to end', async () => {
    const { injected } = await host.call('cluster.injected', { cluster: host.cluster, limit: 20 })
    return injected.find((one) => one.number === number && one.endedMs !== null)
  })
  expect((ended.endedMs ?? 0) - startedMs).toBeGreaterThanOrEqual(FAULT_MS - 50)
  expect(endsMs).toBe(startedMs + FAULT_MS)
  await waitFor('it is shown no more', async () => ((await replica(on)).faults.length === 0 ? true : undefined))
  expect((await host.view()).injected).toEqual([])
}

async function inject(fault: FaultArgument): Promise<InjectedView> {
  const injected = await host.inject(fault, FAULT_MS)
  const on = 'replica' in fault ? fault.replica : fault.from
  await waitFor('it is shown', async () => ((await replica(on)).faults.includes(fault.kind) ? true : undefined))
  expect((await host.view()).injected).toMatchObject([{ number: injected.number, text: injected.text }])
  return injected
}

describe('an injected fault of a link, from a follower to the leader', () => {
  it.each(['partition', 'drop'] as const)('%s: its votes do not come; afterwards they do', async (kind) => {
    await begin()
    const link = { from: follower, to: leader }
    const injected = await inject(kind === 'drop' ? { kind, ...link, part: 1 } : { kind, ...link })
    const slot = await submit()
    await untilEnded(injected, follower)
    const after = await submit()
    await waitFor('its vote', async () => ((await voteOf(follower, after))?.sign === 'agrees' ? true : undefined))
    const late = await voteOf(follower, slot)
    // It is asked again a few times: what came in the end came after the fault.
    expect(late?.sign === 'none' || (late?.afterMs ?? 0) > FAULT_MS / 2).toBe(true)
  })

  it('delay: its votes come so much later', async () => {
    await begin()
    const injected = await inject({ kind: 'delay', from: follower, to: leader, byMs: 300 })
    const slot = await submit()
    const vote = await waitFor('its vote', async () => {
      const found = await voteOf(follower, slot)
      return found?.sign === 'agrees' ? found : undefined
    })
    expect(vote.afterMs).toBeGreaterThanOrEqual(290)
    await untilEnded(injected, follower)
  })

  it('duplicate: everything comes twice, and nothing happens twice', async () => {
    await begin()
    const injected = await inject({ kind: 'duplicate', from: follower, to: leader, part: 1, bothWays: true })
    for (let time = 0; time < 10; time += 1) await submit()
    await untilEnded(injected, follower)
    expect(await host.read({ op: 'get', key: 'n' })).toEqual({ value: sequence, found: true })
  })
})

describe('an injected fault of a process', () => {
  it('pause: it executes nothing, and goes on where it was', async () => {
    await begin()
    const before = await replica(follower)
    const injected = await inject({ kind: 'pause', replica: follower })
    const slot = await submit()
    const during = await replica(follower)
    expect([during.pid, during.slotExecuted < slot]).toEqual([before.pid, true])
    await untilEnded(injected, follower)
    await waitFor('it caught up', async () => ((await replica(follower)).slotExecuted >= slot ? true : undefined))
    expect((await replica(follower)).pid).toBe(before.pid)
  })

  it('a cluster that is stopped meanwhile lets a paused process go on, and ends it gracefully', async () => {
    await begin()
    await host.inject({ kind: 'pause', replica: follower }, 60_000)
    await host.call('cluster.stop', { cluster: host.cluster })
    const { notes } = await host.call('host.notes', { limit: 20 })
    expect(notes.map(({ text }) => text)).toContain(`Replica ${follower} stopped.`)
    expect((await host.view()).injected).toEqual([])
    await host.call('cluster.start', { cluster: host.cluster })
    await host.until('all are well', isWell)
  })

  it('kill: it comes back as another process', async () => {
    await begin()
    const before = await replica(follower)
    const injected = await host.inject({ kind: 'kill', replica: follower })
    expect([injected.endsMs, injected.endedMs]).toEqual([null, injected.startedMs])
    await waitFor('it is back', async () => {
      const now = await replica(follower)
      return now.process === 'running' && now.pid !== before.pid ? true : undefined
    })
  })

  it('clock-skew of the leader: ordered time jumps with it', async () => {
    await begin()
    const injected = await inject({ kind: 'clock-skew', replica: leader, byMs: HOUR_MS })
    const slot = await submit()
    const { slots } = await host.call('cluster.log', { cluster: host.cluster, slotFrom: slot, limit: 1 })
    expect(slots[0]?.timeMs).toBeGreaterThan(Date.now() + HOUR_MS - 60_000)
    await untilEnded(injected, leader)
  })
})

describe('an injected fault of a disk', () => {
  it('disk-stall: nothing is written down; afterwards it is', async () => {
    await begin()
    const injected = await inject({ kind: 'disk-stall', replica: follower })
    // Twice: then what it told last is from after the stall began.
    for (let time = 0; time < 2; time += 1) await submitWritten()
    const { logBytes } = await replica(follower)
    await submitWritten()
    expect((await replica(follower)).logBytes).toBe(logBytes)
    expect((await host.view()).injected).toHaveLength(1)
    await untilEnded(injected, follower)
    await waitFor('it wrote', async () => ((await replica(follower)).logBytes > logBytes ? true : undefined))
  })

  it('disk-full: it ends as with a full disk, and is back when there is room', async () => {
    await begin()
    const injected = await inject({ kind: 'disk-full', replica: follower })
    const slot = await submit()
    await waitFor('it ended', async () =>
      (await replica(follower)).problem?.code === 'STORAGE_FULL' ? true : undefined,
    )
    await untilEnded(injected, follower)
    await waitFor('it is back', async () => {
      const now = await replica(follower)
      return now.process === 'running' && now.slotExecuted >= slot ? true : undefined
    })
  })
})

describe('an injected fault of a replica’s own', () => {
  it('lie, sometimes: in every third slot its vote dissents, in the others it agrees', async () => {
    await begin()
    // Its auditor would find it.
    const blind = await host.inject({ kind: 'disable-auditor', replica: follower })
    const injected = await host.inject({ kind: 'lie', replica: follower, how: 'sometimes' })
    await waitFor('it lies', async () => ((await replica(follower)).faults.includes('lie') ? true : undefined))
    for (let time = 0; time < 6; time += 1) {
      const slot = await submit()
      const vote = await waitFor('its vote', async () => {
        const found = await voteOf(follower, slot)
        return found?.sign === 'agrees' || found?.sign === 'dissents' ? found : undefined
      })
      expect(vote.sign).toBe(slot % 3 === 0 ? 'dissents' : 'agrees')
    }
    for (const { number } of [injected, blind]) await host.call('cluster.heal', { cluster: host.cluster, number })
    await waitFor('it is honest', async () => ((await replica(follower)).faults.length === 0 ? true : undefined))
  })

  it('disable-auditor: an AUDIT misses its report; a new process starts honest', async () => {
    await begin()
    await host.inject({ kind: 'disable-auditor', replica: follower }, 60_000)
    await host.inject({ kind: 'lie', replica: follower }, 60_000)
    await waitFor('it is shown', async () =>
      (await replica(follower)).faults.toSorted().join() === 'disable-auditor,lie' ? true : undefined,
    )
    const ordered = await host.call('cluster.audit', { cluster: host.cluster })
    if (ordered.kind !== 'output') throw new Error('no AUDIT was ordered')
    const audit = await waitFor('a verdict', async () => {
      const { audits } = await host.call('cluster.audits', { cluster: host.cluster, limit: 5 })
      return audits.find(({ slot }) => slot === ordered.slot)
    })
    expect(audit.replicas.find(({ name }) => name === follower)?.sign).toBe('missing')
    await host.inject({ kind: 'kill', replica: follower })
    await host.until('nothing is injected any more', ({ injected }) => injected.length === 0)
    await begin()
    expect((await replica(follower)).faults).toEqual([])
  })

  it('corrupt-log: at its next start it is refused; no second log may be damaged', async () => {
    await begin()
    const other = (await host.view()).replicas.map(({ name }) => name).find((name) => name !== follower) ?? ''
    await host.inject({ kind: 'corrupt-log', replica: follower })
    await host.inject({ kind: 'kill', replica: follower })
    const view = await host.until('it is refused', ({ replicas }) =>
      replicas.some(({ name, process }) => name === follower && process === 'failed'),
    )
    expect(view.replicas.find(({ name }) => name === follower)?.problem?.code).toBe('STORAGE_CORRUPT')
    const second = await host.request('cluster.inject', {
      cluster: host.cluster,
      fault: { kind: 'corrupt-log', replica: other },
    })
    expect(second).toMatchObject({ ok: false, fault: { code: 'FAULT_REFUSED' } })
    await submit()
  })
})
