import { assert, present } from '../base/assert.ts'
import type { Certificate, CheckpointInfo } from '../model/checkpoint.ts'
import type { Digest, HashFunction } from '../model/digest.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import type { FrozenState } from '../state/frozen-state.ts'
import type { Entry } from '../state/partition.ts'
import { PARTITIONS } from '../state/partition.ts'
import type { CheckpointMessage, CheckpointOffer } from '../wire/checkpoint.ts'
import type { CheckpointNote, CheckpointSink } from './effects.ts'
import { PieceFlow } from './piece-flow.ts'
import { Staging } from './staging.ts'

/** Unit: ms. For offers of several members, so that the newest checkpoint is taken and from all who have it. */
const OFFERS_MS = 200
const ASK_AGAIN_MS = 1_000
/** Unit: ms. With no source left, another checkpoint is looked for. */
const SOURCELESS_MS = 3_000
/** Unit: ms. When nothing more comes of a checkpoint, whatever its sources say, another one is looked for. */
const STALLED_MS = 15_000
/** Entries hashed in one turn to compare partitions; most digests are kept, and cost nothing. */
const HASHED_PER_TICK = 2_000

const SLOT_MIN = 'a transfer knows what it needs'

interface Target {
  readonly certificate: Certificate
  readonly timeMs: number
}

type Phase =
  | { readonly kind: 'idle' }
  | { readonly kind: 'seeking'; readonly offers: Map<ReplicaId, CheckpointOffer>; sinceMs: number; askedMs: number }
  /** Asking for the digests of all partitions, then looking which of them are missing here. */
  | {
      readonly kind: 'comparing'
      readonly target: Target
      digests: readonly Digest[] | undefined
      next: number
      readonly wanted: number[]
      askedMs: number
    }
  | {
      readonly kind: 'fetching'
      readonly target: Target
      readonly digests: readonly Digest[]
      readonly flow: PieceFlow
    }
  /** All is here and being written down. */
  | { readonly kind: 'writing'; readonly target: Target }

/** How far a state transfer is, for people. */
export interface TransferProgress {
  readonly phase: 'seeking' | 'comparing' | 'fetching' | 'writing'
  readonly slot: Slot | undefined
  readonly sources: readonly ReplicaId[]
  readonly partitionsWanted: number
  readonly partitionsDone: number
  /** Received, compressed. */
  readonly bytes: number
  /** Since the first partition was asked for. Unit: ms. */
  readonly elapsedMs: number
}

interface TransferInit {
  /** All members of the latest configuration but this one. */
  readonly others: () => readonly ReplicaId[]
  readonly hash: HashFunction
  readonly isValid: (certificate: Certificate) => boolean
  readonly emit: CheckpointSink
}

/**
 * The receiving side of a state transfer: finds the newest checkpoint a majority vouches for, asks for the digests of
 * its partitions, fetches those that differ from what is here, from all members that have it, and hands the whole on
 * when it is verified and durable. What was received stays useful when a connection breaks or the sources change.
 * Source: Castro and Liskov, Practical Byzantine Fault Tolerance and Proactive Recovery (2002), 5.3 (hierarchical
 * state partitions, fetching only what differs).
 */
export class Transfer {
  readonly #init: TransferInit
  readonly #sources = new Set<ReplicaId>()
  /** They gave what the certificate refutes, and are asked for nothing more of this checkpoint. */
  readonly #refuted = new Set<ReplicaId>()
  #phase: Phase = { kind: 'idle' }
  #staging: Staging | undefined
  #slotMin: Slot | undefined
  #sourcelessMs: number | undefined
  /** When something of the checkpoint last came. */
  #progressMs = 0
  #nowMs = 0
  #startMs = 0
  #bytes = 0

  constructor(init: TransferInit) {
    this.#init = init
  }

  get isActive(): boolean {
    return this.#phase.kind !== 'idle'
  }

  get progress(): TransferProgress | undefined {
    const phase = this.#phase
    if (phase.kind === 'idle') return undefined
    const flow = phase.kind === 'fetching' ? phase.flow : undefined
    const wanted = phase.kind === 'comparing' ? phase.wanted.length : (flow?.wanted ?? 0)
    return {
      phase: phase.kind,
      slot: phase.kind === 'seeking' ? undefined : phase.target.certificate.slot,
      sources: [...this.#sources],
      partitionsWanted: wanted,
      partitionsDone: flow?.done ?? 0,
      bytes: this.#bytes + (flow?.bytes ?? 0),
      elapsedMs: this.#nowMs - this.#startMs,
    }
  }

  /** This replica needs the State at `slotMin` or later. `own`: what it holds, as far as that may be trusted. */
  begin(slotMin: Slot, own: FrozenState | undefined, nowMs: number): void {
    assert(!this.isActive, 'one transfer at a time')
    this.#nowMs = nowMs
    this.#startMs = nowMs
    this.#slotMin = slotMin
    this.#bytes = 0
    this.#staging = new Staging(this.#init.hash, own)
    if (this.#init.others().length === 0) this.#note({ kind: 'state-lost' })
    this.#seek()
  }

  offered(from: ReplicaId, offer: CheckpointOffer, nowMs: number): void {
    this.#nowMs = nowMs
    const phase = this.#phase
    if (phase.kind === 'idle' || !this.#init.others().includes(from)) return
    if (offer.certificate.slot < (this.#slotMin ?? 0) || !this.#init.isValid(offer.certificate)) return
    if (phase.kind === 'seeking') {
      phase.offers.set(from, offer)
      if (phase.offers.size === this.#init.others().length) this.#choose()
    } else if (phase.kind !== 'writing') {
      const { certificate } = phase.target
      // Another member has the same checkpoint by now.
      if (certificate.slot !== offer.certificate.slot || certificate.root !== offer.certificate.root) return
      if (this.#refuted.has(from)) return
      this.#sources.add(from)
      this.#flow()
    }
  }

  digests(from: ReplicaId, message: Extract<CheckpointMessage, { kind: 'digests' }>, nowMs: number): void {
    this.#nowMs = nowMs
    const phase = this.#phase
    if (phase.kind !== 'comparing' || phase.digests !== undefined || !this.#sources.has(from)) return
    const { slot, root } = phase.target.certificate
    if (message.slot !== slot) return
    if (present(this.#staging, 'a transfer has its staging').isTreeOf(message.digests, root)) {
      phase.digests = message.digests
      this.#progressMs = nowMs
    } else this.#refute(from)
  }

  pieces(from: ReplicaId, message: Extract<CheckpointMessage, { kind: 'state-pieces' }>, nowMs: number): void {
    this.#nowMs = nowMs
    const phase = this.#phase
    if (phase.kind !== 'fetching' || message.slot !== phase.target.certificate.slot) return
    for (const piece of message.pieces) {
      const { bytes } = phase.flow
      const whole = phase.flow.arrived(from, piece)
      if (whole === 'unsound') {
        this.#refute(from)
        return
      }
      if (phase.flow.bytes > bytes) this.#progressMs = nowMs
      if (whole === undefined) continue
      const digest = present(phase.digests[whole.partition], 'what was asked for has a digest')
      this.#init.emit({ kind: 'unpack', ...whole, digest })
    }
    this.#flow()
  }

  /** A source no longer has the checkpoint. */
  gone(from: ReplicaId, slot: Slot, nowMs: number): void {
    this.#nowMs = nowMs
    const phase = this.#phase
    if (phase.kind === 'idle' || phase.kind === 'seeking' || slot !== phase.target.certificate.slot) return
    this.#lose(from)
  }

  /** A partition was unpacked; `entries` is undefined when it was not what its digest says. */
  unpacked(partition: number, digest: Digest, entries: readonly Entry[] | undefined, nowMs: number): void {
    this.#nowMs = nowMs
    const phase = this.#phase
    if (phase.kind !== 'fetching' || phase.digests[partition] !== digest) return
    if (entries === undefined) {
      const source = phase.flow.refused(partition)
      if (source !== undefined) this.#refute(source)
    } else {
      this.#staging?.put(partition, digest, entries)
      phase.flow.finished(partition)
    }
    this.#flow()
  }

  /**
   * A checkpoint was written and read back.
   *
   * @returns the certificate, when it is the one received: the transfer has ended then.
   */
  written(info: CheckpointInfo, nowMs: number): Certificate | undefined {
    this.#nowMs = nowMs
    const phase = this.#phase
    if (phase.kind !== 'writing' || info.slot !== phase.target.certificate.slot) return undefined
    const staging = present(this.#staging, 'a transfer has its staging')
    if (info.root !== phase.target.certificate.root) {
      // Every partition was checked when it came, so memory failed since, here: nothing of this is to be trusted.
      this.#staging = new Staging(this.#init.hash, undefined)
      this.#seek()
      return undefined
    }
    this.#phase = { kind: 'idle' }
    this.#staging = undefined
    this.#sources.clear()
    const durationMs = nowMs - this.#startMs
    this.#init.emit({ kind: 'install', slot: info.slot, state: staging.state })
    this.#note({ kind: 'transfer-ended', slot: info.slot, bytes: this.#bytes, durationMs })
    return phase.target.certificate
  }

  /** The received State could not be written: it is tried again. */
  failed(slot: Slot, nowMs: number): void {
    this.#nowMs = nowMs
    if (this.#phase.kind === 'writing' && this.#phase.target.certificate.slot === slot) this.#seek()
  }

  /** Execution went on by itself, and came to what was to be received: nothing more is needed. */
  reached(slotExecuted: Slot): void {
    const phase = this.#phase
    if (phase.kind === 'idle' || phase.kind === 'writing') return
    const slot = phase.kind === 'seeking' ? present(this.#slotMin, SLOT_MIN) : phase.target.certificate.slot
    if (slotExecuted < slot) return
    this.#phase = { kind: 'idle' }
    this.#staging = undefined
    this.#sources.clear()
  }

  peer(replica: ReplicaId, connected: boolean, nowMs: number): void {
    this.#nowMs = nowMs
    if (connected) {
      // It may have the checkpoint: it is asked at the next tick.
      if (this.#phase.kind === 'seeking') this.#phase.askedMs = Number.NEGATIVE_INFINITY
    } else if (this.#sources.has(replica)) this.#lose(replica)
  }

  tick(nowMs: number): void {
    this.#nowMs = nowMs
    const phase = this.#phase
    switch (phase.kind) {
      case 'idle':
      case 'writing':
        return
      case 'seeking':
        if (phase.offers.size > 0 && nowMs - phase.sinceMs > OFFERS_MS) this.#choose()
        else this.#ask(phase)
        return
      case 'comparing':
        if (phase.digests === undefined) this.#askDigests(phase)
        else this.#compare(phase, phase.digests)
        break
      case 'fetching':
        for (const source of phase.flow.silent(nowMs)) this.#lose(source)
        this.#flow()
    }
    if (nowMs - this.#progressMs > STALLED_MS && !this.#isWriting()) this.#seek()
    this.#lookForSources()
  }

  /** What was asked for last may have been the last of it. */
  #isWriting(): boolean {
    return this.#phase.kind === 'writing'
  }

  #seek(): void {
    this.#sources.clear()
    this.#refuted.clear()
    this.#sourcelessMs = undefined
    if (this.#phase.kind === 'fetching') this.#bytes += this.#phase.flow.bytes
    const seeking = {
      kind: 'seeking',
      offers: new Map(),
      sinceMs: this.#nowMs,
      askedMs: Number.NEGATIVE_INFINITY,
    } as const
    this.#phase = { ...seeking }
    this.#ask(this.#phase)
  }

  #ask(asking: { askedMs: number }): void {
    if (this.#nowMs - asking.askedMs < ASK_AGAIN_MS) return
    asking.askedMs = this.#nowMs
    const slotMin = present(this.#slotMin, SLOT_MIN)
    for (const to of this.#init.others()) {
      if (this.#sources.has(to) || this.#refuted.has(to)) continue
      this.#init.emit({ kind: 'send', to, message: { kind: 'checkpoint-request', slotMin } })
    }
  }

  /** The newest checkpoint offered, from all who have it. */
  #choose(): void {
    if (this.#phase.kind !== 'seeking') return
    const offers = [...this.#phase.offers]
    const best = offers.reduce((left, right) =>
      right[1].certificate.slot > left[1].certificate.slot ? right : left,
    )[1]
    const { certificate, timeMs } = best
    for (const [replica, offer] of offers) {
      if (offer.certificate.slot === certificate.slot && offer.certificate.root === certificate.root)
        this.#sources.add(replica)
    }
    this.#phase = {
      kind: 'comparing',
      target: { certificate, timeMs },
      digests: undefined,
      next: 0,
      wanted: [],
      askedMs: Number.NEGATIVE_INFINITY,
    }
    this.#progressMs = this.#nowMs
    this.#note({ kind: 'transfer-begun', slot: certificate.slot, sources: [...this.#sources] })
    this.#init.emit({ kind: 'jump', certificate })
    this.#askDigests(this.#phase)
  }

  #askDigests(phase: Extract<Phase, { kind: 'comparing' }>): void {
    if (this.#nowMs - phase.askedMs < ASK_AGAIN_MS) return
    const [first] = this.#sources
    if (first === undefined) return
    phase.askedMs = this.#nowMs
    // Should it stay silent, the next one is asked.
    this.#sources.delete(first)
    this.#sources.add(first)
    this.#init.emit({
      kind: 'send',
      to: first,
      message: { kind: 'digests-request', slot: phase.target.certificate.slot },
    })
  }

  #compare(phase: Extract<Phase, { kind: 'comparing' }>, digests: readonly Digest[]): void {
    const staging = present(this.#staging, 'a transfer has its staging')
    for (let hashed = 0; phase.next < PARTITIONS && hashed < HASHED_PER_TICK; phase.next += 1) {
      hashed += staging.unhashed(phase.next)
      if (!staging.has(phase.next, present(digests[phase.next], 'every partition has a digest'))) {
        phase.wanted.push(phase.next)
      }
    }
    if (phase.next < PARTITIONS) return
    const { target } = phase
    const flow = new PieceFlow({ slot: target.certificate.slot, partitions: phase.wanted, emit: this.#init.emit })
    this.#phase = { kind: 'fetching', target, digests, flow }
    this.#flow()
  }

  #flow(): void {
    const phase = this.#phase
    if (phase.kind !== 'fetching') return
    phase.flow.ask([...this.#sources], this.#nowMs)
    if (phase.flow.done < phase.flow.wanted) return
    this.#bytes += phase.flow.bytes
    this.#phase = { kind: 'writing', target: phase.target }
    const { certificate, timeMs } = phase.target
    const { state } = present(this.#staging, 'a transfer has its staging')
    const { slot } = certificate
    this.#init.emit({ kind: 'checkpoint', slot, timeMs, state: state.freeze(), isAwaited: true })
  }

  /** A source is wrong, or what it has is damaged. */
  #refute(source: ReplicaId): void {
    this.#refuted.add(source)
    this.#lose(source)
  }

  /** A source went, lies, or has nothing more: the others go on. */
  #lose(source: ReplicaId): void {
    this.#sources.delete(source)
    if (this.#phase.kind === 'fetching') this.#phase.flow.lost(source)
    if (this.#phase.kind === 'comparing') this.#phase.askedMs = Number.NEGATIVE_INFINITY
    this.#flow()
  }

  /** Members that were away may have the same checkpoint; when nobody has it any more, a newer one is looked for. */
  #lookForSources(): void {
    if (this.#phase.kind === 'idle' || this.#phase.kind === 'writing') return
    if (this.#sources.size === this.#init.others().length) return
    this.#ask(this.#looking)
    if (this.#sources.size > 0) this.#sourcelessMs = undefined
    else {
      this.#sourcelessMs ??= this.#nowMs
      if (this.#nowMs - this.#sourcelessMs > SOURCELESS_MS) this.#seek()
    }
  }

  readonly #looking = { askedMs: Number.NEGATIVE_INFINITY }

  #note(note: CheckpointNote): void {
    this.#init.emit({ kind: 'checkpoint-note', note })
  }
}
