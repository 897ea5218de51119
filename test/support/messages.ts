import type { Digest } from '../../core/model/digest.ts'
import { clientId, clusterId, epoch, sequence, slot } from '../../core/model/ids.ts'
import { BALLOT_NONE } from '../../core/model/ballot.ts'
import type { Batch } from '../../core/wire/batch.ts'
import type { Envelope } from '../../core/wire/envelope.ts'
import { WIRE_VERSION } from '../../core/wire/envelope.ts'
import type { Message } from '../../core/wire/message.ts'
import { a, b, ballotOf, c } from './members.ts'

type MessageOf<Kind extends Message['kind']> = Extract<Message, { readonly kind: Kind }>

const ballot = ballotOf(7, b)
const value = Uint8Array.of(0, 1, 127, 128, 255)
const digest = '0123456789abcdef'.repeat(4) as Digest

/** One message of each kind. Their bytes stand in test/fixtures/wire: to change one is to change the fixture. */
export const SAMPLE_MESSAGES: { readonly [Kind in Message['kind']]: MessageOf<Kind> } = {
  'pre-vote': { kind: 'pre-vote', ballot, slotDecided: slot(0) },
  'pre-vote-reply': { kind: 'pre-vote-reply', ballot, granted: true, promised: BALLOT_NONE },
  prepare: { kind: 'prepare', ballot, slotDecided: slot(41) },
  promise: {
    kind: 'promise',
    ballot,
    slotDecided: slot(41),
    slotFrom: slot(42),
    slotTo: null,
    accepted: [
      { slot: slot(42), ballot: ballotOf(6, a), value },
      { slot: slot(44), ballot: ballotOf(5, c), value: new Uint8Array(0) },
    ],
  },
  refused: { kind: 'refused', ballot, promised: ballotOf(8, c) },
  accept: { kind: 'accept', ballot, slot: slot(42), value, slotDecided: slot(41) },
  accepted: { kind: 'accepted', ballot, slot: slot(42) },
  heartbeat: { kind: 'heartbeat', ballot, beat: 3, slotDecided: slot(42) },
  'heartbeat-reply': { kind: 'heartbeat-reply', ballot, beat: 3, slotDecided: slot(40) },
  abdicated: { kind: 'abdicated', ballot, reason: 'disk-stall' },
  pulse: { kind: 'pulse', ballot: BALLOT_NONE, slotDecided: slot(42) },
  forward: {
    kind: 'forward',
    relayed: true,
    inputs: [
      { kind: 'input', client: clientId('alice'), sequence: sequence(9), machine: 'kv', payload: value, proxy: a },
      { kind: 'read', client: clientId('~read/1/a'), sequence: sequence(1), machine: 'kv', payload: value, proxy: a },
    ],
  },
  busy: { kind: 'busy', inputs: [{ client: clientId('alice'), sequence: sequence(9) }] },
  'read-index-request': { kind: 'read-index-request', life: 'life', group: 5 },
  'read-index': { kind: 'read-index', life: 'life', group: 5, slot: slot(42) },
  'read-request': {
    kind: 'read-request',
    life: 'life',
    slot: slot(42),
    reads: [{ number: 6, machine: 'kv', payload: value }],
  },
  'read-outputs': { kind: 'read-outputs', life: 'life', outputs: [{ number: 6, digest }] },
  'log-request': { kind: 'log-request', slotFrom: slot(1), slotTo: slot(2 ** 32) },
  'log-reply': {
    kind: 'log-reply',
    slotDecided: slot(300),
    entries: [{ slot: slot(256), value }],
  },
  'log-gone': { kind: 'log-gone', slotFirst: slot(200), checkpoint: slot(250) },
  attestation: { kind: 'attestation', slot: slot(250), root: digest, signature: value },
  'attestation-request': { kind: 'attestation-request', slot: slot(250) },
  certificate: {
    kind: 'certificate',
    certificate: { slot: slot(250), root: digest, attestations: [{ replica: a, signature: value }] },
  },
  'checkpoint-request': { kind: 'checkpoint-request', slotMin: slot(43) },
  'checkpoint-offer': {
    kind: 'checkpoint-offer',
    timeMs: 1_700_000_000_000,
    stateBytes: 65_536,
    certificate: { slot: slot(250), root: digest, attestations: [{ replica: a, signature: value }] },
  },
  'digests-request': { kind: 'digests-request', slot: slot(250) },
  digests: { kind: 'digests', slot: slot(250), digests: [digest, digest] },
  'state-request': { kind: 'state-request', slot: slot(250), pieces: [{ partition: 1023, offset: 131_072 }] },
  'state-pieces': {
    kind: 'state-pieces',
    slot: slot(250),
    pieces: [{ partition: 1023, offset: 131_072, packedBytes: 131_077, rawBytes: 200_000, bytes: value }],
  },
  'state-gone': { kind: 'state-gone', slot: slot(250) },
  'audit-report': { kind: 'audit-report', slot: slot(300), root: digest, outputs: digest, signature: value },
  'audit-report-request': { kind: 'audit-report-request', slot: slot(300) },
  'audit-digests-request': { kind: 'audit-digests-request', slot: slot(300) },
  'audit-digests': { kind: 'audit-digests', slot: slot(300), digests: [digest, digest] },
  'audit-entries-request': { kind: 'audit-entries-request', slot: slot(300), partition: 1023 },
  'audit-entries': { kind: 'audit-entries', slot: slot(300), partition: 1023, entries: value },
  'audit-inspected': { kind: 'audit-inspected', slot: slot(300) },
  vote: { kind: 'vote', slot: slot(42), digest, signature: value },
  'vote-request': { kind: 'vote-request', slots: [slot(42), slot(43)] },
  'outputs-request': { kind: 'outputs-request', slot: slot(42), first: 7 },
  outputs: { kind: 'outputs', slot: slot(42), first: 1, count: 3, outputs: [value, value] },
}

export const SAMPLE_BATCHES: { readonly [Kind in Batch['kind']]: Extract<Batch, { readonly kind: Kind }> } = {
  noop: { kind: 'noop' },
  inputs: { kind: 'inputs', timeMs: 1_700_000_000_000, inputs: SAMPLE_MESSAGES.forward.inputs },
}

export function envelopeOf(...messages: readonly Message[]): Envelope {
  return { version: WIRE_VERSION, cluster: clusterId('5a'.repeat(16)), epoch: epoch(3), from: a, messages }
}
