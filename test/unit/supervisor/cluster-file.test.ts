import { mkdir, readFile, readdir, rename, stat, writeFile, cp } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { clusterId, epoch, replicaId } from '../../../core/model/ids.ts'
import type { ClusterFile } from '../../../core/supervisor/cluster-file.ts'
import {
  clusterFolder,
  clustersFolder,
  deleteClusterFolder,
  readClusterFiles,
  replicaFolder,
  writeClusterFile,
} from '../../../core/supervisor/cluster-file.ts'
import { HostError } from '../../../core/supervisor/errors.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const clusterOf = (digit: string, name: string): ClusterFile => ({
  format: 1,
  id: clusterId(digit.repeat(32)),
  name,
  epoch: epoch(1),
  rehearsal: true,
  running: true,
  networkKey: 'network-key',
  members: ['a', 'b', 'c'].map((member) => ({
    replica: replicaId(`id-${member}`),
    name: member,
    privateKey: `key-${member}`,
    begun: false,
  })),
})
const home = clusterOf('1', 'Home')
const pathOf = (dataFolder: string, file: ClusterFile): string =>
  join(clusterFolder(dataFolder, file.id), 'cluster.json')

describe('a cluster’s file', () => {
  it('comes back as it was written, all clusters in order of their names', async () => {
    const folder = await temporaryFolder()
    const files = [clusterOf('1', 'b'), clusterOf('2', 'c'), clusterOf('3', 'a')]
    for (const file of files) await writeClusterFile(folder, file)
    expect((await readClusterFiles(folder)).map((file) => file.name)).toEqual(['a', 'b', 'c'])
    expect((await readClusterFiles(folder))[1]).toEqual(files[0])
  })

  it('holds secrets, so only its owner may read it, and only its owner may look into the folders', async () => {
    const folder = await temporaryFolder()
    await writeClusterFile(join(folder, 'new', 'data'), home)
    const data = join(folder, 'new', 'data')
    const paths = [pathOf(data, home), clusterFolder(data, home.id), clustersFolder(data)]
    const modes = await Promise.all(paths.map(async (path) => ((await stat(path)).mode & 0o777).toString(8)))
    expect(modes).toEqual(['600', '700', '700'])
  })

  it('is replaced whole: what an interrupted write left beside it is never read', async () => {
    const folder = await temporaryFolder()
    await writeClusterFile(folder, home)
    await writeFile(`${pathOf(folder, home)}.new`, '{"format": 1, "id"')
    expect(await readClusterFiles(folder)).toEqual([home])
    await writeClusterFile(folder, { ...home, running: false })
    expect(await readClusterFiles(folder)).toEqual([{ ...home, running: false }])
    expect(await readdir(clusterFolder(folder, home.id))).toEqual(['cluster.json'])
  })

  it('keeps the old content when the new can’t be written', async () => {
    const folder = await temporaryFolder()
    await writeClusterFile(folder, home)
    await mkdir(`${pathOf(folder, home)}.new`)
    await expect(writeClusterFile(folder, { ...home, running: false })).rejects.toThrow()
    expect(await readClusterFiles(folder)).toEqual([home])
  })

  it.each([
    ['cut short', (text: string) => text.slice(0, -20)],
    ['empty', () => ''],
    ['of a newer format', (text: string) => text.replace('"format": 1', '"format": 2')],
    ['without members', (text: string) => JSON.stringify({ ...(JSON.parse(text) as object), members: [] })],
    ['with more in it', (text: string) => JSON.stringify({ ...(JSON.parse(text) as object), extra: 1 })],
    ['with an id that is none', (text: string) => text.replace('1'.repeat(32), '../../etc')],
  ])('%s is said to be damaged, with its path and what to do, and left as it is', async (_, damage) => {
    const folder = await temporaryFolder()
    await writeClusterFile(folder, home)
    const path = pathOf(folder, home)
    const damaged = damage(await readFile(path, 'utf8'))
    await writeFile(path, damaged)
    const error: unknown = await readClusterFiles(folder).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(HostError)
    expect(error).toMatchObject({
      fault: { code: 'CLUSTER_FILE_DAMAGED', file: path },
      cause: expect.any(Error) as Error,
    })
    expect(String(error)).toContain('Restore the file from a backup')
    expect(await readFile(path, 'utf8')).toBe(damaged)
  })

  it('in a folder of another name is not taken for a cluster of its own: two would share one log', async () => {
    const folder = await temporaryFolder()
    await writeClusterFile(folder, home)
    await cp(clusterFolder(folder, home.id), `${clusterFolder(folder, home.id)}-backup`, { recursive: true })
    const files = await readClusterFiles(folder).catch((error: unknown) => error)
    expect(files instanceof HostError ? [] : files).not.toEqual([home, home])
  })
})

describe('the folder of clusters', () => {
  it('is made when it isn’t there', async () => {
    const folder = join(await temporaryFolder(), 'not', 'there')
    expect([await readClusterFiles(folder), await readdir(folder)]).toEqual([[], ['clusters']])
  })

  it('may hold other files, and folders of clusters that were never founded or are half deleted', async () => {
    const folder = await temporaryFolder()
    await writeClusterFile(folder, home)
    await writeFile(join(clustersFolder(folder), '.DS_Store'), 'x')
    await mkdir(replicaFolder(folder, clusterId('9'.repeat(32)), 'a'), { recursive: true })
    expect(await readClusterFiles(folder)).toEqual([home])
  })

  it('has nothing left of a deleted cluster, and everything of the others', async () => {
    const folder = await temporaryFolder()
    const other = clusterOf('2', 'Other')
    for (const file of [home, other]) await writeClusterFile(folder, file)
    await mkdir(replicaFolder(folder, home.id, 'a'), { recursive: true })
    await writeFile(join(replicaFolder(folder, home.id, 'a'), 'log'), 'x')
    await deleteClusterFolder(folder, home.id)
    expect([await readClusterFiles(folder), await readdir(clustersFolder(folder))]).toEqual([[other], [other.id]])
    await deleteClusterFolder(folder, home.id)
  })

  it('may be moved as a whole', async () => {
    const folder = await temporaryFolder()
    await writeClusterFile(join(folder, 'old'), home)
    await rename(join(folder, 'old'), join(folder, 'new'))
    expect(await readClusterFiles(join(folder, 'new'))).toEqual([home])
  })
})
