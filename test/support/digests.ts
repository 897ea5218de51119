import { sha256 } from '../../core/crypto/hash.ts'
import { encodeCanonical } from '../../core/model/canonical.ts'
import type { Digest } from '../../core/model/digest.ts'
import { clusterId, slot } from '../../core/model/ids.ts'
import type { ReplicaId } from '../../core/model/ids.ts'
import type { Input } from '../../core/model/input.ts'
import type { Output } from '../../core/model/output.ts'
import { inputOf } from './inputs.ts'
import { testSigner } from './memory-disk.ts'

/** Inputs where a test has none of its own: one of each client, "c0" and on. */
export function askers(count: number): Input[] {
  return Array.from({ length: count }, (_, index) => inputOf(null, { client: `c${index}` }))
}

/*
 * What a replica votes with, written out here a second time, so that a change of it is noticed.
 */

export function outputDigest(output: Output, input = inputOf(null, { client: 'c0' }), isRepeat = false): Digest {
  const leaf = [input.client, input.sequence, input.machine, input.payload, output]
  return sha256(encodeCanonical(isRepeat ? [...leaf, 'repeat'] : leaf))
}

/** Of a slot with these Outputs to `askers`. */
export function slotDigest(...outputs: readonly Output[]): Digest {
  return digestOfSlot(askers(outputs.length), outputs)
}

export function digestOfSlot(inputs: readonly Input[], outputs: readonly Output[]): Digest {
  return sha256(encodeCanonical(outputs.map((output, index) => outputDigest(output, inputs[index]))))
}

/** What replicas of a `Lan` sign with a vote. */
export function voteSignature(replica: ReplicaId, number: number, digest: Digest): Uint8Array {
  const cluster = clusterId('1a'.repeat(16))
  return testSigner(replica).sign(encodeCanonical(['synod vote', cluster, slot(number), digest]))
}
