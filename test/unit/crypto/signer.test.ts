import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../../core/base/assert.ts'
import { createSigner } from '../../../core/crypto/signer.ts'
import { clusterId, replicaId, slot } from '../../../core/model/ids.ts'
import type { ReplicaId } from '../../../core/model/ids.ts'
import { attestedBytes } from '../../../core/model/checkpoint.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import type { Signer } from '../../../core/ports/signer.ts'
import { createIdentity, parsePrivateKey } from '../../../core/transport/identity.ts'

const bytes = attestedBytes({ cluster: clusterId('c1'), slot: slot(7), root: sha256(new Uint8Array()) })

async function replica(): Promise<{ readonly id: ReplicaId; readonly signer: Signer; readonly privateKey: string }> {
  const { replica: id, privateKey } = await createIdentity()
  return { id, signer: createSigner(privateKey), privateKey }
}

function flipped(from: Uint8Array, index: number): Uint8Array {
  return from.map((byte, at) => (at === index ? byte ^ 1 : byte))
}

describe('a signature', () => {
  it('is verified by whoever knows the id alone, and is the same for the same bytes', async () => {
    const [alice, bob] = [await replica(), await replica()]
    const signature = alice.signer.sign(bytes)
    expect(signature).toHaveLength(64)
    expect(alice.signer.sign(bytes)).toEqual(signature)
    expect(bob.signer.verify(alice.id, bytes, signature)).toBe(true)
    expect(alice.signer.verify(alice.id, bytes, signature)).toBe(true)
  })

  it('is the one libp2p makes and verifies with the same key', async () => {
    const alice = await replica()
    const key = parsePrivateKey(alice.privateKey)
    expect(alice.signer.sign(bytes)).toEqual(Uint8Array.from(await key.sign(bytes)))
    expect(await key.publicKey.verify(bytes, alice.signer.sign(bytes))).toBe(true)
  })

  it('is not valid for another replica, for other bytes, or with any byte changed', async () => {
    const [alice, bob] = [await replica(), await replica()]
    const signature = alice.signer.sign(bytes)
    expect(bob.signer.verify(bob.id, bytes, signature)).toBe(false)
    for (let index = 0; index < bytes.length; index += 1) {
      expect(bob.signer.verify(alice.id, flipped(bytes, index), signature)).toBe(false)
    }
    for (let index = 0; index < signature.length; index += 1) {
      expect(bob.signer.verify(alice.id, bytes, flipped(signature, index))).toBe(false)
    }
  })

  it('of another length is not valid', async () => {
    const { id, signer } = await replica()
    const signature = signer.sign(bytes)
    for (const length of [0, 1, 63]) expect(signer.verify(id, bytes, signature.subarray(0, length))).toBe(false)
    expect(signer.verify(id, bytes, Uint8Array.of(...signature, 0))).toBe(false)
  })
})

describe('an id', () => {
  it('that is garbage verifies nothing and throws nothing', async () => {
    const { id, signer } = await replica()
    const signature = signer.sign(bytes)
    const garbage = ['alice', ' ', id.slice(1), `${id}1`, `1${id}`, id.toLowerCase(), '😀', '\0', 'z'.repeat(1_000_000)]
    for (const text of garbage) expect(signer.verify(replicaId(text), bytes, signature), text.slice(0, 80)).toBe(false)
  })

  it('of a key that is not Ed25519 verifies nothing', async () => {
    const { signer } = await replica()
    const key = await generateKeyPair('secp256k1')
    const id = replicaId(peerIdFromPrivateKey(key).toString())
    expect(signer.verify(id, bytes, signer.sign(bytes))).toBe(false)
    expect(signer.verify(id, bytes, await key.sign(bytes))).toBe(false)
  })

  it('spelt in another way verifies nothing: else one replica could attest twice', async () => {
    const alice = await replica()
    const peer = peerIdFromPrivateKey(parsePrivateKey(alice.privateKey))
    const spelling = replicaId(peer.toCID().toString())
    expect(spelling).not.toBe(alice.id)
    expect(alice.signer.verify(spelling, bytes, alice.signer.sign(bytes))).toBe(false)
  })

  it('is known again when more replicas than are remembered came between', async () => {
    const alice = await replica()
    const signature = alice.signer.sign(bytes)
    const { signer } = await replica()
    expect(signer.verify(alice.id, bytes, signature)).toBe(true)
    for (let other = 0; other < 100; other += 1) {
      const { replica: id, privateKey } = await createIdentity()
      expect(signer.verify(id, bytes, createSigner(privateKey).sign(bytes))).toBe(true)
    }
    expect(signer.verify(alice.id, bytes, signature)).toBe(true)
    expect(signer.verify(alice.id, flipped(bytes, 0), signature)).toBe(false)
  })
})

it('is not made from what is no private key of a replica', async () => {
  const other = Buffer.from(privateKeyToProtobuf(await generateKeyPair('secp256k1'))).toString('base64')
  const { privateKey } = await createIdentity()
  for (const text of ['', 'bm90IGEga2V5', other, privateKey.slice(0, 40)]) {
    expect(() => createSigner(text)).toThrow(InvariantError)
  }
})

it('signs other bytes for another cluster, slot or root', () => {
  const roots = [sha256(Uint8Array.of(1)), sha256(Uint8Array.of(2))] as const
  const spoken = [clusterId('c1'), clusterId('c2')].flatMap((cluster) =>
    [slot(1), slot(2)].flatMap((of) => roots.map((root) => attestedBytes({ cluster, slot: of, root }).join())),
  )
  expect(new Set(spoken).size).toBe(8)
})
