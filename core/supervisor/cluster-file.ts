import { mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import * as v from 'valibot'
import { messageOf } from '../base/errors.ts'
import type { ClusterId } from '../model/ids.ts'
import { epochSchema, replicaIdSchema } from '../wire/schema.ts'
import { HostError } from './errors.ts'
import { sealed, unsealed } from './sealed-file.ts'

const FILE = 'cluster.json'

/** The version of the file. `format` and `checksum` keep their names and meaning in every version. */
const CLUSTER_FILE_FORMAT = 1

const clusterFileSchema = v.strictObject({
  format: v.literal(CLUSTER_FILE_FORMAT),
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
  /** When a CHECKPOINT is ordered by itself; Synod's own measure when absent. */
  checkpointPolicy: v.optional(
    v.strictObject({
      slotsMax: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
      bytesMax: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
    }),
  ),
  /** When an AUDIT is ordered by itself; Synod's own measure when absent. Unit of `intervalMs`: ms. */
  auditPolicy: v.optional(
    v.strictObject({
      slotsMax: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
      intervalMs: v.pipe(v.number(), v.safeInteger(), v.minValue(100)),
    }),
  ),
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
    await handle.writeFile(sealed(file))
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(`${path}.new`, path)
  await syncFolder(folder)
  await syncFolder(dirname(folder))
}

/** By name. @throws HostError when a file can't be read, is damaged, or is of a newer format. */
export async function readClusterFiles(dataFolder: string): Promise<ClusterFile[]> {
  const files: ClusterFile[] = []
  for (const folder of await clusterFolders(dataFolder)) {
    const text = await readIfThere(join(folder, FILE))
    if (text !== undefined) files.push(parse(join(folder, FILE), text, basename(folder)))
  }
  return files.toSorted((left, right) => (left.name < right.name ? -1 : 1))
}

/** Folders with logs of replicas and no file: it is lost, or a deletion was interrupted. */
export async function orphanFolders(dataFolder: string): Promise<readonly string[]> {
  const orphans: string[] = []
  for (const folder of await clusterFolders(dataFolder)) {
    const isFounded = (await namesIn(folder)).includes(FILE)
    if (!isFounded && (await holdsLogs(folder))) orphans.push(folder)
  }
  return orphans
}

async function clusterFolders(dataFolder: string): Promise<readonly string[]> {
  const folder = clustersFolder(dataFolder)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const entries = await readdir(folder, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name))
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    // A folder without the file was being founded or deleted when the host ended, or has lost it.
    if (isMissing(cause)) return undefined
    throw new HostError(
      { code: 'CLUSTER_FILE_UNREADABLE', file: path },
      `${path} can't be read: ${messageOf(cause)}. Nothing was changed. Check the disk, and let the user Synod runs as ` +
        'read the file; then start the host again.',
      { cause },
    )
  }
}

async function holdsLogs(folder: string): Promise<boolean> {
  const replicas = join(folder, 'replicas')
  for (const name of await namesIn(replicas)) {
    if ((await namesIn(join(replicas, name))).length > 0) return true
  }
  return false
}

/** Of what is no folder, or can't be looked into: none. */
function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => [])
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

/** The file goes first: what is left of an interrupted deletion is no cluster any more. */
export async function deleteClusterFolder(dataFolder: string, id: ClusterId): Promise<void> {
  await rm(join(clusterFolder(dataFolder, id), FILE), { force: true })
  await rm(clusterFolder(dataFolder, id), { recursive: true, force: true })
}

/** `folder`: the name of the folder it lies in, which is the cluster's id. A copy beside it would share its log. */
function parse(path: string, text: string, folder: string): ClusterFile {
  try {
    const value = unsealed(text)
    const newer = v.safeParse(newerSchema, value)
    if (newer.success) throw newerFormat(path, newer.output.format)
    return v.parse(
      v.pipe(
        clusterFileSchema,
        v.check((file) => file.id === folder, 'the file is of another folder'),
      ),
      value,
    )
  } catch (cause) {
    if (cause instanceof HostError) throw cause
    throw new HostError(
      { code: 'CLUSTER_FILE_DAMAGED', file: path },
      `${path} is not what Synod wrote there. The replicas' logs beside it are untouched. ` +
        'Restore the file from a backup, or move its folder away to start without this cluster.',
      { cause },
    )
  }
}

const newerSchema = v.object({ format: v.pipe(v.number(), v.minValue(CLUSTER_FILE_FORMAT + 1)) })

function newerFormat(file: string, format: number): HostError {
  return new HostError(
    { code: 'CLUSTER_FILE_NEWER', file, format },
    `${file} was written by a newer version of Synod (format ${format}). Nothing was changed. ` +
      'Update Synod on this computer, or move its folder away to start without this cluster.',
  )
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
