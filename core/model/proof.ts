import type { Member } from './configuration.ts'
import type { Digest, HashFunction } from './digest.ts'
import type { ClusterId, ReplicaId, Slot } from './ids.ts'
import type { Output } from './output.ts'
import { majorityOf } from './quorum.ts'
import type { Asked } from './vote.ts'
import { outputDigest, slotDigest, votedBytes } from './vote.ts'

/**
 * The certificate of one Output: that a majority of a cluster's members gave it for this Input, at this slot. Whoever
 * knows the members' ids, which are their public keys, can check it without asking anybody.
 */
export interface Proof {
  readonly cluster: ClusterId
  readonly slot: Slot
  /** Of the Input in its slot, counted from 0. */
  readonly position: number
  readonly input: Asked
  readonly output: Output
  /** Of all Outputs of the slot, in the order of the batch: what the signed digest is over. */
  readonly digests: readonly Digest[]
  readonly signatures: readonly VoteSignature[]
  /** The configuration as the proxy knew it. Who checks must know it from elsewhere. */
  readonly members: readonly Member[]
}

export interface VoteSignature {
  readonly replica: ReplicaId
  /** Over `votedBytes`, by the key behind the replica's id. */
  readonly signature: Uint8Array
}

/** `output`: the slot's digests hold no such Output for this Input at this position. */
export type ProofFault = 'output' | 'too-few-signatures'

export interface ProofCheck {
  readonly isValid: boolean
  readonly faults: readonly ProofFault[]
  /** Members whose signature counts, each once. */
  readonly signers: readonly ReplicaId[]
  /** How many make a majority. */
  readonly needed: number
  readonly uncounted: readonly { readonly replica: ReplicaId; readonly why: 'stranger' | 'repeated' | 'wrong' }[]
}

/**
 * A proof is valid for a set of members when the slot's digests hold its Output for its Input, and more than half of
 * these members signed them. Signatures that do not count do no harm.
 */
export function checkProof(
  proof: Proof,
  by: {
    readonly members: readonly ReplicaId[]
    readonly hash: HashFunction
    readonly verify: (replica: ReplicaId, bytes: Uint8Array, signature: Uint8Array) => boolean
  },
): ProofCheck {
  const members = new Set(by.members)
  const { cluster, slot, digests } = proof
  const bytes = votedBytes({ cluster, slot, digest: slotDigest(by.hash, digests) })
  const signers = new Set<ReplicaId>()
  const uncounted: { replica: ReplicaId; why: 'stranger' | 'repeated' | 'wrong' }[] = []
  for (const { replica, signature } of proof.signatures) {
    if (!members.has(replica)) uncounted.push({ replica, why: 'stranger' })
    else if (signers.has(replica)) uncounted.push({ replica, why: 'repeated' })
    else if (!by.verify(replica, bytes, signature)) uncounted.push({ replica, why: 'wrong' })
    else signers.add(replica)
  }
  const needed = majorityOf(members.size)
  const faults: ProofFault[] = []
  if (digests[proof.position] !== outputDigest(by.hash, proof.input, proof.output)) faults.push('output')
  if (signers.size < needed) faults.push('too-few-signatures')
  return { isValid: faults.length === 0, faults, signers: [...signers], needed, uncounted }
}
