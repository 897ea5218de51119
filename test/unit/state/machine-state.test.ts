import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../../core/base/assert.ts'
import type { MachineState } from '../../../core/machine/machine.ts'
import { ReadOnlyStateError, machineState, readOnlyMachineState } from '../../../core/state/machine-state.ts'
import { State } from '../../../core/state/state.ts'
import { sha256 } from './sha256.ts'

describe("a machine's part of the State", () => {
  it('holds its own keys and sees no other machine’s, however alike their names', () => {
    const state = new State(sha256)
    const parts = ['kv', 'kv-', 'kv0', 'k', 'kw'].map((name): MachineState => machineState(state, name))
    parts.forEach((part, index) => {
      for (const key of ['', 'a', 'z', '\uffff', '/', '0']) part.set(key, index)
    })
    parts.forEach((part, index) => {
      expect([...part.scan({ from: '' })]).toEqual(['', '/', '0', 'a', 'z', '\uffff'].map((key) => [key, index]))
      expect([...part.scan({ from: '0', to: 'z' })].map(([key]) => key)).toEqual(['0', 'a'])
    })
    parts[0]?.delete('a')
    expect(parts.map((part) => part.get('a'))).toEqual([undefined, 1, 2, 3, 4])
    expect(state.get('kv-/a')).toBe(1)
  })

  it('refuses a namespace that would overlap another', () => {
    const state = new State(sha256)
    expect(() => machineState(state, 'kv/entry')).toThrow(InvariantError)
    expect(() => readOnlyMachineState(state, '')).toThrow(InvariantError)
  })

  it('refuses every write while it answers a read, on a live and on a frozen State', () => {
    const state = new State(sha256)
    machineState(state, 'kv').set('a', 1)
    for (const view of [state, state.freeze()]) {
      const part = readOnlyMachineState(view, 'kv')
      expect([part.get('a'), [...part.scan({ from: '' })]]).toEqual([1, [['a', 1]]])
      for (const write of [
        (): void => {
          part.set('a', 2)
        },
        (): void => {
          part.delete('a')
        },
      ]) {
        expect(write).toThrow(ReadOnlyStateError)
        expect(write).toThrow(
          expect.objectContaining({ fault: { code: 'STATE_READ_ONLY', namespace: 'kv', key: 'a' } }),
        )
      }
    }
    expect([...state.scan({ from: '' })]).toEqual([['kv/a', 1]])
  })
})
