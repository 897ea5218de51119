import { messageOf } from '../base/errors.ts'
import type { ReplicaId } from '../model/ids.ts'
import type { CheckpointStore } from '../ports/checkpoint-store.ts'
import type { Clock } from '../ports/clock.ts'
import type { RecordStore } from '../ports/record-store.ts'
import type { Transport } from '../ports/transport.ts'
import type { Effect, Note, Reply } from '../replica/effects.ts'
import type { ReplicaEvent } from '../replica/events.ts'
import type { Replica } from '../replica/replica.ts'
import type { Message } from '../wire/message.ts'
import { DiskWork } from './disk-work.ts'

/** Unit: ms. The replica's timeouts are multiples of this. */
const TICK_MS = 20
/** Unit: ms. More than slewing by a time service moves the clocks apart between two readings. */
const CLOCK_JUMP_MS = 50
/** Events handled before what they caused is sent: bounds a turn, so that disk and network are never starved. */
const TURN_EVENTS_MAX = 512
/** Turns for what is still there when the end comes. */
const LAST_TURNS_MAX = 64

type Persist = Extract<Effect, { kind: 'persist' }>

interface EventLoopComponents {
  readonly replica: Replica
  readonly store: RecordStore
  readonly transport: Transport
  readonly clock: Clock
  readonly checkpoints: CheckpointStore
}

interface EventLoopInit {
  readonly onReplies: (replies: readonly { readonly request: number; readonly reply: Reply }[]) => void
  readonly onNote: (note: Note) => void
  /** Background work on the disk failed in a way that harms nothing. */
  readonly onTrouble: (message: string) => void
  /** A step broke an invariant, or the log can't be written: nothing more is done after this. */
  readonly onFailure: (error: unknown) => void
}

/**
 * Drives one replica: one event at a time, effects in order, and the one rule: what a message promises is durable
 * before it is sent. All records of a turn, and those gathered while a sync runs, share one sync; all messages of a
 * turn to one peer travel together.
 */
export class EventLoop {
  readonly #components: EventLoopComponents
  readonly #init: EventLoopInit
  readonly #diskWork: DiskWork
  #inbox: ReplicaEvent[] = []
  #scheduled = false
  #ended = false
  #failed = false
  #ticker: NodeJS.Timeout | undefined
  #persists: Persist[] = []
  #syncing: Promise<void> | undefined
  #offsetMs: number | undefined

  constructor(components: EventLoopComponents, init: EventLoopInit) {
    this.#components = components
    this.#init = init
    this.#diskWork = new DiskWork({
      store: components.store,
      checkpoints: components.checkpoints,
      push: (event) => {
        this.push(event)
      },
      onTrouble: init.onTrouble,
    })
  }

  start(): void {
    this.#ticker = setInterval(() => {
      this.push({ kind: 'tick' })
    }, TICK_MS)
  }

  push(event: ReplicaEvent): void {
    if (this.#ended) return
    this.#inbox.push(event)
    this.#schedule()
  }

  /** Handles what is there, waits until it is durable and sent, then does nothing more. */
  async end(): Promise<void> {
    clearInterval(this.#ticker)
    for (let turn = 0; turn < LAST_TURNS_MAX && (turn === 0 || this.#inbox.length > 0); turn += 1) this.#turn()
    this.#ended = true
    while (this.#syncing !== undefined) await this.#syncing
    await this.#diskWork.idle()
  }

  #schedule(): void {
    if (this.#scheduled || this.#ended) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#turn()
    })
  }

  #turn(): void {
    if (this.#ended) return
    const events = this.#inbox.splice(0, TURN_EVENTS_MAX)
    const outbox = new Map<ReplicaId, Message[]>()
    const replies: { request: number; reply: Reply }[] = []
    try {
      for (const event of events) this.#perform(this.#step(event), outbox, replies)
      this.#perform(this.#step({ kind: 'turn-ended' }), outbox, replies)
      for (const [to, messages] of outbox) this.#components.transport.send(to, messages)
    } catch (error) {
      this.#fail(error)
      return
    }
    if (replies.length > 0) {
      this.#tell(() => {
        this.#init.onReplies(replies)
      })
    }
    this.#sync()
    if (this.#inbox.length > 0) this.#schedule()
  }

  #step(event: ReplicaEvent): readonly Effect[] {
    const { replica, clock } = this.#components
    const now = clock.read()
    // The two clocks go together, unless somebody set the wall clock or the machine slept.
    const offsetMs = now.wallMs - now.monotonicMs
    const jumped = this.#offsetMs !== undefined && Math.abs(offsetMs - this.#offsetMs) > CLOCK_JUMP_MS
    this.#offsetMs = offsetMs
    if (!jumped) return replica.step(event, now)
    return [...replica.step({ kind: 'clock-jumped' }, now), ...replica.step(event, now)]
  }

  #perform(
    effects: readonly Effect[],
    outbox: Map<ReplicaId, Message[]>,
    replies: { request: number; reply: Reply }[],
  ): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send':
          this.#post(outbox, effect.to, effect.message)
          break
        case 'persist':
          this.#persists.push(effect)
          break
        case 'reply':
          replies.push(effect)
          break
        case 'note':
          this.#tell(() => {
            this.#init.onNote(effect.note)
          })
          break
        default:
          this.#diskWork.begin(effect)
      }
    }
  }

  /** What listeners can't do harms no promise: it is told of, and the replica goes on. */
  #tell(told: () => void): void {
    try {
      told()
    } catch (error) {
      this.#init.onTrouble(`A listener failed: ${messageOf(error)}`)
    }
  }

  #post(outbox: Map<ReplicaId, Message[]>, to: ReplicaId, message: Message): void {
    if (to === this.#components.transport.replica) {
      this.#inbox.push({ kind: 'message', from: to, message })
      return
    }
    const messages = outbox.get(to) ?? []
    outbox.set(to, messages)
    messages.push(message)
  }

  #sync(): void {
    if (this.#syncing !== undefined || this.#persists.length === 0) return
    const persists = this.#persists
    this.#persists = []
    this.#syncing = this.#components.store.append(persists.map((persist) => persist.record)).then(
      () => {
        this.#syncing = undefined
        // What failed meanwhile may rest on what it promised here: nothing more leaves.
        if (this.#failed) return
        this.push({ kind: 'persisted', count: persists.length })
        this.#sendBound(persists)
        this.#sync()
      },
      (error: unknown) => {
        this.#syncing = undefined
        this.#fail(error)
      },
    )
  }

  /** The records are durable: what hung on them may leave. */
  #sendBound(persists: readonly Persist[]): void {
    const outbox = new Map<ReplicaId, Message[]>()
    for (const { then } of persists) for (const { to, message } of then) this.#post(outbox, to, message)
    try {
      for (const [to, messages] of outbox) this.#components.transport.send(to, messages)
    } catch (error) {
      this.#fail(error)
    }
    if (this.#inbox.length > 0) this.#schedule()
  }

  #fail(error: unknown): void {
    if (this.#failed) return
    this.#failed = true
    this.#ended = true
    clearInterval(this.#ticker)
    this.#init.onFailure(error)
  }
}
