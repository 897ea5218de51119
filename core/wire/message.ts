import * as v from 'valibot'
import { unreachable } from '../base/assert.ts'
import type { AuditMessage } from './audit.ts'
import { auditMessageSchemas } from './audit.ts'
import type { CheckpointMessage } from './checkpoint.ts'
import { checkpointMessageSchemas } from './checkpoint.ts'
import type { LogMessage } from './log.ts'
import { logMessageSchemas } from './log.ts'
import type { BindingReply, OrderingMessage } from './ordering.ts'
import { orderingMessageSchemas } from './ordering.ts'
import type { OutputMessage } from './output.ts'
import { outputMessageSchemas } from './output.ts'
import type { ReadMessage } from './read.ts'
import { readMessageSchemas } from './read.ts'

/** Everything replicas say to each other. */
export type Message = OrderingMessage | LogMessage | OutputMessage | ReadMessage | CheckpointMessage | AuditMessage
/** What may leave at once; a `BindingReply` waits for its record. */
export type FreeMessage = Exclude<Message, BindingReply>

export const messageSchema: v.GenericSchema<unknown, Message> = v.variant('kind', [
  ...orderingMessageSchemas,
  ...logMessageSchemas,
  ...outputMessageSchemas,
  ...readMessageSchemas,
  ...checkpointMessageSchemas,
  ...auditMessageSchemas,
])

/** Each channel is a stream of its own, so that bulk never stands before a heartbeat. */
export const CHANNELS = ['ordering', 'output', 'transfer', 'state'] as const
export type Channel = (typeof CHANNELS)[number]

/** @returns the stream a message travels on. */
export function channelOf(message: Message): Channel {
  switch (message.kind) {
    case 'pre-vote':
    case 'pre-vote-reply':
    case 'prepare':
    case 'promise':
    case 'refused':
    case 'accept':
    case 'accepted':
    case 'heartbeat':
    case 'heartbeat-reply':
    case 'abdicated':
    case 'pulse':
    case 'busy':
    case 'read-index-request':
    case 'read-index':
    case 'read-request':
      return 'ordering'
    case 'vote':
    case 'vote-request':
    case 'outputs-request':
    case 'outputs':
    case 'read-outputs':
    case 'audit-report':
    case 'audit-report-request':
    case 'audit-digests-request':
    case 'audit-entries-request':
    case 'audit-inspected':
      return 'output'
    case 'log-request':
    case 'log-reply':
    case 'log-gone':
    case 'forward':
    case 'checkpoint-request':
    case 'checkpoint-offer':
    case 'digests-request':
    case 'state-request':
    case 'attestation':
    case 'attestation-request':
    case 'certificate':
      return 'transfer'
    case 'digests':
    case 'state-pieces':
    case 'state-gone':
    case 'audit-digests':
    case 'audit-entries':
      return 'state'
    default:
      return unreachable(message)
  }
}
