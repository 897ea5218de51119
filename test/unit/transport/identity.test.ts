import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { describe, expect, it } from 'vitest'
import { TransportError } from '../../../core/transport/errors.ts'
import {
  createIdentity,
  createNetworkKey,
  parseNetworkKey,
  parsePrivateKey,
  replicaOf,
} from '../../../core/transport/identity.ts'

function faultOf(attempt: () => unknown): unknown {
  try {
    attempt()
  } catch (error) {
    if (error instanceof TransportError) return error.fault
    throw error
  }
  return undefined
}

describe('identity', () => {
  it('gives the same replica id again when its private key is parsed', async () => {
    const identity = await createIdentity()
    expect(replicaOf(parsePrivateKey(identity.privateKey))).toBe(identity.replica)
    expect(identity.replica).toMatch(/^12D3Koo/)
  })

  it('makes another replica each time', async () => {
    const [first, second] = [await createIdentity(), await createIdentity()]
    expect(first.replica).not.toBe(second.replica)
  })

  it('refuses bytes that are no private key', () => {
    const fault = { code: 'TRANSPORT_KEY_INVALID', key: 'private' }
    expect(faultOf(() => parsePrivateKey('bm90IGEga2V5'))).toEqual(fault)
    expect(faultOf(() => parsePrivateKey(''))).toEqual(fault)
  })

  it('refuses a key of another type', async () => {
    const key = privateKeyToProtobuf(await generateKeyPair('secp256k1'))
    expect(faultOf(() => parsePrivateKey(Buffer.from(key).toString('base64')))).toEqual({
      code: 'TRANSPORT_KEY_INVALID',
      key: 'private',
    })
  })
})

describe('network key', () => {
  it('is the text of a swarm key file, drawn anew each time', () => {
    const key = createNetworkKey()
    expect(key).toMatch(/^\/key\/swarm\/psk\/1\.0\.0\/\n\/base16\/\n[0-9a-f]{64}$/)
    expect(createNetworkKey()).not.toBe(key)
    expect(Buffer.from(parseNetworkKey(key)).toString()).toBe(key)
  })

  it('is accepted with the line end an editor leaves, and refused when a digit is missing', () => {
    const key = createNetworkKey()
    expect(faultOf(() => parseNetworkKey(`${key}\n`))).toBeUndefined()
    expect(faultOf(() => parseNetworkKey(key.slice(0, -1)))).toEqual({ code: 'TRANSPORT_KEY_INVALID', key: 'network' })
  })
})
