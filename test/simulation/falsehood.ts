import { encodeCanonical } from '../../core/model/canonical.ts'
import type { Message } from '../../core/wire/message.ts'

const FORGED = encodeCanonical({ ok: true, value: { value: 13, found: true } })

/** What a two-faced replica sends instead: other Outputs than the ones it voted for. */
export function forged(message: Message): Message {
  if (message.kind !== 'outputs') return message
  return { ...message, outputs: message.outputs.map(() => FORGED) }
}
