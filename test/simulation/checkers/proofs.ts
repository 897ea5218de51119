import { sha256 } from '../../../core/crypto/hash.ts'
import { clusterId, replicaId } from '../../../core/model/ids.ts'
import type { ReplicaId } from '../../../core/model/ids.ts'
import type { Proof } from '../../../core/model/proof.ts'
import { checkProof } from '../../../core/model/proof.ts'
import { slotDigest, votedBytes } from '../../../core/model/vote.ts'
import type { Reply } from '../../../core/replica/effects.ts'
import { testSigner } from '../../support/memory-disk.ts'
import { nodeName } from '../journal.ts'
import { holds, jsonOf } from './violation.ts'

type Answered = Extract<Reply, { kind: 'output' }>

const CLUSTER = clusterId('simulated')

/**
 * The proof in a reply stands before who knows the members alone, and says what the reply says; and whoever agrees in
 * the reply signed the slot, unless its node may do anything.
 */
export class ProofChecker {
  readonly #members: readonly ReplicaId[]
  readonly #isFaulty: (node: number) => boolean
  #proofs = 0

  constructor(nodes: number, isFaulty: (node: number) => boolean) {
    this.#members = Array.from({ length: nodes }, (_, node) => replicaId(nodeName(node)))
    this.#isFaulty = isFaulty
  }

  /** Proofs that were given. */
  get proofs(): number {
    return this.#proofs
  }

  check(asked: { readonly client: string; readonly sequence: number }, reply: Answered): void {
    const { proof } = reply
    if (proof === undefined) return
    if (proof === null) {
      const isExcused = this.#members.some((_, node) => this.#isFaulty(node))
      holds(isExcused, 'proofs are given', () => `Input ${asked.sequence} of ${asked.client} got none`)
      return
    }
    this.#proofs += 1
    const { verify } = testSigner(replicaId('nobody'))
    const { isValid, uncounted } = checkProof(proof, { members: this.#members, hash: sha256, verify })
    holds(isValid && uncounted.length === 0, 'proofs stand', () => `${textOf(proof)}: ${jsonOf(uncounted)}`)
    const { client, sequence } = proof.input
    const isOfReply = proof.slot === reply.slot && client === asked.client && sequence === asked.sequence
    holds(isOfReply && jsonOf(proof.output) === jsonOf(reply.output), 'proofs stand', () => {
      return `${textOf(proof)} came with ${jsonOf(reply.output)} from slot ${reply.slot} to ${asked.client}`
    })
    this.#checkVotes(proof, reply)
  }

  #checkVotes({ slot, digests }: Proof, { votes }: Answered): void {
    const bytes = votedBytes({ cluster: CLUSTER, slot, digest: slotDigest(sha256, digests) })
    for (const [node, replica] of this.#members.entries()) {
      const vote = votes.find((one) => one.replica === replica)
      if (vote?.sign !== 'agrees' || this.#isFaulty(node)) continue
      const { signature } = vote
      holds(signature !== undefined && testSigner(replica).verify(replica, bytes, signature), 'signed votes', () => {
        return `${replica} agrees at slot ${slot} and did not sign it`
      })
    }
  }
}

function textOf({ slot, position, input, output }: Proof): string {
  return `the proof of Input ${input.sequence} of ${input.client}, ${slot}/${position}, ${jsonOf(output)}`
}
