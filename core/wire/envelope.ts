import { decode, encode } from 'cborg'
import * as v from 'valibot'
import type { ClusterId, Epoch, ReplicaId } from '../model/ids.ts'
import { LIMITS } from '../model/limits.ts'
import type { Message } from './message.ts'
import { messageSchema } from './message.ts'
import { epochSchema, replicaIdSchema } from './schema.ts'

/** Rises when an older Synod could misread a frame. */
export const WIRE_VERSION = 1

/** One frame: all that a turn of the sender's loop has for one peer on one channel. */
export interface Envelope {
  readonly version: typeof WIRE_VERSION
  readonly cluster: ClusterId
  readonly epoch: Epoch
  readonly from: ReplicaId
  readonly messages: readonly Message[]
}

/** Why foreign bytes were refused. A value, never an exception: what follows is decided by the receiver. */
export interface DecodeFault {
  readonly code: 'FRAME_TOO_LARGE' | 'FRAME_NOT_CBOR' | 'FRAME_MALFORMED'
  readonly detail: string
}

export type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: DecodeFault }

const envelopeSchema: v.GenericSchema<unknown, Envelope> = v.strictObject({
  version: v.literal(WIRE_VERSION),
  cluster: v.pipe(
    v.string(),
    v.minLength(1),
    v.maxLength(64),
    v.transform((value) => value as ClusterId),
  ),
  epoch: epochSchema,
  from: replicaIdSchema,
  messages: v.pipe(v.array(messageSchema), v.maxLength(LIMITS.frameMessagesMax)),
})

export function encodeEnvelope(envelope: Envelope): Uint8Array {
  return encode(envelope)
}

/** Decodes and validates one frame of foreign bytes. */
export function decodeEnvelope(bytes: Uint8Array): Decoded<Envelope> {
  if (bytes.length > LIMITS.frameBytesMax) {
    return { ok: false, fault: { code: 'FRAME_TOO_LARGE', detail: `${bytes.length} bytes` } }
  }
  let raw: unknown
  try {
    raw = decode(bytes, { allowUndefined: false, allowNaN: false, allowInfinity: false, rejectDuplicateMapKeys: true })
  } catch (cause) {
    return { ok: false, fault: { code: 'FRAME_NOT_CBOR', detail: String(cause) } }
  }
  const parsed = v.safeParse(envelopeSchema, raw, { abortEarly: true })
  if (parsed.success) return { ok: true, value: parsed.output }
  const issue = parsed.issues[0]
  return { ok: false, fault: { code: 'FRAME_MALFORMED', detail: `${v.getDotPath(issue) ?? ''}: ${issue.message}` } }
}
