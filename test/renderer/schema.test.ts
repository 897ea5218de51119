import { toJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { draftOfInput, inputOfDraft, operationsOf } from '../../renderer/schema/operations.ts'
import { validate } from '../../renderer/schema/validate.ts'

const key = v.pipe(v.string(), v.minLength(1), v.maxLength(8))
const schema = toJsonSchema(
  v.variant('op', [
    v.strictObject({ op: v.literal('get'), key }),
    v.strictObject({
      op: v.literal('set'),
      key,
      value: v.unknown(),
      ttlMs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
      mode: v.optional(v.picklist(['new', 'old'])),
    }),
  ]),
)

function operation(op: string): ReturnType<typeof operationsOf>[number] {
  const found = operationsOf(schema).find((one) => one.op === op)
  if (found === undefined) throw new Error(`no operation ${op}`)
  return found
}

describe('a form from the schema of a machine', () => {
  it('finds the operations and how each field is asked for', () => {
    expect(operationsOf(schema).map(({ op }) => op)).toEqual(['get', 'set'])
    expect(operation('set').fields.map(({ name, kind, required }) => [name, kind, required])).toEqual([
      ['key', 'string', true],
      ['value', 'json', true],
      ['ttlMs', 'integer', false],
      ['mode', 'choice', false],
    ])
  })

  it('finds none in a schema that is no union by op', () => {
    expect(operationsOf(toJsonSchema(v.string()))).toEqual([])
  })

  it('reads what was typed into an input and leaves empty fields out', () => {
    const { input, unreadable } = inputOfDraft(operation('set'), { key: '1', value: '{"a":1}', ttlMs: '5', mode: '' })
    expect(input).toEqual({ op: 'set', key: '1', value: { a: 1 }, ttlMs: 5 })
    expect(unreadable.size).toBe(0)
  })

  it('names the field whose JSON cannot be read', () => {
    expect([...inputOfDraft(operation('set'), { key: 'x', value: 'hello' }).unreadable.keys()]).toEqual(['value'])
  })

  it('fills the form from an input so that it reads back the same', () => {
    const input = { op: 'set', key: 'x', value: 'text', ttlMs: 7, mode: 'new' }
    expect(inputOfDraft(operation('set'), draftOfInput(operation('set'), input)).input).toEqual(input)
  })
})

describe('a check against the schema', () => {
  const problemsOf = (input: unknown): string[] =>
    validate(schema, input).map(({ path, message }) => `${path.join('.')}: ${message}`)

  it('passes what the machine takes', () => {
    expect(problemsOf({ op: 'set', key: 'x', value: null, ttlMs: 1, mode: 'old' })).toEqual([])
  })

  it('judges an input by the operation it names, field by field', () => {
    expect(problemsOf({ op: 'set', key: 3, ttlMs: 0, mode: 'odd', extra: 1 })).toEqual([
      'value: Missing.',
      'key: Must be text.',
      'ttlMs: 1 or more.',
      'mode: Must be one of "new", "old".',
      'extra: Not a field of this operation.',
    ])
  })

  it('holds text to its length', () => {
    expect(problemsOf({ op: 'get', key: '' })).toEqual(['key: At least 1 character.'])
    expect(problemsOf({ op: 'get', key: 'x'.repeat(9) })).toEqual(['key: At most 8 characters.'])
  })

  it('names the operations there are when it knows none by that name', () => {
    expect(problemsOf({ op: 'drop' })).toEqual(['op: op must be one of get, set.'])
    expect(problemsOf([])).toEqual([': Must be an object: { … }.'])
  })
})
