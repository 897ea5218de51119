import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import type {
  ConsoleAnswer,
  ConsoleApi,
  ConsoleEvent,
  ConsoleEventName,
  ConsoleReply,
  ConsoleRequestName,
} from '../api/contract.ts'
import { CONSOLE_REQUESTS } from '../api/contract.ts'
import type { HostView, NoteView } from '../api/views.ts'
import { InvariantError } from '../base/assert.ts'
import { messageOf } from '../base/errors.ts'
import { builtInMachines, createRegistry, describeMachine } from '../machine/registry.ts'
import type { Registry } from '../machine/registry.ts'
import { clusterId, epoch } from '../model/ids.ts'
import type { Trace } from '../ports/trace.ts'
import { traceNothing } from '../ports/trace.ts'
import { createIdentity, createNetworkKey } from '../transport/identity.ts'
import type { ClusterFile } from './cluster-file.ts'
import { deleteClusterFolder, orphanFolders, readClusterFiles, writeClusterFile } from './cluster-file.ts'
import { HostError, RefusedError } from './errors.ts'
import { EventHub } from './event-hub.ts'
import type { FolderLock } from './folder-lock.ts'
import type { ReplicaLauncher } from './launcher.ts'
import { Backups } from './backups.ts'
import { LocalCluster } from './local-cluster.ts'
import type { NoteLevel } from './notes.ts'
import { Notes } from './notes.ts'
import type { RepairTiming } from './repairs.ts'
import { prepareRead, prepareSubmit } from './requests.ts'
import { VotesFeed } from './votes-feed.ts'

/** Unit: ms. Views are sent at most this often. */
const CHANGE_MS = 100
/** Unit: ms. For the answer that a CHECKPOINT or an AUDIT was ordered; what is to be done is done afterwards. */
const COMMAND_TIMEOUT_MS = 10_000

/** Unit: ms. After a queue was full. */
const CONFIRM_AGAIN_MS = 100

type FoundingSettings = Pick<ClusterFile, 'leaseClockBoundMs' | 'checkpointPolicy' | 'auditPolicy'>

export interface SupervisorInit {
  readonly dataFolder: string
  readonly launcher: ReplicaLauncher
  readonly kind: HostView['host']
  readonly version: string
  readonly inputBytesMax: number
  readonly queueInputsMax: number | undefined
  readonly trace?: Trace
  readonly lock: FolderLock
  readonly repairTiming?: RepairTiming
}

type Handlers = {
  readonly [Name in ConsoleRequestName]: (
    argument: v.InferOutput<(typeof CONSOLE_REQUESTS)[Name]['argument']>,
  ) => Promise<ConsoleAnswer<Name>> | ConsoleAnswer<Name>
}

/** The host's heart: its clusters, and the one ConsoleApi that every door and every console speaks to. */
export class Supervisor implements ConsoleApi {
  readonly #init: SupervisorInit
  readonly #registry: Registry = createRegistry(builtInMachines)
  readonly #machines = this.#registry.machines.map(describeMachine)
  readonly #clusters = new Map<string, LocalCluster>()
  readonly #hub = new EventHub()
  readonly #notes = new Notes()
  readonly #feed: VotesFeed
  readonly #backups: Backups
  readonly #trace: Trace
  readonly #changed = new Set<string>()
  #changeTimer: NodeJS.Timeout | undefined
  #version = 0
  #saving: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  constructor(init: SupervisorInit) {
    this.#init = init
    this.#trace = init.trace ?? traceNothing
    this.#feed = new VotesFeed(
      this.#hub,
      () => [...this.#clusters.values()],
      (cluster, message) => {
        this.#note(cluster, 'attention', message)
      },
    )
    const { dataFolder, launcher, version } = init
    this.#backups = new Backups({
      dataFolder,
      launcher,
      version,
      isNameTaken: (name) => this.#isNameTaken(name),
      confirm: (cluster, timeoutMs) => this.#confirm(cluster, timeoutMs),
      onFounded: (file) => {
        this.#adopt(file).start()
        this.#hostChanged()
        this.#note(file.id, 'good', `Cluster ${file.name} founded from a backup, with three new replicas.`)
      },
      onBackedUp: (cluster, text) => {
        this.#note(cluster, 'good', text)
      },
    })
  }

  /** Reads the data folder and starts what was running. @throws HostError when a cluster's file can't be used. */
  async open(): Promise<void> {
    await this.#backups.open()
    for (const file of await readClusterFiles(this.#init.dataFolder)) {
      const cluster = this.#adopt(file)
      await this.#read(cluster)
      if (file.running && !cluster.isUnread) cluster.start()
    }
    for (const folder of await orphanFolders(this.#init.dataFolder)) this.#noteOrphan(folder)
  }

  async request<Name extends ConsoleRequestName>(
    name: Name,
    argument: unknown,
  ): Promise<ConsoleReply<ConsoleAnswer<Name>>> {
    // Callers come over wires: the name is only claimed to be one.
    if (!Object.hasOwn(CONSOLE_REQUESTS, name)) {
      return { ok: false, fault: { code: 'UNKNOWN_CALL', message: `There is no call "${name.slice(0, 64)}".` } }
    }
    const parsed = v.safeParse(CONSOLE_REQUESTS[name].argument, argument)
    if (!parsed.success) {
      const issue = parsed.issues[0]
      const path = v.getDotPath(issue)
      const message = `${name}${path === null ? '' : `, ${path}`}: ${issue.message}`
      return { ok: false, fault: { code: 'INVALID_ARGUMENT', message } }
    }
    if (this.#closing !== undefined) {
      return { ok: false, fault: { code: 'HOST_CLOSING', message: 'This host is closing. Nothing was done.' } }
    }
    try {
      const handler = this.#handlers[name] as (argument: unknown) => Promise<ConsoleAnswer<Name>> | ConsoleAnswer<Name>
      return { ok: true, value: await handler(parsed.output) }
    } catch (error) {
      if (error instanceof RefusedError) return { ok: false, fault: { code: error.code, message: error.message } }
      if (error instanceof HostError) return { ok: false, fault: { code: error.fault.code, message: error.message } }
      if (error instanceof InvariantError) throw error
      this.#trace('host.request-failed', { name, error: messageOf(error) })
      return { ok: false, fault: { code: 'INTERNAL', message: `${name} failed: ${messageOf(error)}` } }
    }
  }

  subscribe<Name extends ConsoleEventName>(name: Name, listener: (event: ConsoleEvent<Name>) => void): () => void {
    const end = this.#hub.subscribe(name, listener)
    this.#feed.check()
    return () => {
      end()
      this.#feed.check()
    }
  }

  /** Hands over, flushes, ends every replica process, lets the data folder go. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    clearTimeout(this.#changeTimer)
    this.#feed.end()
    await this.#backups.close()
    await Promise.all([...this.#clusters.values()].map((cluster) => cluster.endProcesses()))
    await this.#backups.sweep()
    await this.#saving
    await this.#init.lock.release()
  }

  readonly #handlers: Handlers = {
    'host.view': () => this.#view(),
    'host.notes': ({ limit }) => ({ notes: this.#notes.newest(limit) }),
    'cluster.try': async ({ name, ...settings }) => ({ cluster: await this.#found(name, settings) }),
    'cluster.start': async ({ cluster }) => {
      const found = this.#cluster(cluster)
      if (found.isUnread) await found.read()
      found.start()
      await this.#save(found)
      return {}
    },
    'cluster.stop': async ({ cluster }) => {
      const found = this.#cluster(cluster)
      await found.stop()
      await this.#save(found)
      return {}
    },
    'cluster.delete': async ({ cluster, name }) => {
      await this.#delete(cluster, name)
      return {}
    },
    'cluster.submit': ({ cluster, ...argument }) => {
      const found = this.#cluster(cluster)
      return found.ask(prepareSubmit(argument, { registry: this.#registry, bytesMax: this.#init.inputBytesMax }))
    },
    'cluster.read': ({ cluster, ...argument }) => {
      const found = this.#cluster(cluster)
      return found.ask(prepareRead(argument, { registry: this.#registry, bytesMax: this.#init.inputBytesMax }))
    },
    'cluster.checkpoint': ({ cluster, timeoutMs = COMMAND_TIMEOUT_MS, proof = false }) =>
      this.#cluster(cluster).ask({ kind: 'checkpoint', timeoutMs, proof }),
    'cluster.backup': ({ cluster, ...argument }) => this.#backups.backUp(this.#cluster(cluster), argument),
    'cluster.restore': (argument) => this.#backups.restore(argument),
    'host.task': ({ task }) => this.#backups.task(task),
    'cluster.log': ({ cluster, replica, ...range }) => this.#cluster(cluster).log(replica, range),
    'cluster.votes': async ({ cluster, slotBefore, limit }) => ({
      slots: await this.#cluster(cluster).votes({ limit, ...(slotBefore === undefined ? {} : { slotBefore }) }),
    }),
    'cluster.audit': ({ cluster, timeoutMs = COMMAND_TIMEOUT_MS }) =>
      this.#cluster(cluster).ask({ kind: 'audit', timeoutMs }),
    'cluster.audits': ({ cluster, limit }) => ({ audits: this.#cluster(cluster).auditing.audits(limit) }),
    'cluster.incidents': ({ cluster, limit }) => ({ incidents: this.#cluster(cluster).auditing.incidents(limit) }),
    'cluster.elections': ({ cluster, limit }) => ({ elections: this.#cluster(cluster).elections(limit) }),
    'replica.start': ({ cluster, replica }) => {
      this.#cluster(cluster).startReplica(replica)
      return {}
    },
    'replica.repair': ({ cluster, replica }) => {
      this.#cluster(cluster).repairReplica(replica)
      return {}
    },
    'replica.stop': async ({ cluster, replica }) => {
      await this.#cluster(cluster).replica(replica).stop()
      return {}
    },
    'cluster.inject': ({ cluster, fault, durationMs }) =>
      this.#rehearsing(cluster).injections.inject(fault, durationMs),
    'cluster.heal': ({ cluster, number }) => {
      this.#rehearsing(cluster).injections.heal(number)
      return {}
    },
    'cluster.injected': ({ cluster, limit }) => ({ injected: this.#cluster(cluster).injections.newest(limit) }),
  }

  #view(): HostView {
    const { kind, version, dataFolder } = this.#init
    return {
      version: this.#version,
      synod: version,
      host: kind,
      dataFolder,
      machines: this.#machines,
      clusters: [...this.#clusters.values()].map((cluster) => cluster.view()),
    }
  }

  async #found(name: string, settings: FoundingSettings): Promise<string> {
    if (this.#isNameTaken(name)) {
      throw new RefusedError('NAME_TAKEN', `This host has a cluster named "${name}" already. Choose another name.`)
    }
    const members = await Promise.all(
      ['a', 'b', 'c'].map(async (member) => ({ name: member, ...(await createIdentity()) })),
    )
    const file: ClusterFile = {
      format: 1,
      id: clusterId(randomBytes(16).toString('hex')),
      name,
      epoch: epoch(1),
      rehearsal: true,
      running: true,
      ...settings,
      networkKey: createNetworkKey(),
      members: members.map((member) => ({ ...member, begun: false })),
    }
    await writeClusterFile(this.#init.dataFolder, file)
    this.#adopt(file).start()
    this.#hostChanged()
    this.#note(file.id, 'good', `Cluster ${name} founded with three replicas on this computer.`)
    return file.id
  }

  #isNameTaken(name: string): boolean {
    const isHere = [...this.#clusters.values()].some((cluster) => cluster.file.name === name)
    return isHere || this.#backups.isReserved(name)
  }

  /** A read that changes nothing: whatever was acknowledged before it is decided at the slot it is answered at. */
  async #confirm(cluster: LocalCluster, timeoutMs: number): Promise<number | undefined> {
    const read = { machine: 'kv', input: { op: 'get', key: 'backup' }, timeoutMs }
    const door = { registry: this.#registry, bytesMax: this.#init.inputBytesMax }
    const deadlineMs = performance.now() + timeoutMs
    for (;;) {
      try {
        const outcome = await cluster.ask(prepareRead(read, door))
        return outcome.kind === 'output' ? outcome.slot : undefined
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error
        if (error.code !== 'BUSY' || performance.now() > deadlineMs) return undefined
        await sleep(CONFIRM_AGAIN_MS)
      }
    }
  }

  async #delete(reference: string, name: string): Promise<void> {
    const cluster = this.#cluster(reference)
    if (cluster.file.name !== name) {
      throw new RefusedError(
        'NAME_DIFFERS',
        `Type the cluster's name, "${cluster.file.name}", to delete it and its data.`,
      )
    }
    await cluster.stop()
    this.#clusters.delete(cluster.file.id)
    await cluster.close()
    await this.#saving
    await deleteClusterFolder(this.#init.dataFolder, cluster.file.id)
    this.#note(cluster.file.id, 'attention', `Cluster ${name} and its data were deleted.`)
    this.#hostChanged()
  }

  #adopt(file: ClusterFile): LocalCluster {
    const cluster: LocalCluster = new LocalCluster({
      file,
      dataFolder: this.#init.dataFolder,
      launcher: this.#init.launcher,
      queueInputsMax: this.#init.queueInputsMax,
      trace: this.#init.trace,
      onChange: () => {
        this.#clusterChanged(file.id)
      },
      onNote: (level, text) => {
        this.#note(file.id, level, text)
      },
      onAudit: (audit) => {
        this.#hub.emit('audit.changed', { cluster: file.id, audit })
      },
      onIncident: (incident) => {
        this.#hub.emit('incident.changed', { cluster: file.id, incident })
      },
      repairTiming: this.#init.repairTiming,
      onBegun: () => this.#save(cluster),
    })
    this.#clusters.set(file.id, cluster)
    return cluster
  }

  /** One after another, each with the file as it is then: two at once would write over each other. */
  #save(cluster: LocalCluster): Promise<void> {
    const saved = this.#saving.then(async () => {
      // Deleted meanwhile: its file must not come back.
      if (this.#clusters.get(cluster.file.id) !== cluster) return
      await writeClusterFile(this.#init.dataFolder, cluster.file)
    })
    this.#saving = saved.catch(() => undefined)
    this.#clusterChanged(cluster.file.id)
    return saved
  }

  /** By id, or by name. @throws RefusedError CLUSTER_UNKNOWN */
  #cluster(reference: string): LocalCluster {
    const byId = this.#clusters.get(reference)
    if (byId !== undefined) return byId
    for (const cluster of this.#clusters.values()) if (cluster.file.name === reference) return cluster
    const names = [...this.#clusters.values()].map((cluster) => cluster.file.name)
    const known = names.length === 0 ? 'It has none yet.' : `It has ${names.join(', ')}.`
    throw new RefusedError('CLUSTER_UNKNOWN', `This host has no cluster "${reference}". ${known}`)
  }

  #rehearsing(reference: string): LocalCluster {
    const cluster = this.#cluster(reference)
    if (cluster.file.rehearsal) return cluster
    throw new RefusedError(
      'REHEARSAL_OFF',
      `Cluster ${cluster.file.name} was founded without rehearsal: no fault can be injected.`,
    )
  }

  /** One whose incidents can't be read stays stopped, and the host's others run. */
  async #read(cluster: LocalCluster): Promise<void> {
    try {
      await cluster.read()
    } catch (error) {
      if (!(error instanceof HostError)) throw error
      this.#note(cluster.file.id, 'danger', `Cluster ${cluster.file.name} was not started: ${error.message}`)
    }
  }

  #note(cluster: string, level: NoteLevel, text: string): void {
    const note: NoteView = this.#notes.add({ timeMs: Date.now(), cluster, level, text })
    this.#trace('host.note', { cluster, level, text })
    this.#hub.emit('note.added', note)
  }

  #noteOrphan(folder: string): void {
    const text =
      `${folder} holds logs of replicas and no cluster.json, so no cluster was started from it; nothing in it was ` +
      'changed. Restore that file from a backup. If the cluster was being deleted, remove the folder.'
    this.#note('', 'danger', text)
  }

  #hostChanged(): void {
    this.#version += 1
    this.#hub.emit('host.changed', { version: this.#version })
  }

  #clusterChanged(id: string): void {
    this.#changed.add(id)
    this.#changeTimer ??= setTimeout(() => {
      this.#changeTimer = undefined
      for (const changed of this.#changed) {
        const cluster = this.#clusters.get(changed)
        if (cluster !== undefined) this.#emitView(cluster)
      }
      this.#changed.clear()
    }, CHANGE_MS)
  }

  #emitView(cluster: LocalCluster): void {
    try {
      this.#hub.emit('cluster.changed', cluster.view())
    } catch (error) {
      // It is drawn from what replicas tell, which never ends the host.
      this.#trace('host.view-failed', { cluster: cluster.file.id, error: messageOf(error) })
    }
  }
}
