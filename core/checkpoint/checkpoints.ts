import type { Certificate, CheckpointInfo } from '../model/checkpoint.ts'
import type { Configurations } from '../model/configurations.ts'
import type { Digest, HashFunction } from '../model/digest.ts'
import type { ClusterId, ReplicaId, Slot } from '../model/ids.ts'
import { SLOT_NONE } from '../model/ids.ts'
import type { FrozenState } from '../state/frozen-state.ts'
import type { Entry } from '../state/partition.ts'
import type { CheckpointMessage } from '../wire/checkpoint.ts'
import type { Signing } from './attestations.ts'
import { Attestations } from './attestations.ts'
import type { CheckpointEffect, CheckpointNote } from './effects.ts'
import type { CheckpointPolicy } from './policy.ts'
import { CheckpointCounter } from './policy.ts'
import type { Retained } from './retention.ts'
import { Retention } from './retention.ts'
import { Source } from './source.ts'
import type { TransferProgress } from './transfer.ts'
import { Transfer } from './transfer.ts'

/** Unit: ms. Attestations that do not come are asked for. */
const ASK_AGAIN_MS = 1_000
/** Unit: ms. So long a checkpoint that is not stable yet keeps the next one from being ordered by itself. */
const STABLE_MS_MAX = 60_000
/** Certificates that are remembered, for replicas that have not heard the attestations themselves. */
const CERTIFICATES_MAX = 8
/** Unit: ms. After a checkpoint could not be written, the next try. */
const WRITE_AGAIN_MS = 5_000

type WriteEffect = Extract<CheckpointEffect, { kind: 'checkpoint' }>

interface CheckpointsInit {
  readonly self: ReplicaId
  readonly cluster: ClusterId
  readonly configurations: Configurations
  readonly hash: HashFunction
  readonly signing: Signing
  readonly policy: CheckpointPolicy
}

/**
 * Checkpoints: when one is due, writing it, making it stable, what may be dropped then; and the State of others.
 *
 * A checkpoint is *stable* when a majority attested that their States at that slot have its root. Only a stable one
 * stands for the log before it, is loaded at a start, or is offered to others: one replica's memory may be wrong.
 * Source: Castro and Liskov, Practical Byzantine Fault Tolerance (1999), 4.3 (stable checkpoints); Chandra et al.,
 * Paxos Made Live (2007), 5.5.
 */
export class Checkpoints {
  readonly #init: CheckpointsInit
  readonly #counter: CheckpointCounter
  readonly #attestations: Attestations
  readonly #retention: Retention
  readonly #source: Source
  readonly #transfer: Transfer
  #infos: readonly CheckpointInfo[] = []
  /** On disk, and not used: neither to start from nor for others. */
  #mistrusted: readonly Slot[] = []
  /** One is written at a time; of those that come meanwhile, the newest waits. */
  #writing: WriteEffect | undefined
  #waiting: WriteEffect | undefined
  #writeAgainMs = Number.NEGATIVE_INFINITY
  #started = false
  #askedMs = Number.NEGATIVE_INFINITY
  #retained: Retained = { slot: SLOT_NONE, checkpoints: [] }
  #deviates: Slot | undefined
  #writtenMs = Number.NEGATIVE_INFINITY
  /** Certificates that were heard, whether this replica holds the checkpoint or not. */
  readonly #known = new Map<Slot, Certificate>()
  /** Of a majority, and on their way to the disk. */
  readonly #certificates = new Map<Slot, { readonly certificate: Certificate; readonly askedMs: number }>()
  #effects: CheckpointEffect[] = []
  #nowMs = 0

  constructor(init: CheckpointsInit) {
    this.#init = init
    this.#counter = new CheckpointCounter(init.policy)
    this.#retention = new Retention(init.policy.tailSlots)
    this.#attestations = new Attestations(init)
    const emit = (effect: CheckpointEffect): void => {
      if (effect.kind === 'checkpoint') this.#write(effect)
      else this.#effects.push(effect)
    }
    this.#source = new Source({ retention: this.#retention, checkpoints: () => this.#infos, emit })
    this.#transfer = new Transfer({
      others: () => init.configurations.others(init.self),
      hash: init.hash,
      isValid: (certificate) => this.#attestations.isValid(certificate),
      emit,
    })
  }

  get counter(): Pick<CheckpointCounter, 'slots' | 'bytes' | 'slotLast' | 'policy'> {
    return this.#counter
  }

  get transfer(): TransferProgress | undefined {
    return this.#transfer.progress
  }

  /** On disk, by rising slot. */
  get checkpoints(): readonly CheckpointInfo[] {
    return this.#infos
  }

  /** The newest that a majority attested. */
  get stable(): CheckpointInfo | undefined {
    return this.#infos.findLast(({ certificate }) => certificate !== undefined)
  }

  /** The slot of the checkpoint that is being written. */
  get writing(): Slot | undefined {
    return this.#writing?.slot
  }

  get retained(): Retained {
    return this.#retained
  }

  /** Slots that a state transfer to another replica, or a backup, keeps from being dropped. */
  get pinned(): readonly Slot[] {
    return this.#retention.pinned
  }

  /** Those found on disk, and the slot of the one whose State was loaded. */
  found(infos: readonly CheckpointInfo[], slotLoaded: Slot): void {
    this.#infos = infos
    this.#counter.begin(slotLoaded)
  }

  /** Those found on disk, which are not to be used. They stay there until one that was received is stable here. */
  mistrust(infos: readonly CheckpointInfo[]): void {
    this.#mistrusted = infos.map(({ slot }) => slot)
  }

  /** A certificate that the durable log holds, verified before it was written. */
  remember(certificate: Certificate): void {
    this.#known.set(certificate.slot, certificate)
  }

  /** Recovery has ended. What it passed without leaving a checkpoint behind is taken now. */
  start(nowMs: number): readonly CheckpointEffect[] {
    this.#nowMs = nowMs
    this.#started = true
    for (const info of this.#infos) {
      this.#attest(info)
      this.#settle(info.slot)
    }
    this.#writeNext()
    return this.#take()
  }

  /** A slot was executed; `freeze` gives the State after it. */
  executed(
    executed: { readonly slot: Slot; readonly timeMs: number; readonly bytes: number; readonly isCheckpoint: boolean },
    freeze: () => FrozenState,
  ): readonly CheckpointEffect[] {
    const { slot, timeMs, bytes, isCheckpoint } = executed
    this.#counter.executed(slot, bytes, isCheckpoint)
    // One that was found on disk and that no majority attested is written again: its State is known only now.
    if (isCheckpoint && !this.#infos.some((info) => info.slot === slot && info.certificate !== undefined)) {
      this.#write({ kind: 'checkpoint', slot, timeMs, state: freeze() })
    }
    return this.#take()
  }

  /** Whether this replica, if it leads, should order a CHECKPOINT: not while the last one is still on its way. */
  get isDue(): boolean {
    if (!this.#counter.isDue || this.#writing !== undefined || this.#transfer.isActive) return false
    const newest = this.#infos.at(-1)
    const isStable = newest === undefined || newest.certificate !== undefined
    return isStable || this.#nowMs - this.#writtenMs > STABLE_MS_MAX
  }

  /** This replica's State can't go on from its log: it needs one at `slotMin` or later. `own`: what it holds. */
  need(slotMin: Slot, own: FrozenState | undefined, nowMs: number): readonly CheckpointEffect[] {
    this.#nowMs = nowMs
    if (!this.#transfer.isActive) this.#transfer.begin(slotMin, own, nowMs)
    return this.#take()
  }

  message(from: ReplicaId, message: CheckpointMessage, nowMs: number): readonly CheckpointEffect[] {
    this.#nowMs = nowMs
    switch (message.kind) {
      case 'attestation':
        if (this.#attestations.heard(from, message)) this.#settle(message.slot)
        break
      case 'attestation-request':
        this.#tell(from, message.slot)
        break
      case 'certificate':
        this.#learn(message.certificate)
        break
      case 'checkpoint-request':
        this.#source.offer(from, message.slotMin)
        break
      case 'checkpoint-offer':
        if (this.#learn(message.certificate)) this.#passOn(message.certificate, from)
        this.#transfer.offered(from, message, nowMs)
        break
      case 'digests-request':
        this.#source.asked(from, message.slot, { kind: 'digests' }, nowMs)
        break
      case 'digests':
        this.#transfer.digests(from, message, nowMs)
        break
      case 'state-request':
        this.#source.asked(from, message.slot, { kind: 'pieces', pieces: message.pieces }, nowMs)
        break
      case 'state-pieces':
        this.#transfer.pieces(from, message, nowMs)
        break
      case 'state-gone':
        this.#transfer.gone(from, message.slot, nowMs)
    }
    return this.#take()
  }

  /** A checkpoint is on disk, verified. */
  written(info: CheckpointInfo, nowMs: number): readonly CheckpointEffect[] {
    this.#nowMs = nowMs
    this.#writtenMs = nowMs
    this.#writing = undefined
    const others = this.#infos.filter(({ slot }) => slot !== info.slot)
    const isReceived = this.#transfer.progress?.phase === 'writing' && this.#transfer.progress.slot === info.slot
    const certificate = this.#transfer.written(info, nowMs)
    if (isReceived && certificate === undefined) {
      // Not what was received: it is nobody's State, and will be written over. So is what it was written over itself.
      this.#infos = others
      this.#writeNext()
      return this.#take()
    }
    this.#infos = [...others, info].toSorted((left, right) => left.slot - right.slot)
    this.#note({ kind: 'checkpoint-taken', slot: info.slot, durationMs: info.durationMs ?? 0, bytes: info.fileBytes })
    this.#attest(info)
    if (certificate === undefined) this.#settle(info.slot)
    else this.#certify(certificate)
    this.#writeNext()
    return this.#take()
  }

  /** A certificate is on disk: its checkpoint is stable. */
  certified(slot: Slot): readonly CheckpointEffect[] {
    const certificate = this.#certificates.get(slot)?.certificate
    this.#certificates.delete(slot)
    if (certificate === undefined || !this.#infos.some((info) => info.slot === slot)) return this.#take()
    this.#infos = this.#infos.map((info) => (info.slot === slot ? { ...info, certificate } : info))
    this.#note({ kind: 'checkpoint-stable', slot })
    return this.#take()
  }

  /** A checkpoint can't be read any more: it is nobody's to start from, or to be given to others. */
  lost(slot: Slot): void {
    this.#infos = this.#infos.filter((info) => info.slot !== slot)
  }

  /** A checkpoint could not be written; what was there is there still. */
  failed(slot: Slot, message: string, nowMs: number): readonly CheckpointEffect[] {
    this.#nowMs = nowMs
    this.#note({ kind: 'checkpoint-failed', slot, message })
    const failed = this.#writing
    this.#writing = undefined
    if (failed !== undefined) {
      if (this.#waiting === undefined) this.#waiting = failed
      else this.#transfer.failed(failed.slot, nowMs)
    }
    this.#writeAgainMs = nowMs + WRITE_AGAIN_MS
    return this.#take()
  }

  /** What another replica asked for was read. */
  read(to: ReplicaId, messages: readonly CheckpointMessage[]): readonly CheckpointEffect[] {
    this.#source.answer(to, messages)
    return this.#take()
  }

  unpacked(
    unpacked: { readonly partition: number; readonly digest: Digest; readonly entries: readonly Entry[] | undefined },
    nowMs: number,
  ): readonly CheckpointEffect[] {
    this.#nowMs = nowMs
    this.#transfer.unpacked(unpacked.partition, unpacked.digest, unpacked.entries, nowMs)
    return this.#take()
  }

  /** A backup reads this checkpoint and the log after it; undefined: it no longer does. */
  hold(slot: Slot | undefined): void {
    this.#retention.hold(slot)
  }

  /** The State now is that of this checkpoint. */
  installed(slot: Slot): void {
    this.#counter.begin(slot)
  }

  peer(replica: ReplicaId, connected: boolean, nowMs: number): readonly CheckpointEffect[] {
    this.#transfer.peer(replica, connected, nowMs)
    return this.#take()
  }

  tick(slotExecuted: Slot, nowMs: number): readonly CheckpointEffect[] {
    this.#nowMs = nowMs
    this.#transfer.reached(slotExecuted)
    this.#transfer.tick(nowMs)
    if (this.#writing === undefined && nowMs >= this.#writeAgainMs) this.#writeNext()
    this.#certifyAgain()
    this.#askAttestations()
    this.#retain(slotExecuted)
    return this.#take()
  }

  #write(effect: WriteEffect): void {
    const given = this.#waiting
    this.#waiting = effect
    // A received State that is not to be written after all is looked for again, or its transfer would never end.
    if (given !== undefined && given.slot !== effect.slot) this.#transfer.failed(given.slot, this.#nowMs)
    if (this.#writing === undefined) this.#writeNext()
  }

  #writeNext(): void {
    const next = this.#waiting
    if (!this.#started || next === undefined) return
    this.#waiting = undefined
    this.#writing = next
    this.#effects.push(next)
  }

  #attest(info: CheckpointInfo): void {
    const { signature } = this.#attestations.own(info)
    if (info.certificate !== undefined) return
    const message = { kind: 'attestation', slot: info.slot, root: info.root, signature } as const
    const { configurations, self } = this.#init
    for (const to of configurations.others(self)) this.#effects.push({ kind: 'send', to, message })
  }

  /** What this replica knows of a slot: its own attestation, and a certificate. */
  #tell(to: ReplicaId, slot: Slot): void {
    const info = this.#infos.find((candidate) => candidate.slot === slot)
    if (info !== undefined) {
      const { signature } = this.#attestations.own(info)
      this.#effects.push({ kind: 'send', to, message: { kind: 'attestation', slot, root: info.root, signature } })
    }
    const certificate = info?.certificate ?? this.#known.get(slot)
    if (certificate !== undefined)
      this.#effects.push({ kind: 'send', to, message: { kind: 'certificate', certificate } })
  }

  /**
   * This replica may move its log behind that checkpoint: whoever else holds it must know that it is stable, or the
   * State would depend on the one member that offered it, and on this replica's memory.
   */
  #passOn(certificate: Certificate, from: ReplicaId): void {
    const message = { kind: 'certificate', certificate } as const
    const { configurations, self } = this.#init
    for (const to of configurations.others(self)) {
      if (to !== from) this.#effects.push({ kind: 'send', to, message })
    }
  }

  /** A majority's attestations, gathered by somebody else. @returns whether they are valid, and new here. */
  #learn(certificate: Certificate): boolean {
    const { slot } = certificate
    if (this.#known.has(slot) || !this.#attestations.isValid(certificate)) return false
    this.#known.set(slot, certificate)
    if (this.#known.size > CERTIFICATES_MAX) {
      this.#known.delete([...this.#known.keys()].reduce((left, right) => (left < right ? left : right)))
    }
    this.#settle(slot)
    return true
  }

  #askAttestations(): void {
    if (this.#nowMs - this.#askedMs < ASK_AGAIN_MS) return
    this.#askedMs = this.#nowMs
    const stable = this.stable?.slot ?? SLOT_NONE
    for (const { slot, certificate } of this.#infos) {
      if (certificate !== undefined || slot < stable || this.#certificates.has(slot)) continue
      for (const to of this.#attestations.missing(slot)) {
        if (to !== this.#init.self)
          this.#effects.push({ kind: 'send', to, message: { kind: 'attestation-request', slot } })
      }
    }
  }

  /** Whether a majority now vouches for the checkpoint of a slot. */
  #settle(slot: Slot): void {
    const info = this.#infos.find((candidate) => candidate.slot === slot)
    if (info === undefined || info.certificate !== undefined) return
    const certificate = this.#attestations.certificate(slot) ?? this.#known.get(slot)
    if (certificate === undefined) return
    if (certificate.root !== info.root) {
      if (this.#deviates === slot) return
      this.#deviates = slot
      this.#note({ kind: 'checkpoint-deviates', slot, own: info.root, majority: certificate.root })
      return
    }
    if (!this.#certificates.has(slot)) this.#certify(certificate)
  }

  /** Nothing may rest on a certificate before it is durable: it is what makes the checkpoint count after a restart. */
  #certify(certificate: Certificate): void {
    this.#certificates.set(certificate.slot, { certificate, askedMs: this.#nowMs })
    this.#effects.push({ kind: 'certify', certificate })
  }

  /** What could not be written is tried again. */
  #certifyAgain(): void {
    for (const [slot, { certificate, askedMs }] of this.#certificates) {
      if (!this.#infos.some((info) => info.slot === slot)) this.#certificates.delete(slot)
      else if (this.#nowMs - askedMs > WRITE_AGAIN_MS) this.#certify(certificate)
    }
  }

  #retain(slotExecuted: Slot): void {
    const decided = this.#retention.decide(this.#infos, slotExecuted, this.#nowMs)
    // What is being written may be there by the time that others are removed.
    const writing = this.#writing === undefined ? [] : [this.#writing.slot]
    const mistrusted = this.stable === undefined ? this.#mistrusted : []
    const retained = { ...decided, checkpoints: [...new Set([...decided.checkpoints, ...writing, ...mistrusted])] }
    const before = this.#retained
    const isSame = retained.slot === before.slot && String(retained.checkpoints) === String(before.checkpoints)
    const keepsAll = this.#infos.every(({ slot }) => retained.checkpoints.includes(slot))
    if (isSame && keepsAll) return
    this.#retained = retained
    this.#infos = this.#infos.filter(({ slot }) => retained.checkpoints.includes(slot))
    this.#effects.push({ kind: 'retain', ...retained })
  }

  #note(note: CheckpointNote): void {
    this.#effects.push({ kind: 'checkpoint-note', note })
  }

  #take(): readonly CheckpointEffect[] {
    const effects = this.#effects
    this.#effects = []
    return effects
  }
}
