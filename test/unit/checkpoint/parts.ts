import type { CheckpointEffect } from '../../../core/checkpoint/effects.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import type { Certificate, CheckpointInfo } from '../../../core/model/checkpoint.ts'
import { attestedBytes } from '../../../core/model/checkpoint.ts'
import type { Digest } from '../../../core/model/digest.ts'
import type { ReplicaId } from '../../../core/model/ids.ts'
import { clusterId, slot } from '../../../core/model/ids.ts'
import { State } from '../../../core/state/state.ts'
import type { CheckpointMessage } from '../../../core/wire/checkpoint.ts'
import { a, b } from '../../support/members.ts'
import { testSigner } from '../../support/memory-disk.ts'

export const cluster = clusterId('1a'.repeat(16))
export const rootOf = (text: string): Digest => sha256(new TextEncoder().encode(text))

/** What a replica signs for a checkpoint. */
export function signature(by: ReplicaId, number: number, root: Digest): Uint8Array {
  return testSigner(by).sign(attestedBytes({ cluster, slot: slot(number), root }))
}

export function certificateOf(number: number, root: Digest, by: readonly ReplicaId[] = [a, b]): Certificate {
  const attestations = by.map((replica) => ({ replica, signature: signature(replica, number, root) }))
  return { slot: slot(number), root, attestations }
}

/** A checkpoint on disk; stable when it has a certificate. */
export function infoOf(number: number, root: Digest = rootOf(`${number}`), isStable = false): CheckpointInfo {
  const certificate = isStable ? certificateOf(number, root) : undefined
  const sizes = { keys: 1, stateBytes: 1, fileBytes: 1, durationMs: 0 }
  return { slot: slot(number), timeMs: 1_000 + number, root, ...sizes, certificate }
}

export function stateOf(entries: Readonly<Record<string, string>>): State {
  const state = new State(sha256)
  for (const [key, value] of Object.entries(entries)) state.set(key, value)
  return state
}

export interface Told {
  readonly to: ReplicaId
  readonly message: CheckpointMessage
}

/** What was sent, and to whom. */
export function told(effects: readonly CheckpointEffect[]): Told[] {
  return effects.flatMap((effect) => (effect.kind === 'send' ? [{ to: effect.to, message: effect.message }] : []))
}

/** To whom a message of this kind was sent. */
export function toldTo(effects: readonly CheckpointEffect[], kind: CheckpointMessage['kind']): ReplicaId[] {
  return told(effects)
    .filter(({ message }) => message.kind === kind)
    .map(({ to }) => to)
}
