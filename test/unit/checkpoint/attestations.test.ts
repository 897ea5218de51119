import { describe, expect, it } from 'vitest'
import { Attestations } from '../../../core/checkpoint/attestations.ts'
import type { Digest } from '../../../core/model/digest.ts'
import type { ReplicaId } from '../../../core/model/ids.ts'
import { clusterId, slot } from '../../../core/model/ids.ts'
import { a, always, b, c, five, stranger, three } from '../../support/members.ts'
import { testSigner } from '../../support/memory-disk.ts'
import { certificateOf, cluster, rootOf, signature } from './parts.ts'

const right = rootOf('right')
const wrong = rootOf('wrong')
const create = (configuration = three): Attestations =>
  new Attestations({ self: a, cluster, configurations: always(configuration), signing: testSigner(a) })
const hear = (attestations: Attestations, from: ReplicaId, number: number, root: Digest = right): boolean =>
  attestations.heard(from, { slot: slot(number), root, signature: signature(from, number, root) })

describe('a certificate', () => {
  it('comes about with the attestations of a majority, this replica among them or not', () => {
    const attestations = create()
    hear(attestations, b, 5)
    expect(attestations.certificate(slot(5))).toBe(undefined)
    hear(attestations, c, 5)
    expect(attestations.certificate(slot(5))).toEqual(certificateOf(5, right, [b, c]))
    const own = create()
    own.own({ slot: slot(5), root: right })
    hear(own, c, 5)
    expect(own.certificate(slot(5))).toEqual(certificateOf(5, right, [a, c]))
  })

  it('counts only those who vouch for the same root at the same slot', () => {
    const attestations = create(five)
    hear(attestations, a, 5)
    hear(attestations, b, 5, wrong)
    hear(attestations, c, 6)
    expect([5, 6].map((number) => attestations.certificate(slot(number)))).toEqual([undefined, undefined])
  })

  it('counts nobody twice, no stranger, and no signature of another', () => {
    const attestations = create()
    const forged = { slot: slot(5), root: right, signature: signature(b, 5, right) }
    expect([hear(attestations, b, 5), hear(attestations, b, 5)]).toEqual([true, true])
    expect([hear(attestations, stranger, 5), attestations.heard(c, forged)]).toEqual([false, false])
    expect([attestations.certificate(slot(5)), attestations.missing(slot(5))]).toEqual([undefined, [a, c]])
  })

  it('counts the last word of each: a repaired replica may have a better one', () => {
    const attestations = create()
    hear(attestations, b, 5, wrong)
    hear(attestations, c, 5)
    hear(attestations, b, 5)
    expect(attestations.certificate(slot(5))?.root).toBe(right)
  })

  it('is not kept from coming about by a member that attests slots beyond all reason', () => {
    const attestations = create()
    for (let number = 0; number < 100; number += 1) hear(attestations, c, Number.MAX_SAFE_INTEGER - number)
    attestations.own({ slot: slot(5), root: right })
    hear(attestations, b, 5)
    expect(attestations.certificate(slot(5))).toEqual(certificateOf(5, right, [a, b]))
  })

  it('of an old slot is forgotten when its members have attested many newer ones', () => {
    const attestations = create()
    for (let number = 1; number <= 9; number += 1) for (const from of [b, c]) hear(attestations, from, number)
    expect([1, 2].map((number) => attestations.certificate(slot(number)) === undefined)).toEqual([true, false])
  })
})

describe('a certificate from elsewhere', () => {
  const isValid = (...parameters: Parameters<typeof certificateOf>): boolean =>
    create().isValid(certificateOf(...parameters))

  it('is valid when a majority of the members signed it', () => {
    expect([isValid(5, right, [b, c]), isValid(5, right, [a, b, c])]).toEqual([true, true])
  })

  it('is not when too few did, or one of them twice, or strangers', () => {
    expect([[b], [b, b], [b, stranger], []].map((by) => isValid(5, right, by))).toEqual([false, false, false, false])
  })

  it('is not when what was signed is another slot, root or cluster', () => {
    const good = certificateOf(5, right, [b, c])
    const elsewhere = new Attestations({
      self: a,
      cluster: clusterId('other'),
      configurations: always(three),
      signing: testSigner(a),
    })
    expect([
      create().isValid({ ...good, slot: slot(6) }),
      create().isValid({ ...good, root: wrong }),
      elsewhere.isValid(good),
    ]).toEqual([false, false, false])
  })
})
