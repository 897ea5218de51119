import type { Prng } from '../../core/base/prng.ts'
import type { CheckpointInfo } from '../../core/model/checkpoint.ts'
import type { Digest } from '../../core/model/digest.ts'
import type { Slot } from '../../core/model/ids.ts'
import type { ReplicaEvent } from '../../core/replica/events.ts'
import type { Effect } from '../../core/replica/effects.ts'
import type { State } from '../../core/state/state.ts'
import type { CheckpointMessage, StatePiece } from '../../core/wire/checkpoint.ts'
import { MemoryCheckpoints, readSlots } from '../support/memory-disk.ts'
import type { SimulatedDisk } from './disk.ts'
import type { FaultPlan, FaultTally } from './faults.ts'

/** Unit: µs. What the work beside the log takes. */
const READ_US_MAX = 5_000
const UNPACK_US_MAX = 1_000
const NAME_US_MAX = 20_000
/** Of a large partition; so that there are some pieces of it, not thousands. */
const LARGE_PIECE_BYTES = 16 * 1_024

/** What a replica wants of its disk beside its log. */
export type DiskEffect = Exclude<Effect, { kind: 'send' | 'persist' | 'reply' | 'note' }>

interface CheckpointDiskInit {
  readonly disk: SimulatedDisk
  readonly prng: Prng
  readonly plan: FaultPlan
  readonly tally: FaultTally
  /** Whether what is written for this slot was received from others. */
  readonly isReceived: (slot: Slot) => boolean
  /** Whether its memory is the one that may fail. */
  readonly isBad: boolean
  readonly nowUs: () => number
  /** Runs later, unless the process has died meanwhile. */
  readonly later: (afterUs: number, run: () => void) => void
  readonly push: (event: ReplicaEvent) => void
  /** A write boundary is passed. @returns whether the process died at it. */
  readonly dies: () => boolean
  /** Work is about to change the disk. */
  readonly changing: (effect: Extract<DiskEffect, { kind: 'certify' | 'retain' }>) => void
}

/**
 * One machine's checkpoints, and the background work of core/host/disk-work.ts: each piece takes its time, a process
 * may die at each of its boundaries, and a file is there whole or not at all.
 */
export class CheckpointDisk {
  readonly #init: CheckpointDiskInit
  readonly #held = new MemoryCheckpoints()
  /** What changes the folder is done one after the other. */
  #busyUntilUs = 0
  #isCalm = false
  #isRotten = false
  /** Roots that were written down wrongly. */
  readonly #corrupt = new Set<Digest>()

  constructor(init: CheckpointDiskInit) {
    this.#init = init
  }

  get infos(): readonly CheckpointInfo[] {
    return this.#held.infos
  }

  load(): { readonly slot: Slot; readonly state: State } | undefined {
    return this.#held.load()
  }

  /** Whether this is no State's root, but what failing memory made of one. */
  isCorrupt(root: Digest): boolean {
    return this.#corrupt.has(root)
  }

  /** From now on nothing fails, and reads are quick. */
  calm(): void {
    this.#isCalm = true
  }

  /** Bits rot: the newest checkpoint, or each of them, is damaged. @returns how many. */
  rot(all: boolean): number {
    const rotten = all ? this.#held.infos : this.#held.infos.slice(-1)
    for (const { slot } of rotten) this.#held.remove(slot)
    if (rotten.length > 0) this.#isRotten = true
    return rotten.length
  }

  /** Whether something has rotted of which the process knows nothing yet: it was there when it started. */
  get isRotten(): boolean {
    return this.#isRotten
  }

  /** The process looks at what there is. */
  opened(): void {
    this.#isRotten = false
  }

  begin(effect: DiskEffect): void {
    const { prng, later, push, disk } = this.#init
    switch (effect.kind) {
      case 'read-log':
        later(prng.between(50, READ_US_MAX), () => {
          const slots = readSlots(disk.records, effect.slotFrom, effect.slotTo)
          push({ kind: 'log-read', to: effect.to, slotFrom: effect.slotFrom, slots })
        })
        return
      case 'checkpoint':
        this.#write(effect)
        return
      case 'certify':
        this.#inTurn(NAME_US_MAX, () => {
          // As the host does it: of one that can't be written nothing is told.
          if (this.#init.dies() || this.#failsToCertify()) return
          this.#init.changing(effect)
          this.#held.certify(effect.certificate)
          if (!this.#init.dies()) push({ kind: 'certified', slot: effect.certificate.slot })
        })
        return
      case 'retain':
        this.#retain(effect)
        return
      case 'read-checkpoint':
        later(prng.between(50, this.#isCalm ? READ_US_MAX : this.#init.plan.stateReadUsMax), () => {
          this.#answer(effect)
        })
        return
      case 'unpack': {
        const { partition, digest, packed } = effect
        later(prng.between(10, UNPACK_US_MAX), () => {
          push({ kind: 'unpacked', partition, digest, entries: MemoryCheckpoints.unpack(packed, digest) })
        })
      }
    }
  }

  /** As the host does it: what is not there any more is told to the replica, and to whoever asked. */
  #answer({ to, slot, query }: Extract<DiskEffect, { kind: 'read-checkpoint' }>): void {
    const { push } = this.#init
    if (!this.infos.some((info) => info.slot === slot)) push({ kind: 'checkpoint-lost', slot })
    const messages = this.#held.answer(slot, query).flatMap((message) => this.#inParts(message))
    push({ kind: 'checkpoint-read', to, messages })
  }

  /** Many small pieces in several messages, as of a large State. */
  #inParts(message: CheckpointMessage): readonly CheckpointMessage[] {
    const { plan, prng } = this.#init
    if (message.kind !== 'state-pieces' || plan.pieceBytesMax === 0) return [message]
    const bytesMax = plan.largeInputs > 0 ? LARGE_PIECE_BYTES : plan.pieceBytesMax
    const pieces = message.pieces.map((piece): StatePiece => {
      return { ...piece, bytes: piece.bytes.slice(0, bytesMax) }
    })
    const first = prng.between(0, pieces.length)
    const parts = [pieces.slice(0, first), pieces.slice(first)].filter(({ length }) => length > 0)
    return parts.map((part) => ({ ...message, pieces: part }))
  }

  #inTurn(usMax: number, run: () => void): void {
    const { prng, later, nowUs } = this.#init
    const sinceUs = Math.max(nowUs(), this.#busyUntilUs)
    this.#busyUntilUs = sinceUs + prng.between(100, usMax)
    later(this.#busyUntilUs - nowUs(), run)
  }

  #write(effect: Extract<DiskEffect, { kind: 'checkpoint' }>): void {
    const { push, disk, nowUs, dies, plan } = this.#init
    this.#inTurn(plan.checkpointUsMax, () => {
      if (dies()) return
      if (disk.isFull(nowUs())) {
        push({ kind: 'checkpoint-failed', slot: effect.slot, message: 'the disk is full' })
        return
      }
      this.#held.corrupts = this.#isCorrupted(effect.slot)
      const isCorrupt = this.#held.corrupts
      const checkpoint = this.#put(effect)
      if (isCorrupt) this.#corrupt.add(checkpoint.root)
      if (!dies()) push({ kind: 'checkpoint-written', checkpoint })
    })
  }

  /** As the store does it: the certificate of one with the same root speaks of the new one, too. */
  #put(effect: Extract<DiskEffect, { kind: 'checkpoint' }>): CheckpointInfo {
    const before = this.infos.find(({ slot }) => slot === effect.slot)
    const written = this.#held.put(this.#held.encode(effect))
    if (before?.certificate === undefined || before.root !== written.root) return written
    this.#held.certify(before.certificate)
    return { ...written, certificate: before.certificate }
  }

  #failsToCertify(): boolean {
    const { plan, prng, disk, nowUs, tally } = this.#init
    const fails = plan.certifyFailure > 0 && !this.#isCalm && prng.chance(plan.certifyFailure)
    if (fails) tally.add('certify-failure')
    return fails || disk.isFull(nowUs())
  }

  #isCorrupted(slot: Slot): boolean {
    const { plan, prng, isBad, isReceived } = this.#init
    if (plan.checkpointCorruption === 0 || this.#isCalm || !isBad || !isReceived(slot)) return false
    return prng.chance(plan.checkpointCorruption)
  }

  /** As the host does it: first the checkpoints go, then the log. */
  #retain(effect: Extract<DiskEffect, { kind: 'retain' }>): void {
    const { prng, later, disk, dies, changing } = this.#init
    this.#inTurn(NAME_US_MAX, () => {
      if (dies()) return
      changing(effect)
      this.#held.keep(effect.checkpoints)
      later(prng.between(100, NAME_US_MAX), () => {
        if (dies()) return
        disk.truncate(effect.slot)
        dies()
      })
    })
  }
}
