import { text } from '../text.ts'
import { asJsonSchema, isObject, variantsOf, type JsonSchema } from './json-schema.ts'

/** What is wrong with a value, and where: names of fields and places in lists, outermost first. */
export interface SchemaProblem {
  readonly path: readonly string[]
  readonly message: string
}

const words = text.schema

/** Holds an input against a machine's schema. An empty list does not promise that the host takes it: it checks again. */
export function validate(inputSchema: unknown, input: unknown): readonly SchemaProblem[] {
  return check(asJsonSchema(inputSchema), input, [])
}

function check(schema: JsonSchema, value: unknown, path: readonly string[]): readonly SchemaProblem[] {
  if (schema.oneOf !== undefined || schema.anyOf !== undefined) return checkVariants(schema, value, path)
  const problem = (message: string): readonly SchemaProblem[] => [{ path, message }]
  const allowed = schema.enum ?? (schema.const === undefined ? null : [schema.const])
  if (allowed !== null && !allowed.some((one) => JSON.stringify(one) === JSON.stringify(value))) {
    return problem(words.one(allowed.map((one) => JSON.stringify(one)).join(', ')))
  }
  const wrongType = checkType(schema, value)
  if (wrongType !== null) return problem(wrongType)
  if (typeof value === 'string') return checkString(schema, value).flatMap(problem)
  if (typeof value === 'number') return checkNumber(schema, value).flatMap(problem)
  if (Array.isArray(value)) {
    const { items } = schema
    return items === undefined ? [] : value.flatMap((item, index) => check(items, item, [...path, String(index)]))
  }
  return isObject(value) ? checkObject(schema, value, path) : []
}

/** A union by `op` is judged by the one variant `op` names, so that its fields are named and not the whole union. */
function checkVariants(schema: JsonSchema, value: unknown, path: readonly string[]): readonly SchemaProblem[] {
  const variants = variantsOf(schema)
  if (variants.every((variant) => variant.properties?.op !== undefined)) {
    if (!isObject(value)) return [{ path, message: words.object }]
    const named = variants.find((variant) => check(variant.properties?.op ?? {}, value.op, []).length === 0)
    if (named !== undefined) return check(named, value, path)
    const operations = variants.flatMap(({ properties }) => properties?.op?.enum ?? [properties?.op?.const])
    return [{ path: [...path, 'op'], message: words.unknownOperation(operations.join(', ')) }]
  }
  return variants.some((variant) => check(variant, value, path).length === 0)
    ? []
    : [{ path, message: words.noVariant }]
}

function checkType({ type }: JsonSchema, value: unknown): string | null {
  if (type === undefined) return null
  const types = typeof type === 'string' ? [type] : type
  if (types.some((one) => isOfType(one, value))) return null
  const first = types[0]
  switch (first) {
    case 'string':
    case 'number':
    case 'integer':
    case 'boolean':
    case 'object':
    case 'array':
    case 'null':
      return words[first]
    default:
      return null
  }
}

function isOfType(type: string, value: unknown): boolean {
  switch (type) {
    case 'string':
    case 'boolean':
    case 'number':
      return typeof value === type
    case 'integer':
      return Number.isInteger(value)
    case 'null':
      return value === null
    case 'array':
      return Array.isArray(value)
    case 'object':
      return isObject(value)
    default:
      return true
  }
}

function checkString({ minLength, maxLength, pattern }: JsonSchema, value: string): readonly string[] {
  if (minLength !== undefined && value.length < minLength) return [words.longerThan(minLength)]
  if (maxLength !== undefined && value.length > maxLength) return [words.shorterThan(maxLength)]
  if (pattern !== undefined && !matches(pattern, value)) return [words.pattern]
  return []
}

/** A pattern this browser cannot read is left to the host. */
function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(value)
  } catch {
    return true
  }
}

function checkNumber({ minimum, maximum }: JsonSchema, value: number): readonly string[] {
  if (minimum !== undefined && value < minimum) return [words.atLeast(minimum)]
  if (maximum !== undefined && value > maximum) return [words.atMost(maximum)]
  return []
}

function checkObject(
  schema: JsonSchema,
  value: Readonly<Record<string, unknown>>,
  path: readonly string[],
): readonly SchemaProblem[] {
  const properties = schema.properties ?? {}
  const problems: SchemaProblem[] = []
  for (const name of schema.required ?? []) {
    if (value[name] === undefined) problems.push({ path: [...path, name], message: words.required })
  }
  for (const [name, item] of Object.entries(value)) {
    const property = properties[name]
    if (property !== undefined) problems.push(...check(property, item, [...path, name]))
    else if (schema.additionalProperties === false)
      problems.push({ path: [...path, name], message: words.unknownField })
  }
  return problems
}
