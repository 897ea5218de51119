import { randomBytes, randomInt } from 'node:crypto'
import type { Fault } from '../api/faults.ts'
import { messageOf } from '../base/errors.ts'
import type { Trace } from '../ports/trace.ts'
import type { PeerAddress } from '../ports/transport.ts'
import type { ReplicaReport, HostMessage, ReplicaMessage, ReplicaOrders, ReplicaRequest } from '../host/protocol.ts'
import { isReplicaMessage } from '../host/protocol.ts'
import type { Note, Reply, SlotVotes } from '../replica/effects.ts'
import type { Problem, ReplicaEnd } from './exit-notes.ts'
import type { ReplicaExit, ReplicaLauncher, ReplicaProcess } from './launcher.ts'
import type { Standing } from './standing.ts'

/** Unit: ms. */
const RESTART_MS_MIN = 200
const RESTART_MS_MAX = 10_000
/** A process that lived this long is well again: the next restart is quick. */
const WELL_MS = 10_000
/** A replica tells how it is twice a second at least. */
const SILENT_MS = 1_500
/** After this a stopping process is ended. */
const STOP_MS_MAX = 5_000
/** A paused process does not answer; whoever asks is not to wait for it. */
const QUERY_MS_MAX = 1_000
/** A stretch of the log comes from its disk. */
const LOG_MS_MAX = 10_000
/** One that writes a backup says now and then how far it is; it may wait that long for its log first. */
const BACKUP_SILENT_MS_MAX = 60_000

export type ProcessState = 'starting' | 'running' | 'stopping' | 'stopped' | 'restarting' | 'failed'

export interface LocalReplicaInit {
  readonly name: string
  readonly launcher: ReplicaLauncher
  readonly orders: Omit<ReplicaOrders, 'life' | 'seed' | 'hasBegun' | 'faults' | keyof Standing>
  /** How it is to be started now. */
  readonly standing: () => Standing
  /** The injected faults a new process begins with; undefined where rehearsal is not allowed. */
  readonly faults: () => ReplicaOrders['faults']
  /** Whether its log was begun in an earlier life. */
  readonly hasBegun: () => boolean
  /** It began its log; resolves when that is written down. */
  readonly onBegun: () => Promise<void>
  readonly onChange: () => void
  /** It can be dialled at new addresses, or at none. */
  readonly onAddresses: () => void
  readonly onNote: (note: Note) => void
  /** Something on its disk went wrong that harms nothing yet. */
  readonly onTrouble: (message: string) => void
  readonly onTrace: Trace
  readonly onExit: (end: ReplicaEnd) => void
}

interface Waiting<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: Error) => void
  readonly onProgress?: (done: number) => void
}

/** What a replica answers about the votes it gathered as a proxy. */
interface VotesAnswer {
  readonly version: number
  readonly slots: readonly SlotVotes[]
  /** Slots that were asked for beyond the limit. */
  readonly more: number
}

type Question = Extract<HostMessage, { query: number }>
export type BackupQuery = Omit<Extract<Question, { kind: 'backup' }>, 'kind' | 'query'>
type LogAnswer = Omit<Extract<ReplicaMessage, { kind: 'log' }>, 'kind' | 'query'>

/** The process went before it answered: somebody else may be asked. */
export class ReplicaGoneError extends Error {
  override readonly name = 'ReplicaGoneError'
}

/** It could not do what it was asked; `code` is for programs. */
export class QueryFailedError extends Error {
  override readonly name = 'QueryFailedError'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** One replica of this host: its process, started again with backoff when it dies, and what it last told. */
export class LocalReplica {
  readonly #init: LocalReplicaInit
  #process: ReplicaProcess | undefined
  #state: ProcessState = 'stopped'
  #addresses: readonly string[] = []
  #report: ReplicaReport | undefined
  /** Whose it is: a new process has not told anything at first. */
  #reporter: ReplicaProcess | undefined
  #problem: Problem | undefined
  #restarts = 0
  #quickFailures = 0
  /** Started while it was stopping: that comes after. */
  #startsAgain = false
  #startedMs = 0
  #heardMs = 0
  #restartTimer: NodeJS.Timeout | undefined
  #stopped: (() => void)[] = []
  #numbers = 0
  readonly #requests = new Map<number, Waiting<Reply>>()
  readonly #queries = new Map<number, Waiting<unknown>>()
  #outbox: ReplicaRequest[] = []
  readonly #misheardKinds = new Set<ReplicaMessage['kind']>()

  constructor(init: LocalReplicaInit) {
    this.#init = init
  }

  get name(): string {
    return this.#init.name
  }

  get id(): ReplicaOrders['self'] {
    return this.#init.orders.self
  }

  get state(): ProcessState {
    return this.#state
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  get addresses(): readonly string[] {
    return this.#addresses
  }

  /** It runs, and has told nothing for so long that its process must be stopped or stuck. */
  get isSilent(): boolean {
    return this.#state === 'running' && performance.now() - this.#heardMs > SILENT_MS
  }

  /** What it last told; undefined while it does not run. */
  get report(): ReplicaReport | undefined {
    return this.#state === 'running' && this.#reporter === this.#process ? this.#report : undefined
  }

  /** What it told before it went, for what stays true on disk: slots and sizes. */
  get reportLast(): ReplicaReport | undefined {
    return this.#report
  }

  get problem(): { readonly code: string; readonly message: string } | undefined {
    return this.#problem
  }

  get restarts(): number {
    return this.#restarts
  }

  start(): void {
    // Asked for while it is stopping: after it has. Never two processes on one log.
    this.#startsAgain = this.#state === 'stopping'
    if (this.#process !== undefined) return
    clearTimeout(this.#restartTimer)
    this.#quickFailures = 0
    this.#problem = undefined
    this.#launch()
  }

  /** Gracefully; ended by force when it takes too long. Resolves when the process is gone. */
  stop(): Promise<void> {
    this.#startsAgain = false
    clearTimeout(this.#restartTimer)
    if (this.#process === undefined) {
      this.#become('stopped')
      return Promise.resolve()
    }
    const process = this.#process
    return new Promise((resolve) => {
      this.#stopped.push(resolve)
      if (this.#state === 'stopping') return
      this.#become('stopping')
      this.#send({ kind: 'stop' })
      const timer = setTimeout(() => {
        process.kill()
      }, STOP_MS_MAX)
      this.#stopped.push(() => {
        clearTimeout(timer)
      })
    })
  }

  /** Ends its process, and shows why: it is not started again before somebody does it. */
  async giveUp(problem: Problem): Promise<void> {
    await this.stop()
    // Started by somebody in that very moment: then it is theirs.
    if (this.#state !== 'stopped') return
    this.#problem = problem
    this.#become('failed')
  }

  /** kill -9; the process is started again as after any crash. */
  kill(): void {
    this.#process?.kill()
  }

  setPeers(peers: readonly PeerAddress[]): void {
    this.#send({ kind: 'peers', peers: peers.map((peer) => ({ ...peer, addresses: [...peer.addresses] })) })
  }

  /** Rehearsal. */
  fault(number: number, fault: Fault, active: boolean): void {
    this.#send({ kind: 'fault', number, fault, active })
  }

  pause(): void {
    this.#process?.pause()
  }

  resume(): void {
    this.#process?.resume()
  }

  /** @throws ReplicaGoneError (rejects) when the process goes before it replies. */
  request(request: DistributiveOmit<ReplicaRequest, 'request'>): Promise<Reply> {
    const number = (this.#numbers += 1)
    return new Promise((resolve, reject) => {
      if (this.#state !== 'running') {
        reject(new ReplicaGoneError(`replica ${this.name} is not running`))
        return
      }
      this.#requests.set(number, { resolve, reject })
      this.#outbox.push({ ...request, request: number })
      if (this.#outbox.length === 1) setImmediate(() => this.#flush())
    })
  }

  votes(query: {
    readonly slotBefore?: number
    readonly versionAfter?: number
    readonly limit: number
  }): Promise<VotesAnswer> {
    return this.#ask<VotesAnswer>({ kind: 'votes', ...query }, QUERY_MS_MAX)
  }

  /** A stretch of its log, read from its disk. */
  log(query: {
    readonly slotFrom?: number | undefined
    readonly slotTo?: number | undefined
    readonly limit: number
  }): Promise<LogAnswer> {
    return this.#ask<LogAnswer>({ kind: 'log', ...query }, LOG_MS_MAX)
  }

  /** Has it write a backup. @returns the file's length in bytes; `onProgress` hears of those written so far. */
  async backup(query: BackupQuery, onProgress: (doneBytes: number) => void): Promise<number> {
    const asked = this.#ask<{ readonly fileBytes: number }>(
      { kind: 'backup', ...query },
      BACKUP_SILENT_MS_MAX,
      onProgress,
    )
    return (await asked).fileBytes
  }

  /**
   * `msMax`: without an answer, or word of progress.
   *
   * @throws ReplicaGoneError (rejects) when it goes, or does not answer in time; QueryFailedError when it can't.
   */
  #ask<T>(
    question: DistributiveOmit<Question, 'query'>,
    msMax: number,
    onProgress: (done: number) => void = () => undefined,
  ): Promise<T> {
    const number = (this.#numbers += 1)
    return new Promise<T>((resolve, reject) => {
      if (this.#state !== 'running') {
        reject(new ReplicaGoneError(`replica ${this.name} is not running`))
        return
      }
      const timer = setTimeout(() => {
        if (this.#queries.delete(number)) reject(new ReplicaGoneError(`replica ${this.name} does not answer`))
      }, msMax)
      this.#queries.set(number, {
        resolve: (answer) => {
          clearTimeout(timer)
          // The kind of the question decides the kind of the answer.
          resolve(answer as T)
        },
        reject: (error) => {
          clearTimeout(timer)
          reject(error)
        },
        onProgress: (done) => {
          timer.refresh()
          onProgress(done)
        },
      })
      this.#send({ ...question, query: number })
    })
  }

  /** Requests of one turn travel in one message. */
  #flush(): void {
    const requests = this.#outbox
    this.#outbox = []
    if (requests.length > 0) this.#send({ kind: 'requests', requests })
  }

  #launch(): void {
    this.#become('starting')
    this.#startedMs = performance.now()
    const launched = this.#init.launcher.launch(this.name)
    this.#process = launched
    launched.onMessage((message) => {
      if (this.#process !== launched || !isReplicaMessage(message)) return
      this.#heardMs = performance.now()
      this.#hear(message)
    })
    launched.onExit((exit) => {
      if (this.#process === launched) this.#exited(exit)
    })
    const life = randomBytes(8).toString('hex')
    const seed = randomInt(0, 2 ** 31 - 1)
    const { orders, standing } = this.#init
    const faults = this.#init.faults()
    const hasBegun = this.#init.hasBegun()
    this.#send({
      kind: 'start',
      orders: { ...orders, ...standing(), life, seed, hasBegun, ...(faults && { faults }) },
    })
  }

  /** What a replica says never ends its host: what can't be taken in is told, each kind of it once. */
  #hear(message: ReplicaMessage): void {
    try {
      this.#message(message)
    } catch (error) {
      this.#misheard(message.kind, error)
    }
  }

  #misheard(kind: ReplicaMessage['kind'], error: unknown): void {
    if (this.#misheardKinds.has(kind)) return
    this.#misheardKinds.add(kind)
    try {
      this.#init.onTrouble(`What it told ("${kind}") can't be taken in by the host: ${messageOf(error)}`)
    } catch {
      // There is nobody left to tell.
    }
  }

  #message(message: ReplicaMessage): void {
    switch (message.kind) {
      case 'started':
        this.#started(message.addresses).catch((error: unknown) => {
          this.#misheard('started', error)
        })
        return
      case 'replies':
        for (const { request, reply } of message.replies) {
          this.#requests.get(request)?.resolve(reply)
          this.#requests.delete(request)
        }
        return
      case 'status':
        this.#report = message.status
        this.#reporter = this.#process
        this.#init.onChange()
        return
      case 'note':
        this.#init.onNote(message.note)
        return
      case 'votes':
      case 'log':
      case 'backup':
        this.#queries.get(message.query)?.resolve(message)
        this.#queries.delete(message.query)
        return
      case 'query-failed':
        this.#queries.get(message.query)?.reject(new QueryFailedError(message.code ?? 'INTERNAL', message.message))
        this.#queries.delete(message.query)
        return
      case 'progress':
        this.#queries.get(message.query)?.onProgress?.(message.done)
        return
      case 'errand-done':
        return
      case 'trouble':
        this.#init.onTrouble(message.message)
        return
      case 'trace':
        this.#init.onTrace(message.event, message.fields)
        return
      case 'failed':
        this.#problem = message
    }
  }

  /** It reaches nobody before its addresses are told: so it votes only after it is on record that its log was begun. */
  async #started(addresses: readonly string[]): Promise<void> {
    const started = this.#process
    try {
      await this.#init.onBegun()
    } catch (error) {
      const message = `The host can't write down that replica ${this.name} began its log: ${messageOf(error)}`
      this.#problem = { code: 'HOST_WRITE_FAILED', message, isFinal: false }
      started?.kill()
      return
    }
    if (this.#process !== started) return
    this.#addresses = addresses
    // A graceful stop may have been asked for while it started.
    if (this.#state === 'starting') this.#become('running')
    this.#init.onAddresses()
  }

  #exited(exit: ReplicaExit): void {
    this.#process = undefined
    this.#addresses = []
    this.#outbox = []
    const gone = new ReplicaGoneError(`replica ${this.name} went before it answered`)
    for (const waiting of [...this.#requests.values(), ...this.#queries.values()]) waiting.reject(gone)
    this.#requests.clear()
    this.#queries.clear()
    const expected = this.#state === 'stopping'
    if (expected) this.#become('stopped')
    else this.#restartLater()
    this.#init.onAddresses()
    this.#init.onExit({ ...exit, expected, problem: this.#problem })
    for (const resolve of this.#stopped.splice(0)) resolve()
    if (this.#startsAgain) this.start()
  }

  #restartLater(): void {
    if (this.#problem?.isFinal === true) {
      this.#become('failed')
      return
    }
    const lived = performance.now() - this.#startedMs
    this.#quickFailures = lived > WELL_MS ? 0 : this.#quickFailures + 1
    const delayMs = Math.min(RESTART_MS_MAX, RESTART_MS_MIN * 2 ** Math.max(0, this.#quickFailures - 1))
    this.#become('restarting')
    this.#restartTimer = setTimeout(() => {
      this.#restarts += 1
      this.#launch()
    }, delayMs)
  }

  #become(state: ProcessState): void {
    this.#state = state
    if (state === 'running') this.#problem = undefined
    this.#init.onChange()
  }

  #send(message: HostMessage): void {
    this.#process?.send(message)
  }
}

type DistributiveOmit<T, Key extends PropertyKey> = T extends unknown ? Omit<T, Key> : never
