import { mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import type { ClusterId } from '../model/ids.ts'
import { epochSchema, replicaIdSchema } from '../wire/schema.ts'
import { HostError } from './errors.ts'

const FILE = 'cluster.json'

const clusterFileSchema = v.strictObject({
  format: v.literal(1),
  id: v.pipe(
    v.string(),
    v.regex(/^[0-9a-f]{32}$/),
    v.transform((value) => value as ClusterId),
  ),
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
  epoch: epochSchema,
  rehearsal: v.boolean(),
  /** Whether its replicas run when the host starts. */
  running: v.boolean(),
  /** Leader leases with this clock bound; off when absent. Unit: ms. */
  leaseClockBoundMs: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(200))),
  networkKey: v.string(),
  /** All members; those of this host with their private keys. */
  members: v.pipe(
    v.array(
      v.strictObject({
        replica: replicaIdSchema,
        name: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
        privateKey: v.string(),
        /** Its log was begun: from then on an empty folder means that promises are lost. */
        begun: v.boolean(),
      }),
    ),
    v.minLength(1),
  ),
})

/** What a host keeps about a cluster, beside its replicas' logs. Holds secrets: readable by its owner only. */
export type ClusterFile = v.InferOutput<typeof clusterFileSchema>

export function clustersFolder(dataFolder: string): string {
  return join(dataFolder, 'clusters')
}

export function clusterFolder(dataFolder: string, id: ClusterId): string {
  return join(clustersFolder(dataFolder), id)
}

export function replicaFolder(dataFolder: string, id: ClusterId, name: string): string {
  return join(clusterFolder(dataFolder, id), 'replicas', name)
}

/** Whole or not at all, and durable: written beside, synced, renamed. */
export async function writeClusterFile(dataFolder: string, file: ClusterFile): Promise<void> {
  const folder = clusterFolder(dataFolder, file.id)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, FILE)
  const handle = await open(`${path}.new`, 'w', 0o600)
  try {
    await handle.writeFile(`${JSON.stringify(file, null, 2)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(`${path}.new`, path)
  await syncFolder(folder)
  await syncFolder(dirname(folder))
}

/** @throws HostError CLUSTER_FILE_DAMAGED when a file can't be read as what was written. */
export async function readClusterFiles(dataFolder: string): Promise<ClusterFile[]> {
  const folder = clustersFolder(dataFolder)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const files: ClusterFile[] = []
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue
    const path = join(folder, entry.name, FILE)
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      // A folder without the file was being founded or deleted when the host ended.
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
      throw error
    })
    if (text !== undefined) files.push(parse(path, text, entry.name))
  }
  return files.toSorted((left, right) => (left.name < right.name ? -1 : 1))
}

/** The file goes first: what is left of an interrupted deletion is no cluster any more. */
export async function deleteClusterFolder(dataFolder: string, id: ClusterId): Promise<void> {
  await rm(join(clusterFolder(dataFolder, id), FILE), { force: true })
  await rm(clusterFolder(dataFolder, id), { recursive: true, force: true })
}

/** `folder`: the name of the folder it lies in, which is the cluster's id. A copy beside it would share its log. */
function parse(path: string, text: string, folder: string): ClusterFile {
  try {
    return v.parse(
      v.pipe(
        clusterFileSchema,
        v.check((file) => file.id === folder, 'the file is of another folder'),
      ),
      JSON.parse(text),
    )
  } catch (cause) {
    throw new HostError(
      { code: 'CLUSTER_FILE_DAMAGED', file: path },
      `${path} is not what Synod wrote there. The replicas' logs beside it are untouched. ` +
        'Restore the file from a backup, or move its folder away to start without this cluster.',
      { cause },
    )
  }
}

async function syncFolder(folder: string): Promise<void> {
  // Windows has no handle on a folder that could be synced.
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
