import { mkdir, readFile, readdir, rm, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { clusterId } from '../../../core/model/ids.ts'
import { clusterFolder, readClusterFiles, replicaFolder } from '../../../core/supervisor/cluster-file.ts'
import { exitText } from '../../../core/supervisor/exit-notes.ts'
import { ScriptedHost } from '../../support/scripted-host.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const eventually = (assertion: () => Promise<void>): Promise<void> =>
  vi.waitFor(assertion, { timeout: 5_000, interval: 10 })

async function begunOf(host: ScriptedHost): Promise<readonly boolean[]> {
  const [file] = await readClusterFiles(host.dataFolder)
  return (file?.members ?? []).map(({ begun }) => begun)
}

describe('a host that can’t write down that a replica began its log', () => {
  it('ends the replica before it may vote, says why, and tries again with each of its lives', async () => {
    const { host, cluster } = await ScriptedHost.founded()
    const inTheWay = join(clusterFolder(host.dataFolder, clusterId(cluster)), 'cluster.json.new')
    await mkdir(inTheWay)
    for (let life = 1; life <= 2; life += 1) {
      const process = host.launcher.newest('a')
      process.say({ kind: 'started', addresses: ['/ip4/127.0.0.1/tcp/1'] })
      await expect.poll(() => process.hasEnded).toBe(true)
      const { replicas } = await host.view()
      expect(replicas[0]?.problem?.code).toBe('HOST_WRITE_FAILED')
      await expect.poll(() => host.launcher.alive('a')).toHaveLength(1)
    }
    expect(await begunOf(host)).toEqual([false, false, false])
    await rmdir(inTheWay)
    await host.bringUp(['a'])
    expect(await begunOf(host)).toEqual([true, false, false])
    expect((await host.view()).replicas[0]?.problem).toBeNull()
  })
})

describe('a folder of a cluster without its file', () => {
  it('is told of and left alone when it holds logs, passed over when it is empty', async () => {
    const dataFolder = await temporaryFolder()
    const id = clusterId('9'.repeat(32))
    const log = replicaFolder(dataFolder, id, 'a')
    await mkdir(log, { recursive: true })
    const notes = async (): Promise<readonly string[]> => {
      const host = await ScriptedHost.open({ dataFolder })
      expect((await host.ask('host.view', {})).clusters).toEqual([])
      const answer = await host.ask('host.notes', { limit: 10 })
      await host.supervisor.close()
      return answer.notes.map(({ text }) => text)
    }
    expect(await notes()).toEqual([])
    await writeFile(join(log, 'header.json'), 'x')
    const [told = '', ...more] = await notes()
    expect(more).toEqual([])
    expect(told).toContain(`${clusterFolder(dataFolder, id)} holds logs of replicas and no cluster.json`)
    expect(told).toContain('Restore that file from a backup.')
    expect(await readdir(log)).toEqual(['header.json'])
  })
})

describe('a cluster’s file', () => {
  async function founded() {
    const { host, cluster } = await ScriptedHost.founded()
    await host.supervisor.close()
    const path = join(clusterFolder(host.dataFolder, clusterId(cluster)), 'cluster.json')
    return { dataFolder: host.dataFolder, path, text: await readFile(path, 'latin1') }
  }

  it('is refused with any byte changed that means something, and untouched', async () => {
    const { dataFolder, path, text } = await founded()
    for (let at = 0; at < text.length; at += 7) {
      const changed = `${text.slice(0, at)}${String.fromCharCode(text.charCodeAt(at) ^ 1)}${text.slice(at + 1)}`
      await writeFile(path, changed, 'latin1')
      const code: unknown = await readClusterFiles(dataFolder).then(
        () => undefined,
        (error: unknown) => (error as { readonly fault?: { readonly code: string } }).fault?.code,
      )
      expect([at, text[at], code]).toEqual([at, text[at], 'CLUSTER_FILE_DAMAGED'])
      expect(await readFile(path, 'latin1')).toBe(changed)
    }
  })

  it('of a newer format is said to be that', async () => {
    const { dataFolder, path, text } = await founded()
    const fields = JSON.parse(text) as Record<string, unknown>
    delete fields['checksum']
    await writeFile(path, JSON.stringify({ ...fields, format: 2, more: true }))
    await expect(readClusterFiles(dataFolder)).rejects.toMatchObject({
      fault: { code: 'CLUSTER_FILE_NEWER', file: path, format: 2 },
      message: expect.stringMatching(
        /newer version of Synod \(format 2\)\. Nothing was changed\. Update Synod/,
      ) as string,
    })
  })

  it('written before there was a checksum is read, and has one when it is next written', async () => {
    const { dataFolder, path, text } = await founded()
    const fields = JSON.parse(text) as Record<string, unknown>
    delete fields['checksum']
    await writeFile(path, JSON.stringify(fields))
    const host = await ScriptedHost.open({ dataFolder })
    await host.ask('cluster.stop', { cluster: 'Home' })
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ checksum: expect.any(String) as string })
  })

  it('that can’t be read is said to be that, and not damaged', async () => {
    const { dataFolder, path } = await founded()
    await rm(path)
    await mkdir(path)
    await expect(readClusterFiles(dataFolder)).rejects.toMatchObject({
      fault: { code: 'CLUSTER_FILE_UNREADABLE', file: path },
    })
  })
})

describe('a note of a replica that ended', () => {
  const exit = { code: 70, signal: null, expected: false }
  const problem = { code: 'STORAGE_FULL', message: 'There is no room.' }

  it('says why, and whether it is started again', () => {
    expect(exitText('a', { ...exit, problem: { ...problem, isFinal: false } }).text).toBe(
      'Replica a ended, and is started again and again: There is no room.',
    )
    expect(exitText('a', { ...exit, problem: { ...problem, isFinal: true } }).text).toBe(
      'Replica a stays down until it is started by hand: There is no room.',
    )
    expect(exitText('a', { ...exit, problem: undefined }).text).toBe(
      "Replica a's process ended with code 70; it is started again.",
    )
    expect(exitText('a', { ...exit, expected: true, problem: undefined })).toEqual({
      level: 'attention',
      text: 'Replica a stopped.',
    })
  })

  it('that fails in the same words over and over is told once', async () => {
    const { host } = await ScriptedHost.founded()
    for (let life = 1; life <= 3; life += 1) {
      await expect.poll(() => host.launcher.alive('a')).toHaveLength(1)
      const process = host.launcher.newest('a')
      process.say({ kind: 'failed', ...problem, isFinal: false })
      process.exit({ code: 70, signal: null })
      await eventually(async () => {
        expect((await host.view()).replicas[0]).toMatchObject({ process: 'restarting', problem })
      })
    }
    const { notes } = await host.ask('host.notes', { limit: 50 })
    expect(notes.filter(({ text }) => text.includes('There is no room.'))).toHaveLength(1)
  })
})
