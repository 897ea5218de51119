import { setTimeout as sleep } from 'node:timers/promises'
import type { AuditView, IncidentView } from '../api/audit-views.ts'
import type { ClusterView, ElectionView, LogView, OutcomeView, SlotVotesView } from '../api/views.ts'
import { assert } from '../base/assert.ts'
import { messageOf } from '../base/errors.ts'
import { majorityOf } from '../model/quorum.ts'
import type { Trace } from '../ports/trace.ts'
import type { Note, Reply } from '../replica/effects.ts'
import type { ReplicaRequest } from '../host/protocol.ts'
import { Auditing } from './auditing.ts'
import type { ClusterFile } from './cluster-file.ts'
import { clusterFolder, replicaFolder } from './cluster-file.ts'
import { agreedLeader, clusterView } from './cluster-view.ts'
import { checkpointText } from './checkpoint-notes.ts'
import { exitText } from './exit-notes.ts'
import { electionText, electionView } from './elections.ts'
import { RefusedError } from './errors.ts'
import { IncidentFiles } from './incident-files.ts'
import { Injections } from './injections.ts'
import type { ReplicaLauncher } from './launcher.ts'
import { LocalReplica, ReplicaGoneError } from './local-replica.ts'
import { logView } from './log-views.ts'
import type { NoteLevel } from './notes.ts'
import { REPAIR_TIMING } from './repairs.ts'
import type { RepairTiming } from './repairs.ts'
import { outcomeView, slotVotesView, wrongSignatureText } from './vote-views.ts'

/** Unit: ms. How often it is looked whether the proxies that were asked are still alive. */
const PATIENCE_MS = 500
/** Unit: ms. A replica that is alive but does not answer is given up this long after the request's own deadline. */
const SILENCE_MS = 500
const ELECTIONS_MAX = 500
/** Unit: ms. With no replica to ask, the next look. */
const LOOK_AGAIN_MS = 100
/** Unit: ms. For a checkpoint that a replica under repair is to receive. */
const CHECKPOINT_MS = 10_000
/** Unit: ms. A trouble that stays is told again after this. */
const TELL_AGAIN_MS = 10 * 60 * 1000

type Ask = ReplicaRequest
type Request<T> = T extends unknown ? Omit<T, 'request'> : never

interface LogRange {
  readonly slotFrom?: number | undefined
  readonly slotTo?: number | undefined
  readonly limit: number
}

interface LocalClusterInit {
  readonly file: ClusterFile
  readonly dataFolder: string
  readonly launcher: ReplicaLauncher
  readonly queueInputsMax: number | undefined
  /** Diagnostics of the replicas; absent when nobody reads them. */
  readonly trace: Trace | undefined
  readonly onChange: () => void
  readonly onNote: (level: NoteLevel, text: string) => void
  readonly onAudit: (audit: AuditView) => void
  readonly onIncident: (incident: IncidentView) => void
  readonly repairTiming?: RepairTiming | undefined
  /** A replica began its log: the file must say so before it may vote. */
  readonly onBegun: () => Promise<void>
}

/** A cluster as this host hosts it: its replicas, who is asked, what is shown. */
export class LocalCluster {
  readonly injections: Injections
  readonly auditing: Auditing
  readonly #incidentFiles: IncidentFiles
  readonly #init: LocalClusterInit
  readonly #replicas: readonly LocalReplica[]
  readonly #names: ReadonlyMap<string, string>
  #file: ClusterFile
  #version = 0
  #hasServed = false
  #isUnread = false
  readonly #elections: ElectionView[] = []
  /** What was told lately of replicas' disks, and when. */
  readonly #told = new Map<string, number>()
  /** Members of which the file on disk says that they began their log. */
  readonly #begunOnDisk: Set<string>

  constructor(init: LocalClusterInit) {
    this.#init = init
    this.#file = init.file
    this.#begunOnDisk = new Set(init.file.members.filter(({ begun }) => begun).map(({ name }) => name))
    const { file, dataFolder, launcher } = init
    this.injections = new Injections({
      folder: clusterFolder(dataFolder, file.id),
      cluster: file.name,
      targets: () => this.#replicas,
      logFolderOf: (name) => replicaFolder(dataFolder, file.id, name),
      onChange: () => {
        this.#changed()
      },
      onNote: init.onNote,
    })
    this.#names = new Map(file.members.map((member) => [member.replica, member.name]))
    const members = file.members.map(({ replica, name }) => ({ replica, name }))
    this.#incidentFiles = new IncidentFiles(dataFolder, file.id)
    this.auditing = this.#createAuditing()
    this.#replicas = file.members.map(
      ({ replica, name, privateKey }) =>
        new LocalReplica({
          name,
          hasBegun: () => this.#hasBegun(name),
          standing: () => this.auditing.standing(name),
          faults: () => (file.rehearsal ? this.injections.ordersFor(name) : undefined),
          onBegun: () => this.#begun(name),
          launcher,
          orders: {
            cluster: file.id,
            epoch: file.epoch,
            self: replica,
            members,
            privateKey,
            networkKey: file.networkKey,
            leaseClockBoundMs: file.leaseClockBoundMs,
            queueInputsMax: init.queueInputsMax,
            checkpointPolicy: file.checkpointPolicy,
            auditPolicy: file.auditPolicy,
            trace: init.trace !== undefined,
            folder: replicaFolder(dataFolder, file.id, name),
            // Loopback only: nothing leaves this computer before the cluster is opened to the LAN.
            listen: ['/ip4/127.0.0.1/tcp/0'],
          },
          onChange: () => {
            this.#changed()
          },
          onAddresses: () => {
            this.#tellPeers()
            if (this.replica(name).state === 'running') this.injections.running(name)
          },
          onNote: (note) => {
            this.#note(name, note)
          },
          onTrouble: (message) => {
            this.#tellSeldom('attention', `Replica ${name}: ${message}`)
          },
          onTrace: (event, fields) => {
            init.trace?.(`replica.${event}`, { ...fields, member: name })
          },
          onExit: (exit) => {
            const { level, text } = exitText(name, exit)
            if (exit.problem === undefined || exit.expected) init.onNote(level, text)
            else this.#tellSeldom(level, text)
            this.injections.exited(name)
          },
        }),
    )
  }

  get file(): ClusterFile {
    return this.#file
  }

  get replicas(): readonly LocalReplica[] {
    return this.#replicas
  }

  /**
   * What earlier lives of the host left on disk; before the first start, which is refused until this could be read.
   *
   * @throws HostError INCIDENTS_UNREADABLE
   */
  async read(): Promise<void> {
    await this.injections.load()
    const { running } = this.#file
    // Until it is read nobody is started, by hand neither. On disk it stays as it was: the host's next life tries again.
    this.#isUnread = true
    this.#file = { ...this.#file, running: false }
    await this.auditing.read()
    this.#isUnread = false
    this.#file = { ...this.#file, running }
  }

  /** What is on disk of it could not be read: who deviated is not known, so nobody is started. */
  get isUnread(): boolean {
    return this.#isUnread
  }

  start(): void {
    assert(!this.#isUnread, 'a cluster is started when its incidents are known')
    this.#file = { ...this.#file, running: true }
    this.auditing.begin()
  }

  /** By hand, in quarantine where it was given up. @throws RefusedError REPLICA_UNKNOWN, CLUSTER_STOPPED */
  startReplica(name: string): void {
    const replica = this.replica(name)
    this.#refuseStopped()
    this.auditing.startedByHand(name)
    replica.start()
  }

  /** By hand: the repair ladder. @throws RefusedError REPLICA_UNKNOWN, CLUSTER_STOPPED */
  repairReplica(name: string): void {
    const replica = this.replica(name)
    this.#refuseStopped()
    this.auditing.repair(replica.name)
  }

  /** Its replicas, gracefully. The followers first: while they flush, the leader needs nobody's vote. */
  async stop(): Promise<void> {
    this.#file = { ...this.#file, running: false }
    await this.endProcesses()
    this.#hasServed = false
    this.#changed()
  }

  /** It is stopped and is to be deleted: nothing more is written into its folder. */
  async close(): Promise<void> {
    await this.#incidentFiles.close()
  }

  /** Ends the processes without saying that the cluster is to stay stopped. */
  async endProcesses(): Promise<void> {
    this.auditing.end()
    await this.injections.endAll()
    await Promise.all(this.#replicas.map((replica) => replica.stop()))
    await this.#incidentFiles.settled()
  }

  /** @throws RefusedError REPLICA_UNKNOWN */
  replica(name: string): LocalReplica {
    const found = this.#replicas.find((replica) => replica.name === name)
    if (found !== undefined) return found
    const names = this.#replicas.map((replica) => replica.name).join(', ')
    throw new RefusedError('REPLICA_UNKNOWN', `Cluster ${this.#file.name} has no replica "${name}"; it has ${names}.`)
  }

  view(): ClusterView {
    const view = clusterView({
      file: this.#file,
      version: this.#version,
      replicas: this.#replicas,
      nameOf: this.#nameOf,
      hasServed: this.#hasServed,
      injections: this.injections,
      auditing: this.auditing,
    })
    if (view.phase === 'serving') this.#hasServed = true
    return view
  }

  /**
   * Asks one replica to be the proxy; another one beside it when it goes or stays silent, with the same (client,
   * sequence), which is safe. The first reply counts.
   *
   * @throws RefusedError BUSY, CLUSTER_STOPPED
   */
  async ask(request: Request<Ask>): Promise<OutcomeView> {
    if (!this.#file.running) {
      throw new RefusedError('CLUSTER_STOPPED', `Cluster ${this.#file.name} is stopped. Start it, then submit again.`)
    }
    const deadlineMs = performance.now() + request.timeoutMs
    const attempts = new Map<LocalReplica, Promise<Attempt>>()
    let asked = 0
    for (;;) {
      const leftMs = Math.round(deadlineMs - performance.now())
      if (leftMs <= -SILENCE_MS) return this.#outcome(this.#silence(), { via: '', kind: request.kind })
      // Another proxy only when those asked have gone or are stuck: an Input that merely queues must not queue twice.
      const isStuck = [...attempts.keys()].every((replica) => replica.isSilent)
      const proxy = isStuck && leftMs > 0 ? this.#proxy(attempts) : undefined
      if (proxy !== undefined) {
        asked += 1
        attempts.set(proxy, attempt(proxy, { ...request, timeoutMs: leftMs }))
      }
      const patienceMs = attempts.size === 0 ? LOOK_AGAIN_MS : PATIENCE_MS
      const ended = await firstOf([...attempts.values()], Math.min(patienceMs, leftMs + SILENCE_MS))
      if (ended === undefined) continue
      if (ended.reply === undefined || (ended.reply.kind === 'busy' && asked > 1)) {
        // Busy, after an earlier proxy may have had it ordered: that nothing happened can't be said any more.
        attempts.delete(ended.replica)
        if (ended.reply !== undefined) await sleep(LOOK_AGAIN_MS)
      } else {
        return this.#outcome(ended.reply, { via: ended.replica.name, kind: request.kind })
      }
    }
  }

  /** The newest slots with votes, of all proxies of this host, newest first. */
  async votes(query: { readonly slotBefore?: number; readonly limit: number }): Promise<SlotVotesView[]> {
    const answers = await Promise.all(
      this.#replicas.map((replica) => replica.votes(query).catch(() => ({ slots: [] }))),
    )
    const slots = new Map<number, SlotVotesView>()
    for (const slot of answers.flatMap((answer) => answer.slots)) {
      const view = slotVotesView(slot, this.#nameOf)
      const known = slots.get(view.slot)
      if (known === undefined || answeredCount(view) > answeredCount(known)) slots.set(view.slot, view)
    }
    return [...slots.values()].toSorted((left, right) => right.slot - left.slot).slice(0, query.limit)
  }

  /**
   * Decided slots as they lie in a replica's log.
   *
   * @throws RefusedError REPLICA_UNKNOWN, REPLICA_STOPPED, LOG_UNREADABLE
   */
  async log(name: string | undefined, range: LogRange): Promise<LogView> {
    const replica = name === undefined ? this.#proxy(new Map()) : this.replica(name)
    if (replica?.state !== 'running') {
      const which = name === undefined ? 'No replica runs' : `Replica ${name} does not run`
      throw new RefusedError('REPLICA_STOPPED', `${which} here, so its log can't be read. Start it first.`)
    }
    try {
      return logView(replica.name, await replica.log(range), this.#nameOf)
    } catch (error) {
      throw new RefusedError('LOG_UNREADABLE', `The log of replica ${replica.name} was not read: ${messageOf(error)}`)
    }
  }

  /** Newest first. */
  elections(limit: number): ElectionView[] {
    return this.#elections.slice(-limit).toReversed()
  }

  slotView(slot: Parameters<typeof slotVotesView>[0]): SlotVotesView {
    return slotVotesView(slot, this.#nameOf)
  }

  readonly #nameOf = (replica: string): string => this.#names.get(replica) ?? replica

  /**
   * The leader where it is known and here: one hop less. Otherwise any that runs. One that stayed silent lately (its
   * process may be stopped or stuck), or is in quarantine, only when there is nobody else.
   */
  #proxy(asked: ReadonlyMap<LocalReplica, unknown>): LocalReplica | undefined {
    const running = this.#replicas.filter((replica) => replica.state === 'running' && !asked.has(replica))
    const lively = running.filter((replica) => !replica.isSilent && replica.report?.isQuarantined !== true)
    const leader = agreedLeader(lively, 1)
    return lively.find((replica) => replica.id === leader) ?? lively[0] ?? running[0]
  }

  #silence(): Reply {
    const votes = this.#file.members.map(({ replica }) => ({
      replica,
      sign: 'none' as const,
      digest: undefined,
      afterMs: undefined,
      signature: undefined,
    }))
    return { kind: 'fail', reason: 'too-few-outputs', slot: undefined, votes }
  }

  #outcome(reply: Reply, context: { readonly via: string; readonly kind: Ask['kind'] }): OutcomeView {
    const kind = context.kind === 'submit' ? 'input' : context.kind
    const outcome = outcomeView(reply, { nameOf: this.#nameOf, via: context.via, kind })
    if (outcome !== undefined) return outcome
    throw new RefusedError('BUSY', 'The queue of Inputs is full. Nothing was ordered; try again in a moment.')
  }

  #hasBegun(name: string): boolean {
    return this.#file.members.some((member) => member.name === name && member.begun)
  }

  /** Rejects where it can't be written down; the next life of the replica tries again. */
  async #begun(name: string): Promise<void> {
    if (this.#begunOnDisk.has(name)) return
    const members = this.#file.members.map((member) => (member.name === name ? { ...member, begun: true } : member))
    this.#file = { ...this.#file, members }
    await this.#init.onBegun()
    this.#begunOnDisk.add(name)
  }

  #tellPeers(): void {
    for (const replica of this.#replicas) {
      if (replica.state !== 'running') continue
      const others = this.#replicas.filter((other) => other !== replica)
      replica.setPeers(others.map((other) => ({ replica: other.id, addresses: other.addresses })))
    }
  }

  #createAuditing(): Auditing {
    const { file, onAudit, onIncident, onNote, repairTiming } = this.#init
    return new Auditing({
      members: file.members,
      quorum: majorityOf(file.members.length),
      patients: () => this.#replicas,
      files: this.#incidentFiles,
      nameOf: this.#nameOf,
      timing: repairTiming ?? REPAIR_TIMING,
      orderCheckpoint: async () => {
        // Without one it is asked for by nobody: the rung's own time runs out then.
        await this.ask({ kind: 'checkpoint', timeoutMs: CHECKPOINT_MS }).catch(() => undefined)
      },
      onAudit: (audit) => {
        onAudit(audit)
        this.#changed()
      },
      onIncident: (incident) => {
        onIncident(incident)
        this.#changed()
      },
      onNote,
    })
  }

  #refuseStopped(): void {
    if (this.#file.running) return
    throw new RefusedError('CLUSTER_STOPPED', `Cluster ${this.#file.name} is stopped. Start the cluster.`)
  }

  #note(name: string, note: Note): void {
    this.auditing.note(name, note)
    if (note.kind === 'election') {
      const election = electionView(name, note, this.#nameOf)
      this.#elections.push(election)
      if (this.#elections.length > ELECTIONS_MAX) this.#elections.shift()
      this.#init.onNote('good', electionText(election))
    }
    if (note.kind === 'signature-wrong') this.#tellSeldom('attention', wrongSignatureText(name, note, this.#nameOf))
    const told = checkpointText(name, note, this.#nameOf)
    if (told !== undefined) this.#tellSeldom(told.level, told.text)
    if (note.kind === 'role' && note.role === 'follower' && STEP_DOWNS.has(note.reason)) {
      this.#init.onNote('attention', `Replica ${name} no longer leads or runs: ${STEP_DOWNS.get(note.reason) ?? ''}.`)
    }
  }

  /** A disk that stays as it is fails in the same words every few seconds. */
  #tellSeldom(level: NoteLevel, text: string): void {
    const nowMs = performance.now()
    for (const [told, atMs] of this.#told) if (nowMs - atMs > TELL_AGAIN_MS) this.#told.delete(told)
    if (this.#told.has(text)) return
    this.#told.set(text, nowMs)
    this.#init.onNote(level, text)
  }

  #changed(): void {
    this.#version += 1
    this.#init.onChange()
  }
}

interface Attempt {
  readonly replica: LocalReplica
  /** Absent when its process went before it answered. */
  readonly reply: Reply | undefined
}

async function attempt(replica: LocalReplica, request: Request<Ask>): Promise<Attempt> {
  try {
    return { replica, reply: await replica.request(request) }
  } catch (error) {
    if (error instanceof ReplicaGoneError) return { replica, reply: undefined }
    throw error
  }
}

/** @returns undefined when none of them ends in time. */
async function firstOf(attempts: readonly Promise<Attempt>[], patienceMs: number): Promise<Attempt | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => {
    resolve(undefined)
  }, patienceMs)
  try {
    return await Promise.race([...attempts, promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Ends of leadership that no new leader's record tells of. */
const STEP_DOWNS: ReadonlyMap<string, string> = new Map([
  ['lost-quorum', 'it reaches no quorum'],
  ['disk-stall', 'its disk syncs nothing'],
  ['recovery-stalled', 'it could not fetch what was decided before'],
])

function answeredCount(view: SlotVotesView): number {
  return view.inputs.flatMap((input) => input.votes).filter((vote) => vote.sign !== 'none').length
}
