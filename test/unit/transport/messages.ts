import type { ReplicaId, Slot } from '../../../core/model/ids.ts'
import { clusterId, epoch, replicaId, slot } from '../../../core/model/ids.ts'
import type { Digest } from '../../../core/model/digest.ts'
import type { Envelope } from '../../../core/wire/envelope.ts'
import { WIRE_VERSION } from '../../../core/wire/envelope.ts'
import type { Channel, Message } from '../../../core/wire/message.ts'

export const CLUSTER = clusterId('c1'.repeat(16))
export const EPOCH = epoch(1)
const ballot = { round: 3, proposer: replicaId('12D3KooWProposer') }
const digest = 'ab'.repeat(32) as Digest

export function heartbeat(beat: number): Message {
  return { kind: 'heartbeat', ballot, beat, slotDecided: slot(1) }
}

export function accepted(at: number): Message {
  return { kind: 'accepted', ballot, slot: slot(at) }
}

export function accept(at: number, value: Uint8Array): Message {
  return { kind: 'accept', ballot, slot: slot(at), value, slotDecided: slot(1) }
}

export function vote(at: number): Message {
  return { kind: 'vote', slot: slot(at), digest, signature: new Uint8Array(64) }
}

export function logRequest(at: number): Message {
  return { kind: 'log-request', slotFrom: slot(at), slotTo: slot(at) }
}

export function stateGone(at: number): Message {
  return { kind: 'state-gone', slot: slot(at) }
}

/** A small numbered message of each channel. */
export const numbered: Readonly<Record<Channel, (at: number) => Message>> = {
  ordering: accepted,
  output: vote,
  transfer: logRequest,
  state: stateGone,
}

export function numberOf(message: Message): Slot | undefined {
  switch (message.kind) {
    case 'accepted':
    case 'accept':
    case 'vote':
    case 'state-gone':
      return message.slot
    case 'log-request':
      return message.slotFrom
    default:
      return undefined
  }
}

export function envelope(from: ReplicaId, messages: readonly Message[]): Envelope {
  return { version: WIRE_VERSION, cluster: CLUSTER, epoch: EPOCH, from, messages }
}
