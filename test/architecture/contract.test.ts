import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { CONSOLE_EVENTS, CONSOLE_REQUESTS } from '../../core/api/contract.ts'

/** Schemas whose values survive a structured clone and JSON alike: the contract crosses IPC, WebSocket and HTTP. */
const LEAVES = new Set(['string', 'number', 'boolean', 'null', 'literal', 'picklist', 'unknown'])

const schemas: readonly (readonly [string, unknown])[] = [
  ...Object.entries(CONSOLE_REQUESTS).flatMap(([name, { argument, answer }]) => [
    [`${name} argument`, argument] as const,
    [`${name} answer`, answer] as const,
  ]),
  ...Object.entries(CONSOLE_EVENTS).map(([name, schema]) => [`${name} event`, schema] as const),
]

describe('the contract of the console', () => {
  it.each(schemas)('%s carries only data that can be cloned', (name, schema) => {
    expect(foreignTo(schema, name)).toEqual([])
  })

  it('is refused when it holds a function, an instance or a date', () => {
    const planted = v.object({ call: v.function(), bytes: v.array(v.instance(Map)), when: v.optional(v.date()) })
    expect(foreignTo(planted, 'planted')).toEqual([
      'planted.call is function',
      'planted.bytes[] is instance',
      'planted.when is date',
    ])
  })
})

interface Schema {
  readonly type: string
  readonly entries?: Readonly<Record<string, unknown>>
  readonly item?: unknown
  readonly wrapped?: unknown
  readonly options?: readonly unknown[]
  readonly key?: unknown
  readonly value?: unknown
  readonly pipe?: readonly { readonly kind: string }[]
}

/** @returns where a schema admits what cannot be cloned. */
function foreignTo(candidate: unknown, path: string): readonly string[] {
  const schema = candidate as Schema
  const steps = (schema.pipe ?? []).slice(1).filter((step) => step.kind === 'schema')
  return [...foreignInType(schema, path), ...steps.flatMap((step) => foreignTo(step, path))]
}

function foreignInType(schema: Schema, path: string): readonly string[] {
  switch (schema.type) {
    case 'object':
    case 'strict_object':
    case 'loose_object':
      return Object.entries(schema.entries ?? {}).flatMap(([key, entry]) => foreignTo(entry, `${path}.${key}`))
    case 'array':
      return foreignTo(schema.item, `${path}[]`)
    case 'optional':
    case 'nullable':
    case 'nullish':
      return foreignTo(schema.wrapped, path)
    case 'variant':
    case 'union':
      return (schema.options ?? []).flatMap((option) => foreignTo(option, path))
    case 'record':
      return [...foreignTo(schema.key, `${path}{key}`), ...foreignTo(schema.value, `${path}{}`)]
    default:
      return LEAVES.has(schema.type) ? [] : [`${path} is ${schema.type}`]
  }
}
