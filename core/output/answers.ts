import type { Digest } from '../model/digest.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import { LIMITS } from '../model/limits.ts'
import type { Output } from '../model/output.ts'
import type { OutputMessage } from '../wire/output.ts'
import { encodeTold } from './told.ts'

/** What an Output takes in memory beyond its encoding, about. */
const OUTPUT_BYTES = 128

/** A replica's word on a slot. */
type VoteMessage = Extract<OutputMessage, { kind: 'vote' }>

interface Answer {
  readonly outputs: readonly Output[]
  /** Positions of Inputs that repeat what their clients asked before. */
  readonly repeats: ReadonlySet<number>
  readonly digest: Digest
  /** Size of the Outputs' encoding; as it is kept, what it takes in memory. */
  readonly bytes: number
}

interface AddressedOutput {
  readonly to: ReplicaId
  readonly message: OutputMessage
}

/** What this replica answered lately, kept (bounded in slots and bytes) for proxies that ask again. */
export class Answers {
  readonly #answers = new Map<Slot, Answer & { vote: VoteMessage | undefined }>()
  readonly #sign: (slot: Slot, digest: Digest) => Uint8Array
  #bytes = 0

  /** `sign`: a vote on this slot, with this digest. */
  constructor(sign: (slot: Slot, digest: Digest) => Uint8Array) {
    this.#sign = sign
  }

  keep(slot: Slot, { outputs, repeats, digest, bytes: encodedBytes }: Answer): void {
    const bytes = encodedBytes + outputs.length * OUTPUT_BYTES
    // Not what else the caller's object holds: the Inputs would stay in memory with it.
    this.#answers.set(slot, { outputs, repeats, digest, bytes, vote: undefined })
    this.#bytes += bytes
    for (const [oldest, { bytes: oldestBytes }] of this.#answers) {
      const fits = this.#answers.size <= LIMITS.outputSlotsMax && this.#bytes <= LIMITS.outputBytesMax
      // The newest stay whatever their size: their proxies may be about to ask.
      if (fits || this.#answers.size <= LIMITS.outputSlotsMin) return
      this.#answers.delete(oldest)
      this.#bytes -= oldestBytes
    }
  }

  /** This replica's Outputs of a slot, while they are kept. */
  find(slot: Slot): readonly Output[] | undefined {
    return this.#answers.get(slot)?.outputs
  }

  /** This replica's vote on a slot, while it is kept; signed when it is first asked for. */
  vote(slot: Slot): VoteMessage | undefined {
    const answer = this.#answers.get(slot)
    if (answer === undefined) return undefined
    const { digest } = answer
    answer.vote ??= { kind: 'vote', slot, digest, signature: this.#sign(slot, digest) }
    return answer.vote
  }

  /** Votes asked for again; slots not executed yet will be voted on when they are. */
  votes(to: ReplicaId, slots: readonly Slot[]): AddressedOutput[] {
    return slots.flatMap((slot) => {
      const message = this.vote(slot)
      return message === undefined ? [] : [{ to, message }]
    })
  }

  /** The Outputs of a slot one by one from position `first`, as many as fit a part; the rest is asked for after them. */
  outputs(to: ReplicaId, slot: Slot, first: number): AddressedOutput[] {
    const answer = this.#answers.get(slot)
    if (answer === undefined) return []
    const outputs: Uint8Array[] = []
    let bytes = 0
    for (const [index, output] of answer.outputs.slice(first).entries()) {
      const encoded = encodeTold({ output, isRepeat: answer.repeats.has(first + index) })
      if (outputs.length > 0 && bytes + encoded.length > LIMITS.partBytesMax) break
      outputs.push(encoded)
      bytes += encoded.length
    }
    if (outputs.length === 0) return []
    return [{ to, message: { kind: 'outputs', slot, count: answer.outputs.length, first, outputs } }]
  }
}
