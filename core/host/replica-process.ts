import * as v from 'valibot'
import { InvariantError, unreachable } from '../base/assert.ts'
import { messageOf } from '../base/errors.ts'
import { createPrng } from '../base/prng.ts'
import { sha256 } from '../crypto/hash.ts'
import { createSigner } from '../crypto/signer.ts'
import { builtInMachines, createRegistry } from '../machine/registry.ts'
import { createConfiguration } from '../model/configuration.ts'
import { slot } from '../model/ids.ts'
import type { ReplicaEvent } from '../replica/events.ts'
import { Replica } from '../replica/replica.ts'
import { BackupError } from '../storage/backup-errors.ts'
import { openCheckpointStore } from '../storage/checkpoint-store.ts'
import { StorageError } from '../storage/errors.ts'
import { openRecordStore } from '../storage/nedb-record-store.ts'
import { refuseWhereGone } from '../storage/segment-folder.ts'
import type { CheckpointStore } from '../ports/checkpoint-store.ts'
import type { RecordStore } from '../ports/record-store.ts'
import type { Trace } from '../ports/trace.ts'
import type { Transport } from '../ports/transport.ts'
import { TransportError } from '../transport/errors.ts'
import { createLibp2pTransport } from '../transport/libp2p-transport.ts'
import { backUp } from './backing-up.ts'
import { EventLoop } from './event-loop.ts'
import type { Faults } from './faults/faults.ts'
import { passDisk } from './faults/faulty-stores.ts'
import { faultsOf, shaky } from './faults/rehearsal.ts'
import { runErrand } from './errands.ts'
import type { Errand, HostMessage, ReplicaMessage, ReplicaOrders } from './protocol.ts'
import { hostMessageSchema } from './protocol.ts'
import { loadNewest } from './loading.ts'
import { boundMemory } from './memory.ts'
import { reportOf } from './report.ts'
import { requestsGoOn } from './requests-go-on.ts'
import { systemClock } from './system-clock.ts'
import { createTell } from './telling.ts'
import type { Tell } from './telling.ts'

/** Unit: ms. How often the host hears how the replica is, when that changed. */
const REPORT_MS = 100
/** Unit: ms. How often the host hears of it at least. */
const ALIVE_MS = 400

/** The process's end of the line to its host. */
export interface ProcessPort {
  onMessage: (listener: (message: unknown) => void) => void
  send: (message: unknown) => void
}

const EXIT_FAILED = 70
/** Unit: ms. A message must leave before the process does. */
const LAST_WORDS_MS = 50

const MACHINE_NAMES = builtInMachines.map(({ name }) => name).toSorted()

/** Of the batches shown at once. */
const LOG_BYTES_MAX = 8 * 1024 * 1024

/** Runs one replica in this process: waits for its orders, lives, ends the process when told to or when it fails. */
export function runReplicaProcess(port: ProcessPort): void {
  boundMemory()
  const running: { process?: RunningReplica; faults?: Faults | undefined } = {}
  const tell = createTell(port.send)
  port.onMessage((message) => {
    const parsed = v.safeParse(hostMessageSchema, message)
    if (!parsed.success) {
      fail(tell, new InvariantError(`the host sent what is no order: ${parsed.issues[0].message}`))
      return
    }
    if (parsed.output.kind === 'errand') {
      void performErrand(parsed.output.errand, tell)
      return
    }
    if (parsed.output.kind === 'fault') {
      // Before it runs, too: its disk may be stalled while it opens its log.
      running.faults?.order(parsed.output.number, parsed.output.fault, parsed.output.active)
      return
    }
    if (parsed.output.kind !== 'start') {
      // Told to stop while it still reads its log: nothing was promised in this life, so it may just go.
      if (running.process === undefined && parsed.output.kind === 'stop') process.exit(0)
      running.process?.order(parsed.output)
      return
    }
    running.faults = faultsOf(parsed.output.orders)
    startReplica(parsed.output.orders, tell, running.faults).then(
      (started) => {
        running.process = started
      },
      (error: unknown) => {
        fail(tell, error)
      },
    )
  })
}

/** Runs no replica: does what is asked, tells how it ended, and ends the process. */
async function performErrand(errand: Errand, tell: (message: ReplicaMessage) => void): Promise<void> {
  try {
    const backup = await runErrand(errand, (phase, done, total) => {
      tell({ kind: 'progress', query: 0, phase, done, total })
    })
    tell({ kind: 'errand-done', backup })
    setTimeout(() => process.exit(0), LAST_WORDS_MS)
  } catch (error) {
    if (!(error instanceof BackupError)) {
      fail(tell, error)
      return
    }
    // What a file holds is no trouble of the process: its host tells whoever asked.
    tell({ kind: 'failed', code: error.fault.code, message: error.message, isFinal: true })
    setTimeout(() => process.exit(EXIT_FAILED), LAST_WORDS_MS)
  }
}

async function startReplica(orders: ReplicaOrders, tell: Tell, faults: Faults | undefined): Promise<RunningReplica> {
  const replica = new Replica({
    self: orders.self,
    cluster: orders.cluster,
    signer: createSigner(orders.privateKey),
    checkpointPolicy: orders.checkpointPolicy,
    auditPolicy: orders.auditPolicy,
    isQuarantined: orders.isQuarantined,
    discardsState: orders.discardsState,
    configuration: createConfiguration(orders.epoch, orders.members),
    registry: createRegistry(builtInMachines),
    hash: sha256,
    life: orders.life,
    prng: createPrng(orders.seed),
    lease: orders.leaseClockBoundMs === undefined ? undefined : { clockBoundMs: orders.leaseClockBoundMs },
    queueInputsMax: orders.queueInputsMax,
  })
  const { folder, cluster, self } = orders
  await passDisk(faults, folder)
  // Before the checkpoints, which make their folder where it isn't there.
  if (orders.hasBegun) await refuseWhereGone(folder)
  const checkpoints = await openCheckpointStore({
    folder,
    cluster,
    replica: self,
    requestsGoOn: requestsGoOn(replica, () => performance.now()),
    onDamaged: (error) => {
      tell({ kind: 'trouble', message: error.message })
    },
  })
  const loaded = orders.discardsState ? undefined : await loadNewest(checkpoints)
  replica.restore(checkpoints.checkpoints, loaded)
  const store = await openRecordStore({
    folder,
    cluster,
    replica: self,
    mustExist: orders.hasBegun,
    onRecord: (record) => {
      replica.recover(record)
    },
  })
  const connected = new Set<string>()
  const loop: { current?: EventLoop } = {}
  const push = (event: ReplicaEvent): void => {
    loop.current?.push(event)
  }
  const transport = await openTransport(orders, { connected, push, tell })
  const parts = { replica, ...shaky({ clock: systemClock, store, checkpoints, transport }, orders, faults) }
  replica.start(parts.clock.read())
  const eventLoop = new EventLoop(parts, {
    onReplies: (replies) => {
      tell({ kind: 'replies', replies })
    },
    onNote: (note) => {
      tell({ kind: 'note', note })
    },
    onTrouble: (message) => {
      tell({ kind: 'trouble', message })
    },
    onFailure: (error) => {
      fail(tell, error)
    },
  })
  loop.current = eventLoop
  faults?.attach(push)
  const running = new RunningReplica({ ...parts, orders, loop: eventLoop, connected, tell })
  running.start()
  return running
}

interface Line {
  readonly connected: Set<string>
  readonly push: (event: ReplicaEvent) => void
  readonly tell: (message: ReplicaMessage) => void
}

function openTransport(orders: ReplicaOrders, { connected, push, tell }: Line): Promise<Transport> {
  const { cluster, privateKey, networkKey, listen } = orders
  const trace: Trace = (event, fields) => {
    if (orders.trace) tell({ kind: 'trace', event, fields: toTraceFields(fields) })
  }
  return createLibp2pTransport({
    trace,
    cluster,
    epoch: () => orders.epoch,
    privateKey,
    networkKey,
    listen,
    listener: {
      onMessages: (from, messages) => {
        for (const message of messages) push({ kind: 'message', from, message })
      },
      onPeer: (peer, isConnected) => {
        if (isConnected) connected.add(peer)
        else connected.delete(peer)
        push({ kind: 'peer', replica: peer, connected: isConnected })
      },
      onRefused: (from, fault) => {
        trace('transport.frame-refused', { from, ...fault })
      },
    },
  })
}

interface RunningReplicaInit {
  readonly orders: ReplicaOrders
  readonly replica: Replica
  readonly store: RecordStore
  readonly checkpoints: CheckpointStore
  readonly transport: Transport
  readonly loop: EventLoop
  readonly connected: ReadonlySet<string>
  readonly tell: (message: ReplicaMessage) => void
}

/** A replica at work, with everything it holds open. */
class RunningReplica {
  readonly #init: RunningReplicaInit
  #reported = ''
  #reportedMs = 0
  #reporter: NodeJS.Timeout | undefined

  constructor(init: RunningReplicaInit) {
    this.#init = init
  }

  start(): void {
    this.#init.loop.start()
    this.#init.tell({ kind: 'started', addresses: this.#init.transport.addresses })
    this.#report()
    this.#reporter = setInterval(() => {
      this.#report()
    }, REPORT_MS)
  }

  order(message: Exclude<HostMessage, { kind: 'start' | 'errand' | 'fault' }>): void {
    const { loop, transport, replica, tell } = this.#init
    switch (message.kind) {
      case 'peers':
        transport.setPeers(message.peers)
        return
      case 'requests':
        for (const request of message.requests) loop.push(request)
        return
      case 'forget':
        loop.push(message)
        return
      case 'votes': {
        const { slotBefore, versionAfter, limit } = message
        const { version, slots, more } = replica.recentVotes({
          limit,
          ...(slotBefore === undefined ? {} : { slotBefore }),
          ...(versionAfter === undefined ? {} : { versionAfter }),
        })
        tell({ kind: 'votes', query: message.query, version, slots, more })
        return
      }
      case 'log':
        void this.#readLog(message)
        return
      case 'backup':
        void this.#backUp(message)
        return
      case 'stop':
        void this.#stop()
        return
      default:
        unreachable(message)
    }
  }

  async #readLog({ query, slotFrom, slotTo, limit }: Extract<HostMessage, { kind: 'log' }>): Promise<void> {
    const { replica, store, tell } = this.#init
    const { slotDecided } = replica.status
    const { slotFirst } = replica.checkpoints
    const last = Math.min(slotTo ?? slotDecided, slotDecided)
    const first = Math.max(slotFrom ?? last - limit + 1, slotFirst)
    const slotLast = slot(Math.max(0, Math.min(last, first + limit - 1)))
    try {
      let stored = await store.read({ slotFrom: slot(first), slotTo: slotLast, bytesMax: LOG_BYTES_MAX })
      // The newest were asked for, and so many do not fit: fewer, that end where they should.
      for (let count = limit >> 1; slotFrom === undefined && count > 0; count >>= 1) {
        if (stored.length === 0 || stored.at(-1)?.slot === slotLast) break
        const from = slot(Math.max(first, slotLast - count + 1))
        stored = await store.read({ slotFrom: from, slotTo: slotLast, bytesMax: LOG_BYTES_MAX })
      }
      const slots = stored.map((found) => ({ ...found, outputs: replica.outputs(found.slot) }))
      tell({ kind: 'log', query, slotFirst, slotDecided, slots })
    } catch (error) {
      tell({ kind: 'query-failed', query, message: messageOf(error) })
    }
  }

  async #backUp(message: Extract<HostMessage, { kind: 'backup' }>): Promise<void> {
    const { orders, loop, tell } = this.#init
    const { query, file, slotMin, name, synod, createdMs, settings } = message
    const { cluster, members } = orders
    const header = { cluster, name, synod, createdMs, machines: MACHINE_NAMES, members, settings }
    let toldMs = 0
    const onProgress = (done: number): void => {
      const nowMs = performance.now()
      if (nowMs - toldMs < REPORT_MS) return
      toldMs = nowMs
      tell({ kind: 'progress', query, phase: 'writing', done, total: undefined })
    }
    const push = (event: ReplicaEvent): void => {
      loop.push(event)
    }
    try {
      const fileBytes = await backUp({ ...this.#init, push }, { file, slotMin, header, onProgress })
      tell({ kind: 'backup', query, fileBytes })
    } catch (error) {
      tell({ kind: 'query-failed', query, code: faultCode(error), message: messageOf(error) })
    }
  }

  /** Leadership is handed over, the log flushed; then the process ends by itself or is ended. */
  async #stop(): Promise<void> {
    const { loop, transport, store, checkpoints } = this.#init
    clearInterval(this.#reporter)
    loop.push({ kind: 'abdicate' })
    try {
      await loop.end()
      await store.close()
      await checkpoints.close()
      await transport.stop()
    } catch (error) {
      console.error(`the replica did not stop cleanly: ${messageOf(error)}`)
    }
    process.exit(0)
  }

  #report(): void {
    const nowMs = systemClock.read().monotonicMs
    const report = reportOf(this.#init)
    const text = JSON.stringify(report)
    // Said again now and then: from a replica that says nothing the host concludes that it is stuck.
    if (text === this.#reported && nowMs - this.#reportedMs < ALIVE_MS) return
    this.#reported = text
    this.#reportedMs = nowMs
    this.#init.tell({ kind: 'status', status: report })
  }
}

/** Only what can be cloned to the host: errors and the like become their words. */
function toTraceFields(fields: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, isPlain(value) ? value : messageOf(value)]),
  )
}

function isPlain(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean', 'undefined'].includes(typeof value)
}

/** Tells the host why, then ends: the log on disk is the only thing that may be trusted afterwards. */
function fail(tell: (message: ReplicaMessage) => void, error: unknown): void {
  const code = error instanceof InvariantError ? 'BUG' : faultCode(error)
  // A stack helps with a bug; an operating fault is told in words.
  console.error(code === 'BUG' || code === 'INTERNAL' ? error : `${code}: ${messageOf(error)}`)
  tell({ kind: 'failed', code, message: messageOf(error), isFinal: isFinal(error) })
  setTimeout(() => process.exit(EXIT_FAILED), LAST_WORDS_MS)
}

function faultCode(error: unknown): string {
  const isFault = error instanceof StorageError || error instanceof TransportError || error instanceof BackupError
  return isFault ? error.fault.code : 'INTERNAL'
}

/** A damaged or foreign log stays so; a full disk may have room later. */
function isFinal(error: unknown): boolean {
  if (!(error instanceof StorageError)) return false
  return ['STORAGE_CORRUPT', 'STORAGE_FOREIGN', 'STORAGE_FORMAT_NEWER', 'STORAGE_LOG_GONE'].includes(error.fault.code)
}
