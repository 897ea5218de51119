import type { Message } from '../../core/wire/message.ts'

/** Names of fields, ballots, digests and the like: about what they take. */
const MESSAGE_BYTES = 96
const ENTRY_BYTES = 48

/** About what a message takes on the wire: exact where it is large. */
export function sizeOf(message: Message): number {
  switch (message.kind) {
    case 'accept':
      return MESSAGE_BYTES + message.value.length
    case 'promise':
      return MESSAGE_BYTES + sum(message.accepted, ({ value }) => value.length)
    case 'log-reply':
      return MESSAGE_BYTES + sum(message.entries, ({ value }) => value.length)
    case 'forward':
      return MESSAGE_BYTES + sum(message.inputs, ({ payload }) => payload.length)
    case 'outputs':
      return MESSAGE_BYTES + sum(message.outputs, (output) => output.length)
    case 'read-request':
      return MESSAGE_BYTES + sum(message.reads, ({ payload }) => payload.length)
    case 'read-outputs':
      return MESSAGE_BYTES + sum(message.outputs, () => ENTRY_BYTES)
    default:
      return MESSAGE_BYTES
  }
}

function sum<T>(items: readonly T[], bytesOf: (item: T) => number): number {
  let bytes = 0
  for (const item of items) bytes += ENTRY_BYTES + bytesOf(item)
  return bytes
}
