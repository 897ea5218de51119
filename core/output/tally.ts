import { assert } from '../base/assert.ts'
import { encodeCanonical } from '../model/canonical.ts'
import type { Configuration } from '../model/configuration.ts'
import { isMember } from '../model/configuration.ts'
import type { Digest, HashFunction } from '../model/digest.ts'
import type { ReplicaId } from '../model/ids.ts'
import type { Output } from '../model/output.ts'
import { Quorum } from '../model/quorum.ts'

/** How one replica stands to the Output of one Input. */
export interface Standing {
  readonly replica: ReplicaId
  /** `none`: no vote yet. `answered`: a vote, with no majority to measure it by, or not opened yet. */
  readonly sign: 'none' | 'answered' | 'agrees' | 'dissents'
  readonly digest: Digest | undefined
  /** When the vote came, by the proxy's clock. Unit: ms. */
  readonly atMs: number | undefined
}

export type Verdict =
  | { readonly kind: 'open' }
  | { readonly kind: 'majority'; readonly output: Output; readonly digest: Digest }
  /** Whatever is still to come, no Output can reach a majority any more. */
  | { readonly kind: 'no-majority' }

interface Body {
  readonly outputs: readonly Output[]
  /** Of each Output; computed when first asked for. */
  readonly digests: (Digest | undefined)[]
}

/**
 * The votes on one slot. Replicas vote with one digest over all Outputs of the slot; a body is needed once for each
 * digest that differs, and only then are Outputs compared one by one.
 * Source: Schneider (1990), 4 (voting at the output); Castro, Practical Byzantine Fault Tolerance (2001), 5.1.1.
 */
export class Tally {
  readonly #configuration: Configuration
  readonly #quorum: Quorum
  readonly #hash: HashFunction
  readonly #count: number
  readonly #votes = new Map<ReplicaId, { readonly digest: Digest; readonly atMs: number }>()
  readonly #bodies = new Map<Digest, Body>()

  /** `count`: how many Inputs the slot holds. */
  constructor(init: { readonly configuration: Configuration; readonly hash: HashFunction; readonly count: number }) {
    this.#configuration = init.configuration
    this.#quorum = new Quorum(init.configuration)
    this.#hash = init.hash
    this.#count = init.count
  }

  /** One vote a member; strangers are not counted, and a member that votes twice is held to its first vote. */
  vote(replica: ReplicaId, digest: Digest, atMs: number): void {
    if (!isMember(this.#configuration, replica) || this.#votes.has(replica)) return
    this.#votes.set(replica, { digest, atMs })
  }

  /** What this replica computed itself. */
  own(digest: Digest, outputs: readonly Output[]): void {
    this.#bodies.set(digest, { outputs, digests: [] })
  }

  /** The Outputs behind a digest; believed only if they hash to it. @returns whether they do. */
  body(digest: Digest, outputs: readonly Output[]): boolean {
    if (outputs.length !== this.#count) return false
    const digests = outputs.map((output) => this.#hash(encodeCanonical(output)))
    if (this.#hash(encodeCanonical(digests)) !== digest) return false
    if (!this.#bodies.has(digest)) this.#bodies.set(digest, { outputs, digests })
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

  missing(): ReplicaId[] {
    return this.#configuration.members.map(({ replica }) => replica).filter((replica) => !this.#votes.has(replica))
  }

  verdict(position: number): Verdict {
    assert(position >= 0 && position < this.#count, 'the slot has an Input at this position')
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
      if (vote === undefined) return { replica, sign: 'none', digest: undefined, atMs: undefined }
      const digest = this.#outputDigest(vote.digest, position)
      if (verdict.kind !== 'majority' || digest === undefined) {
        return { replica, sign: 'answered', digest, atMs: vote.atMs }
      }
      return { replica, sign: digest === verdict.digest ? 'agrees' : 'dissents', digest, atMs: vote.atMs }
    })
  }

  #groups(position: number): Map<Digest, { digest: Digest; output: Output; replicas: ReplicaId[] }> {
    const groups = new Map<Digest, { digest: Digest; output: Output; replicas: ReplicaId[] }>()
    for (const [replica, vote] of this.#votes) {
      const output = this.#bodies.get(vote.digest)?.outputs[position]
      const digest = this.#outputDigest(vote.digest, position)
      if (output === undefined || digest === undefined) continue
      const group = groups.get(digest) ?? { digest, output, replicas: [] }
      groups.set(digest, group)
      group.replicas.push(replica)
    }
    return groups
  }

  #outputDigest(slotDigest: Digest, position: number): Digest | undefined {
    const body = this.#bodies.get(slotDigest)
    const output = body?.outputs[position]
    if (body === undefined || output === undefined) return undefined
    const digest = body.digests[position] ?? this.#hash(encodeCanonical(output))
    body.digests[position] = digest
    return digest
  }
}
