import type { CanonicalValue } from './canonical.ts'

/**
 * What a machine answers to one Input.
 * A refusal (an overdraft, say) is an Output like any other: ordered, voted on, returned.
 */
export type Output =
  | { readonly ok: true; readonly value: CanonicalValue }
  | { readonly ok: false; readonly error: { readonly code: string; readonly message: string } }

export function accepted(value: CanonicalValue): Output {
  return { ok: true, value }
}

export function rejected(code: string, message: string): Output {
  return { ok: false, error: { code, message } }
}

/** @returns undefined for a value that is no Output. */
export function outputFrom(value: CanonicalValue): Output | undefined {
  if (!isRecord(value)) return undefined
  if (value['ok'] === true && value['value'] !== undefined) return { ok: true, value: value['value'] }
  const error = value['error']
  if (value['ok'] !== false || error === undefined || !isRecord(error)) return undefined
  const { code, message } = error
  return typeof code === 'string' && typeof message === 'string' ? { ok: false, error: { code, message } } : undefined
}

function isRecord(value: CanonicalValue): value is Readonly<Record<string, CanonicalValue>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
}
