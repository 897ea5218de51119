import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { createPrng } from '../../../core/base/prng.ts'
import type { Breach } from '../../../core/machine/determinism.ts'
import { NondeterministicMachineError, nondeterminismOf } from '../../../core/machine/determinism.ts'
import { operation, operationOf } from '../../../core/machine/input-words.ts'
import { kv } from '../../../core/machine/kv.ts'
import type { Machine, MachineState } from '../../../core/machine/machine.ts'
import { randomInputs } from '../../../core/machine/random-inputs.ts'
import { builtInMachines, createRegistry, createUntriedRegistry } from '../../../core/machine/registry.ts'
import type { CanonicalValue } from '../../../core/model/canonical.ts'
import { encodeCanonical } from '../../../core/model/canonical.ts'
import { accepted, rejected } from '../../../core/model/output.ts'
import { withoutForbiddenGlobals } from '../../support/forbidden-globals.ts'
import { disguised, honest, planted } from './planted.ts'

const SEEDS = [1, 2, 3, 4, 5]

/** A machine anew for each trial, as some keep something. */
const guilty: readonly (readonly [what: string, breach: Breach, make: () => Machine])[] = [
  [
    'counts in a variable of its own',
    'differs-when-repeated',
    () => {
      let count = 0
      return planted('counter', (state, input) => {
        count += 1
        honest(state, input)
        return accepted(count)
      })
    },
  ],
  [
    'writes a count of its own to the State, and answers as it should',
    'differs-when-repeated',
    () => {
      let count = 0
      return planted('silent-counter', (state, input) => {
        count += 1
        const output = honest(state, input)
        if (input.op === 'put') state.set('count', count)
        return output
      })
    },
  ],
  [
    'draws a random number',
    'differs-when-repeated',
    () => planted('dice', (state, input) => (honest(state, input), accepted(Math.random()))),
  ],
  [
    'looks at the clock',
    'differs-when-repeated',
    () => planted('clock', (state, input) => (honest(state, input), accepted(performance.now()))),
  ],
  [
    'deletes a key at random',
    'differs-when-repeated',
    () =>
      planted('forgetful', (state, input) => {
        const output = honest(state, input)
        if (input.op === 'put' && Math.random() < 0.5) state.delete(input.key)
        return output
      }),
  ],
  [
    'knows an Input again by its identity',
    'remembers',
    () => {
      const seen = new WeakSet<object>()
      return planted('identity', (state, input) => {
        const isKnown = seen.has(input)
        seen.add(input)
        honest(state, input)
        return accepted(isKnown)
      })
    },
  ],
  [
    'remembers the last key it was asked for',
    'remembers',
    () => {
      let last = ''
      return planted('last-key', (state, input) => {
        // With what each trial begins, so that to repeat the sequence alone does not show it.
        if (input.op === 'put' && input.key === 'first') last = 'first'
        const answer = last === input.key
        last = input.key
        honest(state, input)
        return accepted(answer)
      })
    },
  ],
  [
    'relies on the order of keys in its Input',
    'differs-when-restored',
    () =>
      planted('input-order', (state, input) => {
        honest(state, input)
        return accepted(Object.keys(input)[0] ?? null)
      }),
  ],
  [
    'relies on the order of keys in what its State holds',
    'differs-when-restored',
    () =>
      planted('held-order', (state, input) => {
        const held = state.get(input.key)
        // What comes in is sorted, so that only the State can tell.
        if (input.op === 'put') state.set(input.key, { [`z${input.key}`]: 1, a: 2 })
        return accepted(JSON.stringify(held ?? null))
      }),
  ],
  [
    'changes its Input',
    'changes-input',
    () =>
      planted('vandal', (state, input) => {
        const output = honest(state, input)
        if (input.op === 'put') Object.assign(input, { value: 'mine' })
        return output
      }),
  ],
  [
    'puts into its Input what has no canonical form',
    'changes-input',
    () => planted('litter', (state, input) => (Object.assign(input, { at: undefined }), honest(state, input))),
  ],
  [
    'changes bytes that its State holds',
    'changes-held-value',
    () =>
      planted('in-place', (state, input) => {
        const held = state.get(input.key)
        if (held instanceof Uint8Array) held[0] = (held[0] ?? 0) + 1
        else if (input.op === 'put') state.set(input.key, Uint8Array.of(1))
        return accepted(null)
      }),
  ],
  [
    'uses the State of an earlier call',
    'keeps-state',
    () => {
      let first: MachineState | undefined
      return planted('hoarder', (state, input) => {
        first ??= state
        return honest(first, input)
      })
    },
  ],
  [
    'goes on with a scan of an earlier call',
    'keeps-state',
    () => {
      let scan: Iterator<unknown> | undefined
      return planted('scan-hoarder', (state, input) => {
        const output = honest(state, input)
        scan ??= state.scan({ from: '' })[Symbol.iterator]()
        scan.next()
        return output
      })
    },
  ],
  [
    'writes in a read',
    'read-writes',
    () =>
      planted('diary', (state, input) => {
        if (input.op === 'get') state.set('asked', input.key)
        return accepted(null)
      }),
  ],
  [
    'writes in a read what is there already',
    'read-writes',
    () =>
      planted('echo', (state, input) => {
        const held = state.get(input.key)
        if (held !== undefined) state.set(input.key, held)
        return honest(state, input)
      }),
  ],
  [
    'deletes in a read, and hides what comes of it',
    'read-writes',
    () =>
      planted('shredder', (state, input) => {
        if (input.op === 'put') return honest(state, input)
        try {
          state.delete(input.key)
        } catch {
          return accepted(null)
        }
        return accepted(null)
      }),
  ],
  ['throws', 'throws', () => planted('bomb', (_, input) => unwilling(input.key))],
  [
    'gives undefined inside a value',
    'output-not-canonical',
    () =>
      planted('gap', (state, input) => (honest(state, input), accepted(disguised({ held: { deep: [undefined] } })))),
  ],
  [
    'gives NaN',
    'output-not-canonical',
    () => planted('nan', (state, input) => (honest(state, input), accepted(Number('no number')))),
  ],
  [
    'gives something deeper than a session can keep',
    'output-not-canonical',
    () => planted('deep', () => accepted(Array.from({ length: 40 }).reduce<CanonicalValue>((value) => [value], 1))),
  ],
  [
    'gives a promise',
    'output-not-canonical',
    () => planted('later', (state, input) => disguisedOutput(Promise.resolve(honest(state, input)))),
  ],
  [
    'gives what is no Output',
    'output-not-canonical',
    () => planted('bare', (state, input) => (honest(state, input), disguisedOutput({ value: 1 }))),
  ],
  [
    'writes undefined inside a value',
    'state-not-canonical',
    () =>
      planted('hole', (state, input) => {
        if (input.op === 'put') state.set(input.key, disguised({ value: undefined }))
        return accepted(null)
      }),
  ],
  [
    'writes NaN, and hides that it was refused',
    'state-not-canonical',
    () =>
      planted('hidden-nan', (state, input) => {
        try {
          if (input.op === 'put') state.set(input.key, Number.NaN)
        } catch {
          return rejected('refused', 'not a number')
        }
        return accepted(null)
      }),
  ],
]

describe('a machine that', () => {
  it.each(guilty)('%s is found out', (_, breach, make) => {
    const machine = make()
    expect(nondeterminismOf(machine)?.fault).toMatchObject({
      code: 'MACHINE_NONDETERMINISTIC',
      machine: machine.name,
      breach,
    })
  })

  it.each(guilty)('%s is not registered', (_what, _breach, make) => {
    expect(() => createRegistry([kv, make()])).toThrow(NondeterministicMachineError)
    expect(createUntriedRegistry([make()]).machines).toHaveLength(1)
  })

  it('does none of this is blameless', () => {
    expect(SEEDS.map((seed) => nondeterminismOf(planted('honest', honest), seed))).toEqual(SEEDS.map(() => undefined))
  })

  it('has an operation that can’t be tried is asked for an example of it', () => {
    const code = v.pipe(v.string(), v.regex(/^[0-9a-f]{8}$/))
    const machine: Machine = {
      ...planted('codes', () => accepted(null)),
      inputSchema: v.variant('op', [operation('ask', { code }), operation('count', {})]),
      examples: [],
      apply: () => accepted(null),
    }
    expect(nondeterminismOf(machine)?.fault).toMatchObject({ breach: 'operation-untried' })
    expect(nondeterminismOf(machine)?.message).toContain('operation ask')
    const shown = { ...machine, examples: [{ title: 'Ask', input: { op: 'ask', code: '0123abcd' } }] }
    expect(nondeterminismOf(shown)).toBeUndefined()
  })
})

describe('random Inputs', () => {
  const inputsOf = (inputSchema: Machine['inputSchema']): readonly CanonicalValue[] =>
    randomInputs({ ...planted('any', honest), inputSchema, examples: [] }, createPrng(3), 40).inputs

  it.each<[string, Machine['inputSchema']]>([
    ['a picklist', v.picklist(['left', 'right'])],
    ['a union', v.union([v.pipe(v.number(), v.integer(), v.minValue(3), v.maxValue(5)), v.boolean()])],
    ['a nullable', v.nullable(v.literal('x'))],
    ['a list', v.pipe(v.array(v.pipe(v.number(), v.minValue(0))), v.minLength(2))],
    ['a tuple', v.strictTuple([v.boolean(), v.string()])],
    ['a record', v.record(v.string(), v.boolean())],
    ['an object with members that may be absent', v.strictObject({ a: v.string(), b: v.exactOptional(v.boolean()) })],
    ['what only code can check', v.custom<CanonicalValue>((value) => typeof value === 'string')],
  ])('are made for %s, and pass its schema', (_, schema) => {
    const inputs = inputsOf(schema)
    expect(new Set(inputs.map((input) => JSON.stringify(input))).size).toBeGreaterThan(1)
    expect(inputs.filter((input) => !v.is(schema, input))).toEqual([])
  })

  it('are none where no value passes, and that ends', () => {
    expect(inputsOf(v.custom<CanonicalValue>(() => false))).toEqual([])
    expect(inputsOf(v.variant('op', []))).toEqual([])
  })
})

describe('what people are told', () => {
  it('says what happened, with which Input, and what to do', () => {
    const machine = planted('nan', () => accepted(Number.NaN))
    expect(nondeterminismOf(machine)?.message).toBe(
      'the machine nan gave an Output that has no canonical form: /value is not a finite number. ' +
        'Input: {"op":"put","key":"first","value":{"b":1,"a":[2]}}. Replicas would part. ' +
        'Answer with accepted(value) or rejected(code, message), of what canonical.ts lists.',
    )
  })

  it('shows both Outputs where two differ', () => {
    let count = 0
    const machine = planted('counter', () => accepted((count += 1)))
    expect(nondeterminismOf(machine)?.message).toMatch(
      /^the machine counter answered first \{"ok":true,"value":1\}, then \{"ok":true,"value":\d+\}\. Input: /,
    )
  })

  it('is cut short where values are long, and never fails', () => {
    const long = planted('long', () => disguisedOutput({ much: 'x'.repeat(10_000) }))
    expect(nondeterminismOf(long)?.message.length).toBeLessThan(600)
    const loop: Record<string, unknown> = {}
    loop['itself'] = loop
    expect(nondeterminismOf(planted('loop', () => disguisedOutput(loop)))?.fault.breach).toBe('output-not-canonical')
    expect(nondeterminismOf(planted('big', () => disguisedOutput(1n)))?.fault.breach).toBe('output-not-canonical')
  })
})

describe.each(builtInMachines.map((machine) => [machine.name, machine] as const))('the machine %s', (_, machine) => {
  it.each(SEEDS)('is deterministic, and reaches for nothing it may not use (seed %i)', (seed) => {
    expect(withoutForbiddenGlobals(() => nondeterminismOf(machine, seed))).toBeUndefined()
  })

  it('is tried with every operation, and most Inputs do something', () => {
    const { inputs, unreached } = randomInputs(machine, createPrng(7), 40)
    const ops = new Set(inputs.map(operationOf))
    expect(unreached).toEqual([])
    expect([...ops].sort()).toEqual([...new Set(machine.examples.map(({ input }) => operationOf(input)))].sort())
    for (const input of inputs) expect([input, v.is(machine.inputSchema, input)]).toEqual([input, true])
    const distinct = new Set(inputs.map((input) => encodeCanonical(input).join()))
    expect(distinct.size).toBeGreaterThan(inputs.length / 2)
  })
})

describe('the trial', () => {
  it('is made once for each machine in a process', () => {
    let calls = 0
    const machine = planted('counted', (state, input) => {
      calls += 1
      return honest(state, input)
    })
    createRegistry([machine])
    const once = calls
    createRegistry([machine, kv])
    expect(once).toBeGreaterThan(50)
    expect(calls).toBe(once)
    createRegistry([{ ...machine }])
    expect(calls).toBe(2 * once)
  })

  it('is the same each time: the same Inputs at the same ordered times', () => {
    const seen: string[][] = []
    const trial = (): void => {
      const calls: string[] = []
      nondeterminismOf(
        planted('watched', (state, input, timeMs) => {
          calls.push(JSON.stringify([timeMs, input]))
          return honest(state, input)
        }),
      )
      seen.push(calls)
    }
    trial()
    trial()
    expect(seen[0]).toEqual(seen[1])
  })
})

function unwilling(key: string): never {
  throw new Error(`not ${key}`)
}

function disguisedOutput(value: unknown): ReturnType<Machine['apply']> {
  return value as ReturnType<Machine['apply']>
}
