import { randomBytes } from 'node:crypto'
import { realpath, rename, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import type { TaskView } from '../api/views.ts'
import { messageOf } from '../base/errors.ts'
import { clusterId, epoch, slot as toSlot } from '../model/ids.ts'
import { BackupError } from '../storage/backup-errors.ts'
import type { BackupHeader } from '../storage/backup-format.ts'
import { readBackupHeader } from '../storage/backup-reading.ts'
import type { VerifiedBackup } from '../storage/backup-reading.ts'
import { publishBackup, refuseExisting } from '../storage/backup-writing.ts'
import { syncFolder } from '../storage/durable-file.ts'
import { createIdentity, createNetworkKey } from '../transport/identity.ts'
import type { ClusterFile } from './cluster-file.ts'
import { clusterFolder, clustersFolder, replicaFolder, writeClusterFile } from './cluster-file.ts'
import { backupView, refusing } from './verify-backup.ts'
import { agreedLeader } from './cluster-view.ts'
import { runErrand } from './errand.ts'
import type { ErrandProgress } from './errand.ts'
import { RefusedError } from './errors.ts'
import type { ReplicaLauncher } from './launcher.ts'
import type { LocalCluster } from './local-cluster.ts'
import { QueryFailedError, ReplicaGoneError } from './local-replica.ts'
import type { BackupQuery, LocalReplica } from './local-replica.ts'
import { Tasks } from './tasks.ts'
import type { Task } from './tasks.ts'

/** Unit: ms. For a majority to confirm up to which slot everything acknowledged is decided. */
const CONFIRM_MS_MAX = 3_000
const NAME_CHARS_MAX = 64
/** What a replica may fail with while another one does not. */
const OWN_FAULT = 'BACKUP_SOURCE_FAILED'

interface BackupsInit {
  readonly dataFolder: string
  readonly launcher: ReplicaLauncher
  /** Of Synod. */
  readonly version: string
  readonly isNameTaken: (name: string) => boolean
  /** A majority's word for the slot up to which everything acknowledged is decided; undefined without one. */
  readonly confirm: (cluster: LocalCluster, timeoutMs: number) => Promise<number | undefined>
  /** A restored cluster is there, whole: it is to be started. */
  readonly onFounded: (file: ClusterFile) => void
  readonly onBackedUp: (cluster: string, text: string) => void
}

/** Backups of a host's clusters, and clusters founded from backups. */
export class Backups {
  readonly #init: BackupsInit
  readonly #tasks = new Tasks()
  readonly #running = new Set<Promise<void>>()
  readonly #backedUp = new Set<LocalCluster>()
  readonly #names = new Set<string>()
  /** Files that may be there and are no backup yet. */
  readonly #unfinished = new Set<string>()
  readonly #abort = new AbortController()

  constructor(init: BackupsInit) {
    this.#init = init
  }

  /** Removes what restores that were cut off left behind; before the first one. */
  async open(): Promise<void> {
    await rm(stagingFolder(this.#init.dataFolder), { recursive: true, force: true })
  }

  /** Names that clusters under restoration will have. */
  isReserved(name: string): boolean {
    return this.#names.has(name)
  }

  /** @throws RefusedError TASK_UNKNOWN */
  task(number: number): TaskView {
    return this.#tasks.find(number)
  }

  /** Cuts off what is under way. */
  async close(): Promise<void> {
    this.#abort.abort(new QueryFailedError('HOST_CLOSING', 'The host is closing. Nothing was kept.'))
    await Promise.all(this.#running)
  }

  /** Removes what replicas that were cut off may still have written; when their processes are gone. */
  async sweep(): Promise<void> {
    for (const file of this.#unfinished) await rm(file, { force: true }).catch(() => undefined)
  }

  /** @throws RefusedError before anything is done */
  async backUp(cluster: LocalCluster, { file, replace = false }: BackupArgument): Promise<TaskView> {
    const { file: of } = cluster
    if (!of.running)
      throw new RefusedError('CLUSTER_STOPPED', `Cluster ${of.name} is stopped. Start it, then back it up.`)
    if (candidates(cluster).length === 0) {
      throw new RefusedError(
        'REPLICA_STOPPED',
        `No replica of cluster ${of.name} runs here, so none can write a backup.`,
      )
    }
    const path = await this.#outside(file)
    await refusing(() => refuseExisting(path, replace))
    if (this.#backedUp.has(cluster)) {
      throw new RefusedError('BACKUP_UNDER_WAY', `Cluster ${of.name} is being backed up already. Wait for its end.`)
    }
    this.#backedUp.add(cluster)
    const task = this.#tasks.begin({ kind: 'backup', phase: 'writing', file: path, cluster: of.name, clusterId: of.id })
    this.#run(task, async () => {
      try {
        await this.#backUp(cluster, { task, file: path, replace })
      } finally {
        this.#backedUp.delete(cluster)
      }
    })
    return task.view
  }

  /** @throws RefusedError before anything is done */
  async restore({ file, name }: RestoreArgument): Promise<TaskView> {
    const path = absolute(file)
    const header = await refusing(() => readBackupHeader(path))
    const chosen = name ?? restoredName(header.name)
    if (this.#init.isNameTaken(chosen)) {
      const message = `This host has a cluster named "${chosen}" already. Choose another name for the restored one.`
      throw new RefusedError('NAME_TAKEN', message)
    }
    this.#names.add(chosen)
    const task = this.#tasks.begin({
      kind: 'restore',
      phase: 'verifying',
      file: path,
      cluster: chosen,
      clusterId: null,
    })
    this.#run(task, async () => {
      try {
        await this.#restore(path, { task, name: chosen })
      } finally {
        this.#names.delete(chosen)
      }
    })
    return task.view
  }

  #run(task: Task, work: () => Promise<void>): void {
    const running = work()
      .catch((error: unknown) => {
        task.fail(faultOf(error))
      })
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  async #backUp(cluster: LocalCluster, { task, file, replace }: BackupWork): Promise<void> {
    const { version, confirm, onBackedUp } = this.#init
    const confirmed = await confirm(cluster, CONFIRM_MS_MAX)
    task.update({ confirmed: confirmed !== undefined })
    const { name, rehearsal, leaseClockBoundMs, checkpointPolicy, auditPolicy } = cluster.file
    const query = {
      slotMin: toSlot(confirmed ?? 0),
      name,
      synod: version,
      createdMs: Date.now(),
      settings: {
        rehearsal,
        ...(leaseClockBoundMs === undefined ? {} : { leaseClockBoundMs }),
        ...(checkpointPolicy === undefined ? {} : { checkpointPolicy }),
        ...(auditPolicy === undefined ? {} : { auditPolicy }),
      },
    }
    const { backup, written } = await this.#writeVerified(cluster, { task, file, query })
    try {
      await publishBackup(written, file, replace)
      this.#unfinished.delete(written)
    } finally {
      await rm(written, { force: true }).catch(() => undefined)
    }
    task.update({ backup: backupView(backup) })
    task.end(cluster.file.id)
    onBackedUp(cluster.file.id, `A backup up to slot ${backup.header.slotLast} was written to ${file}.`)
  }

  /** By the leader if it can; what it wrote is read back by another process before it counts. */
  async #writeVerified(
    cluster: LocalCluster,
    { task, file, query }: { readonly task: Task; readonly file: string; readonly query: Omit<BackupQuery, 'file'> },
  ): Promise<{ readonly backup: VerifiedBackup; readonly written: string }> {
    let failure: unknown = new ReplicaGoneError('no replica runs any more')
    for (const replica of candidates(cluster)) {
      // A name of its own for each: a replica that was given up must not write into another one's file.
      const written = `${file}.${randomBytes(4).toString('hex')}.new`
      this.#unfinished.add(written)
      try {
        task.update({ phase: 'writing', done: 0, total: null })
        await aborted(this.#abort.signal, writing(replica, { task, query: { ...query, file: written } }))
        const backup = await this.#errand({ kind: 'verify', file: written }, task)
        return { backup, written }
      } catch (error) {
        await rm(written, { force: true }).catch(() => undefined)
        failure = writingFault(error, { replica, file, written })
        const isOwn = failure instanceof QueryFailedError && failure.code === OWN_FAULT
        if (!isOwn && !(failure instanceof ReplicaGoneError)) throw failure
      }
    }
    throw failure
  }

  async #restore(backup: string, { task, name }: { readonly task: Task; readonly name: string }): Promise<void> {
    const { dataFolder, onFounded } = this.#init
    const staging = stagingFolder(dataFolder)
    const id = clusterId(randomBytes(16).toString('hex'))
    const members = await Promise.all(
      ['a', 'b', 'c'].map(async (member) => ({ name: member, ...(await createIdentity()) })),
    )
    const replicas = members.map(({ name: member, replica, privateKey }) => ({
      replica,
      privateKey,
      folder: replicaFolder(staging, id, member),
    }))
    try {
      const verified = await this.#errand({ kind: 'restore', file: backup, cluster: id, replicas }, task)
      task.update({ backup: backupView(verified) })
      const file = restoredFile(verified.header, { id, name, members })
      await writeClusterFile(staging, file)
      // The whole cluster appears at once.
      await rename(clusterFolder(staging, id), clusterFolder(dataFolder, id))
      await syncFolder(clustersFolder(dataFolder))
      onFounded(file)
      task.end(id)
    } finally {
      await rm(clusterFolder(staging, id), { recursive: true, force: true })
      // Not while another restore uses it.
      for (const folder of [clustersFolder(staging), staging]) await rmdir(folder).catch(() => undefined)
    }
  }

  #errand(errand: Parameters<typeof runErrand>[0]['errand'], task: Task): Promise<VerifiedBackup> {
    const { launcher } = this.#init
    const onProgress = ({ phase, done, total }: ErrandProgress): void => {
      task.update({ phase, done, total: total ?? null })
    }
    return runErrand({ launcher, errand, onProgress, signal: this.#abort.signal })
  }

  /** A backup among the host's own files could take the place of one of them. */
  async #outside(file: string): Promise<string> {
    const path = absolute(file)
    const folder = await refusing(() => realFolder(path))
    const inside = relative(await realpath(this.#init.dataFolder), folder)
    const isInside = inside === '' || (inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside))
    if (!isInside) return join(folder, basename(path))
    const message = `${path} lies in the host's data folder, which holds the host's own files only. Name a file elsewhere.`
    throw new RefusedError('INVALID_ARGUMENT', message)
  }
}

interface BackupArgument {
  readonly file: string
  readonly replace?: boolean | undefined
}

interface RestoreArgument {
  readonly file: string
  readonly name?: string | undefined
}

interface BackupWork {
  readonly task: Task
  readonly file: string
  readonly replace: boolean
}

/** Where restored clusters are put together. Whatever is there at a start was cut off. */
function stagingFolder(dataFolder: string): string {
  return join(dataFolder, 'restoring')
}

/** Those that can write a backup: the leader first, then who has decided most. */
function candidates({ replicas }: LocalCluster): readonly LocalReplica[] {
  const running = replicas.filter(({ state, report }) => state === 'running' && report?.isStateMissing !== true)
  const leader = agreedLeader(running, 1)
  // What was decided and attested is right in any log, but nobody asks one that is about to be started anew.
  const rank = ({ id, isSilent, report }: LocalReplica): number =>
    (report?.isQuarantined === true ? -Number.MAX_SAFE_INTEGER : 0) +
    (isSilent ? -1 : 0) +
    (id === leader && !isSilent ? Number.MAX_SAFE_INTEGER : (report?.slotDecided ?? 0))
  return running.toSorted((left, right) => rank(right) - rank(left))
}

function writing(
  replica: LocalReplica,
  { task, query }: { readonly task: Task; readonly query: BackupQuery },
): Promise<number> {
  return replica.backup(query, (done) => {
    task.update({ done })
  })
}

/** In words that name the file as it was asked for. */
function writingFault(
  error: unknown,
  { replica, file, written }: { readonly replica: LocalReplica; readonly file: string; readonly written: string },
): unknown {
  if (!(error instanceof QueryFailedError)) return error
  if (error.code !== 'BACKUP_DAMAGED') {
    return new QueryFailedError(error.code, error.message.replaceAll(written, file))
  }
  const message =
    `The backup was not kept: what replica ${replica.name} wrote did not verify when it was read back. ` +
    'Check the disks. The cluster is untouched.'
  return new QueryFailedError(OWN_FAULT, message)
}

/** Rejects as soon as it is cut off, whatever becomes of the work. */
async function aborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const cut = Promise.withResolvers<never>()
  const onAbort = (): void => {
    cut.reject(signal.reason)
  }
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([work, cut.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function restoredName(name: string): string {
  const suffix = ' restored'
  return `${name.slice(0, NAME_CHARS_MAX - suffix.length).trim()}${suffix}`
}

/** New voters with new keys: the old ones may still live somewhere, and must never be two. */
function restoredFile(
  { settings, slotLast }: BackupHeader,
  { id, name, members }: Pick<ClusterFile, 'id' | 'name'> & { members: readonly Omit<Member, 'begun'>[] },
): ClusterFile {
  const { rehearsal, leaseClockBoundMs, checkpointPolicy, auditPolicy } = settings
  return {
    format: 1,
    id,
    name,
    epoch: epoch(1),
    rehearsal,
    running: true,
    ...(leaseClockBoundMs === undefined ? {} : { leaseClockBoundMs }),
    ...(checkpointPolicy === undefined ? {} : { checkpointPolicy }),
    ...(auditPolicy === undefined ? {} : { auditPolicy }),
    networkKey: createNetworkKey(),
    // Their logs say that the slots of the backup are decided: a folder without one has lost that.
    members: members.map((member) => ({ ...member, begun: slotLast > 0 })),
  }
}

type Member = ClusterFile['members'][number]

function absolute(file: string): string {
  if (isAbsolute(file)) return resolve(file)
  const message = `"${file}" is not an absolute path. The host may run in another folder: name the whole path.`
  throw new RefusedError('INVALID_ARGUMENT', message)
}

async function realFolder(path: string): Promise<string> {
  try {
    return await realpath(dirname(path))
  } catch (cause) {
    throw new BackupError({ code: 'BACKUP_NOT_WRITABLE', file: path }, { cause })
  }
}

function faultOf(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof QueryFailedError || error instanceof RefusedError) {
    return { code: error.code, message: error.message }
  }
  if (error instanceof BackupError) return { code: error.fault.code, message: error.message }
  if (error instanceof ReplicaGoneError) {
    const message = `The backup was not written: ${error.message}. The cluster is untouched. Try again.`
    return { code: 'BACKUP_SOURCE_FAILED', message }
  }
  return { code: 'INTERNAL', message: messageOf(error) }
}
