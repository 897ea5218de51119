import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../../core/base/assert.ts'
import { clientId, clusterId, epoch, replicaId, sequence, slot, slotAfter, SLOT_NONE } from '../../../core/model/ids.ts'
import { inputKey } from '../../../core/model/input.ts'

const refused = (make: () => unknown): boolean => {
  try {
    make()
    return false
  } catch (error) {
    return error instanceof InvariantError
  }
}
const NO_COUNTS = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]

describe('identifiers', () => {
  it('are not empty, and a client names itself with at most 128 characters', () => {
    expect([replicaId, clusterId, clientId].map((make) => refused(() => make('')))).toEqual([true, true, true])
    expect([clientId('x'.repeat(128)), refused(() => clientId('x'.repeat(129)))]).toEqual(['x'.repeat(128), true])
  })
})

describe('positions', () => {
  it('are whole numbers no arithmetic has rounded', () => {
    for (const make of [slot, sequence, epoch]) {
      expect(NO_COUNTS.map((value) => refused(() => make(value)))).toEqual(NO_COUNTS.map(() => true))
    }
  })

  it('count slots from 1 with 0 for "none yet", sequences and epochs from 1', () => {
    expect([slot(0), slotAfter(SLOT_NONE), sequence(1), epoch(1)]).toEqual([0, 1, 1, 1])
    expect([refused(() => sequence(0)), refused(() => epoch(0))]).toEqual([true, true])
  })

  it('end where numbers stop being exact', () => {
    expect(refused(() => slotAfter(slot(Number.MAX_SAFE_INTEGER)))).toBe(true)
  })
})

describe('the key of an Input', () => {
  it('differs for different pairs, whatever characters a client puts in its name', () => {
    const keys = [
      inputKey({ client: clientId('1:x'), sequence: sequence(1) }),
      inputKey({ client: clientId('x'), sequence: sequence(1) }),
      inputKey({ client: clientId('x'), sequence: sequence(11) }),
      inputKey({ client: clientId('1:1:x'), sequence: sequence(1) }),
      inputKey({ client: clientId('1:x'), sequence: sequence(11) }),
    ]
    expect(new Set(keys).size).toBe(keys.length)
  })
})
