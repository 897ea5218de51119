import { describe, expect, it } from 'vitest'
import * as v from 'valibot'
import { InvariantError } from '../../../core/base/assert.ts'
import { machineSchema } from '../../../core/api/views.ts'
import { createPrng } from '../../../core/base/prng.ts'
import { encodeCanonical } from '../../../core/model/canonical.ts'
import { kv } from '../../../core/machine/kv.ts'
import { ledger } from '../../../core/machine/ledger.ts'
import { builtInMachines, createRegistry, describeMachine } from '../../../core/machine/registry.ts'
import { playground } from './playground.ts'

const registry = createRegistry(builtInMachines)
const KV_OPS = 'get, set, delete, compare-and-set, increment, scan'

describe('registry', () => {
  it('finds its machines by name', () => {
    expect(registry.machines.map(({ name }) => name)).toEqual(['kv', 'ledger'])
    expect([registry.find('kv'), registry.find('ledger'), registry.find('nope')]).toEqual([kv, ledger, undefined])
  })

  it('takes no two machines of one name, and no name that would not do as a namespace', () => {
    expect(() => createRegistry([kv, kv])).toThrow(InvariantError)
    for (const name of ['', 'a/b', 'Kv', '~x', 'a'.repeat(65)]) {
      expect(() => createRegistry([{ ...kv, name }])).toThrow(InvariantError)
    }
  })

  it('gives a frozen copy of a good input', () => {
    const input = { op: 'set', key: 'a', value: { list: [1, -0] } }
    const validated = registry.validateInput('kv', input)
    input.value.list.push(2)
    expect(validated).toStrictEqual({ ok: true, value: { op: 'set', key: 'a', value: { list: [1, 0] } } })
    expect(validated.ok && Object.isFrozen(validated.value)).toBe(true)
  })

  it('takes keys of 1 to 1,024 bytes in UTF-8, whatever their number of characters', () => {
    const isKey = (key: string): boolean => registry.validateInput('kv', { op: 'get', key }).ok
    expect(['a', 'a'.repeat(1024), 'é'.repeat(512), '語'.repeat(341), '\u{1f600}'.repeat(256)].map(isKey)).toEqual(
      Array.from({ length: 5 }, () => true),
    )
    expect(
      ['', 'a'.repeat(1025), `a${'é'.repeat(512)}`, '語'.repeat(342), `a${'\u{1f600}'.repeat(256)}`].map(isKey),
    ).toEqual(Array.from({ length: 5 }, () => false))
  })

  it.each([
    [{ op: 'frobnicate' }, `kv: unknown op "frobnicate"; expected one of ${KV_OPS}`],
    [{ op: 7 }, `kv: unknown op 7; expected one of ${KV_OPS}`],
    [{ op: '__proto__' }, `kv: unknown op "__proto__"; expected one of ${KV_OPS}`],
    [{ op: 'x'.repeat(65) }, `kv: unknown op "${'x'.repeat(64)}…"; expected one of ${KV_OPS}`],
    [{}, `kv: op is missing; expected one of ${KV_OPS}`],
    [[], `kv: op is missing; expected one of ${KV_OPS}`],
    ['get', `kv: the input must be an object with op; expected one of ${KV_OPS}`],
    [null, `kv: the input must be an object with op; expected one of ${KV_OPS}`],
    [undefined, 'kv: the value is undefined, which has no canonical form'],
    [{ op: 'set', key: '', value: 1 }, 'kv set: key must be a string of 1 to 1,024 bytes'],
    [{ op: 'set', key: 5, value: 1 }, 'kv set: key must be a string of 1 to 1,024 bytes'],
    [{ op: 'set', value: 1 }, 'kv set: key must be a string of 1 to 1,024 bytes'],
    [
      { op: 'set', key: 'a' },
      'kv set: value must be a JSON value of at most 16 levels, and not null, which stands for absent',
    ],
    [
      { op: 'set', key: 'a', value: null },
      'kv set: value must be a JSON value of at most 16 levels, and not null, which stands for absent',
    ],
    [{ op: 'set', key: 'a', value: { '\ud800': 1 } }, 'kv: /value/\ufffd has a key that is not well-formed Unicode'],
    [
      // A hole, which is not the same as null.
      { op: 'set', key: 'a', value: new Array<number>(2) },
      'kv: /value/0 is undefined, which has no canonical form',
    ],
    [
      { op: 'set', key: 'a', value: Uint8Array.of(1) },
      'kv set: value must be a JSON value of at most 16 levels, and not null, which stands for absent',
    ],
    [
      { op: 'compare-and-set', key: 'a', value: 1 },
      'kv compare-and-set: expected must be a JSON value of at most 16 levels, or null for absent',
    ],
    [{ op: 'set', key: 'a', value: 1, ttl: 5 }, 'kv set: unknown key "ttl"; expected only op, key, value, expiresInMs'],
    [{ op: 'get', key: 'a', constructor: 1 }, 'kv get: unknown key "constructor"; expected only op, key'],
    [
      { op: 'set', key: 'a', value: 1, expiresInMs: 0 },
      'kv set: expiresInMs must be a whole number from 1 to 3,153,600,000,000',
    ],
    [
      { op: 'increment', key: 'a', by: 0.5 },
      'kv increment: by must be a whole number between -(2^53 - 1) and 2^53 - 1',
    ],
    [{ op: 'scan', limit: 1001 }, 'kv scan: limit must be a whole number from 1 to 1,000'],
    [{ op: 'scan', prefix: 'a'.repeat(1025) }, 'kv scan: prefix must be a string of at most 1,024 bytes'],
    [{ op: 'set', key: 'a', value: { x: [Number.NaN] } }, 'kv: /value/x/0 is not a finite number'],
    [{ op: 'set', key: 'a', value: new Date(0) }, 'kv: /value is not plain data'],
    [{ op: 'set', key: 'a', value: undefined }, 'kv: /value is undefined, which has no canonical form'],
    [JSON.parse('{"op":"get","key":"a","__proto__":1}'), 'kv: /__proto__ is a reserved key'],
  ])('refuses %j for kv and says what was expected', (input: unknown, message) => {
    expect(registry.validateInput('kv', input)).toEqual({ ok: false, code: 'input-invalid', message })
  })

  it.each([
    [{ op: 'open', account: 'a'.repeat(129) }, 'ledger open: account must be a string of 1 to 128 bytes'],
    [{ op: 'transfer', from: 'a', amount: 1 }, 'ledger transfer: to must be a string of 1 to 128 bytes'],
    [{ op: 'total', now: true }, 'ledger total: unknown key "now"; expected only op'],
    [
      { op: 'loan' },
      'ledger: unknown op "loan"; expected one of open, deposit, withdraw, transfer, balance, list, total',
    ],
  ])('refuses %j for the ledger and says what was expected', (input, message) => {
    expect(registry.validateInput('ledger', input)).toEqual({ ok: false, code: 'input-invalid', message })
  })

  it('says which machines there are when one is unknown', () => {
    expect(registry.validateInput('nope', {})).toEqual({
      ok: false,
      code: 'machine-unknown',
      message: 'unknown machine "nope"; expected one of kv, ledger',
    })
    expect(registry.validateInput('toString', {})).toMatchObject({ code: 'machine-unknown' })
  })

  it('lets only operations that change nothing be asked as reads', () => {
    expect(registry.validateRead('kv', { op: 'get', key: 'a' })).toEqual({ ok: true, value: { op: 'get', key: 'a' } })
    expect(registry.validateRead('ledger', { op: 'total' }).ok).toBe(true)
    expect(registry.validateRead('kv', { op: 'delete', key: 'a' })).toEqual({
      ok: false,
      code: 'not-a-read',
      message: 'kv delete: changes the State, so it cannot be asked as a read; reads are get, scan',
    })
    expect(registry.validateRead('kv', { op: 'get' })).toMatchObject({ code: 'input-invalid' })
    expect(registry.validateRead('nope', { op: 'get' })).toMatchObject({ code: 'machine-unknown' })
  })

  it('answers a refused input with the words its machine would answer with', () => {
    const { apply } = playground(kv)
    for (const input of [{ op: 'frob' }, { op: 'set', key: '' }, { op: 'get', key: 'a', more: 1 }]) {
      const validated = registry.validateInput('kv', input)
      expect(apply(input)).toMatchObject({ ok: false, error: { message: validated.ok ? '' : validated.message } })
    }
  })

  it('never throws for what a client may send, and whatever it lets in is encoded and applied', () => {
    const prng = createPrng(17)
    const words: unknown[] = ['op', 'get', 'set', 'key', 'value', 'a', '', 1, -1, 0.5, null, true, [], {}, undefined]
    const any = (): unknown => words[prng.between(0, words.length - 1)]
    const { apply } = playground(kv)
    let taken = 0
    for (let round = 0; round < 20_000; round += 1) {
      const input: Record<string, unknown> = { op: prng.chance(0.9) ? (prng.chance(0.5) ? 'get' : 'set') : any() }
      for (let count = prng.between(0, 3); count > 0; count -= 1) input[String(any())] = any()
      const validated = registry.validateInput('kv', input)
      if (!validated.ok) continue
      taken += 1
      expect(encodeCanonical(validated.value).length).toBeGreaterThan(0)
      expect(apply(validated.value).ok).toBe(true)
    }
    expect(taken).toBeGreaterThan(50)
  })
})

describe.each(builtInMachines.map((machine) => [machine.name, machine] as const))('the machine %s', (name, machine) => {
  it('has examples that work, one after the other', () => {
    const { apply } = playground(machine)
    if (name === 'ledger') apply({ op: 'open', account: 'grace' })
    for (const { title, input } of machine.examples) {
      expect([title, registry.validateInput(name, input)]).toEqual([title, { ok: true, value: input }])
      expect([title, apply(input)]).toEqual([title, expect.objectContaining({ ok: true })])
    }
  })

  it('lists among its reads only operations of its own', () => {
    for (const op of machine.reads) {
      const validated = registry.validateInput(name, { op })
      expect(validated.ok ? '' : validated.message).not.toContain('unknown op')
    }
  })

  it('describes itself in data only, as the console asks for it', () => {
    const description = describeMachine(machine)
    expect(v.parse(v.strictObject(machineSchema.entries), description)).toEqual(description)
    expect(JSON.parse(JSON.stringify(description))).toEqual(description)
  })

  it('tells in its JSON Schema every operation, its keys, and which of them may be left out', () => {
    const { oneOf } = describeMachine(machine).inputSchema as { readonly oneOf: readonly OperationSchema[] }
    const listed = oneOf.map(({ properties, required, additionalProperties }) => {
      expect(additionalProperties).toBe(false)
      const keys = Object.keys(properties).map((key) => (required.includes(key) ? key : `${key}?`))
      return `${properties.op.const}: ${keys.slice(1).join(' ')}`
    })
    expect(listed).toEqual(SHAPES[name])
  })
})

interface OperationSchema {
  readonly properties: { readonly op: { readonly const: string } }
  readonly required: readonly string[]
  readonly additionalProperties: boolean
}

const SHAPES: Readonly<Record<string, readonly string[]>> = {
  kv: [
    'get: key',
    'set: key value expiresInMs?',
    'delete: key',
    'compare-and-set: key expected value',
    'increment: key by?',
    'scan: prefix? from? to? limit?',
  ],
  ledger: [
    'open: account',
    'deposit: account amount',
    'withdraw: account amount',
    'transfer: from to amount',
    'balance: account',
    'list: limit? after?',
    'total: ',
  ],
}
