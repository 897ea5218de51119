import { describe, expect, it } from 'vitest'
import { slotsPerColumn, tapeColumns } from '../../renderer/tape/layout.ts'
import { inputVotes, slotVotes } from './views.ts'

const names = ['a', 'b', 'c']

describe('columns of the tape', () => {
  it('gives each slot a column with a sign a replica, the newest first', () => {
    expect(
      tapeColumns([slotVotes(2, '++x', '+o+'), slotVotes(1, '+++')], { names, columnsMax: 9, slotsPerColumn: 1 }),
    ).toEqual([
      { kind: 'votes', first: 2, last: 2, signs: ['agrees', 'none', 'dissents'], failed: false, checkpoint: false },
      { kind: 'votes', first: 1, last: 1, signs: ['agrees', 'agrees', 'agrees'], failed: false, checkpoint: false },
    ])
  })

  it('marks the column of a slot that orders a CHECKPOINT, also among others', () => {
    const ordered = { ...slotVotes(2), inputCount: 1, inputs: [inputVotes('+++', { kind: 'checkpoint' })] }
    const options = { names, columnsMax: 9, slotsPerColumn: 1 }
    const marks = tapeColumns([slotVotes(3, '+++'), ordered], options).map(
      (one) => one.kind === 'votes' && one.checkpoint,
    )
    expect(marks).toEqual([false, true])
    expect(tapeColumns([slotVotes(3, '+++'), ordered], { ...options, slotsPerColumn: 10 })).toMatchObject([
      { first: 2, last: 3, checkpoint: true },
    ])
  })

  it('marks a slot that orders an AUDIT as it does one that orders a CHECKPOINT', () => {
    const ordered = { ...slotVotes(2), inputCount: 1, inputs: [inputVotes('+++', { kind: 'audit' })] }
    const columns = tapeColumns([ordered, slotVotes(1, '+++')], {
      names: ['a', 'b', 'c'],
      columnsMax: 9,
      slotsPerColumn: 1,
    })
    expect(columns.map((one) => one.kind === 'votes' && one.checkpoint)).toEqual([true, false])
  })

  it('draws no signs for a slot nobody had to answer', () => {
    expect(tapeColumns([slotVotes(2)], { names, columnsMax: 9, slotsPerColumn: 1 })).toEqual([
      { kind: 'votes', first: 2, last: 2, signs: [], failed: false, checkpoint: false },
    ])
  })

  it('shows slots that are not held as one gap', () => {
    const columns = tapeColumns([slotVotes(9, '+++'), slotVotes(4, '+++')], { names, columnsMax: 9, slotsPerColumn: 1 })
    expect(columns.map(({ kind, first, last }) => [kind, first, last])).toEqual([
      ['votes', 9, 9],
      ['gap', 5, 8],
      ['votes', 4, 4],
    ])
  })

  it('gathers slots in columns that start at multiples, with the worst of their signs', () => {
    const failed = { ...slotVotes(11, '???'), inputs: [inputVotes('???', { failed: 'no-majority' })] }
    expect(
      tapeColumns([failed, slotVotes(10, '+++'), slotVotes(9, '+x+')], { names, columnsMax: 9, slotsPerColumn: 10 }),
    ).toEqual([
      {
        kind: 'votes',
        first: 10,
        last: 11,
        signs: ['answered', 'answered', 'answered'],
        failed: true,
        checkpoint: false,
      },
      { kind: 'votes', first: 9, last: 9, signs: ['agrees', 'dissents', 'agrees'], failed: false, checkpoint: false },
    ])
  })

  it('stops at the columns there is room for', () => {
    const slots = Array.from({ length: 100 }, (_, index) => slotVotes(100 - index, '+++'))
    expect(tapeColumns(slots, { names, columnsMax: 7, slotsPerColumn: 1 })).toHaveLength(7)
  })
})

describe('slots sharing a column', () => {
  it('is one while an eye can follow, and rises with the rate', () => {
    expect([0, 20, 25, 240, 10_000].map(slotsPerColumn)).toEqual([1, 1, 2, 10, 500])
  })
})
