import * as v from 'valibot'

export type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly expected: string }

/** Foreign data against its schema: the value, or in words what was expected. */
export function decode<T>(schema: v.GenericSchema<unknown, T>, data: unknown): Decoded<T> {
  const result = v.safeParse(schema, data)
  if (result.success) return { ok: true, value: result.output }
  return { ok: false, expected: result.issues.map(describeIssue).join('; ') }
}

/** JSON in UTF-8: the value, or in words what is wrong with it. */
export function decodeJson(bytes: Uint8Array): Decoded<unknown> {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return { ok: false, expected: 'it is not valid UTF-8' }
  }
  try {
    return { ok: true, value: JSON.parse(text) as unknown }
  } catch (error) {
    return { ok: false, expected: error instanceof SyntaxError ? error.message : 'it is not JSON' }
  }
}

function describeIssue(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue)
  return path === null ? issue.message : `${path}: ${issue.message}`
}
