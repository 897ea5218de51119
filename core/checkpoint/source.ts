import type { CheckpointInfo } from '../model/checkpoint.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import { LIMITS } from '../model/limits.ts'
import type { CheckpointMessage } from '../wire/checkpoint.ts'
import type { CheckpointQuery, CheckpointSink } from './effects.ts'
import type { Retention } from './retention.ts'

/** Pieces read for one replica at once: twice what it asks for at a time. It asks again for what does not come. */
const READ_PIECES_MAX = 2 * LIMITS.piecesMax

interface SourceInit {
  readonly retention: Retention
  readonly checkpoints: () => readonly CheckpointInfo[]
  readonly emit: CheckpointSink
}

/** The giving side of a state transfer: offers the newest stable checkpoint, and reads from it what is asked for. */
export class Source {
  readonly #init: SourceInit
  /** How many pieces each read under way is for. */
  readonly #reads = new Map<ReplicaId, number[]>()

  constructor(init: SourceInit) {
    this.#init = init
  }

  offer(to: ReplicaId, slotMin: Slot): void {
    const newest = this.#init.checkpoints().findLast(({ certificate }) => certificate !== undefined)
    if (newest?.certificate === undefined || newest.slot < slotMin) return
    const { timeMs, stateBytes, certificate } = newest
    this.#send(to, { kind: 'checkpoint-offer', timeMs, stateBytes, certificate })
  }

  asked(to: ReplicaId, slot: Slot, query: CheckpointQuery, nowMs: number): void {
    if (!this.#init.checkpoints().some((checkpoint) => checkpoint.slot === slot)) {
      this.#send(to, { kind: 'state-gone', slot })
      return
    }
    this.#init.retention.pin(to, slot, nowMs)
    const reads = this.#reads.get(to) ?? []
    this.#reads.set(to, reads)
    const pieces = query.kind === 'pieces' ? query.pieces.length : 1
    if (reads.reduce((sum, each) => sum + each, pieces) > READ_PIECES_MAX) return
    reads.push(pieces)
    this.#init.emit({ kind: 'read-checkpoint', to, slot, query })
  }

  /** What was read. */
  answer(to: ReplicaId, messages: readonly CheckpointMessage[]): void {
    // Whichever it was: at the end all have been counted off.
    this.#reads.get(to)?.shift()
    for (const message of messages) this.#send(to, message)
  }

  #send(to: ReplicaId, message: CheckpointMessage): void {
    this.#init.emit({ kind: 'send', to, message })
  }
}
