import { afterEach, describe, expect, it } from 'vitest'
import { nondeterminismOf } from '../../../core/machine/determinism.ts'
import { accepted } from '../../../core/model/output.ts'
import {
  FORBIDDEN_METHODS,
  FORBIDDEN_NAMES,
  ForbiddenGlobalError,
  withoutForbiddenGlobals,
} from '../../support/forbidden-globals.ts'
import { honest, planted } from './planted.ts'

const present = FORBIDDEN_NAMES.filter((name) => name in globalThis)
/** What each way to a forbidden thing looks like in a machine, and what is told of it. */
const uses: readonly (readonly [reached: string, use: () => unknown])[] = [
  ['Date', () => Date.now()],
  ['Date', () => new Date()],
  ['Date', () => typeof Date],
  ['Date', () => globalThis.Date],
  ['Math.random', () => Math.random()],
  ['Math.sin', () => Math.sin(1)],
  ['Math.pow', () => Math.pow(1.1, 10)],
  ['Intl', () => new Intl.NumberFormat('de')],
  ['setTimeout', () => setTimeout(() => undefined, 1)],
  ['setInterval', () => setInterval(() => undefined, 1)],
  ['setImmediate', () => setImmediate(() => undefined)],
  ['queueMicrotask', () => queueMicrotask(() => undefined)],
  ['Promise', () => Promise.resolve(1)],
  ['performance', () => performance.now()],
  ['process', () => process.hrtime.bigint()],
  ['process', () => process.env],
  ['crypto', () => crypto.randomUUID()],
  ['crypto', () => crypto.getRandomValues(new Uint8Array(1))],
  ['fetch', () => fetch('http://127.0.0.1:1')],
  ['WeakRef', () => new WeakRef({})],
  ['FinalizationRegistry', () => new FinalizationRegistry(() => undefined)],
  ['Number.prototype.toLocaleString', () => (1).toLocaleString()],
  ['BigInt.prototype.toLocaleString', () => 1n.toLocaleString()],
  ['Array.prototype.toLocaleString', () => [1].toLocaleString()],
  ['TypedArray.prototype.toLocaleString', () => Uint8Array.of(1).toLocaleString()],
  ['Object.prototype.toLocaleString', () => Object.prototype.toLocaleString.call({})],
  ['String.prototype.localeCompare', () => 'a'.localeCompare('b')],
  ['String.prototype.toLocaleLowerCase', () => 'A'.toLocaleLowerCase()],
  ['String.prototype.toLocaleUpperCase', () => 'a'.toLocaleUpperCase()],
]

const before = descriptors()
afterEach(() => {
  expect(descriptors()).toEqual(before)
})

describe('under the guard', () => {
  it.each(uses)('a machine that reaches for %s is caught (%#)', (reached, use) => {
    const machine = planted('reaching', (state, input) => {
      use()
      return honest(state, input)
    })
    expect(reachedBy(() => nondeterminismOf(machine))).toBe(reached)
  })

  it.each(uses)('a machine that catches what it gets for %s is caught all the same (%#)', (reached, use) => {
    const machine = planted('hiding', (state, input) => {
      try {
        use()
      } catch {
        return accepted(null)
      }
      return honest(state, input)
    })
    expect(reachedBy(() => nondeterminismOf(machine))).toBe(reached)
  })

  it.each(present)('%s can’t even be looked up', (name) => {
    expect(reachedBy(() => Reflect.get(globalThis, name))).toBe(name)
  })

  it.each(FORBIDDEN_METHODS)('$path can’t be called', ({ path, holder, method }) => {
    expect(reachedBy(() => Reflect.apply(Reflect.get(holder, method) as () => unknown, 1, []))).toBe(path)
  })

  it('what is allowed goes on, and its result comes out', () => {
    expect(withoutForbiddenGlobals(() => Math.floor(1.5) + JSON.stringify([1]).length)).toBe(4)
  })

  it('what was reached is told even when something else is thrown over it', () => {
    const run = (): never => {
      try {
        Math.random()
      } catch (cause) {
        throw new RangeError('something else', { cause })
      }
      throw new RangeError('not reached')
    }
    expect(reachedBy(run)).toBe('Math.random')
  })

  it('what is thrown for other reasons comes out as it is', () => {
    const error = new RangeError('another reason')
    const run = (): never => {
      throw error
    }
    expect(() => withoutForbiddenGlobals(run)).toThrow(error)
  })
})

it('a machine that reaches for nothing passes under the guard', () => {
  expect(withoutForbiddenGlobals(() => nondeterminismOf(planted('honest', honest)))).toBeUndefined()
})

/** What was reached; undefined when nothing was. */
function reachedBy(run: () => unknown): string | undefined {
  try {
    withoutForbiddenGlobals(run)
    return undefined
  } catch (error) {
    if (error instanceof ForbiddenGlobalError) return error.reached
    throw error
  }
}

function descriptors(): readonly unknown[] {
  const names = present.map((name) => Object.getOwnPropertyDescriptor(globalThis, name))
  return [...names, ...FORBIDDEN_METHODS.map(({ holder, method }) => Object.getOwnPropertyDescriptor(holder, method))]
}
