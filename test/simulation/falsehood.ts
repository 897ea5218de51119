import type { Prng } from '../../core/base/prng.ts'
import { sha256 } from '../../core/crypto/hash.ts'
import { encodeCanonical } from '../../core/model/canonical.ts'
import type { Attestation } from '../../core/model/checkpoint.ts'
import { attestedBytes } from '../../core/model/checkpoint.ts'
import type { ClusterId, ReplicaId, Slot } from '../../core/model/ids.ts'
import { slot as toSlot } from '../../core/model/ids.ts'
import { digestOfEntries, partitionOf } from '../../core/state/partition.ts'
import type { StatePiece } from '../../core/wire/checkpoint.ts'
import type { Message } from '../../core/wire/message.ts'
import { testSigner } from '../support/memory-disk.ts'

const FORGED = encodeCanonical({ ok: true, value: { value: 13, found: true } })
/** A partition nobody ever held: its bytes fit its digest, and no certificate. */
const FORGED_KEY = 'forged'
const FORGED_PARTITION = partitionOf(FORGED_KEY)
const FORGED_BYTES = encodeCanonical(['partition', FORGED_KEY, 13])
const FORGED_DIGEST = digestOfEntries(sha256, [[FORGED_KEY, 13]])
/** How far past what there is it says that it has a checkpoint. */
const SLOTS_AHEAD = 1_000

export interface Liar {
  readonly self: ReplicaId
  readonly cluster: ClusterId
  readonly prng: Prng
}

/**
 * What a two-faced replica sends instead: other Outputs than the ones it voted for, votes that it did not sign; and, of checkpoints, attestations,
 * offers, digests and pieces that are wrong by themselves, or wrong and fit each other.
 */
export function forged(liar: Liar, message: Message): Message {
  switch (message.kind) {
    case 'outputs':
      return { ...message, outputs: message.outputs.map(() => FORGED) }
    case 'vote':
      return liar.prng.chance(0.3) ? { ...message, signature: garbage(message.signature) } : message
    case 'attestation': {
      if (liar.prng.chance(0.3)) return message
      const isUnsigned = liar.prng.chance(0.5)
      if (isUnsigned) return { ...message, signature: garbage(message.signature) }
      return { ...message, root: FORGED_DIGEST, signature: signed(liar, message.slot) }
    }
    case 'audit-report': {
      // A wrong report that is truly its own counts as that of a replica at fault; one it did not sign counts for nothing.
      if (liar.prng.chance(0.5)) return message
      return { ...message, root: FORGED_DIGEST, signature: garbage(message.signature) }
    }
    case 'checkpoint-offer':
      return { ...message, ...forgedOffer(liar, message) }
    case 'digests':
      if (liar.prng.chance(0.2)) return { ...message, digests: message.digests.slice(1) }
      return { ...message, digests: message.digests.with(FORGED_PARTITION, FORGED_DIGEST) }
    case 'state-pieces':
      return { ...message, pieces: message.pieces.map((piece) => forgedPiece(liar, piece)) }
    default:
      return message
  }
}

/** Its own word three times over, or the others' names with signatures that are none. */
function forgedOffer(liar: Liar, offer: Extract<Message, { kind: 'checkpoint-offer' }>): Partial<typeof offer> {
  const { slot, attestations } = offer.certificate
  if (liar.prng.chance(0.4)) return { timeMs: offer.timeMs + SLOTS_AHEAD }
  const ahead = toSlot(slot + SLOTS_AHEAD)
  const own: Attestation = { replica: liar.self, signature: signed(liar, ahead) }
  const isAlone = liar.prng.chance(0.5)
  const claimed = attestations.map(({ replica, signature }) =>
    isAlone || replica === liar.self ? own : { replica, signature: garbage(signature) },
  )
  return { certificate: { slot: ahead, root: FORGED_DIGEST, attestations: claimed } }
}

function forgedPiece(liar: Liar, piece: StatePiece): StatePiece {
  if (piece.partition === FORGED_PARTITION) {
    const { length } = FORGED_BYTES
    return { ...piece, packedBytes: length, rawBytes: length, bytes: FORGED_BYTES.slice(piece.offset) }
  }
  const drawn = liar.prng.next()
  if (drawn < 0.4) return piece
  if (drawn < 0.6) return { ...piece, bytes: new Uint8Array(0) }
  if (drawn < 0.8) return { ...piece, packedBytes: piece.packedBytes + 1 }
  return { ...piece, bytes: garbage(piece.bytes) }
}

function signed({ self, cluster }: Liar, slot: Slot): Uint8Array {
  return testSigner(self).sign(attestedBytes({ cluster, slot, root: FORGED_DIGEST }))
}

function garbage(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => byte ^ 0x55)
}
