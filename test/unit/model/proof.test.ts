import { beforeAll, describe, expect, it } from 'vitest'
import { sha256 } from '../../../core/crypto/hash.ts'
import { createSigner, createVerifier } from '../../../core/crypto/signer.ts'
import { encodeCanonical } from '../../../core/model/canonical.ts'
import { clientId, clusterId, replicaId, sequence, slot } from '../../../core/model/ids.ts'
import type { ReplicaId } from '../../../core/model/ids.ts'
import { accepted, rejected } from '../../../core/model/output.ts'
import { attestedBytes } from '../../../core/model/checkpoint.ts'
import type { Proof, ProofCheck } from '../../../core/model/proof.ts'
import { checkProof } from '../../../core/model/proof.ts'
import { outputDigests, slotDigest, votedBytes } from '../../../core/model/vote.ts'
import type { Signer } from '../../../core/ports/signer.ts'
import { createIdentity } from '../../../core/transport/identity.ts'
import { outputDigest as outputDigestAgain } from '../../support/digests.ts'
import { inputOf } from '../../support/inputs.ts'

interface Key {
  readonly id: ReplicaId
  readonly signer: Signer
}

const cluster = clusterId('5a'.repeat(16))
const inputs = ['x', 'y', 'z'].map((key) => inputOf({ op: 'set', key, value: 1 }, { client: `of ${key}` }))
const outputs = [accepted({ existed: false }), accepted({ existed: true }), rejected('too-many', 'no room')]
const digests = outputDigests(sha256, { inputs, repeats: new Set() }, outputs)
const POSITION = 1

let keys: readonly [Key, Key, Key]
let stranger: Key
let members: readonly ReplicaId[]

async function createKey(): Promise<Key> {
  const { replica, privateKey } = await createIdentity()
  return { id: replica, signer: createSigner(privateKey) }
}

beforeAll(async () => {
  keys = [await createKey(), await createKey(), await createKey()]
  stranger = await createKey()
  members = keys.map(({ id }) => id)
})

function signatureOf({ id, signer }: Key, of: Partial<Parameters<typeof votedBytes>[0]> = {}) {
  const bytes = votedBytes({ cluster, slot: slot(41), digest: slotDigest(sha256, digests), ...of })
  return { replica: id, signature: signer.sign(bytes) }
}

/** Signed by two of three: not one of them can be missed. */
function proofOf(change: Partial<Proof> = {}): Proof {
  const input = inputs[POSITION] ?? inputOf(null)
  const output = outputs[POSITION] ?? accepted(null)
  return {
    cluster,
    slot: slot(41),
    position: POSITION,
    input: {
      client: input.client,
      sequence: input.sequence,
      machine: input.machine,
      payload: input.payload,
      isRepeat: false,
    },
    output,
    digests,
    signatures: [signatureOf(keys[0]), signatureOf(keys[2])],
    members: keys.map(({ id }, index) => ({ replica: id, name: 'abc'.charAt(index) })),
    ...change,
  }
}

function check(proof: Proof, by: readonly ReplicaId[] = members): ProofCheck {
  return checkProof(proof, { members: by, hash: sha256, verify: createVerifier() })
}

describe('a proof', () => {
  it('is valid when a majority of the given members signed the slot in which its Output stands', () => {
    expect(check(proofOf())).toEqual({
      isValid: true,
      faults: [],
      signers: [keys[0].id, keys[2].id],
      needed: 2,
      uncounted: [],
    })
    expect(check(proofOf({ signatures: keys.map((key) => signatureOf(key)) })).signers).toHaveLength(3)
  })

  it('rests on digests that are made as it is written', () => {
    expect(digests).toEqual(outputs.map((output, index) => outputDigestAgain(output, inputs[index])))
    expect(votedBytes({ cluster, slot: slot(41), digest: slotDigest(sha256, digests) })).toEqual(
      encodeCanonical(['synod vote', cluster, 41, sha256(encodeCanonical(digests))]),
    )
  })

  it.each<[string, (proof: Proof) => Partial<Proof>]>([
    ['another cluster', () => ({ cluster: clusterId('a5'.repeat(16)) })],
    ['another slot', () => ({ slot: slot(42) })],
    ['another position', () => ({ position: 0 })],
    ['a position past the end', () => ({ position: 3 })],
    ['another client', ({ input }) => ({ input: { ...input, client: clientId('mallory') } })],
    ['another sequence', ({ input }) => ({ input: { ...input, sequence: sequence(2) } })],
    ['another machine', ({ input }) => ({ input: { ...input, machine: 'ledger' } })],
    ['another payload', ({ input }) => ({ input: { ...input, payload: encodeCanonical({ op: 'get', key: 'y' }) } })],
    ['a repeat made of it', ({ input }) => ({ input: { ...input, isRepeat: true } })],
    ['another Output', () => ({ output: accepted({ existed: false }) })],
    ['a refusal in place of its Output', () => ({ output: rejected('too-many', 'no room') })],
    ['a digest changed', () => ({ digests: digests.with(POSITION, sha256(new Uint8Array())) })],
    ['a digest of another Input changed', () => ({ digests: digests.with(2, sha256(new Uint8Array())) })],
    ['a digest left out', () => ({ digests: digests.slice(0, 2) })],
    ['a digest more', () => ({ digests: [...digests, sha256(new Uint8Array())] })],
    ['digests in another order', () => ({ digests: digests.toReversed() })],
    ['a signature less', ({ signatures }) => ({ signatures: signatures.slice(1) })],
    ['no signature', () => ({ signatures: [] })],
  ])('with %s is not valid', (_, change) => {
    expect(check(proofOf()).isValid).toBe(true)
    expect(check({ ...proofOf(), ...change(proofOf()) }).isValid).toBe(false)
  })

  it('with any byte of a signature changed is not valid', () => {
    for (let index = 0; index < 64; index += 1) {
      const [first, second = signatureOf(keys[2])] = proofOf().signatures
      const signature = second.signature.map((byte, at) => (at === index ? byte ^ 1 : byte))
      const forged = [first ?? second, { ...second, signature }]
      const { isValid, uncounted } = check(proofOf({ signatures: forged }))
      expect([isValid, uncounted]).toEqual([false, [{ replica: keys[2].id, why: 'wrong' }]])
    }
  })

  it('does not count a signature twice, nor one of a stranger, nor one under another name', () => {
    const [one, other] = [signatureOf(keys[0]), signatureOf(stranger)]
    expect(check(proofOf({ signatures: [one, one, one] }))).toMatchObject({
      isValid: false,
      faults: ['too-few-signatures'],
      uncounted: [
        { replica: keys[0].id, why: 'repeated' },
        { replica: keys[0].id, why: 'repeated' },
      ],
    })
    expect(check(proofOf({ signatures: [one, other] }))).toMatchObject({
      isValid: false,
      uncounted: [{ replica: stranger.id, why: 'stranger' }],
    })
    const posed = { ...other, replica: keys[1].id }
    expect(check(proofOf({ signatures: [one, posed] }))).toMatchObject({
      isValid: false,
      uncounted: [{ replica: keys[1].id, why: 'wrong' }],
    })
  })

  it('is not spoilt by signatures that do not count', () => {
    const signatures = [signatureOf(stranger), { replica: keys[1].id, signature: new Uint8Array(64) }]
    expect(check(proofOf({ signatures: [...signatures, ...proofOf().signatures] })).isValid).toBe(true)
  })

  it('takes no signature that was given for something else', () => {
    const root = slotDigest(sha256, digests)
    const attested = {
      replica: keys[0].id,
      signature: keys[0].signer.sign(attestedBytes({ cluster, slot: slot(41), root })),
    }
    expect(check(proofOf({ signatures: [attested, signatureOf(keys[2])] })).isValid).toBe(false)
    expect(
      check(proofOf({ signatures: [signatureOf(keys[0], { slot: slot(7) }), signatureOf(keys[2])] })).isValid,
    ).toBe(false)
  })

  it('is measured by the members that are given, not by those it names', () => {
    const lone = proofOf({
      signatures: [signatureOf(keys[0])],
      members: [{ replica: keys[0].id, name: 'a' }],
    })
    expect(check(lone).isValid).toBe(false)
    expect(check(lone, [keys[0].id]).isValid).toBe(true)
    expect(check(proofOf(), [...members, stranger.id, replicaId('12D3KooWnobody')])).toMatchObject({
      isValid: false,
      needed: 3,
    })
    expect(check(proofOf(), [...members, ...members]).needed).toBe(2)
    expect(check(proofOf(), [])).toMatchObject({ isValid: false, signers: [] })
  })

  it('of four needs three: a half is no majority', () => {
    const four = [...members, stranger.id]
    expect(check(proofOf(), four).isValid).toBe(false)
    expect(check(proofOf({ signatures: keys.map((key) => signatureOf(key)) }), four).isValid).toBe(true)
  })
})
