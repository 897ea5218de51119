import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { FaultArgument, InjectedView } from '../../../core/api/faults.ts'
import type { HostMessage } from '../../../core/host/protocol.ts'
import { clusterId } from '../../../core/model/ids.ts'
import {
  readClusterFiles,
  replicaFolder,
  clusterFolder,
  writeClusterFile,
} from '../../../core/supervisor/cluster-file.ts'
import { ScriptedHost } from '../../support/scripted-host.ts'

const eventually = (assertion: () => unknown): Promise<unknown> =>
  vi.waitFor(assertion, { timeout: 5_000, interval: 10 })

async function served(): Promise<{ host: ScriptedHost; cluster: string }> {
  const { host, cluster } = await ScriptedHost.founded()
  await host.bringUp()
  return { host, cluster }
}

function inject(host: ScriptedHost, fault: FaultArgument, durationMs?: number): Promise<InjectedView> {
  return host.ask('cluster.inject', { cluster: 'Home', fault, ...(durationMs === undefined ? {} : { durationMs }) })
}

/** The faults a replica's newest process was told of, in order. */
function toldTo(host: ScriptedHost, name: string): readonly string[] {
  const isFault = (message: HostMessage): message is Extract<HostMessage, { kind: 'fault' }> => message.kind === 'fault'
  return host.launcher
    .newest(name)
    .heard.filter(isFault)
    .map(({ number, fault, active }) => `${number} ${fault.kind} ${active ? 'begins' : 'ends'}`)
}

async function notes(host: ScriptedHost): Promise<string[]> {
  const answer = await host.ask('host.notes', { limit: 50 })
  return answer.notes.map(({ text }) => text)
}

const active = async (host: ScriptedHost): Promise<number[]> => (await host.view()).injected.map(({ number }) => number)

describe('an injected fault', () => {
  it('begins at once, is shown and told as injected, and ends by itself', async () => {
    const { host } = await served()
    const injected = await inject(host, { kind: 'disk-stall', replica: 'b' }, 60)
    expect(injected).toMatchObject({ number: 1, text: "b's disk syncs nothing", endedMs: null })
    expect(injected.endsMs).toBe(injected.startedMs + 60)
    const view = await host.view()
    expect([view.injected.map(({ text }) => text), view.replicas.map(({ faults }) => faults)]).toEqual([
      ["b's disk syncs nothing"],
      [[], ['disk-stall'], []],
    ])
    expect(view.health.sentence).toContain("Injected: b's disk syncs nothing.")
    expect(await notes(host)).toContain("Injected fault 1: b's disk syncs nothing, for 0.1 s at most.")
    await eventually(async () => expect(await active(host)).toEqual([]))
    expect(toldTo(host, 'b')).toEqual(['1 disk-stall begins', '1 disk-stall ends'])
    expect((await notes(host))[0]).toBe("Injected fault 1 ended: b's disk syncs nothing.")
    const { injected: all } = await host.ask('cluster.injected', { cluster: 'Home', limit: 10 })
    expect(all[0]?.endedMs).toBeGreaterThanOrEqual(injected.startedMs + 50)
  })

  it('of a link is told to both ends, and shown on both', async () => {
    const { host } = await served()
    await inject(host, { kind: 'partition', from: 'a', to: 'c' })
    expect([toldTo(host, 'a'), toldTo(host, 'b'), toldTo(host, 'c')]).toEqual([
      ['1 partition begins'],
      [],
      ['1 partition begins'],
    ])
    expect((await host.view()).replicas.map(({ faults }) => faults)).toEqual([['partition'], [], ['partition']])
  })

  it('ends by hand: one by its number, or all', async () => {
    const { host } = await served()
    for (const name of ['a', 'b', 'c']) await inject(host, { kind: 'disk-stall', replica: name })
    await host.ask('cluster.heal', { cluster: 'Home', number: 2 })
    expect(await active(host)).toEqual([3, 1])
    await host.ask('cluster.heal', { cluster: 'Home' })
    expect(await active(host)).toEqual([])
    expect(await host.refusal('cluster.heal', { cluster: 'Home', number: 9 })).toBe(
      'FAULT_UNKNOWN: No fault 9 was injected into cluster Home.',
    )
  })

  it.each<[string, FaultArgument, string]>([
    ['a replica that is not there', { kind: 'kill', replica: 'z' }, 'REPLICA_UNKNOWN: '],
    ['a link to itself', { kind: 'partition', from: 'a', to: 'a' }, 'FAULT_REFUSED: '],
    ['a log that is not there', { kind: 'corrupt-log', replica: 'a' }, 'FAULT_REFUSED: '],
  ])('on %s is refused, and leaves no trace', async (_, fault, expected) => {
    const { host } = await served()
    expect(await host.refusal('cluster.inject', { cluster: 'Home', fault })).toMatch(new RegExp(`^${expected}`))
    expect((await host.ask('cluster.injected', { cluster: 'Home', limit: 10 })).injected).toEqual([])
  })

  it('is refused in a cluster that was founded without rehearsal, whose replicas would not obey either', async () => {
    const { host } = await served()
    const [file] = await readClusterFiles(host.dataFolder)
    if (file === undefined) throw new Error('no cluster')
    await host.supervisor.close()
    await writeClusterFile(host.dataFolder, { ...file, rehearsal: false, running: true })
    const again = await ScriptedHost.open({ dataFolder: host.dataFolder })
    await again.bringUp()
    expect(again.launcher.newest('a').orders.faults).toBeUndefined()
    expect(await again.refusal('cluster.inject', { cluster: 'Home', fault: { kind: 'kill', replica: 'a' } })).toBe(
      'REHEARSAL_OFF: Cluster Home was founded without rehearsal: no fault can be injected.',
    )
  })
})

describe('a replica that starts anew', () => {
  it('is given the faults that go on, and starts honest', async () => {
    const { host } = await served()
    await inject(host, { kind: 'disk-full', replica: 'c' })
    await inject(host, { kind: 'delay', from: 'c', to: 'a', byMs: 100 })
    await inject(host, { kind: 'lie', replica: 'c' })
    await inject(host, { kind: 'disable-auditor', replica: 'c' })
    const before = host.launcher.newest('c')
    await inject(host, { kind: 'kill', replica: 'c' })
    await eventually(() => expect(host.launcher.newest('c')).not.toBe(before))
    const { faults } = host.launcher.newest('c').orders
    expect(faults?.map(({ number, fault }) => `${number} ${fault.kind}`)).toEqual(['1 disk-full', '2 delay'])
    expect(await active(host)).toEqual([2, 1])
    expect(await notes(host)).toContain(
      'Injected fault 3 ended, with its process: a new one starts honest: c lies in every Output.',
    )
  })

  it('is paused again while that goes on', async () => {
    const { host } = await served()
    await inject(host, { kind: 'pause', replica: 'c' })
    const before = host.launcher.newest('c')
    expect(before.isPaused).toBe(true)
    before.kill()
    await eventually(() => expect(host.launcher.newest('c')).not.toBe(before))
    await host.bringUp(['c'])
    expect(host.launcher.newest('c').isPaused).toBe(true)
    await host.ask('cluster.heal', { cluster: 'Home' })
    expect(host.launcher.newest('c').isPaused).toBe(false)
  })
})

describe('a paused replica', () => {
  it('goes on when the last pause of two has ended', async () => {
    const { host } = await served()
    await inject(host, { kind: 'pause', replica: 'b' })
    await inject(host, { kind: 'pause', replica: 'b' })
    await host.ask('cluster.heal', { cluster: 'Home', number: 1 })
    expect(host.launcher.newest('b').isPaused).toBe(true)
    await host.ask('cluster.heal', { cluster: 'Home', number: 2 })
    expect(host.launcher.newest('b').isPaused).toBe(false)
  })

  it.each(['cluster.stop', 'close'] as const)('goes on before it is told to end, by %s', async (how) => {
    const { host } = await served()
    await inject(host, { kind: 'pause', replica: 'b' })
    const process = host.launcher.newest('b')
    process.obeys = false
    const ending = how === 'close' ? host.supervisor.close() : host.ask('cluster.stop', { cluster: 'Home' })
    await eventually(() => expect(process.heard.at(-1)?.kind).toBe('stop'))
    expect(process.isPaused).toBe(false)
    process.exit({ code: 0, signal: null })
    await ending
  })
})

describe('the record of what was injected', () => {
  it('outlives the host: numbers go on, and nothing is active any more', async () => {
    const { host } = await served()
    await inject(host, { kind: 'disk-stall', replica: 'a' })
    await inject(host, { kind: 'kill', replica: 'b' })
    await host.supervisor.close()
    const again = await ScriptedHost.open({ dataFolder: host.dataFolder })
    await again.bringUp()
    const { injected } = await again.ask('cluster.injected', { cluster: 'Home', limit: 10 })
    expect(injected.map(({ number, fault, endedMs }) => [number, fault.kind, endedMs === null])).toEqual([
      [2, 'kill', false],
      [1, 'disk-stall', false],
    ])
    expect((await inject(again, { kind: 'disk-stall', replica: 'a' })).number).toBe(3)
  })

  it('that is damaged is begun anew', async () => {
    const { host, cluster } = await served()
    await host.supervisor.close()
    await writeFile(join(clusterFolder(host.dataFolder, clusterId(cluster)), 'faults.json'), '{"format":1')
    const again = await ScriptedHost.open({ dataFolder: host.dataFolder })
    await again.bringUp()
    expect((await inject(again, { kind: 'disk-stall', replica: 'a' })).number).toBe(1)
  })

  it('keeps the newest 500', async () => {
    const { host } = await served()
    for (let count = 0; count < 505; count += 1) await inject(host, { kind: 'flip-byte', replica: 'a' })
    const { injected } = await host.ask('cluster.injected', { cluster: 'Home', limit: 500 })
    expect([injected.length, injected[0]?.number, injected.at(-1)?.number]).toEqual([500, 505, 6])
  })
})

describe('a log that is corrupted', () => {
  async function withLogs() {
    const { host, cluster } = await served()
    for (const name of ['a', 'b', 'c']) {
      const folder = replicaFolder(host.dataFolder, clusterId(cluster), name)
      await mkdir(folder, { recursive: true })
      await writeFile(join(folder, 'segment-000001.db'), '{"n":1}\n{"n":2}\n{"n":3}\n')
    }
    const read = (name: string) =>
      readFile(join(replicaFolder(host.dataFolder, clusterId(cluster), name), 'segment-000001.db'), 'utf8')
    return { host, read }
  }

  it('has one byte changed, in the middle of a document', async () => {
    const { host, read } = await withLogs()
    await inject(host, { kind: 'corrupt-log', replica: 'b' })
    expect([await read('a'), await read('c')]).toEqual(['{"n":1}\n{"n":2}\n{"n":3}\n', '{"n":1}\n{"n":2}\n{"n":3}\n'])
    const lines = (await read('b')).split('\n')
    expect([lines.length, lines[0], lines[1]?.length, lines[2]]).toEqual([4, '{"n":1}', 7, '{"n":3}'])
    expect(lines[1]).not.toBe('{"n":2}')
    expect((await notes(host)).join()).toContain('(STORAGE_CORRUPT)')
  })

  it('leaves a majority of logs whole: a second one is refused, also by the next host', async () => {
    const { host, read } = await withLogs()
    await inject(host, { kind: 'corrupt-log', replica: 'b' })
    const second = { cluster: 'Home', fault: { kind: 'corrupt-log', replica: 'c' } }
    const refusal = 'FAULT_REFUSED: Only 1 undamaged log would be left; a majority takes 2. Nothing was changed.'
    expect(await host.refusal('cluster.inject', second)).toBe(refusal)
    await host.supervisor.close()
    const again = await ScriptedHost.open({ dataFolder: host.dataFolder })
    expect(await again.refusal('cluster.inject', second)).toBe(refusal)
    expect(await read('c')).toBe('{"n":1}\n{"n":2}\n{"n":3}\n')
  })
})
