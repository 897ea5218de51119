import { encodeCanonical, hashCanonical } from './canonical.ts'
import type { Digest, HashFunction } from './digest.ts'
import type { ClusterId, Slot } from './ids.ts'
import type { Input } from './input.ts'
import type { Output } from './output.ts'

/** An Input as the vote names it: what an Output is the answer to. */
export interface Asked extends Pick<Input, 'client' | 'sequence' | 'machine' | 'payload'> {
  /**
   * Its client had used this sequence or a later one before: nothing was executed, and the Output is that of the first
   * time, or a refusal. What was asked the first time may have been something else.
   */
  readonly isRepeat: boolean
}

/** Of an Output together with what it answers, so that a vote on one says to which Input it was given. */
export function outputDigest(
  hash: HashFunction,
  { client, sequence, machine, payload, isRepeat }: Asked,
  output: Output,
): Digest {
  const leaf = [client, sequence, machine, payload, output]
  return hashCanonical(hash, isRepeat ? [...leaf, 'repeat'] : leaf)
}

/** Of all Outputs of a slot. */
export function outputDigests(
  hash: HashFunction,
  batch: { readonly inputs: readonly Input[]; readonly repeats: ReadonlySet<number> },
  outputs: readonly Output[],
): Digest[] {
  const { inputs, repeats } = batch
  return inputs.flatMap((input, position) => {
    const output = outputs[position]
    return output === undefined ? [] : [outputDigest(hash, { ...input, isRepeat: repeats.has(position) }, output)]
  })
}

/** Of a whole slot, over its Outputs' digests in the order of the batch: what replicas vote with. */
export function slotDigest(hash: HashFunction, digests: readonly Digest[]): Digest {
  return hashCanonical(hash, digests)
}

/** What a vote signs. The first word keeps it from ever being what a replica signs for another purpose. */
export function votedBytes({
  cluster,
  slot,
  digest,
}: {
  readonly cluster: ClusterId
  readonly slot: Slot
  readonly digest: Digest
}): Uint8Array {
  return encodeCanonical(['synod vote', cluster, slot, digest])
}
