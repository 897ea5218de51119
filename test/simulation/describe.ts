import { ballotText } from '../../core/model/ballot.ts'
import type { Reply } from '../../core/replica/effects.ts'
import type { ReplicaEvent } from '../../core/replica/events.ts'
import type { FaultPlan } from './faults.ts'
import type { Message } from '../../core/wire/message.ts'
import { jsonOf } from './checkers/violation.ts'
import { decodeCanonical } from '../../core/model/canonical.ts'

/** One line for people. */
export function messageText(message: Message): string {
  const parts: string[] = [message.kind]
  if ('ballot' in message) parts.push(ballotText(message.ballot))
  if ('promised' in message) parts.push(`promised ${ballotText(message.promised)}`)
  if ('granted' in message) parts.push(message.granted ? 'granted' : 'refused')
  if ('beat' in message) parts.push(`beat ${message.beat}`)
  if ('slot' in message) parts.push(`slot ${message.slot}`)
  if ('slotFrom' in message) parts.push(`slots ${message.slotFrom}-${message.slotTo ?? ''}`)
  if ('accepted' in message) {
    parts.push(`[${message.accepted.map(({ slot, ballot }) => `${slot}@${ballotText(ballot)}`).join(' ')}]`)
  }
  if (message.kind === 'log-reply') parts.push(`[${message.entries.map(({ slot }) => slot).join(' ')}]`)
  if ('slots' in message) parts.push(`[${message.slots.join(' ')}]`)
  if ('inputs' in message) {
    parts.push(`[${message.inputs.map(({ client, sequence }) => `${client}:${sequence}`).join(' ')}]`)
  }
  if ('slotDecided' in message) parts.push(`(decided ${message.slotDecided})`)
  return parts.join(' ')
}

export function eventText(event: ReplicaEvent): string {
  switch (event.kind) {
    case 'message':
      return `← ${event.from}  ${messageText(event.message)}`
    case 'submit':
      return `request ${event.request}: ${event.client}:${event.sequence} ${jsonOf(decodeCanonical(event.payload))}`
    case 'read':
      return `request ${event.request}: ${event.consistency} ${jsonOf(decodeCanonical(event.payload))}`
    case 'persisted':
      return `persisted ${event.count}`
    case 'forget':
      return `forget ${event.request}`
    case 'lie':
      return event.active ? 'lies from now on' : 'lies no more'
    default:
      return event.kind
  }
}

export function replyText(request: number, reply: Reply): string {
  const head = `request ${request} ⇒ ${reply.kind}`
  switch (reply.kind) {
    case 'busy':
      return head
    case 'fail':
      return `${head} ${reply.reason}`
    case 'output':
    case 'stale':
      return `${head} slot ${reply.slot} ${jsonOf(reply.output)}`
  }
}

export function planText(plan: FaultPlan): string {
  return `the plan: ${JSON.stringify({ ...plan, faulty: Object.fromEntries(plan.faulty) })}`
}
