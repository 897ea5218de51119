import * as v from 'valibot'
import { InvariantError, unreachable } from '../base/assert.ts'
import { messageOf } from '../base/errors.ts'
import { createPrng } from '../base/prng.ts'
import { sha256 } from '../crypto/hash.ts'
import { builtInMachines, createRegistry } from '../machine/registry.ts'
import { createConfiguration } from '../model/configuration.ts'
import { Replica } from '../replica/replica.ts'
import { StorageError } from '../storage/errors.ts'
import { openRecordStore } from '../storage/nedb-record-store.ts'
import type { RecordStore } from '../ports/record-store.ts'
import type { Trace } from '../ports/trace.ts'
import type { Transport } from '../ports/transport.ts'
import { TransportError } from '../transport/errors.ts'
import { createLibp2pTransport } from '../transport/libp2p-transport.ts'
import { EventLoop } from './event-loop.ts'
import type { HostMessage, ReplicaMessage, ReplicaOrders } from './protocol.ts'
import { hostMessageSchema } from './protocol.ts'
import { systemClock } from './system-clock.ts'

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

/** Runs one replica in this process: waits for its orders, lives, ends the process when told to or when it fails. */
export function runReplicaProcess(port: ProcessPort): void {
  const running: { process?: RunningReplica } = {}
  const tell = (message: ReplicaMessage): void => {
    port.send(message)
  }
  port.onMessage((message) => {
    const parsed = v.safeParse(hostMessageSchema, message)
    if (!parsed.success) {
      fail(tell, new InvariantError(`the host sent what is no order: ${parsed.issues[0].message}`))
      return
    }
    if (parsed.output.kind !== 'start') {
      // Told to stop while it still reads its log: nothing was promised in this life, so it may just go.
      if (running.process === undefined && parsed.output.kind === 'stop') process.exit(0)
      running.process?.order(parsed.output)
      return
    }
    startReplica(parsed.output.orders, tell).then(
      (started) => {
        running.process = started
      },
      (error: unknown) => {
        fail(tell, error)
      },
    )
  })
}

async function startReplica(orders: ReplicaOrders, tell: (message: ReplicaMessage) => void): Promise<RunningReplica> {
  const replica = new Replica({
    self: orders.self,
    configuration: createConfiguration(orders.epoch, orders.members),
    registry: createRegistry(builtInMachines),
    hash: sha256,
    life: orders.life,
    prng: createPrng(orders.seed),
    lease: orders.leaseClockBoundMs === undefined ? undefined : { clockBoundMs: orders.leaseClockBoundMs },
    queueInputsMax: orders.queueInputsMax,
  })
  const { folder, cluster, self } = orders
  const store = await openRecordStore({
    folder,
    cluster,
    replica: self,
    mustExist: orders.hasBegun,
    onRecord: (record) => {
      replica.recover(record)
    },
  })
  replica.start(systemClock.read())
  const connected = new Set<string>()
  const loop: { current?: EventLoop } = {}
  const trace: Trace = (event, fields) => {
    if (orders.trace) tell({ kind: 'trace', event, fields: toTraceFields(fields) })
  }
  const transport = await createLibp2pTransport({
    trace,
    cluster,
    epoch: () => orders.epoch,
    privateKey: orders.privateKey,
    networkKey: orders.networkKey,
    listen: orders.listen,
    listener: {
      onMessages: (from, messages) => {
        for (const message of messages) loop.current?.push({ kind: 'message', from, message })
      },
      onPeer: (peer, isConnected) => {
        if (isConnected) connected.add(peer)
        else connected.delete(peer)
        loop.current?.push({ kind: 'peer', replica: peer, connected: isConnected })
      },
      onRefused: (from, fault) => {
        trace('transport.frame-refused', { from, ...fault })
      },
    },
  })
  const eventLoop = new EventLoop(
    { replica, store, transport, clock: systemClock },
    {
      onReplies: (replies) => {
        tell({ kind: 'replies', replies })
      },
      onNote: (note) => {
        tell({ kind: 'note', note })
      },
      onFailure: (error) => {
        fail(tell, error)
      },
    },
  )
  loop.current = eventLoop
  const running = new RunningReplica({ replica, store, transport, loop: eventLoop, connected, tell })
  running.start()
  return running
}

interface RunningReplicaInit {
  readonly replica: Replica
  readonly store: RecordStore
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

  order(message: Exclude<HostMessage, { kind: 'start' }>): void {
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
      case 'lie':
        loop.push(message)
        return
      case 'stop':
        void this.#stop()
        return
      default:
        unreachable(message)
    }
  }

  /** Leadership is handed over, the log flushed; then the process ends by itself or is ended. */
  async #stop(): Promise<void> {
    const { loop, transport, store } = this.#init
    clearInterval(this.#reporter)
    loop.push({ kind: 'abdicate' })
    try {
      await loop.end()
      await store.close()
      await transport.stop()
    } catch (error) {
      console.error(`the replica did not stop cleanly: ${messageOf(error)}`)
    }
    process.exit(0)
  }

  #report(): void {
    const { replica, store, connected } = this.#init
    const status = replica.status
    const nowMs = systemClock.read().monotonicMs
    const report = {
      role: status.role,
      leader: status.leader,
      ballot: status.ballot,
      slotDecided: status.slotDecided,
      slotExecuted: status.slotExecuted,
      logBytes: store.bytes,
      connectedTo: [...connected].toSorted(),
      lies: status.lies,
    }
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
  // The message must leave before the process does.
  setTimeout(() => process.exit(EXIT_FAILED), 50)
}

function faultCode(error: unknown): string {
  return error instanceof StorageError || error instanceof TransportError ? error.fault.code : 'INTERNAL'
}

/** A damaged or foreign log stays so; a full disk may have room later. */
function isFinal(error: unknown): boolean {
  if (!(error instanceof StorageError)) return false
  return ['STORAGE_CORRUPT', 'STORAGE_FOREIGN', 'STORAGE_FORMAT_NEWER', 'STORAGE_LOG_GONE'].includes(error.fault.code)
}
