import { decode, encode } from 'cborg'
import * as v from 'valibot'
import type { Input } from '../model/input.ts'
import { LIMITS } from '../model/limits.ts'
import type { Decoded } from './envelope.ts'
import { countSchema, inputSchema } from './schema.ts'

/**
 * What one slot holds once it is decided.
 *
 * `noop` fills a hole a dead leader left. `time` is the ordered time: milliseconds since 1970 by the leader's
 * clock, made strictly increasing by the executor, the only time a machine ever sees.
 */
export type Batch =
  { readonly kind: 'noop' } | { readonly kind: 'inputs'; readonly timeMs: number; readonly inputs: readonly Input[] }

const batchSchema: v.GenericSchema<unknown, Batch> = v.variant('kind', [
  v.strictObject({ kind: v.literal('noop') }),
  v.strictObject({
    kind: v.literal('inputs'),
    timeMs: countSchema,
    inputs: v.pipe(v.array(inputSchema), v.minLength(1), v.maxLength(LIMITS.batchInputsMax)),
  }),
])

/** Ordering carries these bytes and never looks inside. */
export function encodeBatch(batch: Batch): Uint8Array {
  return encode(batch)
}

export function decodeBatch(bytes: Uint8Array): Decoded<Batch> {
  let raw: unknown
  try {
    raw = decode(bytes, { allowUndefined: false, allowNaN: false, allowInfinity: false, rejectDuplicateMapKeys: true })
  } catch (cause) {
    return { ok: false, fault: { code: 'FRAME_NOT_CBOR', detail: String(cause) } }
  }
  const parsed = v.safeParse(batchSchema, raw, { abortEarly: true })
  if (parsed.success) return { ok: true, value: parsed.output }
  const issue = parsed.issues[0]
  return { ok: false, fault: { code: 'FRAME_MALFORMED', detail: `${v.getDotPath(issue) ?? ''}: ${issue.message}` } }
}

export const NOOP_BATCH: Uint8Array = encodeBatch({ kind: 'noop' })
