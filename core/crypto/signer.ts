import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { privateKeyFromProtobuf } from '@libp2p/crypto/keys'
import { peerIdFromString } from '@libp2p/peer-id'
import { InvariantError } from '../base/assert.ts'
import type { ReplicaId } from '../model/ids.ts'
import type { Signer } from '../ports/signer.ts'

/** What stands before the 32 bytes of an Ed25519 key in DER. Source: RFC 8410, 7 and 4. */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex')
const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
/** Several times the members of a cluster. Beyond it the one that was used longest ago is parsed again. */
const KEYS_MAX = 64
/** An id is about 52 characters long; decoding base58 takes time that grows with the square of its length. */
const REPLICA_ID_CHARS_MAX = 128

/**
 * Signs with a replica's key and verifies by replica ids: such an id is the public key itself.
 *
 * @param privateKey libp2p's protobuf of an Ed25519 private key, in base64, as an `Identity` holds it
 * @throws InvariantError when it is not: the replica could not have joined with it.
 * Source: RFC 8032 (Ed25519); libp2p specs, peer-ids/peer-ids.md
 */
export function createSigner(privateKey: string): Signer {
  const ownKey = parseOwnKey(privateKey)
  return { sign: (bytes) => new Uint8Array(sign(null, bytes, ownKey)), verify: createVerifier() }
}

/** Verifies by replica ids alone, for who has no key. Never throws. */
export function createVerifier(): Signer['verify'] {
  const keys = new Map<ReplicaId, KeyObject>()
  const keyOf = (replica: ReplicaId): KeyObject | undefined => {
    const key = keys.get(replica) ?? parsePublicKey(replica)
    if (key === undefined) return undefined
    keys.delete(replica)
    keys.set(replica, key)
    const [oldest] = keys.keys()
    if (keys.size > KEYS_MAX && oldest !== undefined) keys.delete(oldest)
    return key
  }
  return (replica, bytes, signature) => {
    if (signature.length !== SIGNATURE_BYTES) return false
    const key = keyOf(replica)
    try {
      return key !== undefined && verify(null, bytes, key, signature)
    } catch {
      return false
    }
  }
}

function parseOwnKey(privateKey: string): KeyObject {
  try {
    const key = privateKeyFromProtobuf(Buffer.from(privateKey, 'base64'))
    if (key.type !== 'Ed25519') throw new Error(`a key of type ${key.type}`)
    // libp2p's raw form is the seed, then the public key.
    const der = Buffer.concat([PKCS8_HEAD, key.raw.subarray(0, KEY_BYTES)])
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  } catch {
    // Without the cause: its words might hold a part of the key.
    throw new InvariantError('a signer is given the private key of a replica')
  }
}

/** Undefined for what is no id of an Ed25519 key, and for another spelling of one: a replica has one id. */
function parsePublicKey(replica: ReplicaId): KeyObject | undefined {
  if (replica.length > REPLICA_ID_CHARS_MAX) return undefined
  try {
    const peer = peerIdFromString(replica)
    if (peer.type !== 'Ed25519' || peer.toString() !== replica) return undefined
    const der = Buffer.concat([SPKI_HEAD, peer.publicKey.raw])
    return createPublicKey({ key: der, format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}
