import { unreachable } from '../base/assert.ts'
import { messageOf } from '../base/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { Slot } from '../model/ids.ts'
import type { CheckpointStore } from '../ports/checkpoint-store.ts'
import type { RecordStore } from '../ports/record-store.ts'
import type { Effect } from '../replica/effects.ts'
import type { ReplicaEvent } from '../replica/events.ts'
import type { CheckpointMessage, StatePiece } from '../wire/checkpoint.ts'

/** Pieces are sent in messages of about this size, so that the first leaves while the next is read. */
const MESSAGE_BYTES = 256 * 1024

export type DiskEffect = Exclude<Effect, { kind: 'send' | 'persist' | 'reply' | 'note' }>

interface DiskWorkInit {
  readonly store: RecordStore
  readonly checkpoints: CheckpointStore
  readonly push: (event: ReplicaEvent) => void
  /** Something could not be done that does no harm; for the operator. */
  readonly onTrouble: (message: string) => void
}

/**
 * What a replica wants of its disk beside its log, done in the background: each piece of work tells its outcome as an
 * event. None of it is a promise to anybody, so a failure here ends nothing.
 */
export class DiskWork {
  readonly #init: DiskWorkInit
  readonly #running = new Set<Promise<void>>()

  constructor(init: DiskWorkInit) {
    this.#init = init
  }

  begin(effect: DiskEffect): void {
    const work = this.#perform(effect).finally(() => this.#running.delete(work))
    this.#running.add(work)
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  #perform(effect: DiskEffect): Promise<void> {
    switch (effect.kind) {
      case 'read-log':
        return this.#readLog(effect)
      case 'checkpoint':
        return this.#write(effect)
      case 'certify':
        return this.#quietly(async () => {
          await this.#init.checkpoints.certify(effect.certificate)
          this.#init.push({ kind: 'certified', slot: effect.certificate.slot })
        })
      case 'retain':
        return this.#quietly(async () => {
          await this.#init.checkpoints.keep(effect.checkpoints)
          await this.#init.store.truncate(effect.slot)
        })
      case 'read-checkpoint':
        return this.#readCheckpoint(effect)
      case 'unpack':
        return this.#unpack(effect)
      default:
        return unreachable(effect)
    }
  }

  async #readLog({ to, slotFrom, slotTo }: Extract<DiskEffect, { kind: 'read-log' }>): Promise<void> {
    const slots = await this.#init.store
      .read({ slotFrom, slotTo, bytesMax: LIMITS.partBytesMax })
      .catch((error: unknown) => {
        this.#init.onTrouble(messageOf(error))
        return []
      })
    this.#init.push({ kind: 'log-read', to, slotFrom, slots })
  }

  async #write({ slot, timeMs, state, isAwaited }: Extract<DiskEffect, { kind: 'checkpoint' }>): Promise<void> {
    try {
      const checkpoint = await this.#init.checkpoints.write({ slot, timeMs, state, isAwaited })
      this.#init.push({ kind: 'checkpoint-written', checkpoint })
    } catch (error) {
      this.#init.push({ kind: 'checkpoint-failed', slot, message: messageOf(error) })
    }
  }

  async #readCheckpoint({ to, slot, query }: Extract<DiskEffect, { kind: 'read-checkpoint' }>): Promise<void> {
    try {
      if (query.kind === 'digests') {
        const digests = [...(await this.#init.checkpoints.digests(slot))]
        this.#init.push({ kind: 'checkpoint-read', to, messages: [{ kind: 'digests', slot, digests }] })
      } else {
        this.#init.push({ kind: 'checkpoint-read', to, messages: await this.#pieces(slot, query.pieces) })
      }
    } catch (error) {
      this.#init.onTrouble(messageOf(error))
      const isThere = this.#init.checkpoints.checkpoints.some((checkpoint) => checkpoint.slot === slot)
      if (!isThere) this.#init.push({ kind: 'checkpoint-lost', slot })
      this.#init.push({ kind: 'checkpoint-read', to, messages: [{ kind: 'state-gone', slot }] })
    }
  }

  async #pieces(
    slot: Slot,
    wanted: readonly { readonly partition: number; readonly offset: number }[],
  ): Promise<CheckpointMessage[]> {
    const messages: CheckpointMessage[] = []
    let pieces: StatePiece[] = []
    let bytes = 0
    for (const { partition, offset } of wanted) {
      const piece = await this.#init.checkpoints.piece({ slot, partition, offset, bytesMax: LIMITS.pieceBytesMax })
      pieces.push(piece)
      bytes += piece.bytes.length
      if (bytes < MESSAGE_BYTES) continue
      messages.push({ kind: 'state-pieces', slot, pieces })
      pieces = []
      bytes = 0
    }
    if (pieces.length > 0) messages.push({ kind: 'state-pieces', slot, pieces })
    return messages
  }

  async #unpack({ partition, digest, packed, rawBytes }: Extract<DiskEffect, { kind: 'unpack' }>): Promise<void> {
    const entries = await this.#init.checkpoints.unpack(packed, { rawBytes, digest }).catch(() => undefined)
    this.#init.push({ kind: 'unpacked', partition, digest, entries })
  }

  async #quietly(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#init.onTrouble(messageOf(error))
    }
  }
}
