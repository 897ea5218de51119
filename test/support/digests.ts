import { sha256 } from '../../core/crypto/hash.ts'
import { encodeCanonical } from '../../core/model/canonical.ts'
import type { Digest } from '../../core/model/digest.ts'
import type { Output } from '../../core/model/output.ts'

export function outputDigest(output: Output): Digest {
  return sha256(encodeCanonical(output))
}

/** What a replica votes with on a slot: written out here a second time, so that a change of it is noticed. */
export function slotDigest(...outputs: readonly Output[]): Digest {
  return sha256(encodeCanonical(outputs.map(outputDigest)))
}
