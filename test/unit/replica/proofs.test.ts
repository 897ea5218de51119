import { describe, expect, it } from 'vitest'
import { sha256 } from '../../../core/crypto/hash.ts'
import type { ReplicaId } from '../../../core/model/ids.ts'
import { accepted } from '../../../core/model/output.ts'
import type { Proof } from '../../../core/model/proof.ts'
import { checkProof } from '../../../core/model/proof.ts'
import type { Reply } from '../../../core/replica/effects.ts'
import { Lan } from '../../support/lan.ts'
import type { Sent } from '../../support/lan.ts'
import { a, b, c, three } from '../../support/members.ts'
import { testSigner } from '../../support/memory-disk.ts'

const increment = { op: 'increment', key: 'n' }

function elected() {
  const lan = new Lan(three)
  const leader = lan.elect()
  const [follower = leader, other = leader] = [a, b, c].filter((id) => id !== leader)
  return { lan, leader, follower, other }
}

function given(lan: Lan, request: number): Extract<Reply, { kind: 'output' }> | undefined {
  const reply = lan.reply(request)
  return reply?.kind === 'output' ? reply : undefined
}

function signersOf(proof: Proof | null | undefined): readonly ReplicaId[] | undefined {
  if (proof === null || proof === undefined) return undefined
  const check = checkProof(proof, { members: [a, b, c], hash: sha256, verify: testSigner(a).verify })
  return check.isValid && check.uncounted.length === 0 ? check.signers : undefined
}

/** Votes of this replica are signed by nobody. */
function unsigned(lan: Lan, from: ReplicaId): void {
  lan.passes = (sent: Sent) => {
    if (sent.from !== from || sent.message.kind !== 'vote') return true
    const forged = { ...sent.message, signature: new Uint8Array(64) }
    lan.step(sent.to, { kind: 'message', from, message: forged })
    return false
  }
}

describe('the proof of an Output', () => {
  it('is given to who asks, at any replica, and to nobody else', () => {
    const { lan, leader, follower } = elected()
    const [asked, also, not] = [
      lan.submit(leader, { value: increment, proof: true }),
      lan.submit(follower, { value: increment, client: 'bob', proof: true }),
      lan.submit(leader, { value: increment, client: 'carol' }),
    ]
    lan.pass(100)
    for (const request of [asked, also]) {
      expect(signersOf(given(lan, request)?.proof)?.length).toBeGreaterThanOrEqual(2)
    }
    expect(given(lan, also)?.proof).toMatchObject({
      slot: given(lan, also)?.slot,
      input: { client: 'bob', sequence: 1, machine: 'kv', isRepeat: false },
      output: accepted({ value: 2 }),
      members: three.members,
    })
    expect(Object.keys(given(lan, not) ?? {})).not.toContain('proof')
  })

  it('is given for a CHECKPOINT, and for a read, which is ordered then', () => {
    const { lan, leader, follower } = elected()
    lan.submit(leader, { value: increment })
    const slotBefore = lan.replica(leader).status.slotDecided
    const read = lan.read(follower, { op: 'get', key: 'n' }, 'linearizable', { proof: true })
    lan.pass(100)
    expect([given(lan, read)?.slot, given(lan, read)?.output]).toEqual([
      slotBefore + 1,
      accepted({ value: 1, found: true }),
    ])
    expect(signersOf(given(lan, read)?.proof)?.length).toBeGreaterThanOrEqual(2)
    lan.step(leader, { kind: 'checkpoint', request: 99, timeoutMs: 1_000, proof: true })
    lan.pass(100)
    expect(signersOf(given(lan, 99)?.proof)?.length).toBeGreaterThanOrEqual(2)
  })

  it('holds no signature of a replica that dissents', () => {
    const { lan, leader, follower, other } = elected()
    lan.step(follower, { kind: 'lie', active: true })
    const request = lan.submit(leader, { value: increment, proof: true })
    lan.pass(400)
    expect(signersOf(given(lan, request)?.proof)?.toSorted()).toEqual([leader, other].toSorted())
  })

  it('holds none of the proxy when that one dissents itself', () => {
    const { lan, leader, follower, other } = elected()
    lan.step(follower, { kind: 'lie', active: true })
    const request = lan.submit(follower, { value: increment, proof: true })
    lan.pass(400)
    expect(signersOf(given(lan, request)?.proof)?.toSorted()).toEqual([leader, other].toSorted())
  })

  it('waits for another vote when a signature is not its sender’s, and says whose', () => {
    const { lan, leader, follower, other } = elected()
    unsigned(lan, follower)
    const passes = lan.passes
    lan.passes = (sent) => !(sent.from === other && sent.message.kind === 'vote') && passes(sent)
    const [proven, plain] = [
      lan.submit(leader, { value: increment, proof: true }),
      lan.submit(leader, { value: increment, client: 'bob' }),
    ]
    lan.pass(100)
    expect([given(lan, proven), given(lan, plain)?.output]).toEqual([undefined, accepted({ value: 2 })])
    lan.passes = passes
    lan.pass(300)
    expect(signersOf(given(lan, proven)?.proof)?.toSorted()).toEqual([leader, other].toSorted())
    const noted = lan.notes.filter(({ note }) => note.kind === 'signature-wrong')
    expect(noted).toEqual([{ replica: leader, note: { kind: 'signature-wrong', replica: follower, slot: 1 } }])
  })

  it('that can’t be made in time costs nobody the Output', () => {
    const { lan, leader, follower, other } = elected()
    unsigned(lan, follower)
    lan.cut(other)
    const request = lan.submit(leader, { value: increment, proof: true, timeoutMs: 400 })
    lan.pass(380)
    expect(lan.reply(request)).toBe(undefined)
    lan.pass(40)
    expect(given(lan, request)).toMatchObject({ output: accepted({ value: 1 }), proof: null })
    expect(lan.replica(leader).status.waiting).toBe(0)
  })

  it('that no vote can make any more is not waited for', () => {
    const { lan, leader, follower, other } = elected()
    for (const from of [follower, other]) {
      const before = lan.passes
      unsigned(lan, from)
      const after = lan.passes
      lan.passes = (sent) => before(sent) && after(sent)
    }
    const request = lan.submit(leader, { value: increment, proof: true, timeoutMs: 60_000 })
    lan.pass(200)
    expect(given(lan, request)).toMatchObject({ output: accepted({ value: 1 }), proof: null })
  })

  it('that only a vote of a proxy in quarantine could make is not waited for: that one votes for nobody', () => {
    const { lan, leader, follower } = elected()
    lan.restart(follower, { isQuarantined: true })
    lan.pass(1_000)
    unsigned(lan, leader)
    const request = lan.submit(follower, { value: increment, proof: true, timeoutMs: 60_000 })
    lan.pass(400)
    expect(given(lan, request)).toMatchObject({ output: accepted({ value: 1 }), proof: null })
    expect(lan.signs(request)?.split(' ').toSorted()).toEqual(['agrees', 'agrees', 'none'])
  })

  it('that one caller waits for keeps no other from its Output, not even one that comes later', () => {
    const { lan, leader, follower, other } = elected()
    unsigned(lan, follower)
    lan.cut(other)
    const proven = lan.submit(leader, { value: increment, proof: true, timeoutMs: 60_000 })
    lan.pass(100)
    const plain = lan.submit(leader, { value: increment })
    expect([lan.reply(proven), given(lan, plain)?.output]).toEqual([undefined, accepted({ value: 1 })])
    lan.heal()
    lan.pass(400)
    expect(signersOf(given(lan, proven)?.proof)).toBeDefined()
  })

  it('is given again to a retry, which says that it is one', () => {
    const { lan, leader, follower } = elected()
    lan.submit(leader, { value: increment })
    lan.submit(leader, { value: increment, client: 'bob' })
    const retry = lan.submit(follower, { value: { op: 'get', key: 'n' }, proof: true })
    lan.pass(100)
    expect(given(lan, retry)).toMatchObject({ output: accepted({ value: 1 }), proof: { input: { isRepeat: true } } })
    expect(signersOf(given(lan, retry)?.proof)).toBeDefined()
  })
})

describe('a repeat', () => {
  it('is opened by a proxy that is wrong itself, as what it is', () => {
    const { lan, leader, follower } = elected()
    lan.submit(leader, { value: increment })
    lan.step(follower, { kind: 'lie', active: true })
    const retry = lan.submit(follower, { value: increment, proof: true })
    lan.pass(400)
    expect(given(lan, retry)).toMatchObject({ output: accepted({ value: 1 }), proof: { input: { isRepeat: true } } })
    expect(signersOf(given(lan, retry)?.proof)?.includes(follower)).toBe(false)
  })
})

describe('every vote in a reply', () => {
  it('carries the signature it came with', () => {
    const { lan, leader } = elected()
    const request = lan.submit(leader, { value: increment })
    lan.pass(100)
    for (const { sign, signature } of given(lan, request)?.votes ?? []) {
      expect(signature?.length).toBe(sign === 'none' ? undefined : 64)
    }
    const read = lan.read(leader, { op: 'get', key: 'n' }, 'linearizable')
    lan.pass(100)
    expect(given(lan, read)?.votes.map(({ signature }) => signature)).toEqual([undefined, undefined, undefined])
  })
})
