import { describe, expect, it } from 'vitest'
import { InvariantError, assert, present, unreachable } from '../../../core/base/assert.ts'
import { SynodError, messageOf } from '../../../core/base/errors.ts'

describe('assert', () => {
  it('lets a kept promise pass and throws a broken one with its words', () => {
    expect(() => assert(true, 'the sum is right')).not.toThrow()
    expect(() => assert(false, 'the sum is right')).toThrow(new InvariantError('the sum is right'))
  })
})

describe('present', () => {
  it('gives every value back but undefined, so that 0, "" and null are present', () => {
    expect([0, '', null, false].map((value) => present(value, 'there is a value'))).toEqual([0, '', null, false])
    expect(() => present(undefined, 'there is a value')).toThrow(new InvariantError('there is a value'))
  })
})

describe('unreachable', () => {
  it('throws with what should not have come', () => {
    const foreign = { kind: 'unheard-of' } as never
    expect(() => unreachable(foreign)).toThrow(new InvariantError('unreachable: {"kind":"unheard-of"}'))
  })
})

class DiskError extends SynodError<{ readonly code: 'DISK_FULL'; readonly file: string }> {}

describe('an operating error', () => {
  it('carries its fault for programs, its message for people, its class for the name and its cause', () => {
    const cause = new Error('ENOSPC')
    const error = new DiskError({ code: 'DISK_FULL', file: 'log' }, 'The disk is full.', { cause })
    expect(error).toBeInstanceOf(Error)
    const { name, fault, message } = error
    expect({ name, fault, message, cause: error.cause }).toEqual({
      name: 'DiskError',
      fault: { code: 'DISK_FULL', file: 'log' },
      message: 'The disk is full.',
      cause,
    })
  })

  it('is told by its message, and anything else that was thrown by its text', () => {
    expect([new Error('gone'), 'gone', 7, undefined].map(messageOf)).toEqual(['gone', 'gone', '7', 'undefined'])
  })
})
