import { describe, expect, it } from 'vitest'
import type { CheckpointEffect } from '../../../core/checkpoint/effects.ts'
import { PieceFlow } from '../../../core/checkpoint/piece-flow.ts'
import type { ReplicaId } from '../../../core/model/ids.ts'
import { slot } from '../../../core/model/ids.ts'
import { LIMITS } from '../../../core/model/limits.ts'
import type { StatePiece } from '../../../core/wire/checkpoint.ts'
import { b, c } from '../../support/members.ts'
import { told } from './parts.ts'

type Asked = readonly [to: ReplicaId, partition: number, offset: number]

function flowOf(...partitions: readonly number[]) {
  const effects: CheckpointEffect[] = []
  const emit = (effect: CheckpointEffect): void => {
    effects.push(effect)
  }
  const flow = new PieceFlow({ slot: slot(9), partitions, emit })
  /** What is asked for now. */
  const ask = (sources: readonly ReplicaId[], nowMs = 0): Asked[] => {
    flow.ask(sources, nowMs)
    return told(effects.splice(0)).flatMap(({ to, message }) =>
      message.kind === 'state-request'
        ? message.pieces.map(({ partition, offset }): Asked => [to, partition, offset])
        : [],
    )
  }
  return { flow, ask }
}
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
const piece = (partition: number, changes: Partial<StatePiece> = {}): StatePiece => {
  const bytes = Uint8Array.of(1, 2, 3)
  return { partition, offset: 0, packedBytes: bytes.length, rawBytes: 30, bytes, ...changes }
}

describe('partitions that are to come', () => {
  it('are asked of all sources in turn, each of one', () => {
    const { ask } = flowOf(4, 5, 6)
    expect([ask([b, c]), ask([b, c])]).toEqual([
      [
        [b, 4, 0],
        [b, 6, 0],
        [c, 5, 0],
      ],
      [],
    ])
  })

  it('are asked for a few bytes at a time, by what those before them weighed', () => {
    const { flow, ask } = flowOf(...upTo(1_000))
    const first = ask([b])
    expect(first.length).toBe(LIMITS.transferBytesMax / (32 * 1024))
    const whole = new Uint8Array(LIMITS.pieceBytesMax)
    for (const [, partition] of first) {
      flow.arrived(b, piece(partition, { bytes: whole, packedBytes: whole.length }))
      flow.finished(partition)
    }
    expect(ask([b]).length).toBe(LIMITS.transferBytesMax / LIMITS.pieceBytesMax)
  })

  it('are many at once when they are small, and never more than one answer may hold', () => {
    const { flow, ask } = flowOf(...upTo(1_000))
    for (const [, partition] of ask([b])) {
      flow.arrived(b, piece(partition))
      flow.finished(partition)
    }
    expect(ask([b]).length).toBe(LIMITS.piecesMax)
  })

  it('are done when they were unpacked, not when they came', () => {
    const { flow, ask } = flowOf(7)
    ask([b])
    expect(flow.arrived(b, piece(7))).toEqual({ partition: 7, packed: Uint8Array.of(1, 2, 3), rawBytes: 30 })
    expect([flow.done, flow.wanted, flow.bytes]).toEqual([0, 1, 3])
    flow.finished(7)
    flow.finished(7)
    expect(flow.done).toBe(1)
  })
})

describe('a large partition', () => {
  it('comes piece by piece, each asked for after the one before', () => {
    const { flow, ask } = flowOf(7)
    ask([b])
    const part = (offset: number, text: number): StatePiece =>
      piece(7, { offset, packedBytes: 5, bytes: Uint8Array.of(text, text).subarray(0, 5 - offset) })
    expect(flow.arrived(b, part(0, 1))).toBe(undefined)
    expect(ask([b])).toEqual([[b, 7, 2]])
    expect(flow.arrived(b, part(0, 9))).toBe(undefined)
    expect(flow.arrived(b, part(4, 9))).toBe(undefined)
    flow.arrived(b, part(2, 2))
    ask([b])
    expect(flow.arrived(b, part(4, 3))).toMatchObject({ packed: Uint8Array.of(1, 1, 2, 2, 3) })
  })

  it('begins anew with another source when the first goes', () => {
    const { flow, ask } = flowOf(7)
    ask([b])
    flow.arrived(b, piece(7, { packedBytes: 5 }))
    flow.lost(b)
    expect(ask([c])).toEqual([[c, 7, 0]])
    expect(flow.arrived(b, piece(7, { offset: 3, packedBytes: 5 }))).toBe(undefined)
  })
})

describe('a source', () => {
  it('that leaves something unanswered is silent', () => {
    const { flow, ask } = flowOf(7, 8)
    ask([b, c], 100)
    flow.arrived(c, piece(8))
    expect([flow.silent(2_100), flow.silent(2_101)]).toEqual([new Set(), new Set([b])])
  })

  it('gives only what it was asked for', () => {
    const { flow, ask } = flowOf(7)
    ask([b])
    expect([flow.arrived(c, piece(7)), flow.arrived(b, piece(8))]).toEqual([undefined, undefined])
    expect([flow.bytes, flow.arrived(b, piece(7)) === undefined, flow.arrived(b, piece(7))]).toEqual([
      0,
      false,
      undefined,
    ])
  })

  it.each([
    ['nothing', { bytes: new Uint8Array(0) }],
    ['more than there is', { packedBytes: 2 }],
    ['a piece of a partition that is larger than any', { packedBytes: LIMITS.partitionBytesMax + 1 }],
    ['a piece that is said to unpack to more than any', { rawBytes: Number.MAX_SAFE_INTEGER }],
  ])('that gives %s is unsound, and another is asked', (_, changes) => {
    const { flow, ask } = flowOf(7)
    ask([b])
    expect([flow.arrived(b, piece(7, changes)), flow.bytes]).toEqual(['unsound', 0])
    expect(ask([c])).toEqual([[c, 7, 0]])
  })

  it('that says another size in the middle is unsound', () => {
    const { flow, ask } = flowOf(7)
    ask([b])
    flow.arrived(b, piece(7, { packedBytes: 9 }))
    ask([b])
    expect(flow.arrived(b, piece(7, { offset: 3, packedBytes: 10 }))).toBe('unsound')
  })

  it('whose partition was not what its digest says is named', () => {
    const { flow, ask } = flowOf(7)
    ask([b])
    flow.arrived(b, piece(7))
    expect([flow.refused(7), flow.refused(7), ask([c])]).toEqual([b, undefined, [[c, 7, 0]]])
  })

  it('keeps what it gave and is being unpacked when it goes', () => {
    const { flow, ask } = flowOf(7)
    ask([b])
    flow.arrived(b, piece(7))
    flow.lost(b)
    expect([ask([c]), flow.silent(9_999).size]).toEqual([[], 0])
  })

  it('is not asked when there is none', () => {
    expect(flowOf(7).ask([])).toEqual([])
  })
})
