import type { CanonicalValue } from '../../core/model/canonical.ts'

/** What the simulated clients ask of kv: a part of its words, the ones the model execution knows. */
export type Operation =
  | { readonly op: 'get'; readonly key: string }
  | { readonly op: 'set'; readonly key: string; readonly value: number | string; readonly expiresInMs?: number }
  | { readonly op: 'delete'; readonly key: string }
  | {
      readonly op: 'compare-and-set'
      readonly key: string
      readonly expected: number | null
      readonly value: number
    }
  | { readonly op: 'increment'; readonly key: string }

/** Reads an operation back out of a payload. @returns undefined for what the clients never ask. */
export function operationFrom(value: CanonicalValue): Operation | undefined {
  if (!isRecord(value)) return undefined
  const { op, key } = value
  if (typeof key !== 'string') return undefined
  switch (op) {
    case 'get':
    case 'delete':
    case 'increment':
      return { op, key }
    case 'set': {
      const { value: written, expiresInMs } = value
      if (typeof written !== 'number' && typeof written !== 'string') return undefined
      return typeof expiresInMs === 'number' ? { op, key, value: written, expiresInMs } : { op, key, value: written }
    }
    case 'compare-and-set': {
      const { expected, value: written } = value
      if (typeof written !== 'number' || (typeof expected !== 'number' && expected !== null)) return undefined
      return { op, key, expected, value: written }
    }
    default:
      return undefined
  }
}

export function isRecord(value: CanonicalValue | undefined): value is Readonly<Record<string, CanonicalValue>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
}
