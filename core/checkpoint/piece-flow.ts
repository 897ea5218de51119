import { present } from '../base/assert.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import { LIMITS } from '../model/limits.ts'
import type { StatePiece } from '../wire/checkpoint.ts'
import type { CheckpointSink } from './effects.ts'

/** Unit: ms. A source that leaves a piece unanswered so long is passed over. */
const SILENCE_MS = 2_000
/** Partitions asked for, or being unpacked. */
const UNDER_WAY_MAX = 64
/** What a partition is taken to weigh before the first has come. Unit: bytes. */
const PIECE_BYTES_EXPECTED = 32 * 1024

interface UnderWay {
  readonly source: ReplicaId
  /** In order, without a gap. */
  readonly pieces: Uint8Array[]
  bytes: number
  packedBytes: number | undefined
  /** Undefined: the next piece is to be asked for. */
  askedMs: number | undefined
  /** Whole, and on its way through unpacking. */
  isWhole: boolean
}

/** A packed partition, whole. */
export interface PackedPartition {
  readonly partition: number
  readonly packed: Uint8Array
  readonly rawBytes: number
}

/**
 * Which partitions of a checkpoint are still to come, and from whom: a bounded number of bytes is under way at any
 * time, so that what is urgent never waits long behind them.
 */
export class PieceFlow {
  readonly #slot: Slot
  readonly #emit: CheckpointSink
  readonly #waiting: number[]
  readonly #underWay = new Map<number, UnderWay>()
  readonly wanted: number
  #done = 0
  #bytes = 0
  #arrivals = 0

  constructor(init: { readonly slot: Slot; readonly partitions: readonly number[]; readonly emit: CheckpointSink }) {
    this.#slot = init.slot
    this.#emit = init.emit
    // Taken from the end.
    this.#waiting = init.partitions.toReversed()
    this.wanted = init.partitions.length
  }

  get done(): number {
    return this.#done
  }

  /** Received, compressed. */
  get bytes(): number {
    return this.#bytes
  }

  /** Asks the sources for as much as may be under way. */
  ask(sources: readonly ReplicaId[], nowMs: number): void {
    if (sources.length === 0) return
    const asks = new Map<ReplicaId, { readonly partition: number; readonly offset: number }[]>()
    const put = (to: ReplicaId, piece: { readonly partition: number; readonly offset: number }): void => {
      const pieces = asks.get(to) ?? []
      asks.set(to, pieces)
      pieces.push(piece)
    }
    for (const [partition, underWay] of this.#underWay) {
      if (underWay.isWhole || underWay.askedMs !== undefined) continue
      underWay.askedMs = nowMs
      put(underWay.source, { partition, offset: underWay.bytes })
    }
    while (this.#hasRoom()) {
      const partition = this.#waiting.pop()
      const source = this.#leastBusy(sources)
      if (partition === undefined || source === undefined) break
      const fresh = { pieces: [], bytes: 0, packedBytes: undefined, askedMs: nowMs, isWhole: false }
      this.#underWay.set(partition, { source, ...fresh })
      put(source, { partition, offset: 0 })
    }
    for (const [to, pieces] of asks) {
      this.#emit({ kind: 'send', to, message: { kind: 'state-request', slot: this.#slot, pieces } })
    }
  }

  /** @returns the partition, when this was its last piece; `unsound` for what no honest source with a sound disk gives. */
  arrived(from: ReplicaId, piece: StatePiece): PackedPartition | 'unsound' | undefined {
    const underWay = this.#underWay.get(piece.partition)
    // Only what was asked of this source, and not yet answered, counts.
    if (underWay?.source !== from || underWay.isWhole || piece.offset !== underWay.bytes) return undefined
    const isSound = piece.bytes.length > 0 && underWay.bytes + piece.bytes.length <= piece.packedBytes
    const isBounded = Math.max(piece.packedBytes, piece.rawBytes) <= LIMITS.partitionBytesMax
    if (!isSound || !isBounded || (underWay.packedBytes ?? piece.packedBytes) !== piece.packedBytes) {
      this.#again(piece.partition)
      return 'unsound'
    }
    underWay.packedBytes = piece.packedBytes
    underWay.pieces.push(piece.bytes)
    underWay.bytes += piece.bytes.length
    this.#bytes += piece.bytes.length
    this.#arrivals += 1
    // The next piece of it is asked for with whatever else is.
    underWay.askedMs = undefined
    if (underWay.bytes < piece.packedBytes) return undefined
    underWay.isWhole = true
    return { partition: piece.partition, packed: joined(underWay), rawBytes: piece.rawBytes }
  }

  /** A partition was unpacked and taken in. */
  finished(partition: number): void {
    if (this.#underWay.delete(partition)) this.#done += 1
  }

  /** A partition was not what it should be; it is asked for again. @returns who gave it. */
  refused(partition: number): ReplicaId | undefined {
    const source = this.#underWay.get(partition)?.source
    this.#again(partition)
    return source
  }

  /** A source is no more: what it was asked for is asked of others. */
  lost(source: ReplicaId): void {
    for (const [partition, underWay] of this.#underWay) {
      if (underWay.source === source && !underWay.isWhole) this.#again(partition)
    }
  }

  /** Sources that leave something unanswered. */
  silent(nowMs: number): ReadonlySet<ReplicaId> {
    const silent = new Set<ReplicaId>()
    for (const { source, askedMs, isWhole } of this.#underWay.values()) {
      if (!isWhole && askedMs !== undefined && nowMs - askedMs > SILENCE_MS) silent.add(source)
    }
    return silent
  }

  #again(partition: number): void {
    if (this.#underWay.delete(partition)) this.#waiting.push(partition)
  }

  #hasRoom(): boolean {
    const expected = this.#arrivals === 0 ? PIECE_BYTES_EXPECTED : this.#bytes / this.#arrivals
    const asked = [...this.#underWay.values()].filter(({ isWhole }) => !isWhole).length
    return this.#underWay.size < UNDER_WAY_MAX && (asked + 1) * expected <= LIMITS.transferBytesMax
  }

  #leastBusy(sources: readonly ReplicaId[]): ReplicaId | undefined {
    const loads = new Map(sources.map((source) => [source, 0]))
    for (const { source } of this.#underWay.values()) loads.set(source, (loads.get(source) ?? 0) + 1)
    return sources.toSorted((left, right) => (loads.get(left) ?? 0) - (loads.get(right) ?? 0))[0]
  }
}

function joined({ pieces, bytes }: UnderWay): Uint8Array {
  if (pieces.length === 1) return present(pieces[0], 'there is a piece')
  const whole = new Uint8Array(bytes)
  let offset = 0
  for (const piece of pieces) {
    whole.set(piece, offset)
    offset += piece.length
  }
  return whole
}
