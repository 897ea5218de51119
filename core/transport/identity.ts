import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { generateKey } from '@libp2p/pnet'
import { messageOf } from '../base/errors.ts'
import type { ReplicaId } from '../model/ids.ts'
import { replicaId } from '../model/ids.ts'
import { TransportError } from './errors.ts'

/** Who a replica is: the id is the key's public half, so nobody without the key can take it. */
export interface Identity {
  readonly replica: ReplicaId
  /** libp2p's protobuf of an Ed25519 private key, in base64. A secret. */
  readonly privateKey: string
}

/** Length of a swarm key file: two header lines and 32 bytes in hexadecimal. */
const NETWORK_KEY_BYTES = 95
const NETWORK_KEY = /^\/key\/swarm\/psk\/1\.0\.0\/\r?\n\/base16\/\r?\n[0-9a-f]{64}\s*$/

/** Draws a new key, so a replica that never was. */
export async function createIdentity(): Promise<Identity> {
  const key = await generateKeyPair('Ed25519')
  return { replica: replicaOf(key), privateKey: Buffer.from(privateKeyToProtobuf(key)).toString('base64') }
}

/** @throws TransportError TRANSPORT_KEY_INVALID when `privateKey` is not what `createIdentity` makes. */
export function parsePrivateKey(privateKey: string): Ed25519PrivateKey {
  let cause: unknown
  try {
    const key = privateKeyFromProtobuf(Buffer.from(privateKey, 'base64'))
    if (key.type === 'Ed25519') return key
    cause = new Error(`a key of type ${key.type}`)
  } catch (error) {
    cause = error
  }
  throw new TransportError(
    { code: 'TRANSPORT_KEY_INVALID', key: 'private' },
    `This is not a replica's private key (${messageOf(cause)}). Restore the file it came from, or join anew.`,
    { cause },
  )
}

export function replicaOf(key: Ed25519PrivateKey): ReplicaId {
  return replicaId(peerIdFromPrivateKey(key).toString())
}

/**
 * Draws the secret all replicas of one cluster share: without it a connection ends before the Noise handshake.
 *
 * Shape: the text of a libp2p swarm key file.
 * Source: libp2p specs, pnet/Private-Networks-PSK-V1.md
 */
export function createNetworkKey(): string {
  const bytes = new Uint8Array(NETWORK_KEY_BYTES)
  generateKey(bytes)
  return Buffer.from(bytes).toString('utf8')
}

/** @throws TransportError TRANSPORT_KEY_INVALID when `networkKey` is not the text of a swarm key file. */
export function parseNetworkKey(networkKey: string): Uint8Array {
  if (!NETWORK_KEY.test(networkKey)) {
    throw new TransportError(
      { code: 'TRANSPORT_KEY_INVALID', key: 'network' },
      'This is not a network key. Copy it again from a member of the cluster.',
    )
  }
  return Buffer.from(networkKey, 'utf8')
}
