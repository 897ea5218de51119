import { assert } from '../base/assert.ts'
import type { Configuration } from '../model/configuration.ts'
import { isMember } from '../model/configuration.ts'
import type { Digest, HashFunction } from '../model/digest.ts'
import type { ReplicaId } from '../model/ids.ts'
import type { Input } from '../model/input.ts'
import type { Output } from '../model/output.ts'
import type { VoteSignature } from '../model/proof.ts'
import { Quorum } from '../model/quorum.ts'
import { outputDigests, slotDigest } from '../model/vote.ts'

/** How one replica stands to the Output of one Input. */
export interface Standing {
  readonly replica: ReplicaId
  /** `none`: no vote yet. `answered`: a vote, with no majority to measure it by, or not opened yet. */
  readonly sign: 'none' | 'answered' | 'agrees' | 'dissents'
  readonly digest: Digest | undefined
  /** When the vote came, by the proxy's clock. Unit: ms. */
  readonly atMs: number | undefined
  /** Over the slot's digest, as it came: whether it is the replica's is looked at when it is needed. */
  readonly signature: Uint8Array | undefined
}

/** What one replica says of a slot. */
export interface SlotVote {
  readonly digest: Digest
  readonly signature: Uint8Array
}

/** Members that voted for one and the same slot digest, in which an Output stands that a majority gave. */
export interface Endorsement {
  readonly slotDigest: Digest
  /** Of each Output of the slot. */
  readonly digests: readonly Digest[]
  readonly repeats: ReadonlySet<number>
  readonly signatures: readonly VoteSignature[]
}

/** Of who has not voted. */
export const NO_VOTE = { sign: 'none', digest: undefined, atMs: undefined, signature: undefined } as const

export type Verdict =
  | { readonly kind: 'open' }
  | { readonly kind: 'majority'; readonly output: Output; readonly digest: Digest }
  /** Whatever is still to come, no Output can reach a majority any more. */
  | { readonly kind: 'no-majority' }

interface Body {
  readonly outputs: readonly Output[]
  readonly digests: readonly Digest[]
  /** Positions of Inputs that repeat what their clients asked before, as who computed it says: another may differ. */
  readonly repeats: ReadonlySet<number>
}

const NO_REPEATS: ReadonlySet<number> = new Set()

/**
 * The votes on one slot. Replicas vote with one digest over all Outputs of the slot; a body is needed once for each
 * digest that differs, and only then are Outputs compared one by one.
 * Source: Schneider (1990), 4 (voting at the output); Castro, Practical Byzantine Fault Tolerance (2001), 5.1.1.
 */
export class Tally {
  readonly #configuration: Configuration
  readonly #quorum: Quorum
  readonly #hash: HashFunction
  readonly #inputs: readonly Input[]
  readonly #abstainer: ReplicaId | undefined
  readonly #votes = new Map<ReplicaId, SlotVote & { readonly atMs: number }>()
  readonly #bodies = new Map<Digest, Body>()
  /** Once known, it stays: a member is held to its first vote. */
  #majority: Body | undefined

  constructor(init: {
    readonly configuration: Configuration
    readonly hash: HashFunction
    /** Of the slot. */
    readonly inputs: readonly Input[]
    /** Who will not vote on this slot, whatever comes: this replica, in quarantine. */
    readonly abstainer?: ReplicaId | undefined
  }) {
    this.#configuration = init.configuration
    this.#quorum = new Quorum(init.configuration)
    this.#hash = init.hash
    this.#inputs = init.inputs
    this.#abstainer = init.abstainer
  }

  /** One vote a member; strangers are not counted, and a member that votes twice is held to its first vote. */
  vote(replica: ReplicaId, { digest, signature }: SlotVote, atMs: number): void {
    if (!isMember(this.#configuration, replica) || this.#votes.has(replica)) return
    this.#votes.set(replica, { digest, signature, atMs })
  }

  /** What this replica computed itself. */
  own(digest: Digest, { outputs, digests, repeats }: Body): void {
    this.#bodies.set(digest, { outputs, digests, repeats })
  }

  /** The Outputs behind a digest; believed only if they hash to it. @returns whether they do. */
  body(digest: Digest, outputs: readonly Output[], repeats = NO_REPEATS): boolean {
    if (outputs.length !== this.#inputs.length) return false
    const digests = outputDigests(this.#hash, { inputs: this.#inputs, repeats }, outputs)
    if (slotDigest(this.#hash, digests) !== digest) return false
    if (!this.#bodies.has(digest)) this.#bodies.set(digest, { outputs, digests, repeats })
    return true
  }

  /** Whether enough members voted for a verdict to be possible. */
  get isRipe(): boolean {
    return this.#quorum.isReached(this.#votes.keys())
  }

  digestOf(replica: ReplicaId): Digest | undefined {
    return this.#votes.get(replica)?.digest
  }

  /** Members whose digest has no body here yet. */
  unopened(): ReplicaId[] {
    return [...this.#votes].filter(([, vote]) => !this.#bodies.has(vote.digest)).map(([replica]) => replica)
  }

  /** Members whose vote may still come. */
  missing(): ReplicaId[] {
    const members = this.#configuration.members.map(({ replica }) => replica)
    return members.filter((replica) => !this.#votes.has(replica) && replica !== this.#abstainer)
  }

  verdict(position: number): Verdict {
    assert(position >= 0 && position < this.#inputs.length, 'the slot has an Input at this position')
    const body = this.#bodyOfMajority()
    const [alike, digestAlike] = [body?.outputs[position], body?.digests[position]]
    if (alike !== undefined && digestAlike !== undefined)
      return { kind: 'majority', output: alike, digest: digestAlike }
    const groups = this.#groups(position)
    for (const { digest, output, replicas } of groups.values()) {
      if (this.#quorum.isReached(replicas)) return { kind: 'majority', output, digest }
    }
    const undecided = this.missing().length + this.unopened().length
    const most = Math.max(0, ...[...groups.values()].map((group) => group.replicas.length))
    return this.#quorum.isReachable(most, undecided) ? { kind: 'open' } : { kind: 'no-majority' }
  }

  standings(position: number): Standing[] {
    const verdict = this.verdict(position)
    return this.#configuration.members.map(({ replica }) => {
      const vote = this.#votes.get(replica)
      if (vote === undefined) return { replica, ...NO_VOTE }
      const { atMs, signature } = vote
      const digest = this.#bodies.get(vote.digest)?.digests[position]
      if (verdict.kind !== 'majority' || digest === undefined) {
        return { replica, sign: 'answered', digest, atMs, signature }
      }
      return { replica, sign: digest === verdict.digest ? 'agrees' : 'dissents', digest, atMs, signature }
    })
  }

  /**
   * Who voted for the slot digests in which this Output stands. Two that agree on the Output may differ elsewhere in
   * the slot: then what they signed differs.
   */
  endorsements(position: number, digest: Digest): Endorsement[] {
    const endorsements = new Map<Digest, Endorsement & { readonly signatures: VoteSignature[] }>()
    for (const [replica, vote] of this.#votes) {
      const body = this.#bodies.get(vote.digest)
      if (body?.digests[position] !== digest) continue
      const { digests, repeats } = body
      const endorsement = endorsements.get(vote.digest) ?? { slotDigest: vote.digest, digests, repeats, signatures: [] }
      endorsements.set(vote.digest, endorsement)
      endorsement.signatures.push({ replica, signature: vote.signature })
    }
    return [...endorsements.values()]
  }

  /** What a majority gave alike in all of the slot, as nearly always: then no Output needs to be compared by itself. */
  #bodyOfMajority(): Body | undefined {
    if (this.#majority !== undefined) return this.#majority
    for (const [digest, body] of this.#bodies) {
      const alike = [...this.#votes].filter(([, vote]) => vote.digest === digest).map(([replica]) => replica)
      if (this.#quorum.isReached(alike)) this.#majority = body
    }
    return this.#majority
  }

  #groups(position: number): Map<Digest, { digest: Digest; output: Output; replicas: ReplicaId[] }> {
    const groups = new Map<Digest, { digest: Digest; output: Output; replicas: ReplicaId[] }>()
    for (const [replica, vote] of this.#votes) {
      const body = this.#bodies.get(vote.digest)
      const [output, digest] = [body?.outputs[position], body?.digests[position]]
      if (output === undefined || digest === undefined) continue
      const group = groups.get(digest) ?? { digest, output, replicas: [] }
      groups.set(digest, group)
      group.replicas.push(replica)
    }
    return groups
  }
}
