import type { Configurations } from '../model/configurations.ts'
import type { Digest } from '../model/digest.ts'
import type { ClusterId, ReplicaId } from '../model/ids.ts'
import type { Output } from '../model/output.ts'
import type { Proof, VoteSignature } from '../model/proof.ts'
import { votedBytes } from '../model/vote.ts'
import type { Endorsement, Tally } from '../output/tally.ts'
import type { SlotUnderVote } from '../output/votes.ts'
import type { Signer } from '../ports/signer.ts'
import type { Note } from './effects.ts'

interface ProofsInit {
  readonly cluster: ClusterId
  readonly configurations: Configurations
  readonly signer: Signer
  readonly note: (note: Note) => void
}

/** An Output that a majority gave, and where its Input stands. */
export interface Given {
  readonly slot: SlotUnderVote
  readonly position: number
  readonly output: Output
  readonly digest: Digest
}

/**
 * Puts together the proof of an Output from the signed votes on its slot. Signatures are looked at here and not when
 * votes come: only who asks for a proof pays for it.
 */
export class Proofs {
  readonly #init: ProofsInit
  /** Whose signature was looked at, and whether it is theirs: a member is held to its first vote. */
  readonly #checked = new WeakMap<Tally, Map<ReplicaId, boolean>>()

  constructor(init: ProofsInit) {
    this.#init = init
  }

  /**
   * @returns `open`: not yet, but votes that are still to come may make one; `never`: whatever comes, there will be
   * none, because members that agree on the Output signed different slots, or did not sign.
   */
  of({ slot, position, output, digest }: Given): Proof | 'open' | 'never' {
    const { tally } = slot
    const quorum = this.#init.configurations.quorumAt(slot.slot)
    let most = 0
    for (const endorsement of tally.endorsements(position, digest)) {
      const signatures = this.#signedOf(slot, endorsement)
      const signers = signatures.map(({ replica }) => replica)
      if (quorum.isReached(signers)) {
        return this.#proof({ slot, position, output, digest }, { ...endorsement, signatures })
      }
      most = Math.max(most, signers.length)
    }
    const undecided = tally.missing().length + tally.unopened().length
    return quorum.isReachable(most, undecided) ? 'open' : 'never'
  }

  #proof({ slot, position, output }: Given, { digests, repeats, signatures }: Endorsement): Proof | 'never' {
    const input = slot.inputs[position]
    if (input === undefined) return 'never'
    const { cluster, configurations } = this.#init
    const { client, sequence, machine, payload } = input
    return {
      cluster,
      slot: slot.slot,
      position,
      input: { client, sequence, machine, payload, isRepeat: repeats.has(position) },
      output,
      digests,
      signatures,
      members: configurations.at(slot.slot).members,
    }
  }

  #signedOf(slot: SlotUnderVote, { slotDigest: digest, signatures }: Endorsement): VoteSignature[] {
    const { cluster, signer, note } = this.#init
    const checked = this.#checked.get(slot.tally) ?? new Map<ReplicaId, boolean>()
    this.#checked.set(slot.tally, checked)
    return signatures.filter(({ replica, signature }) => {
      const known = checked.get(replica)
      if (known !== undefined) return known
      const isTheirs = signer.verify(replica, votedBytes({ cluster, slot: slot.slot, digest }), signature)
      checked.set(replica, isTheirs)
      if (!isTheirs) note({ kind: 'signature-wrong', replica, slot: slot.slot })
      return isTheirs
    })
  }
}
