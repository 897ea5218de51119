import { describe, expect, it } from 'vitest'
import { Checkpoints } from '../../../core/checkpoint/checkpoints.ts'
import type { CheckpointEffect } from '../../../core/checkpoint/effects.ts'
import { CHECKPOINT_POLICY } from '../../../core/checkpoint/policy.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import type { Configuration } from '../../../core/model/configuration.ts'
import type { Digest } from '../../../core/model/digest.ts'
import type { ReplicaId } from '../../../core/model/ids.ts'
import { slot } from '../../../core/model/ids.ts'
import type { CheckpointMessage } from '../../../core/wire/checkpoint.ts'
import { a, always, b, c, configurationOf, three } from '../../support/members.ts'
import { MemoryCheckpoints, testSigner } from '../../support/memory-disk.ts'
import { certificateOf, cluster, infoOf, rootOf, signature, stateOf, told, toldTo } from './parts.ts'

const state = stateOf({ key: 'value' })
const policy = { ...CHECKPOINT_POLICY, slotsMax: 3, tailSlots: 0 }
function create(configuration: Configuration = three): Checkpoints {
  return new Checkpoints({
    self: a,
    cluster,
    configurations: always(configuration),
    hash: sha256,
    signing: testSigner(a),
    policy,
  })
}
function started(configuration?: Configuration): Checkpoints {
  const checkpoints = create(configuration)
  checkpoints.start(0)
  return checkpoints
}
const execute = (checkpoints: Checkpoints, number: number, isCheckpoint = true): readonly CheckpointEffect[] =>
  checkpoints.executed({ slot: slot(number), timeMs: 1, bytes: 10, isCheckpoint }, () => state.freeze())
const attested = (from: ReplicaId, number: number, root: Digest): CheckpointMessage => ({
  kind: 'attestation',
  slot: slot(number),
  root,
  signature: signature(from, number, root),
})
const kinds = (effects: readonly CheckpointEffect[]): string[] => effects.map(({ kind }) => kind)
const written = (effects: readonly CheckpointEffect[]): number[] =>
  effects.flatMap((effect) => (effect.kind === 'checkpoint' ? [effect.slot] : []))
const notes = (effects: readonly CheckpointEffect[]): string[] =>
  effects.flatMap((effect) => (effect.kind === 'checkpoint-note' ? [effect.note.kind] : []))

describe('a CHECKPOINT that was executed', () => {
  it('is written as the State was, attested to all others when it is there, and not before', () => {
    const checkpoints = started()
    expect(execute(checkpoints, 5)).toMatchObject([{ kind: 'checkpoint', slot: 5, timeMs: 1 }])
    expect(checkpoints.writing).toBe(5)
    const effects = checkpoints.written(infoOf(5), 0)
    expect(told(effects)).toEqual([b, c].map((to) => ({ to, message: attested(a, 5, rootOf('5')) })))
    expect([checkpoints.writing, checkpoints.stable]).toEqual([undefined, undefined])
  })

  it('is stable with the attestations of a majority to its root, whichever comes first', () => {
    const checkpoints = started()
    checkpoints.message(b, attested(b, 5, rootOf('5')), 0)
    expect(checkpoints.stable).toBe(undefined)
    execute(checkpoints, 5)
    const effects = checkpoints.written(infoOf(5), 0)
    expect(effects).toContainEqual({ kind: 'certify', certificate: certificateOf(5, rootOf('5'), [b, a]) })
    expect([checkpoints.stable, notes(effects)]).toEqual([undefined, ['checkpoint-taken']])
    expect(notes(checkpoints.certified(slot(5)))).toEqual(['checkpoint-stable'])
    expect(checkpoints.stable?.slot).toBe(5)
  })

  it('is stable at once in a cluster of one', () => {
    const checkpoints = started(configurationOf(a))
    execute(checkpoints, 5)
    checkpoints.written(infoOf(5), 0)
    checkpoints.certified(slot(5))
    expect(checkpoints.stable?.slot).toBe(5)
  })

  it('is not stable before its certificate is durable, which is tried again when it could not be written', () => {
    const checkpoints = started(configurationOf(a))
    execute(checkpoints, 5)
    expect(kinds(checkpoints.written(infoOf(5), 0))).toContain('certify')
    expect([checkpoints.stable, kinds(checkpoints.tick(slot(5), 4_900)).includes('certify')]).toEqual([
      undefined,
      false,
    ])
    expect(kinds(checkpoints.tick(slot(5), 5_100))).toContain('certify')
  })

  it('that can not be read any more is neither offered nor loaded', () => {
    const checkpoints = started(configurationOf(a))
    execute(checkpoints, 5)
    checkpoints.written(infoOf(5), 0)
    checkpoints.certified(slot(5))
    checkpoints.lost(slot(5))
    expect([checkpoints.stable, checkpoints.checkpoints]).toEqual([undefined, []])
  })

  it('whose root a majority contradicts is not stable, and the operator is told once', () => {
    const checkpoints = started()
    execute(checkpoints, 5)
    checkpoints.written(infoOf(5), 0)
    checkpoints.message(b, attested(b, 5, rootOf('other')), 0)
    const effects = checkpoints.message(c, attested(c, 5, rootOf('other')), 0)
    expect(effects).toMatchObject([{ note: { kind: 'checkpoint-deviates', slot: 5, own: rootOf('5') } }])
    expect([checkpoints.message(b, attested(b, 5, rootOf('other')), 0), checkpoints.stable]).toEqual([[], undefined])
  })

  it('is not written again when it was found on disk and is stable, and is when it is not', () => {
    const checkpoints = create()
    checkpoints.found([infoOf(5, undefined, true), infoOf(9)], slot(5))
    checkpoints.start(0)
    expect([written(execute(checkpoints, 5)), written(execute(checkpoints, 9))]).toEqual([[], [9]])
  })

  it('during recovery waits for the start, and of several the newest is written', () => {
    const checkpoints = create()
    expect([execute(checkpoints, 5), execute(checkpoints, 9)]).toEqual([[], []])
    expect(written(checkpoints.start(0))).toEqual([9])
  })

  it('while another is written waits, and the newest of those follows', () => {
    const checkpoints = started()
    expect([5, 9, 12].map((number) => written(execute(checkpoints, number)))).toEqual([[5], [], []])
    expect(written(checkpoints.written(infoOf(5), 0))).toEqual([12])
  })

  it('that could not be written is tried again after some seconds, unless a newer one waits', () => {
    const checkpoints = started()
    execute(checkpoints, 5)
    expect(notes(checkpoints.failed(slot(5), 'full', 0))).toEqual(['checkpoint-failed'])
    expect(written(checkpoints.tick(slot(5), 4_999))).toEqual([])
    expect(written(checkpoints.tick(slot(5), 5_000))).toEqual([5])
    execute(checkpoints, 9)
    checkpoints.failed(slot(5), 'full', 5_000)
    expect(written(checkpoints.tick(slot(9), 10_000))).toEqual([9])
  })
})

describe('the next automatic CHECKPOINT', () => {
  it('waits until the last one is stable, but not for ever', () => {
    const checkpoints = started()
    execute(checkpoints, 5)
    checkpoints.written(infoOf(5), 0)
    for (const number of [6, 7, 8]) execute(checkpoints, number, false)
    expect(checkpoints.isDue).toBe(false)
    checkpoints.tick(slot(8), 60_100)
    expect(checkpoints.isDue).toBe(true)
  })
})

describe('attestations that do not come', () => {
  it('are asked for again, of those that are missing, until the checkpoint is stable', () => {
    const checkpoints = started(configurationOf(a, b, c, 'd' as ReplicaId, 'e' as ReplicaId))
    execute(checkpoints, 5)
    checkpoints.written(infoOf(5), 0)
    checkpoints.message(b, attested(b, 5, rootOf('5')), 0)
    expect(toldTo(checkpoints.tick(slot(5), 2_000), 'attestation-request')).toEqual([c, 'd', 'e'])
    expect(toldTo(checkpoints.tick(slot(5), 2_020), 'attestation-request')).toEqual([])
    checkpoints.message(c, attested(c, 5, rootOf('5')), 0)
    expect(toldTo(checkpoints.tick(slot(5), 4_000), 'attestation-request')).toEqual([])
  })

  it('can be had from a member that only heard of them, as a certificate', () => {
    const [holder, hearer] = [started(), started()]
    execute(holder, 5)
    holder.written(infoOf(5), 0)
    const certificate = certificateOf(5, rootOf('5'), [a, c])
    const offer = { kind: 'checkpoint-offer', timeMs: 1, stateBytes: 1, certificate } as const
    expect(told(hearer.message(c, { kind: 'attestation-request', slot: slot(5) }, 0))).toEqual([])
    // Who is offered a checkpoint tells the others at once, and those who ask later.
    expect(told(hearer.message(c, offer, 0))).toEqual([{ to: b, message: { kind: 'certificate', certificate } }])
    expect(told(hearer.message(c, offer, 0))).toEqual([])
    const [answer] = told(hearer.message(b, { kind: 'attestation-request', slot: slot(5) }, 0))
    expect(answer).toEqual({ to: b, message: { kind: 'certificate', certificate } })
    const forged = { kind: 'certificate', certificate: certificateOf(5, rootOf('5'), [c]) } as const
    expect(kinds(holder.message(b, forged, 0))).toEqual([])
    expect(kinds(holder.message(b, { kind: 'certificate', certificate }, 0))).toEqual(['certify'])
  })

  it('are given again to who asks, for whatever checkpoint is here', () => {
    const checkpoints = create()
    checkpoints.found([infoOf(5, undefined, true)], slot(5))
    checkpoints.start(0)
    const answers = told(checkpoints.message(c, { kind: 'attestation-request', slot: slot(5) }, 0))
    expect(answers[0]).toEqual({ to: c, message: attested(a, 5, rootOf('5')) })
    expect(answers.map(({ message }) => message.kind)).toEqual(['attestation', 'certificate'])
    expect(checkpoints.message(c, { kind: 'attestation-request', slot: slot(6) }, 0)).toEqual([])
  })

  it('are given at the start for what was found on disk without a certificate', () => {
    const checkpoints = create()
    checkpoints.found([infoOf(5, undefined, true), infoOf(9)], slot(5))
    expect(told(checkpoints.start(0)).map(({ message }) => message)).toEqual([
      attested(a, 9, rootOf('9')),
      attested(a, 9, rootOf('9')),
    ])
  })
})

describe('what may be dropped', () => {
  it('is told when it changes, and what goes is no longer given to anybody', () => {
    const checkpoints = create()
    const infos = [10, 20, 30].map((number) => infoOf(number, undefined, true))
    checkpoints.found(infos, slot(30))
    checkpoints.start(0)
    expect(checkpoints.tick(slot(30), 0)).toEqual([{ kind: 'retain', slot: 20, checkpoints: [20, 30] }])
    expect([kinds(checkpoints.tick(slot(31), 20)), checkpoints.checkpoints.map((info) => info.slot)]).toEqual([
      [],
      [20, 30],
    ])
    expect(toldTo(checkpoints.message(b, { kind: 'digests-request', slot: slot(10) }, 0), 'state-gone')).toEqual([b])
  })

  it('is never the checkpoint that is being written: it may be there before that is heard of', () => {
    const checkpoints = create()
    checkpoints.found(
      [10, 20].map((number) => infoOf(number, undefined, true)),
      slot(20),
    )
    checkpoints.start(0)
    checkpoints.tick(slot(20), 0)
    execute(checkpoints, 30)
    for (const effect of checkpoints.tick(slot(30), 20)) {
      if (effect.kind === 'retain') expect(effect.checkpoints).toContain(30)
    }
    expect(checkpoints.retained.checkpoints).toEqual([10, 20, 30])
  })

  it('does not include what another replica is receiving', () => {
    const checkpoints = create()
    checkpoints.found(
      [10, 20, 30].map((number) => infoOf(number, undefined, true)),
      slot(30),
    )
    checkpoints.start(0)
    checkpoints.message(b, { kind: 'digests-request', slot: slot(10) }, 0)
    expect([checkpoints.pinned, kinds(checkpoints.tick(slot(30), 0))]).toEqual([[10], ['retain']])
    expect(checkpoints.retained).toEqual({ slot: 10, checkpoints: [10, 20, 30] })
  })
})

describe('a CHECKPOINT', () => {
  it('is due when the log has grown, and not while one is being written or a State received', () => {
    const checkpoints = started()
    for (const number of [1, 2, 3]) execute(checkpoints, number, false)
    expect(checkpoints.isDue).toBe(true)
    execute(checkpoints, 4)
    for (const number of [5, 6, 7]) execute(checkpoints, number, false)
    expect(checkpoints.isDue).toBe(false)
    checkpoints.written(infoOf(4), 0)
    checkpoints.message(b, attested(b, 4, rootOf('4')), 0)
    checkpoints.certified(slot(4))
    expect(checkpoints.isDue).toBe(true)
    checkpoints.need(slot(9), undefined, 0)
    expect(checkpoints.isDue).toBe(false)
    checkpoints.tick(slot(9), 20)
    expect(checkpoints.isDue).toBe(true)
  })
})

/** Brings a transfer of `state` at a slot to where it is to be written. @returns the effects of that. */
function receive(checkpoints: Checkpoints, number: number): readonly CheckpointEffect[] {
  const held = MemoryCheckpoints.encode({ slot: slot(number), timeMs: 1, state })
  const effects = [...checkpoints.need(slot(number), undefined, 0)]
  const certificate = certificateOf(number, state.root(), [b, c])
  for (const from of [b, c]) {
    effects.push(...checkpoints.message(from, { kind: 'checkpoint-offer', timeMs: 1, stateBytes: 1, certificate }, 0))
  }
  const digests: CheckpointMessage = { kind: 'digests', slot: slot(number), digests: [...held.digests] }
  for (const from of [b, c]) checkpoints.message(from, digests, 0)
  for (let nowMs = 20; nowMs < 600; nowMs += 20) {
    for (const { to, message } of told(checkpoints.tick(slot(0), nowMs))) {
      if (message.kind !== 'state-request') continue
      for (const { partition, offset } of message.pieces) {
        const bytes = held.partitions[partition] ?? new Uint8Array(0)
        const piece = { partition, offset, packedBytes: bytes.length, rawBytes: bytes.length, bytes }
        for (const effect of checkpoints.message(
          to,
          { kind: 'state-pieces', slot: slot(number), pieces: [piece] },
          nowMs,
        )) {
          if (effect.kind !== 'unpack') continue
          const entries = MemoryCheckpoints.unpack(effect.packed, effect.digest)
          effects.push(...checkpoints.unpacked({ partition, digest: effect.digest, entries }, nowMs))
        }
      }
    }
  }
  return effects
}

describe('a State that was received', () => {
  it('is written, certified, and installed when it is on disk', () => {
    const checkpoints = started()
    expect(written(receive(checkpoints, 50))).toEqual([50])
    const effects = checkpoints.written(infoOf(50, state.root()), 1_000)
    expect(kinds(effects).filter((kind) => kind !== 'send')).toEqual([
      'install',
      'checkpoint-note',
      'checkpoint-note',
      'certify',
    ])
    checkpoints.certified(slot(50))
    expect([checkpoints.stable?.slot, checkpoints.transfer]).toEqual([50, undefined])
  })

  it('waits for a checkpoint of its own that is being written', () => {
    const checkpoints = started()
    execute(checkpoints, 5)
    expect(written(receive(checkpoints, 50))).toEqual([])
    expect(written(checkpoints.written(infoOf(5), 1_000))).toEqual([50])
  })

  it('and that had to give way to a newer checkpoint is sought again: its transfer does not wait for ever', () => {
    const checkpoints = started()
    execute(checkpoints, 5)
    receive(checkpoints, 50)
    expect(checkpoints.transfer?.phase).toBe('writing')
    execute(checkpoints, 60)
    expect(checkpoints.transfer?.phase).toBe('seeking')
    expect(written(checkpoints.written(infoOf(5), 1_000))).toEqual([60])
  })

  it('and that could not be written while another waited is sought again', () => {
    const checkpoints = started()
    receive(checkpoints, 50)
    execute(checkpoints, 60)
    checkpoints.failed(slot(50), 'full', 1_000)
    expect(checkpoints.transfer?.phase).toBe('seeking')
  })

  it('and that alone could not be written is written again', () => {
    const checkpoints = started()
    receive(checkpoints, 50)
    checkpoints.failed(slot(50), 'full', 1_000)
    expect(checkpoints.transfer?.phase).toBe('writing')
    expect(written(checkpoints.tick(slot(0), 6_000))).toEqual([50])
  })

  it('is attested to nobody when it is not what was received', () => {
    const checkpoints = started()
    receive(checkpoints, 50)
    const effects = checkpoints.written(infoOf(50, rootOf('rotten')), 1_000)
    expect([toldTo(effects, 'attestation'), checkpoints.checkpoints, checkpoints.transfer?.phase]).toEqual([
      [],
      [],
      'seeking',
    ])
  })
})
