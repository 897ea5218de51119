import type { Attestation, Certificate, CheckpointInfo } from '../model/checkpoint.ts'
import { attestedBytes } from '../model/checkpoint.ts'
import type { Configurations } from '../model/configurations.ts'
import { isMember } from '../model/configuration.ts'
import type { Digest } from '../model/digest.ts'
import type { ClusterId, ReplicaId, Slot } from '../model/ids.ts'

/** Attestations kept of each member: the newest, since members may be slower or faster than this one. */
const SLOTS_MAX = 8

/** Signs and verifies; what the port `Signer` offers. */
export interface Signing {
  readonly sign: (bytes: Uint8Array) => Uint8Array
  readonly verify: (replica: ReplicaId, bytes: Uint8Array, signature: Uint8Array) => boolean
}

export interface AttestationsInit {
  readonly self: ReplicaId
  readonly cluster: ClusterId
  readonly configurations: Configurations
  readonly signing: Signing
}

/** Who vouches for which root at which slot, until a majority vouches for one. */
export class Attestations {
  readonly #init: AttestationsInit
  /** By member, so that none of them can crowd out what another said. */
  readonly #heard = new Map<ReplicaId, Map<Slot, { readonly root: Digest; readonly signature: Uint8Array }>>()

  constructor(init: AttestationsInit) {
    this.#init = init
  }

  /** This replica vouches for a checkpoint of its own, which it has verified on its disk. */
  own({ slot, root }: Pick<CheckpointInfo, 'slot' | 'root'>): Attestation {
    const { self, cluster, signing } = this.#init
    const signature = signing.sign(attestedBytes({ cluster, slot, root }))
    this.#note(self, { slot, root, signature })
    return { replica: self, signature }
  }

  /** Another replica vouches. @returns whether it really does. */
  heard(
    from: ReplicaId,
    heard: { readonly slot: Slot; readonly root: Digest; readonly signature: Uint8Array },
  ): boolean {
    const { cluster, configurations, signing } = this.#init
    const { slot, root, signature } = heard
    if (!isMember(configurations.at(slot), from)) return false
    if (!signing.verify(from, attestedBytes({ cluster, slot, root }), signature)) return false
    this.#note(from, heard)
    return true
  }

  /** The attestations of a majority to one root, once there are so many. */
  certificate(slot: Slot): Certificate | undefined {
    const heard = [...this.#heard].flatMap(([replica, slots]) => {
      const attested = slots.get(slot)
      return attested === undefined ? [] : [{ replica, ...attested }]
    })
    for (const { root } of heard) {
      const agreeing = heard.filter((other) => other.root === root)
      if (!this.#init.configurations.quorumAt(slot).isReached(agreeing.map(({ replica }) => replica))) continue
      return { slot, root, attestations: agreeing.map(({ replica, signature }) => ({ replica, signature })) }
    }
    return undefined
  }

  /** Members whose attestation of the slot has not come. */
  missing(slot: Slot): readonly ReplicaId[] {
    return this.#init.configurations
      .at(slot)
      .members.map(({ replica }) => replica)
      .filter((replica) => this.#heard.get(replica)?.has(slot) !== true)
  }

  /** Whether a majority of the members really signed it. */
  isValid({ slot, root, attestations }: Certificate): boolean {
    const { cluster, configurations, signing } = this.#init
    const bytes = attestedBytes({ cluster, slot, root })
    const signers = attestations.filter(({ replica, signature }) => signing.verify(replica, bytes, signature))
    return configurations.quorumAt(slot).isReached(signers.map(({ replica }) => replica))
  }

  #note(
    replica: ReplicaId,
    { slot, root, signature }: { readonly slot: Slot; readonly root: Digest; readonly signature: Uint8Array },
  ): void {
    const slots = this.#heard.get(replica) ?? new Map<Slot, { root: Digest; signature: Uint8Array }>()
    this.#heard.set(replica, slots)
    // The last word counts: a replica that was repaired may have a better one.
    slots.set(slot, { root, signature })
    if (slots.size > SLOTS_MAX) slots.delete([...slots.keys()].reduce((left, right) => (left < right ? left : right)))
  }
}
