import type { ReplicaId } from '../../core/model/ids.ts'
import type { LogRecord } from '../../core/model/record.ts'
import type { CheckpointInfo } from '../../core/model/checkpoint.ts'
import type { CheckpointStore } from '../../core/ports/checkpoint-store.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { RecordStore, SegmentInfo, StoredSlot } from '../../core/ports/record-store.ts'
import type { Transport } from '../../core/ports/transport.ts'
import type { Message } from '../../core/wire/message.ts'

/** A record store whose appends end when, and how, the test says. It reads nothing back. */
export class HeldStore implements RecordStore {
  readonly bytes = 0
  readonly segments: readonly SegmentInfo[] = []
  /** The records of each append, in the order of the calls. */
  readonly appends: (readonly LogRecord[])[] = []
  readonly #open: PromiseWithResolvers<void>[] = []

  append(records: readonly LogRecord[]): Promise<void> {
    const call = Promise.withResolvers<void>()
    this.appends.push(records)
    this.#open.push(call)
    return call.promise
  }

  /** How many appends are under way. */
  get waiting(): number {
    return this.#open.length
  }

  /** The oldest append is durable. */
  sync(): void {
    this.#oldest().resolve()
  }

  fail(error: Error): void {
    this.#oldest().reject(error)
  }

  read(): Promise<readonly StoredSlot[]> {
    return Promise.resolve([])
  }

  truncate(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #oldest(): PromiseWithResolvers<void> {
    const call = this.#open.shift()
    if (call === undefined) throw new Error('no append is under way')
    return call
  }
}

/** No checkpoint is here, none is taken, and none is read. */
export class NoCheckpoints implements CheckpointStore {
  readonly checkpoints: readonly CheckpointInfo[] = []
  readonly bytes = 0
  readonly write = refuse
  readonly certify = refuse
  readonly load = refuse
  readonly digests = refuse
  readonly piece = refuse
  readonly unpack = refuse
  readonly keep = (): Promise<void> => Promise.resolve()
  readonly close = (): Promise<void> => Promise.resolve()
}

function refuse(): Promise<never> {
  return Promise.reject(new Error('no checkpoint is taken here'))
}

/** A transport that notes what it is given. */
export class NotingTransport implements Transport {
  readonly replica: ReplicaId
  readonly addresses: readonly string[] = []
  /** One entry a call. */
  readonly frames: {
    readonly to: ReplicaId
    readonly kinds: readonly string[]
    readonly messages: readonly Message[]
  }[] = []

  constructor(replica: ReplicaId) {
    this.replica = replica
  }

  send(to: ReplicaId, messages: readonly Message[]): void {
    this.frames.push({ to, kinds: messages.map((message) => message.kind), messages })
  }

  setPeers(): void {
    throw new Error('the event loop does not choose peers')
  }

  stop(): Promise<void> {
    return Promise.resolve()
  }
}

/** Both clocks go on together by what the test says. */
export class HandClock implements Clock {
  nowMs = 0

  read(): { readonly monotonicMs: number; readonly wallMs: number } {
    return { monotonicMs: this.nowMs, wallMs: 1_700_000_000_000 + this.nowMs }
  }
}

/** Lets every turn that is due run, and every promise that is settled be noticed. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 6; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}
