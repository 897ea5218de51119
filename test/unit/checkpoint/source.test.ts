import { describe, expect, it } from 'vitest'
import type { CheckpointEffect } from '../../../core/checkpoint/effects.ts'
import { Retention } from '../../../core/checkpoint/retention.ts'
import { Source } from '../../../core/checkpoint/source.ts'
import type { CheckpointInfo } from '../../../core/model/checkpoint.ts'
import { slot } from '../../../core/model/ids.ts'
import { LIMITS } from '../../../core/model/limits.ts'
import { b, c } from '../../support/members.ts'
import { infoOf, told } from './parts.ts'

function giving(...infos: readonly CheckpointInfo[]) {
  const effects: CheckpointEffect[] = []
  const retention = new Retention(0)
  const emit = (effect: CheckpointEffect): void => {
    effects.push(effect)
  }
  const source = new Source({ retention, checkpoints: () => infos, emit })
  const take = (): CheckpointEffect[] => effects.splice(0)
  return { source, retention, take }
}
const pieces = (count: number) => Array.from({ length: count }, (_, partition) => ({ partition, offset: 0 }))

describe('a source', () => {
  it('offers its newest stable checkpoint, with its certificate', () => {
    const newest = infoOf(20, undefined, true)
    const { source, take } = giving(infoOf(10, undefined, true), newest, infoOf(30))
    source.offer(b, slot(15))
    expect(told(take())).toEqual([
      {
        to: b,
        message: { kind: 'checkpoint-offer', timeMs: newest.timeMs, stateBytes: 1, certificate: newest.certificate },
      },
    ])
  })

  it('offers nothing that is too old, or that no majority attested', () => {
    const { source, take } = giving(infoOf(20, undefined, true), infoOf(30))
    source.offer(b, slot(21))
    const other = giving(infoOf(30))
    other.source.offer(b, slot(0))
    expect([take(), other.take()]).toEqual([[], []])
  })

  it('reads what is asked for, and keeps the checkpoint for who asks', () => {
    const { source, take, retention } = giving(infoOf(20, undefined, true))
    source.asked(b, slot(20), { kind: 'digests' }, 0)
    expect([take(), retention.pinned]).toEqual([
      [{ kind: 'read-checkpoint', to: b, slot: 20, query: { kind: 'digests' } }],
      [20],
    ])
  })

  it('says so when it has no such checkpoint, and keeps nothing for that', () => {
    const { source, take, retention } = giving(infoOf(20, undefined, true))
    source.asked(b, slot(21), { kind: 'digests' }, 0)
    expect([told(take()), retention.pinned]).toEqual([[{ to: b, message: { kind: 'state-gone', slot: 21 } }], []])
  })

  it('reads one piece in each of many questions at a time as well as many pieces in one, for each replica', () => {
    const { source, take } = giving(infoOf(20, undefined, true))
    for (let count = 0; count < 2 * LIMITS.piecesMax + 5; count += 1) {
      source.asked(b, slot(20), { kind: 'pieces', pieces: pieces(1) }, 0)
    }
    expect(take().length).toBe(2 * LIMITS.piecesMax)
    source.asked(c, slot(20), { kind: 'pieces', pieces: pieces(LIMITS.piecesMax) }, 0)
    expect(take().length).toBe(1)
  })

  it('reads no more for one replica than it can ask for at a time, until that was answered', () => {
    const { source, take } = giving(infoOf(20, undefined, true))
    const ask = (): number => {
      source.asked(b, slot(20), { kind: 'pieces', pieces: pieces(LIMITS.piecesMax) }, 0)
      return take().length
    }
    expect([ask(), ask(), ask()]).toEqual([1, 1, 0])
    source.answer(b, [{ kind: 'state-pieces', slot: slot(20), pieces: [] }])
    expect(told(take())).toEqual([{ to: b, message: { kind: 'state-pieces', slot: 20, pieces: [] } }])
    expect([ask(), ask()]).toEqual([1, 0])
    // An answer nobody waits for gives no more room.
    for (let count = 0; count < 5; count += 1) source.answer(b, [])
    expect([ask(), ask(), ask()]).toEqual([1, 1, 0])
  })
})
