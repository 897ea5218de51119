import { asJsonSchema, isObject, variantsOf, type JsonSchema } from './json-schema.ts'

/** How a field is asked for. `json`: whatever has no plainer form, typed as JSON. */
export type FieldKind = 'string' | 'integer' | 'number' | 'boolean' | 'choice' | 'json'

export interface Field {
  readonly name: string
  readonly kind: FieldKind
  readonly required: boolean
  readonly description: string | null
  /** Of a `choice`, as JSON text. */
  readonly choices: readonly string[]
  readonly schema: JsonSchema
}

/** One form of a machine's input: an object told apart by its `op`. */
export interface Operation {
  readonly op: string
  readonly title: string | null
  readonly fields: readonly Field[]
}

/** What a form holds: the text of each field; an absent field is left out. */
export type Draft = Readonly<Record<string, string>>

/** @returns none for a schema that is not a union of objects by `op`: then only JSON will do. */
export function operationsOf(inputSchema: unknown): readonly Operation[] {
  const operations: Operation[] = []
  for (const variant of variantsOf(asJsonSchema(inputSchema))) {
    for (const op of opsOf(variant)) {
      const fields = Object.entries(variant.properties ?? {})
        .filter(([name]) => name !== 'op')
        .map(([name, schema]) => fieldOf(name, schema, variant.required?.includes(name) ?? false))
      operations.push({ op, title: variant.title ?? variant.description ?? null, fields })
    }
  }
  return operations
}

function opsOf(variant: JsonSchema): readonly string[] {
  const op = variant.properties?.op
  const values = op?.enum ?? (op?.const === undefined ? [] : [op.const])
  return values.filter((value) => typeof value === 'string')
}

function fieldOf(name: string, schema: JsonSchema, required: boolean): Field {
  const choices = (schema.enum ?? (schema.const === undefined ? [] : [schema.const])).map((value) =>
    JSON.stringify(value),
  )
  const kind = choices.length > 0 ? 'choice' : kindOf(schema)
  return { name, kind, required, description: schema.description ?? null, choices, schema }
}

function kindOf(schema: JsonSchema): FieldKind {
  switch (schema.type) {
    case 'string':
    case 'integer':
    case 'number':
    case 'boolean':
      return schema.type
    default:
      return 'json'
  }
}

/** The input a draft stands for, and what keeps a field from being read. */
export function inputOfDraft(
  operation: Operation,
  draft: Draft,
): { readonly input: Readonly<Record<string, unknown>>; readonly unreadable: ReadonlyMap<string, string> } {
  const input: Record<string, unknown> = { op: operation.op }
  const unreadable = new Map<string, string>()
  for (const field of operation.fields) {
    const typed = draft[field.name]
    if (typed === undefined || (typed === '' && !(field.kind === 'string' && field.required))) continue
    const read = readField(field, typed)
    if (read.ok) input[field.name] = read.value
    else unreadable.set(field.name, read.problem)
  }
  return { input, unreadable }
}

type FieldRead = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: string }

function readField(field: Field, typed: string): FieldRead {
  switch (field.kind) {
    case 'string':
      return { ok: true, value: typed }
    case 'integer':
    case 'number': {
      const value = Number(typed)
      // Not a number stays what was typed, so that the check against the schema names the field.
      return { ok: true, value: typed.trim() === '' || Number.isNaN(value) ? typed : value }
    }
    case 'boolean':
    case 'choice':
    case 'json':
      return readJson(typed)
  }
}

/** Reads JSON; the problem is the parser's own words. */
export function readJson(typed: string): FieldRead {
  try {
    return { ok: true, value: JSON.parse(typed) as unknown }
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? error.message : String(error) }
  }
}

/** Fills a form from an input, as far as its operation has fields for it. */
export function draftOfInput(operation: Operation, input: unknown): Draft {
  const draft: Record<string, string> = {}
  if (!isObject(input)) return draft
  for (const field of operation.fields) {
    const value = input[field.name]
    if (value === undefined) continue
    draft[field.name] =
      (field.kind === 'string' && typeof value === 'string') ||
      ((field.kind === 'integer' || field.kind === 'number') && typeof value === 'number')
        ? String(value)
        : JSON.stringify(value)
  }
  return draft
}

/** The operation an input belongs to. */
export function operationOf(operations: readonly Operation[], input: unknown): Operation | null {
  return isObject(input) ? (operations.find(({ op }) => op === input.op) ?? null) : null
}
