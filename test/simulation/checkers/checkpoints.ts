import type { Certificate, CheckpointInfo } from '../../../core/model/checkpoint.ts'
import { attestedBytes } from '../../../core/model/checkpoint.ts'
import type { Digest } from '../../../core/model/digest.ts'
import { clusterId, replicaId } from '../../../core/model/ids.ts'
import type { Effect } from '../../../core/replica/effects.ts'
import { testSigner } from '../../support/memory-disk.ts'
import type { DiskEffect } from '../checkpoint-disk.ts'
import type { FaultTally } from '../faults.ts'
import { nodeName } from '../journal.ts'
import type { SimulatedNode } from '../node.ts'
import type { AgreementChecker } from './agreement.ts'
import { holds } from './violation.ts'

const CLUSTER = clusterId('simulated')
const SIGNER = testSigner(replicaId(nodeName(0)))
/** Stable checkpoints that must be on disk before the log they stand for goes. */
const STABLE_MIN = 2

/**
 * Checkpoints: equal State at equal slot, stable only by the true word of a majority, and always enough on disk to
 * start from, whichever of it is damaged.
 */
export class CheckpointChecker {
  readonly #agreement: AgreementChecker
  readonly #tally: FaultTally
  readonly #quorum: number
  /** By slot and root: one bit each node that has had it on its disk, whole. */
  readonly #written = new Map<string, number>()
  /** Per node: up to where it has let go of its log. */
  readonly #truncated: number[]

  constructor(agreement: AgreementChecker, tally: FaultTally, nodes: number) {
    this.#agreement = agreement
    this.#tally = tally
    this.#quorum = (nodes >> 1) + 1
    this.#truncated = new Array<number>(nodes).fill(0)
  }

  /** A replica freezes its State. */
  taken({ index, machines }: SimulatedNode, { slot, state }: Extract<Effect, { kind: 'checkpoint' }>): void {
    this.#tally.add('checkpoint')
    if (!machines.isFlipped) this.#agreement.root(index, slot, state.root())
  }

  /** A checkpoint is on a disk: what was frozen, and not what came of it meanwhile. */
  written(node: SimulatedNode, info: CheckpointInfo): void {
    const { index, machines, checkpoints } = node
    const isCorrupt = checkpoints.isCorrupt(info.root)
    if (isCorrupt) this.#tally.add('checkpoint-corrupt')
    this.#noteWritten(node, info)
    if (!machines.isFlipped && !isCorrupt) this.#agreement.root(index, info.slot, info.root)
  }

  /** A process may end between a checkpoint's last byte and the news of it: its next life finds and attests it. */
  started(node: SimulatedNode): void {
    const { infos } = node.checkpoints
    for (const info of infos) this.#noteWritten(node, info)
    const loaded = infos.find(({ slot }) => slot === node.slotLoaded)
    holds(node.slotLoaded === 0 || loaded?.certificate !== undefined, 'true certificates', () => {
      return `${nodeName(node.index)} starts from the checkpoint of slot ${node.slotLoaded}, which is not stable`
    })
  }

  #noteWritten({ index, checkpoints }: SimulatedNode, { slot, root }: CheckpointInfo): void {
    if (checkpoints.isCorrupt(root)) return
    const key = keyOf(slot, root)
    this.#written.set(key, (this.#written.get(key) ?? 0) | (1 << index))
  }

  /** What lets go of the log must leave a State to start from: on the disk, before the change. */
  changing(node: SimulatedNode, effect: DiskEffect): void {
    if (effect.kind === 'certify') this.#certified(node, effect.certificate)
    if (effect.kind !== 'retain' || effect.slot === 0) return
    const { index, checkpoints } = node
    this.#tally.add('truncation')
    // What has rotted unnoticed since the start is nobody's fault; and what went before can't be kept any more.
    if (checkpoints.isRotten || effect.slot <= (this.#truncated[index] ?? 0)) return
    this.#truncated[index] = effect.slot
    const kept = checkpoints.infos.filter(({ slot, certificate }) => {
      return certificate !== undefined && effect.checkpoints.includes(slot) && slot >= effect.slot
    })
    holds(kept.length >= STABLE_MIN, 'a State to start from', () => {
      return `${nodeName(index)} drops its log up to slot ${effect.slot} and keeps ${kept.length} stable checkpoints that cover it`
    })
  }

  #certified({ index, checkpoints }: SimulatedNode, { slot, root, attestations }: Certificate): void {
    this.#agreement.root(index, slot, root)
    const held = checkpoints.infos.find((info) => info.slot === slot)
    holds(held === undefined || held.root === root, 'true certificates', () => {
      return `${nodeName(index)} keeps a certificate of slot ${slot} with a checkpoint that has another root`
    })
    const bytes = attestedBytes({ cluster: CLUSTER, slot, root })
    const written = this.#written.get(keyOf(slot, root)) ?? 0
    const attested = new Set(
      attestations
        .filter(({ replica, signature }) => SIGNER.verify(replica, bytes, signature))
        .map(({ replica }) => replica.charCodeAt(0) - 97)
        .filter((node) => (written & (1 << node)) !== 0),
    )
    holds(attested.size >= this.#quorum, 'true certificates', () => {
      return `${nodeName(index)} takes the checkpoint of slot ${slot} for stable, which ${attested.size} have attested`
    })
    holds(attested.size === attestations.length, 'true certificates', () => {
      return `${nodeName(index)} keeps an attestation of slot ${slot} that is none`
    })
    this.#tally.add('checkpoint-stable')
  }
}

function keyOf(slot: number, root: Digest): string {
  return `${slot} ${root}`
}
