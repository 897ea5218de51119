import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ProofView } from '../../../core/api/proof.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import { createSigner } from '../../../core/crypto/signer.ts'
import { openDoors } from '../../../core/gateway/doors.ts'
import { encodeCanonical } from '../../../core/model/canonical.ts'
import { clientId, clusterId, sequence, slot } from '../../../core/model/ids.ts'
import type { ReplicaId } from '../../../core/model/ids.ts'
import { accepted } from '../../../core/model/output.ts'
import { outputDigest, slotDigest, votedBytes } from '../../../core/model/vote.ts'
import { traceNothing } from '../../../core/ports/trace.ts'
import { createIdentity } from '../../../core/transport/identity.ts'
import { FAIL, OUTPUT, StubHost, fault, ok } from '../gateway/stub-host.ts'
import { World } from './surroundings.ts'

const CLUSTER = '5a'.repeat(16)
let folder: string
let world: World
let host: StubHost
let ids: readonly ReplicaId[]
let proof: ProofView
let file: string
const closers: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'synod-proof-'))
  closers.push(() => rm(folder, { recursive: true }))
  world = new World()
  host = new StubHost()
  const identities = [await createIdentity(), await createIdentity(), await createIdentity()]
  ids = identities.map(({ replica }) => replica)
  proof = proofOf(identities.slice(0, 2), ids)
  file = path.join(folder, 'proof.json')
})

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** Of Input 1 of "app", signed by these. */
function proofOf(
  signers: readonly { readonly replica: ReplicaId; readonly privateKey: string }[],
  members: readonly ReplicaId[],
): ProofView {
  const payload = encodeCanonical({ op: 'increment', key: 'n' })
  const input = { client: clientId('app'), sequence: sequence(1), machine: 'kv', payload, isRepeat: false }
  const output = accepted({ value: 1 })
  const digests = [outputDigest(sha256, input, output)]
  const bytes = votedBytes({ cluster: clusterId(CLUSTER), slot: slot(41), digest: slotDigest(sha256, digests) })
  return {
    kind: 'synod proof',
    format: 1,
    cluster: CLUSTER,
    slot: 41,
    position: 0,
    input: {
      client: 'app',
      sequence: 1,
      machine: 'kv',
      payload: Buffer.from(payload).toString('base64'),
      repeat: false,
    },
    output: { ok: true, value: { value: 1 } },
    digests,
    signatures: signers.map(({ replica, privateKey }) => ({
      replica,
      signature: Buffer.from(createSigner(privateKey).sign(bytes)).toString('base64'),
    })),
    members: members.map((replica, index) => ({ replica, name: 'abc'.charAt(index) })),
  }
}

async function verify(given: unknown, ...words: readonly string[]): Promise<number> {
  await writeFile(file, typeof given === 'string' ? given : JSON.stringify(given))
  world = new World()
  return world.run('verify-proof', file, ...words)
}

describe('verify-proof', () => {
  it('ends with 0 for a proof that holds, and shows who signed and what was asked and answered', async () => {
    expect(await verify(proof, '--members', ids.join(','))).toBe(0)
    expect(world.said).toEqual({
      error: '',
      out: [
        `Valid · slot 41 of cluster ${CLUSTER}, Input 1 in it · 2 of 3 members signed it, 2 are needed.`,
        `  ● a  ${ids[0]}  signed`,
        `  ● b  ${ids[1]}  signed`,
        `  ○ c  ${ids[2]}  did not sign`,
        'Input: client app · sequence 1 · kv · {"op":"increment","key":"n"}',
        'Output: {"value":1}',
        '',
      ].join('\n'),
    })
    expect(await verify(proof, '--json', '--members', ids.join(','))).toBe(0)
    expect(world.json()).toMatchObject({
      valid: true,
      faults: [],
      slot: 41,
      membersFrom: 'given',
      members: [{ signed: true }, { signed: true }, { signed: false }],
      input: { client: 'app', input: { op: 'increment', key: 'n' }, repeat: false },
    })
  })

  it('takes the members from a file of ids, or from what status --json prints', async () => {
    const [listed, status] = [path.join(folder, 'ids'), path.join(folder, 'status')]
    await writeFile(listed, `${ids.join('\n')}\n`)
    const replicas = ids.map((id, index) => ({ id, name: 'xyz'.charAt(index), more: 1 }))
    const clusters = [
      { id: 'other', name: 'other', replicas: [] },
      { id: CLUSTER, name: 'demo', replicas },
    ]
    await writeFile(status, JSON.stringify({ synod: '1', clusters }))
    expect(await verify(proof, '--members', listed)).toBe(0)
    expect(await verify(proof, '--members', status)).toBe(0)
    expect(world.said.out).toContain(`● x  ${ids[0]}  signed`)
    await writeFile(status, JSON.stringify({ synod: '1', clusters: clusters.slice(0, 1) }))
    expect(await verify(proof, '--members', status)).toBe(2)
    expect(world.said.error).toContain(`The proof is of cluster ${CLUSTER}`)
  })

  it('says plainly when the members are only those that the proof names itself', async () => {
    expect(await verify(proof)).toBe(0)
    expect(world.said.out).toContain('Attention: the members above are the ones that the proof itself names.')
    expect(await verify(proof, '--json')).toBe(0)
    expect(world.json()).toMatchObject({ valid: true, membersFrom: 'proof' })
  })

  it('ends with 1 when other members are asked for, or too few signed', async () => {
    const strangers = await Promise.all([createIdentity(), createIdentity(), createIdentity()])
    expect(await verify(proof, '--members', strangers.map(({ replica }) => replica).join(','))).toBe(1)
    expect(world.said.out).toContain('Not valid')
    expect(world.said.out).toContain('does not count: it is no member.')
    expect(await verify({ ...proof, signatures: proof.signatures.slice(1) }, '--members', ids.join(','))).toBe(1)
    expect(world.said.out).toContain('1 of 3 members signed it, 2 are needed')
  })

  it.each<[string, (proof: ProofView) => object]>([
    ['cluster', () => ({ cluster: 'a5'.repeat(16) })],
    ['slot', () => ({ slot: 42 })],
    ['position', () => ({ position: 1 })],
    ['client', ({ input }) => ({ input: { ...input, client: 'mallory' } })],
    ['sequence', ({ input }) => ({ input: { ...input, sequence: 2 } })],
    ['machine', ({ input }) => ({ input: { ...input, machine: 'ledger' } })],
    ['payload', ({ input }) => ({ input: { ...input, payload: 'oA==' } })],
    ['repeat', ({ input }) => ({ input: { ...input, repeat: true } })],
    ['output', () => ({ output: { ok: true, value: { value: 2 } } })],
    ['digests', () => ({ digests: ['3f'.repeat(32)] })],
    ['kind', () => ({ kind: 'a proof' })],
    ['format', () => ({ format: 2 })],
    ['a field more', () => ({ more: 1 })],
    ['no canonical Output', () => ({ output: { ok: true, value: '\ud800' } })],
    [
      'a signature that is no base64',
      ({ signatures }) => ({ signatures: signatures.map((one) => ({ ...one, signature: '…' })) }),
    ],
    ['no slot', () => ({ slot: undefined })],
  ])('ends with 1 for another %s', async (_, change) => {
    expect(await verify({ ...proof, ...change(proof) }, '--members', ids.join(','))).toBe(1)
    expect(`${world.said.out}${world.said.error}`).toMatch(/^Not valid/)
    expect(await verify({ ...proof, ...change(proof) }, '--json', '--members', ids.join(','))).toBe(1)
    expect(world.json()).toMatchObject({ valid: false })
  })

  it.each([
    ['no JSON', '{', 'is not JSON'],
    ['nothing', '', 'is not JSON'],
    ['something else', '{"kind":"synod backup"}', 'not a proof'],
    ['a list', '[1]', 'not a proof'],
  ])('ends with 1 for a file with %s', async (_, text, words) => {
    expect(await verify(text)).toBe(1)
    expect(world.said.error).toContain(words)
  })

  it('ends with 2 where there is no such file, or no member is named', async () => {
    expect(await world.run('verify-proof', path.join(folder, 'nowhere'))).toBe(2)
    for (const members of ['', 'alice,bob', path.join(folder, 'nowhere'), `${ids[0]},0OIl`]) {
      expect(await verify(proof, '--members', members)).toBe(2)
      expect(world.said.error).toContain('--members: expected')
    }
    expect(await world.run('verify-proof')).toBe(2)
  })
})

describe('submit --proof', () => {
  const submit = async (...words: readonly string[]): Promise<number> => {
    world = new World()
    return world.run(
      'submit',
      '--data',
      folder,
      '--machine',
      'kv',
      '--client',
      'app',
      ...words,
      '{"op":"get","key":"k"}',
    )
  }

  beforeEach(async () => {
    const doors = await openDoors({ api: host, dataFolder: folder, port: 0, trace: traceNothing })
    closers.push(() => doors.close())
  })

  it('asks for the proof and writes it to a file, which verify-proof takes', async () => {
    host.on('cluster.submit', () => ok({ ...OUTPUT, proof }))
    expect(await submit('--proof', file)).toBe(0)
    expect(host.calls.at(-1)?.argument).toMatchObject({ proof: true })
    expect(world.said.out).toContain(`Proof: ${file}`)
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(proof)
    expect(await world.run('verify-proof', file, '--members', ids.join(','))).toBe(0)
  })

  it('asks for none otherwise', async () => {
    host.on('cluster.submit', () => ok(OUTPUT))
    expect(await submit()).toBe(0)
    expect(host.calls.at(-1)?.argument).not.toHaveProperty('proof')
  })

  it('replaces no file, and says so before anything is ordered', async () => {
    await writeFile(file, 'an older proof')
    for (const taken of [file, path.join(folder, 'no such folder', 'proof')]) {
      expect(await submit('--proof', taken)).toBe(2)
      expect(world.said.error).toContain('Nothing was ordered.')
    }
    expect(host.calls.filter(({ name }) => name === 'cluster.submit')).toEqual([])
    expect(await readFile(file, 'utf8')).toBe('an older proof')
  })

  it('shows the Output where no proof came, ends with 8, says how to get one, and leaves no file', async () => {
    host.on('cluster.submit', () => ok({ ...OUTPUT, proof: null }))
    expect(await submit('--proof', file)).toBe(8)
    expect(world.said.out).toContain('Output: {"value":"1"}')
    expect(world.said.error).toContain('the Output holds all the same')
    expect(world.said.error).toContain('--client app --sequence 1')
    expect(await readdir(folder)).not.toContain('proof.json')
    expect(await submit('--proof', file, '--json')).toBe(8)
    expect(world.json()).toMatchObject({ type: 'urn:synod:problem:proof-not-given', exit: 8 })
  })

  it('leaves no file on FAIL, on a refusal, and where no host answers', async () => {
    host.on('cluster.submit', () => ok(FAIL))
    expect(await submit('--proof', file)).toBe(5)
    host.on('cluster.submit', () => fault('INPUT_REFUSED', 'in words'))
    expect(await submit('--proof', file)).toBe(6)
    for (const close of closers.splice(1).reverse()) await close()
    expect(await submit('--proof', file)).toBe(4)
    expect(await readdir(folder)).not.toContain('proof.json')
  })
})
