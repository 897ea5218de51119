import { existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { traceNothing } from '../../core/ports/trace.ts'
import { openDoors } from '../../core/index.ts'
import { Counting, Disks, expectEqualStates, notesOf } from './disk-trouble-parts.ts'
import { TestHost, isWell } from './harness.ts'

/** Of `cluster.json`; files written before there was one are read without. */
const CHECKSUM = /,\s*"checksum": "\w+"/

describe('the files of a host', () => {
  let host: TestHost
  let clusterFile = ''

  beforeAll(async () => {
    host = await TestHost.open()
    await host.found()
    await host.value('writer', 1, { op: 'set', key: 'k', value: 'kept' })
    clusterFile = join(host.folder, 'clusters', host.cluster, 'cluster.json')
    await host.closeHost()
  })

  afterAll(async () => {
    await host.close()
  })

  async function expectServes(): Promise<void> {
    await host.openHost()
    await host.until('all are well', isWell)
    expect(await host.read({ op: 'get', key: 'k' })).toEqual({ value: 'kept', found: true })
    await host.closeHost()
  }

  const texts: readonly (readonly [string, (text: string) => string, string, RegExp])[] = [
    [
      'with a byte changed in a key',
      (text) =>
        text.replace(/"privateKey": "(.)/, (start, first: string) => start.slice(0, -1) + (first === 'A' ? 'B' : 'A')),
      'CLUSTER_FILE_DAMAGED',
      /not what Synod wrote .* logs beside it are untouched\. Restore the file from a backup/,
    ],
    ['cut in half', (text) => text.slice(0, text.length / 2), 'CLUSTER_FILE_DAMAGED', /not what Synod wrote/],
    ['that is empty', () => '', 'CLUSTER_FILE_DAMAGED', /not what Synod wrote/],
    [
      'of another cluster',
      (text) => text.replace(/"id": "\w+"/, `"id": "${'0'.repeat(32)}"`).replace(CHECKSUM, ''),
      'CLUSTER_FILE_DAMAGED',
      /not what Synod wrote/,
    ],
    [
      'of a newer format',
      (text) => text.replace('"format": 1', '"format": 2').replace(CHECKSUM, ''),
      'CLUSTER_FILE_NEWER',
      /newer version of Synod \(format 2\)\. Nothing was changed\. Update Synod/,
    ],
  ]

  it.each(texts)(
    'cluster.json %s keeps the host from starting, and nothing is changed',
    async (_, damage, code, words) => {
      const text = readFileSync(clusterFile, 'utf8')
      const damaged = damage(text)
      expect(damaged).not.toBe(text)
      writeFileSync(clusterFile, damaged)
      await expect(host.openHost()).rejects.toMatchObject({
        fault: { code, file: clusterFile },
        message: expect.stringMatching(words) as string,
      })
      expect(readFileSync(clusterFile, 'utf8')).toBe(damaged)
      writeFileSync(clusterFile, text)
      await expectServes()
    },
  )

  it('cluster.json lost: the host starts without the cluster, says so, and leaves its logs', async () => {
    renameSync(clusterFile, `${clusterFile}-away`)
    await host.openHost()
    expect((await host.call('host.view', {})).clusters).toEqual([])
    expect(await notesOf(host)).toContainEqual(expect.stringMatching(/holds logs of replicas and no cluster\.json/))
    await host.closeHost()
    expect(readdirSync(join(host.folder, 'clusters', host.cluster, 'replicas')).toSorted()).toEqual(['a', 'b', 'c'])
    renameSync(`${clusterFile}-away`, clusterFile)
    await expectServes()
  })

  it('cluster.json half written beside the old one counts for nothing', async () => {
    writeFileSync(`${clusterFile}.new`, '{"format": 1, "id"')
    await expectServes()
    expect(existsSync(`${clusterFile}.new`)).toBe(true)
    rmSync(`${clusterFile}.new`)
  })

  it('the lock: what lies in its place is replaced', async () => {
    for (const content of ['', 'something else']) {
      writeFileSync(join(host.folder, 'host.sock'), content)
      await expectServes()
    }
  })

  it('endpoint.json: what lies in its place is replaced by the next host', async () => {
    writeFileSync(join(host.folder, 'endpoint.json'), '{"url": "http://127')
    const { url } = await openDoorsOnce()
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  })

  it('access-token: a damaged one keeps the doors shut until it is deleted', async () => {
    const file = join(host.folder, 'access-token')
    rmSync(file, { force: true })
    await openDoorsOnce()
    const token = readFileSync(file, 'utf8')
    writeFileSync(file, token.slice(0, token.length / 2))
    await expect(openDoorsOnce()).rejects.toMatchObject({
      fault: { code: 'TOKEN_MALFORMED', file },
      message: expect.stringContaining('Delete the file and start the host again') as string,
    })
    rmSync(file)
    await openDoorsOnce()
    expect(readFileSync(file, 'utf8')).not.toBe(token)
  })

  async function openDoorsOnce(): Promise<{ readonly url: string }> {
    await host.openHost()
    try {
      const doors = await openDoors({
        api: host.api,
        dataFolder: host.folder,
        port: 0,
        trace: traceNothing,
      })
      const { url } = doors
      await doors.close()
      return { url }
    } finally {
      await host.closeHost()
    }
  }
})

const disks = Disks.open()

// Also when none of the tests that use them was chosen.
afterAll(() => {
  disks?.close()
})

describe.skipIf(disks === undefined)('a disk that all replicas and the host share', () => {
  it('that is full stops the cluster and loses nothing acknowledged; with room it goes on by itself', async () => {
    const folder = disks?.create('shared') ?? ''
    const host = await TestHost.open(undefined, folder)
    try {
      await host.found()
      const counting = new Counting(host, 'shared')
      await counting.goesOn()
      disks?.fill('shared', 16 * 1024)
      await host.until('no majority is left', ({ phase, replicas }) => {
        const full = replicas.filter(({ problem }) => problem?.code === 'STORAGE_FULL')
        return phase === 'no-quorum' && full.length >= 2
      })
      const refused = await host.request('cluster.try', { name: 'another' })
      expect(refused).toMatchObject({
        ok: false,
        fault: { message: expect.stringContaining('no space left on device') as string },
      })
      disks?.makeRoom('shared')
      await host.until('all are well', isWell)
      await counting.goesOn()
      await counting.end()
      await expectEqualStates(host)
    } finally {
      await host.close()
    }
  })
})
