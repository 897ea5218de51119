import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { ConsoleReply } from '../../core/api/contract.ts'
import type { HostView, OutcomeView, SlotVotesView } from '../../core/api/views.ts'
import { useHostStore } from '../../renderer/stores/host.ts'
import { useNotesStore } from '../../renderer/stores/notes.ts'
import { useSubmitStore } from '../../renderer/stores/submit.ts'
import { SLOTS_MAX, useVotesStore } from '../../renderer/stores/votes.ts'
import { clusterView, slotVotes } from './views.ts'

interface Asked {
  readonly name: string
  readonly argument: unknown
  readonly answer: (reply: ConsoleReply<unknown>) => void
}

/** The host at the other end of the bridge: questions wait until the test answers them. */
const host = vi.hoisted(() => ({
  asked: [] as Asked[],
  listeners: new Map<string, (event: unknown) => void>(),
}))

vi.mock('../../renderer/bridge.ts', () => ({
  bridge: {
    request: (name: string, argument: unknown) =>
      new Promise((answer) => {
        // Cloned as on its way through Electron, which refuses Vue's proxies.
        host.asked.push({ name, argument: structuredClone(argument), answer })
      }),
    subscribe: (name: string, listener: (event: unknown) => void) => {
      host.listeners.set(name, listener)
      return () => host.listeners.delete(name)
    },
  },
}))

function emit(name: string, event: unknown): void {
  host.listeners.get(name)?.(event)
}

async function answer(name: string, value: unknown): Promise<void> {
  await vi.waitFor(() => expect(host.asked.map((one) => one.name)).toContain(name))
  const index = host.asked.findIndex((one) => one.name === name)
  const [question] = host.asked.splice(index, index === -1 ? 0 : 1)
  if (question === undefined) throw new Error(`${name} was not asked`)
  question.answer({ ok: true, value })
  // What awaits the answer has run before the next turn of the loop.
  await new Promise(setImmediate)
}

function hostView(...clusters: HostView['clusters']): HostView {
  return { version: 1, synod: '0.1.0', host: 'headless', dataFolder: '/data', machines: [], clusters }
}

beforeEach(() => {
  host.asked.length = 0
  host.listeners.clear()
  const kept = new Map<string, string>()
  vi.stubGlobal('window', {
    sessionStorage: {
      getItem: (name: string) => kept.get(name) ?? null,
      setItem: (name: string, value: string) => kept.set(name, value),
    },
  })
  setActivePinia(createPinia())
})

describe('the host store', () => {
  async function hydrated(): Promise<ReturnType<typeof useHostStore>> {
    const store = useHostStore()
    void store.hydrate()
    await answer('host.view', hostView(clusterView({ version: 5 })))
    store.select('cluster-1')
    return store
  }

  it('shows the next version and ignores one already shown', async () => {
    const store = await hydrated()
    emit('cluster.changed', clusterView({ version: 6, slotDecided: 11 }))
    emit('cluster.changed', clusterView({ version: 6, slotDecided: 99 }))
    emit('cluster.changed', clusterView({ version: 4, slotDecided: 98 }))
    expect(store.cluster?.slotDecided).toBe(11)
    expect(host.asked).toEqual([])
  })

  it('asks again after a gap, and keeps what is newer than the answer', async () => {
    const store = await hydrated()
    emit('cluster.changed', clusterView({ version: 9, slotDecided: 20 }))
    expect(host.asked.map(({ name }) => name)).toEqual(['host.view'])
    await answer('host.view', hostView(clusterView({ version: 8, slotDecided: 18 })))
    expect(store.cluster).toMatchObject({ version: 9, slotDecided: 20 })
  })

  it('ends a question asked meanwhile only with the later answer', async () => {
    const store = await hydrated()
    emit('host.changed', { version: 2 })
    const ended = store.hydrate().then(() => store.clusters.map(({ id }) => id))
    await answer('host.view', hostView(clusterView({ version: 5 })))
    await answer('host.view', hostView())
    expect(await ended).toEqual([])
  })

  it('believes a host reached anew whatever its versions', async () => {
    const store = await hydrated()
    void store.hydrate(true)
    await answer('host.view', hostView(clusterView({ version: 1, slotDecided: 3 })))
    expect(store.cluster).toMatchObject({ version: 1, slotDecided: 3 })
  })

  it('asks again for a cluster it does not know, once for many changes', async () => {
    await hydrated()
    emit('cluster.changed', clusterView({ id: 'cluster-2', version: 1 }))
    emit('host.changed', { version: 2 })
    expect(host.asked).toHaveLength(1)
    await answer('host.view', hostView(clusterView(), clusterView({ id: 'cluster-2' })))
    expect(host.asked).toHaveLength(1)
  })
})

describe('the votes store', () => {
  const slots = (from: number, to: number): SlotVotesView[] =>
    Array.from({ length: to - from + 1 }, (_, index) => slotVotes(to - index, '+++'))

  async function hydrated(): Promise<ReturnType<typeof useVotesStore>> {
    const store = useVotesStore()
    void store.hydrate('cluster-1')
    await answer('cluster.votes', { slots: slots(1, 3) })
    return store
  }

  it('puts changes in their slots, newest first, within its bound', async () => {
    const store = await hydrated()
    emit('votes.changed', { cluster: 'cluster-1', slots: [slotVotes(4, '+++'), slotVotes(2, '++x')], dropped: 2 })
    expect(store.live.map(({ slot, inputs }) => [slot, inputs[0]?.votes[2]?.sign])).toEqual([
      [4, 'agrees'],
      [3, 'agrees'],
      [2, 'dissents'],
      [1, 'agrees'],
    ])
    expect(store.missed).toBe(0)
    emit('votes.changed', { cluster: 'cluster-1', slots: slots(5, 2000), dropped: 0 })
    expect([store.live.length, store.live[0]?.slot]).toEqual([SLOTS_MAX, 2000])
  })

  it('counts slots that went by unseen, and not changes the host counted twice', async () => {
    const store = await hydrated()
    emit('votes.changed', { cluster: 'cluster-1', slots: slots(9, 10), dropped: 4 })
    expect(store.missed).toBe(4)
    emit('votes.changed', { cluster: 'cluster-1', slots: slots(11, 11), dropped: 7 })
    expect(store.missed).toBe(5)
  })

  it('leaves votes of other clusters alone', async () => {
    const store = await hydrated()
    emit('votes.changed', { cluster: 'cluster-2', slots: slots(9, 9), dropped: 0 })
    expect(store.live).toHaveLength(3)
  })

  it('keeps a change that came while the answer was awaited', async () => {
    const store = useVotesStore()
    void store.hydrate('cluster-1')
    emit('votes.changed', { cluster: 'cluster-1', slots: [slotVotes(3, '++x')], dropped: 0 })
    await answer('cluster.votes', { slots: slots(1, 3) })
    expect(store.live[0]?.inputs[0]?.votes[2]?.sign).toBe('dissents')
  })

  it('stands still while paused, counts what is newer, and scrolls back', async () => {
    const store = await hydrated()
    emit('votes.changed', { cluster: 'cluster-1', slots: slots(10, 12), dropped: 0 })
    store.pause()
    emit('votes.changed', { cluster: 'cluster-1', slots: slots(13, 14), dropped: 0 })
    expect([store.slots[0]?.slot, store.newer]).toEqual([12, 2])
    store.resume()
    expect(store.slots[0]?.slot).toBe(14)
  })
})

describe('the notes store', () => {
  it('takes each note once, newest first', async () => {
    const store = useNotesStore()
    void store.hydrate()
    const note = { number: 1, timeMs: 1, cluster: 'cluster-1', level: 'good', text: 'founded' }
    await answer('host.notes', { notes: [note] })
    emit('note.added', note)
    emit('note.added', { ...note, number: 2 })
    expect(store.notes.map(({ number }) => number)).toEqual([2, 1])
  })
})

describe('the submit store', () => {
  const outcome: OutcomeView = { kind: 'output', slot: 7, output: { ok: true, value: 1 }, votes: [] }

  it('gives each Input the next sequence, and a retry the same one', async () => {
    const store = useSubmitStore()
    const sending = { kind: 'submit', cluster: 'cluster-1', machine: 'kv', input: { op: 'get' } } as const
    const first = { ...sending, client: store.client, sequence: store.sequence }
    void store.send(first)
    await answer('cluster.submit', outcome)
    expect([store.sequence, store.shown?.result]).toEqual([2, { kind: 'outcome', outcome }])
    void store.send(first)
    expect(host.asked[0]?.argument).toMatchObject({ client: store.client, sequence: 1 })
    expect(store.sequence).toBe(2)
    expect(store.shown?.result.kind).toBe('waiting')
  })

  it('asks a read without a name', () => {
    const store = useSubmitStore()
    void store.send({ kind: 'stale', cluster: 'c', machine: 'kv', input: {}, client: 'x', sequence: 1 })
    expect(host.asked[0]).toMatchObject({
      name: 'cluster.read',
      argument: { cluster: 'c', machine: 'kv', input: {}, consistency: 'stale' },
    })
    expect(store.sequence).toBe(1)
  })
})
