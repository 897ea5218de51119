import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { ConsoleReply } from '../../core/api/contract.ts'
import type { LogView } from '../../core/api/views.ts'
import { INPUTS_A_SLOT, logRows, standsFor } from '../../renderer/formatting/log.ts'
import {
  checkpointRows,
  newestStable,
  nextCheckpoint,
  percentOf,
  retentionSentences,
  transferShare,
} from '../../renderer/formatting/storage.ts'
import { useCheckpointStore } from '../../renderer/stores/checkpoint.ts'
import { LOG_PAGE, useLogStore } from '../../renderer/stores/log.ts'
import { checkpointView, clusterView, logSlot, replicaView, storageView } from './views.ts'

interface Asked {
  readonly name: string
  readonly argument: Readonly<Record<string, unknown>>
  readonly answer: (reply: ConsoleReply<unknown>) => void
}

/** The host at the other end of the bridge: questions wait until the test answers them. */
const host = vi.hoisted(() => ({ asked: [] as Asked[] }))

vi.mock('../../renderer/bridge.ts', () => ({
  bridge: {
    request: (name: string, argument: Readonly<Record<string, unknown>>) =>
      new Promise((answer) => {
        host.asked.push({ name, argument: structuredClone(argument), answer })
      }),
    subscribe: () => () => undefined,
  },
}))

beforeEach(() => {
  host.asked.length = 0
  setActivePinia(createPinia())
})

/** Answers the oldest question with a value, or with a fault. */
async function reply(answer: ConsoleReply<unknown>): Promise<Readonly<Record<string, unknown>>> {
  await vi.waitFor(() => expect(host.asked).not.toEqual([]))
  const question = host.asked.shift()
  if (question === undefined) throw new Error('nothing was asked')
  question.answer(answer)
  // What awaits the answer has run before the next turn of the loop.
  await new Promise(setImmediate)
  return question.argument
}

describe('checkpoints of the replicas', () => {
  const other = 'ffff0000'.repeat(8)
  const replicas = [
    replicaView('a', { storage: storageView({ checkpoints: [checkpointView(20), checkpointView(40)] }) }),
    replicaView('b', {
      storage: storageView({ checkpoints: [checkpointView(40, { root: other, stable: false })], writing: 60 }),
    }),
    replicaView('c', { storage: storageView({ checkpoints: [checkpointView(40, { stable: false })] }) }),
  ]

  it('stand in one row a slot, newest first, with a sign a replica', () => {
    const signs = checkpointRows(replicas).map(({ slot, cells }) => [
      slot,
      ...cells.map((cell) => (cell.kind === 'held' ? cell.sign : cell.kind)),
    ])
    expect(signs).toEqual([
      [60, 'none', 'writing', 'none'],
      [40, 'agrees', 'dissents', 'answered'],
      [20, 'agrees', 'none', 'none'],
    ])
    expect(newestStable(replicas)?.slot).toBe(40)
  })

  it('dissent only from a root that a majority attested', () => {
    const unsure = replicas.map((replica) => ({
      ...replica,
      storage: {
        ...replica.storage,
        checkpoints: replica.storage.checkpoints.map((one) => ({ ...one, stable: false })),
      },
    }))
    expect(checkpointRows(unsure)[1]?.cells.map((cell) => cell.kind === 'held' && cell.sign)).toEqual([
      'answered',
      'answered',
      'answered',
    ])
    expect(newestStable(unsure)).toBeNull()
  })

  it('come nearer as the replica that executed most counts slots and bytes', () => {
    const cluster = clusterView({
      checkpointPolicy: { slotsMax: 100, bytesMax: 1000 },
      replicas: [
        replicaView('a', { slotExecuted: 5, storage: storageView({ sinceSlots: 99 }) }),
        replicaView('b', { slotExecuted: 9, storage: storageView({ sinceSlots: 25, sinceBytes: 2000 }) }),
      ],
    })
    expect(nextCheckpoint(cluster)).toEqual({ slots: 25, bytes: 2000, slotsShare: 0.25, bytesShare: 1 })
  })

  it('say once what holds for several replicas', () => {
    const sentences = retentionSentences([
      replicaView('a', { storage: storageView({ retention: 'All stays.' }) }),
      replicaView('b', { storage: storageView({ retention: 'Some goes.' }) }),
      replicaView('c', { storage: storageView({ retention: 'All stays.' }) }),
      replicaView('d', { storage: storageView({ retention: '' }) }),
    ])
    expect(sentences).toEqual([
      { names: ['a', 'c'], sentence: 'All stays.' },
      { names: ['b'], sentence: 'Some goes.' },
    ])
  })
})

describe('a state transfer', () => {
  const transfer = {
    phase: 'fetching' as const,
    ...{ slot: 4, sources: ['a'], bytes: 1, bytesPerSecond: 1, secondsLeft: 1 },
  }

  it('is 100 per cent only when every partition is there', () => {
    const share = transferShare({ ...transfer, partitionsWanted: 1000, partitionsDone: 999 })
    expect(percentOf(share ?? -1)).toBe(99)
    expect(transferShare({ ...transfer, phase: 'writing', partitionsWanted: 0, partitionsDone: 0 })).toBe(1)
  })

  it('has no share before it is known what differs', () => {
    expect(transferShare({ ...transfer, phase: 'comparing', partitionsWanted: 0, partitionsDone: 0 })).toBeNull()
  })
})

describe('rows of the log', () => {
  it('follow the order asked for, an Input a row within its slot', () => {
    const slots = [logSlot(1), logSlot(2, 0), logSlot(3, 2)]
    expect(logRows(slots, 'newest').map(({ key }) => key)).toEqual(['3/0', '3/1', '2', '1/0'])
    expect(logRows(slots, 'slot').map(({ key, isFirst }) => [key, isFirst])).toEqual([
      ['1/0', true],
      ['2', true],
      ['3/0', true],
      ['3/1', false],
    ])
  })

  it('stay few: a page of full slots is at most five rows a slot', () => {
    const page = Array.from({ length: LOG_PAGE }, (_, index) => logSlot(index + 1, 512))
    const rows = logRows(page, 'newest')
    expect(rows).toHaveLength(LOG_PAGE * (INPUTS_A_SLOT + 1))
    expect(rows[INPUTS_A_SLOT]).toMatchObject({ input: null, more: 512 - INPUTS_A_SLOT })
    expect(logRows([logSlot(1, INPUTS_A_SLOT + 1)], 'slot').every(({ more }) => more === 0)).toBe(true)
  })

  it('end where a checkpoint stands for what came before', () => {
    const replica = replicaView('a', {
      storage: storageView({ checkpoints: [checkpointView(40), checkpointView(60)] }),
    })
    expect([standsFor(replica, 31), standsFor(replica, 41), standsFor(replica, 42)]).toEqual([40, 40, 60])
    expect(standsFor(undefined, 5)).toBeNull()
  })
})

describe('the log store', () => {
  function page(first: number, last: number, change: Partial<LogView> = {}): ConsoleReply<LogView> {
    const slots = last < first ? [] : Array.from({ length: last - first + 1 }, (_, index) => logSlot(first + index))
    return { ok: true, value: { replica: 'a', slotFirst: 1, slotDecided: 500, slots, ...change } }
  }

  async function hydrated(): Promise<ReturnType<typeof useLogStore>> {
    const store = useLogStore()
    void store.hydrate('cluster-1')
    expect(await reply(page(401, 500))).toEqual({ cluster: 'cluster-1', limit: LOG_PAGE })
    return store
  }

  it('pages to what is older and back to what is newer', async () => {
    const store = await hydrated()
    void store.older()
    expect(await reply(page(301, 400))).toMatchObject({ slotTo: 400 })
    expect([store.slotOldest, store.slotNewest, store.hasOlder]).toEqual([301, 400, true])
    void store.newer()
    expect(await reply(page(401, 500))).toMatchObject({ slotFrom: 401 })
    expect(store.slotNewest).toBe(500)
  })

  it('has nothing older where the log begins', async () => {
    const store = await hydrated()
    void store.goTo(350, 'slot')
    await reply(page(350, 449, { slotFirst: 350 }))
    expect(store.hasOlder).toBe(false)
    await store.older()
    expect(host.asked).toEqual([])
  })

  it('goes to a slot: the first of a page by slot, the last of one that reads newest first', async () => {
    const store = await hydrated()
    void store.goTo(42, 'slot')
    expect(await reply(page(42, 141))).toMatchObject({ slotFrom: 42 })
    void store.goTo(42, 'newest')
    expect(await reply(page(1, 42))).toMatchObject({ slotTo: 42 })
    expect(store.outside).toBeNull()
  })

  it('shows the nearest page for a slot that is gone, or not decided yet, and says so', async () => {
    const store = await hydrated()
    void store.goTo(3, 'newest')
    await reply(page(1, 0, { slotFirst: 100 }))
    expect(await reply(page(100, 199, { slotFirst: 100 }))).toMatchObject({ slotFrom: 100 })
    expect([store.slotOldest, store.outside]).toEqual([100, { slot: 3, kind: 'gone' }])
    void store.goTo(9999, 'slot')
    await reply(page(1, 0))
    await reply(page(401, 500))
    expect([store.slotNewest, store.outside]).toEqual([500, { slot: 9999, kind: 'not-decided' }])
    void store.newest()
    await reply(page(401, 500))
    expect(store.outside).toBeNull()
  })

  it('asks again for a slot that the host could not send with those before it', async () => {
    const store = await hydrated()
    void store.goTo(42, 'newest')
    await reply(page(1, 30))
    expect(await reply(page(42, 60))).toMatchObject({ slotFrom: 42 })
    expect(store.outside).toBeNull()
  })

  it('keeps the answer to the last question only', async () => {
    const store = await hydrated()
    void store.older()
    void store.newest()
    const [older, newest] = host.asked.splice(0)
    newest?.answer(page(410, 509))
    older?.answer(page(301, 400))
    await new Promise(setImmediate)
    expect(store.slotNewest).toBe(509)
  })

  it('shows the same slots of another replica', async () => {
    const store = await hydrated()
    void store.older()
    await reply(page(301, 400))
    void store.choose('b')
    expect(await reply(page(301, 400, { replica: 'b' }))).toMatchObject({ replica: 'b', slotTo: 400 })
    expect(store.page?.replica).toBe('b')
  })

  it('keeps its page and tells the fault when the log can’t be read', async () => {
    const store = await hydrated()
    void store.older()
    await reply({ ok: false, fault: { code: 'REPLICA_STOPPED', message: 'Replica a does not run.' } })
    expect([store.fault?.code, store.slotNewest]).toEqual(['REPLICA_STOPPED', 500])
  })
})

describe('the checkpoint store', () => {
  const outcome = { kind: 'output', slot: 7, output: { ok: true, value: { slot: 7 } }, votes: [] }

  it('orders one at a time and keeps what came of it', async () => {
    const store = useCheckpointStore()
    void store.order('cluster-1')
    void store.order('cluster-1')
    expect(host.asked).toHaveLength(1)
    store.dismiss()
    expect(store.ordered?.result.kind).toBe('waiting')
    expect(await reply({ ok: true, value: outcome })).toEqual({ cluster: 'cluster-1' })
    expect(store.ordered).toMatchObject({ kind: 'checkpoint', result: { kind: 'outcome', outcome } })
    store.dismiss()
    expect(store.ordered).toBeNull()
  })

  it('keeps the words of a refusal', async () => {
    const store = useCheckpointStore()
    void store.order('cluster-1')
    const fault = { code: 'CLUSTER_STOPPED', message: 'Start it first.' }
    await reply({ ok: false, fault })
    expect(store.ordered?.result).toEqual({ kind: 'refused', fault })
  })
})
