import { readdir } from 'node:fs/promises'
import { describe, expect, it, vi } from 'vitest'
import type { ClusterView, NoteView } from '../../../core/api/views.ts'
import { encodeCanonical } from '../../../core/model/canonical.ts'
import { slot } from '../../../core/model/ids.ts'
import { accepted } from '../../../core/model/output.ts'
import { clustersFolder, readClusterFiles } from '../../../core/supervisor/cluster-file.ts'
import { settled } from '../../support/host-parts.ts'
import { ScriptedHost } from '../../support/scripted-host.ts'
import type { ScriptedProcess } from '../../support/scripted-launcher.ts'

const increment = { op: 'increment', key: 'n' }
const submit = { cluster: 'Home', client: 'alice', sequence: 1, machine: 'kv', input: increment }

async function served(): Promise<ScriptedHost> {
  const { host } = await ScriptedHost.founded()
  await host.bringUp()
  return host
}

/** The requests a process was given, flushed or not. */
const requestsOf = (process: ScriptedProcess) =>
  process.heard.flatMap((message) => (message.kind === 'requests' ? message.requests : []))
const isEventually = (condition: () => boolean): Promise<void> =>
  vi.waitFor(
    () => {
      if (!condition()) throw new Error('not yet')
    },
    { timeout: 5_000, interval: 10 },
  )

describe('a call', () => {
  it.each([
    ['nobody offers', 'cluster.fly', {}, 'UNKNOWN_CALL: There is no call "cluster.fly".'],
    ['named like what every object has', 'constructor', {}, 'UNKNOWN_CALL: There is no call "constructor".'],
    ['with what it does not take', 'host.view', { extra: 1 }, 'INVALID_ARGUMENT: host.view, extra: '],
    ['without what it needs', 'cluster.start', {}, 'INVALID_ARGUMENT: cluster.start, cluster: '],
    ['with a name of blanks', 'cluster.try', { name: '   ' }, 'INVALID_ARGUMENT: cluster.try, name: '],
    [
      'about a cluster that is not there',
      'cluster.start',
      { cluster: 'Work' },
      'CLUSTER_UNKNOWN: This host has no cluster "Work". It has Home.',
    ],
    [
      'about a replica that is not there',
      'replica.stop',
      { cluster: 'Home', replica: 'z' },
      'REPLICA_UNKNOWN: Cluster Home has no replica "z"; it has a, b, c.',
    ],
    [
      'that founds a second cluster of one name',
      'cluster.try',
      { name: ' Home ' },
      'NAME_TAKEN: This host has a cluster named "Home" already. Choose another name.',
    ],
    [
      'that deletes by a wrong name',
      'cluster.delete',
      { cluster: 'Home', name: 'home' },
      'NAME_DIFFERS: Type the cluster\'s name, "Home", to delete it and its data.',
    ],
    [
      'that orders in a cluster’s own name',
      'cluster.submit',
      { ...submit, client: '~x' },
      'INPUT_REFUSED: A client name does not begin with "~": those names are the cluster\'s own.',
    ],
    [
      'that makes a replica lie which does not run',
      'cluster.inject',
      { cluster: 'Home', fault: { kind: 'lie', replica: 'a' } },
      'REPLICA_STOPPED: Replica a does not run. Start it first.',
    ],
  ])('%s is refused with a code and what to do, and changes nothing', async (_, name, argument, expected) => {
    const { host } = await ScriptedHost.founded()
    const before = await host.ask('host.view', {})
    const refusal = await host.refusal(name, argument)
    expect(refusal.startsWith(expected) ? expected : refusal).toBe(expected)
    expect(await host.ask('host.view', {})).toEqual(before)
  })

  it('to a stopped cluster is refused', async () => {
    const host = await served()
    await host.ask('cluster.stop', { cluster: 'Home' })
    expect([
      await host.refusal('cluster.submit', submit),
      await host.refusal('replica.start', { cluster: 'Home', replica: 'a' }),
    ]).toEqual([
      'CLUSTER_STOPPED: Cluster Home is stopped. Start it, then submit again.',
      'CLUSTER_STOPPED: Cluster Home is stopped. Start the cluster.',
    ])
  })

  it('to a host that is closing is refused', async () => {
    const host = await served()
    const closing = host.supervisor.close()
    expect(await host.refusal('cluster.submit', submit)).toBe('HOST_CLOSING: This host is closing. Nothing was done.')
    await closing
    expect(host.launcher.launched.every((process) => process.hasEnded)).toBe(true)
  })
})

describe('a cluster', () => {
  it('is written down before its replicas start, and starts again with the host', async () => {
    const { host, cluster } = await ScriptedHost.founded()
    await host.bringUp()
    expect(await readClusterFiles(host.dataFolder)).toMatchObject([{ id: cluster, name: 'Home', running: true }])
    await host.supervisor.close()
    const again = await ScriptedHost.open({ dataFolder: host.dataFolder })
    expect(again.launcher.launched.map((process) => process.name)).toEqual(['a', 'b', 'c'])
    expect(again.launcher.newest('b').orders.self).toBe(host.launcher.newest('b').orders.self)
    expect(again.launcher.newest('b').orders.life).not.toBe(host.launcher.newest('b').orders.life)
  })

  it('that was stopped stays stopped when the host comes back', async () => {
    const host = await served()
    await host.ask('cluster.stop', { cluster: 'Home' })
    await host.supervisor.close()
    const again = await ScriptedHost.open({ dataFolder: host.dataFolder })
    expect([again.launcher.launched, (await again.view()).phase]).toEqual([[], 'stopped'])
  })

  it('that is deleted leaves no process and no file', async () => {
    const host = await served()
    await host.ask('cluster.delete', { cluster: 'Home', name: 'Home' })
    expect(host.launcher.launched.every((process) => process.hasEnded)).toBe(true)
    expect(await readdir(clustersFolder(host.dataFolder))).toEqual([])
    expect((await host.ask('host.view', {})).clusters).toEqual([])
  })

  it('tells each replica where the others are, and again when one comes back elsewhere', async () => {
    const host = await served()
    const peers = () => host.launcher.newest('a').heard.findLast((message) => message.kind === 'peers')?.peers
    const expected = () =>
      ['b', 'c'].map((name) => {
        const process = host.launcher.newest(name)
        return { replica: process.orders.self, addresses: [`/ip4/127.0.0.1/tcp/${process.pid}`] }
      })
    expect(peers()).toEqual(expected())
    host.launcher.newest('c').kill()
    await isEventually(() => host.launcher.launched.filter((process) => process.name === 'c').length === 2)
    await host.bringUp(['c'])
    expect(peers()).toEqual(expected())
  })

  it('tells whoever listens of a change, at most ten times a second, with the newest view', async () => {
    const host = await served()
    await new Promise((resolve) => setTimeout(resolve, 150))
    const views: ClusterView[] = []
    const end = host.supervisor.subscribe('cluster.changed', (view) => views.push(view))
    for (let count = 1; count <= 500; count += 1) host.launcher.newest('a').report({ slotDecided: count })
    await isEventually(() => views.length > 0)
    expect(views.map((view) => view.slotDecided)).toEqual([500])
    end()
  })

  it('notes what happens to it, for those who ask and those who listen', async () => {
    const host = await served()
    const heard: NoteView[] = []
    host.supervisor.subscribe('note.added', (note) => heard.push(note))
    host.launcher.newest('c').kill()
    await settled()
    const text = "Replica c's process ended by SIGKILL; it is started again."
    expect(heard.map((note) => [note.level, note.text])).toEqual([['danger', text]])
    expect((await host.ask('host.notes', { limit: 1 })).notes.map((note) => note.text)).toEqual([text])
  })
})

describe('a request', () => {
  it('goes to the leader, and its reply comes back as an outcome', async () => {
    const host = await served()
    const outcome = host.ask('cluster.submit', submit)
    await settled()
    const leader = host.launcher.newest('a')
    expect(requestsOf(leader)).toEqual([
      {
        kind: 'submit',
        request: expect.any(Number) as number,
        client: 'alice',
        sequence: 1,
        machine: 'kv',
        payload: encodeCanonical(increment),
        timeoutMs: expect.any(Number) as number,
      },
    ])
    const request = requestsOf(leader)[0]?.request ?? 0
    leader.say({
      kind: 'replies',
      replies: [{ request, reply: { kind: 'output', slot: slot(1), output: accepted(1), votes: [] } }],
    })
    expect(await outcome).toEqual({ kind: 'output', slot: 1, output: { ok: true, value: 1 }, votes: [] })
  })

  it('goes to another replica, as the same Input, when the first dies before it answers', async () => {
    const host = await served()
    const outcome = host.ask('cluster.submit', submit)
    await settled()
    host.launcher.newest('a').kill()
    const asked = () =>
      ['b', 'c'].map((name) => host.launcher.newest(name)).find((process) => requestsOf(process).length > 0)
    await isEventually(() => asked() !== undefined)
    const other = asked()
    const [again] = other === undefined ? [] : requestsOf(other)
    expect(again).toMatchObject({ kind: 'submit', client: 'alice', sequence: 1 })
    other?.say({
      kind: 'replies',
      replies: [
        { request: again?.request ?? 0, reply: { kind: 'output', slot: slot(2), output: accepted(1), votes: [] } },
      ],
    })
    expect(await outcome).toMatchObject({ kind: 'output', slot: 2 })
  })

  it('is FAIL at its deadline when no replica runs', async () => {
    const { host } = await ScriptedHost.founded()
    const outcome = await host.ask('cluster.submit', { ...submit, timeoutMs: 200 })
    expect(outcome).toMatchObject({ kind: 'fail', reason: 'too-few-outputs', slot: null })
    expect('votes' in outcome ? outcome.votes.map((vote) => [vote.name, vote.sign]) : []).toEqual([
      ['a', 'none'],
      ['b', 'none'],
      ['c', 'none'],
    ])
  })

  it('is refused as BUSY when the replica’s queue is full', async () => {
    const host = await served()
    const refusal = host.refusal('cluster.submit', submit)
    await settled()
    const leader = host.launcher.newest('a')
    leader.say({
      kind: 'replies',
      replies: [{ request: requestsOf(leader)[0]?.request ?? 0, reply: { kind: 'busy' } }],
    })
    expect(await refusal).toBe('BUSY: The queue of Inputs is full. Nothing was ordered; try again in a moment.')
  })
})

describe('a replica’s process', () => {
  it('that dies is started again, and again later when it dies at once', async () => {
    const host = await served()
    const deaths: number[] = []
    for (let death = 1; death <= 3; death += 1) {
      const diedMs = performance.now()
      host.launcher.newest('c').kill()
      await isEventually(() => host.launcher.launched.filter((process) => process.name === 'c').length === death + 1)
      deaths.push(performance.now() - diedMs)
    }
    expect(deaths.map((ms) => ms >= 190)).toEqual([true, true, true])
    expect((deaths[2] ?? 0) / (deaths[0] ?? 1)).toBeGreaterThan(2)
    expect((await host.view()).replicas[2]?.restarts).toBe(3)
  })

  it('is not started a second time by a start that comes while it waits to be', async () => {
    const host = await served()
    host.launcher.newest('c').kill()
    await settled()
    expect((await host.view()).replicas[2]?.process).toBe('restarting')
    await host.ask('replica.start', { cluster: 'Home', replica: 'c' })
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(host.launcher.alive('c').length).toBe(1)
  })

  it('is not started again while it is stopped, whatever it was doing', async () => {
    const host = await served()
    host.launcher.newest('c').kill()
    await settled()
    await host.ask('replica.stop', { cluster: 'Home', replica: 'c' })
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect([host.launcher.alive('c').length, (await host.view()).replicas[2]?.process]).toEqual([0, 'stopped'])
  })

  it('that says that starting again would not help is left alone, with its problem shown', async () => {
    const host = await served()
    const process = host.launcher.newest('c')
    process.say({ kind: 'failed', code: 'STORAGE_CORRUPT', message: 'The log is damaged.', isFinal: true })
    process.exit({ code: 70, signal: null })
    await settled()
    expect((await host.view()).replicas[2]).toMatchObject({
      process: 'failed',
      problem: { code: 'STORAGE_CORRUPT', message: 'The log is damaged.' },
    })
  })

  it('that does not end when told to is ended', async () => {
    const host = await served()
    const process = host.launcher.newest('c')
    process.obeys = false
    const stopped = host.ask('replica.stop', { cluster: 'Home', replica: 'c' })
    await settled()
    expect([process.hasEnded, (await host.view()).replicas[2]?.process]).toEqual([false, 'stopping'])
    await stopped
    expect([process.hasEnded, (await host.view()).replicas[2]?.process]).toEqual([true, 'stopped'])
  })

  it('that was replaced is not listened to any more', async () => {
    const host = await served()
    const old = host.launcher.newest('c')
    old.kill()
    await isEventually(() => host.launcher.newest('c') !== old)
    old.hasEnded = false
    old.report({ slotDecided: 999 })
    expect((await host.view()).slotDecided).toBe(0)
  })
})
