import { encode } from 'cborg'
import { describe, expect, it } from 'vitest'
import { toHex } from '../../../core/base/bytes.ts'
import { LIMITS } from '../../../core/model/limits.ts'
import type { Decoded } from '../../../core/wire/envelope.ts'
import { decodeEnvelope, encodeEnvelope, WIRE_VERSION } from '../../../core/wire/envelope.ts'
import { CHANNELS, channelOf } from '../../../core/wire/message.ts'
import { envelopeOf, SAMPLE_BATCHES, SAMPLE_MESSAGES } from '../../support/messages.ts'
import { a, ballotOf } from '../../support/members.ts'
import { readGolden } from './golden.ts'

const messages = Object.values(SAMPLE_MESSAGES)
const faultOf = (decoded: Decoded<unknown>): string => (decoded.ok ? 'none' : decoded.fault.code)
/** A frame that says what no program of ours would say. */
const frameOf = (changes: object): Uint8Array => encode({ ...envelopeOf(), ...changes })
const faultOfMessage = (message: unknown): string => faultOf(decodeEnvelope(frameOf({ messages: [message] })))

describe('a frame', () => {
  it.each(messages.map((message) => [message.kind, message] as const))('brings a %s over unchanged', (_, message) => {
    const envelope = envelopeOf(message)
    expect(decodeEnvelope(encodeEnvelope(envelope))).toStrictEqual({ ok: true, value: envelope })
  })

  it('brings all kinds over together, in order', () => {
    const envelope = envelopeOf(...messages, ...messages.toReversed())
    expect(decodeEnvelope(encodeEnvelope(envelope))).toStrictEqual({ ok: true, value: envelope })
  })

  it('is read into bytes of its own, so that a reused buffer changes nothing', () => {
    const frame = Buffer.from(encodeEnvelope(envelopeOf(SAMPLE_MESSAGES.accept)))
    const decoded = decodeEnvelope(frame)
    frame.fill(0)
    expect(decoded).toStrictEqual({ ok: true, value: envelopeOf(SAMPLE_MESSAGES.accept) })
  })

  it('is these bytes for each kind of message: whoever changes them raises WIRE_VERSION and adds a fixture', () => {
    const encoded = messages.map((message) => [message.kind, toHex(encodeEnvelope(envelopeOf(message)))] as const)
    const golden = [...readGolden()].filter(([name]) => !(name in batchNames))
    expect(WIRE_VERSION).toBe(1)
    expect(new Map(encoded)).toEqual(new Map(golden))
  })

  it('of that age is still understood', () => {
    for (const message of messages) {
      const bytes = Uint8Array.from(Buffer.from(readGolden().get(message.kind) ?? '', 'hex'))
      expect(decodeEnvelope(bytes)).toStrictEqual({ ok: true, value: envelopeOf(message) })
    }
  })
})

const batchNames = Object.fromEntries(Object.keys(SAMPLE_BATCHES).map((kind) => [`batch-${kind}`, true]))

describe('foreign bytes', () => {
  it('past the size of a frame are refused unread', () => {
    expect(decodeEnvelope(new Uint8Array(LIMITS.frameBytesMax + 1))).toEqual({
      ok: false,
      fault: { code: 'FRAME_TOO_LARGE', detail: `${LIMITS.frameBytesMax + 1} bytes` },
    })
  })

  it('that are no CBOR, or none we speak, are refused as such', () => {
    const good = encodeEnvelope(envelopeOf(SAMPLE_MESSAGES.prepare))
    const bad = [
      new Uint8Array(0),
      good.subarray(0, -1),
      Uint8Array.from([...good, 0]),
      new Uint8Array(1_000_000).fill(0x81),
      Uint8Array.of(0xf7),
      Uint8Array.of(0xf9, 0x7e, 0),
      Uint8Array.of(0xa1, 1, 1),
      Uint8Array.from(Buffer.from('a2616101616102', 'hex')),
    ]
    expect(bad.map((bytes) => faultOf(decodeEnvelope(bytes)))).toEqual(bad.map(() => 'FRAME_NOT_CBOR'))
  })

  it('that are CBOR but no frame are refused, whatever they are', () => {
    const others = [null, 0, 'frame', [], {}, new Uint8Array(3), [envelopeOf()]]
    expect(others.map((other) => faultOf(decodeEnvelope(encode(other))))).toEqual(others.map(() => 'FRAME_MALFORMED'))
  })

  it.each([
    ['another version', { version: WIRE_VERSION + 1 }],
    ['no cluster', { cluster: '' }],
    ['a cluster name without end', { cluster: 'c'.repeat(65) }],
    ['epoch 0', { epoch: 0 }],
    ['half an epoch', { epoch: 1.5 }],
    ['no sender', { from: '' }],
    ['a sender without end', { from: 'f'.repeat(129) }],
    ['something more', { extra: 1 }],
    ['an own __proto__', JSON.parse('{"__proto__": {"version": 1}}') as object],
    ['messages that are no list', { messages: { 0: SAMPLE_MESSAGES.prepare } }],
    [
      'more messages than a frame holds',
      { messages: Array(LIMITS.frameMessagesMax + 1).fill(SAMPLE_MESSAGES.abdicated) },
    ],
    ['one bad message among good ones', { messages: [SAMPLE_MESSAGES.prepare, { kind: 'prepare' }] }],
  ])('with %s are no frame', (_, changes) => {
    expect(faultOf(decodeEnvelope(frameOf(changes)))).toBe('FRAME_MALFORMED')
  })

  it('name the place of what was wrong', () => {
    const decoded = decodeEnvelope(
      frameOf({ messages: [{ ...SAMPLE_MESSAGES.prepare, ballot: { round: 0, proposer: 'a' } }] }),
    )
    expect(decoded.ok ? '' : decoded.fault.detail).toContain('messages.0.ballot.round')
  })
})

describe('a message', () => {
  it.each(messages.map((message) => [message.kind, message] as const))(
    '%s is refused when any of its parts is missing, or one is added',
    (_, message) => {
      const keys = Object.keys(message)
      const without = keys.map((key) => Object.fromEntries(Object.entries(message).filter(([name]) => name !== key)))
      expect([...without, { ...message, extra: 0 }].map(faultOfMessage)).toEqual(
        Array.from({ length: keys.length + 1 }, () => 'FRAME_MALFORMED'),
      )
    },
  )

  it('counts slots in whole numbers from 0 up to where they are exact', () => {
    const at = (slot: unknown): string => faultOfMessage({ ...SAMPLE_MESSAGES.accepted, slot })
    expect([0, Number.MAX_SAFE_INTEGER].map(at)).toEqual(['none', 'none'])
    expect([-1, 0.5, 2n ** 53n, '1', null].map(at)).toEqual(Array.from({ length: 5 }, () => 'FRAME_MALFORMED'))
  })

  it('claims no ballot below round 1, but may say that none was promised', () => {
    const none = { round: 0, proposer: '' }
    expect([
      faultOfMessage({ ...SAMPLE_MESSAGES.prepare, ballot: none }),
      faultOfMessage({ ...SAMPLE_MESSAGES.refused, promised: none }),
      faultOfMessage({ ...SAMPLE_MESSAGES['pre-vote-reply'], promised: none }),
      faultOfMessage({ ...SAMPLE_MESSAGES['pre-vote-reply'], promised: ballotOf(9, a) }),
    ]).toEqual(['FRAME_MALFORMED', 'FRAME_MALFORMED', 'none', 'none'])
  })

  it('carries a batch of at most a part', () => {
    const carrying = (length: number): string =>
      faultOfMessage({ ...SAMPLE_MESSAGES.accept, value: new Uint8Array(length) })
    expect([carrying(LIMITS.partBytesMax), carrying(LIMITS.partBytesMax + 1)]).toEqual(['none', 'FRAME_MALFORMED'])
  })

  it('carries SHA-256 in lower-case hexadecimal or no vote', () => {
    const { digest } = SAMPLE_MESSAGES.vote
    const digests = [digest, digest.toUpperCase(), digest.slice(1), `${digest}0`, `${digest}\n`, Buffer.from(digest)]
    expect(digests.map((other) => faultOfMessage({ ...SAMPLE_MESSAGES.vote, digest: other }))).toEqual([
      'none',
      ...Array.from({ length: 5 }, () => 'FRAME_MALFORMED'),
    ])
  })

  it('holds no more Inputs, slots or Outputs than the limits say', () => {
    const input = SAMPLE_MESSAGES.forward.inputs[0]
    const many = (count: number, item: unknown): unknown[] => Array.from({ length: count }, () => item)
    const { batchInputsMax, outputSlotsMax } = LIMITS
    expect([
      faultOfMessage({ ...SAMPLE_MESSAGES.forward, inputs: many(batchInputsMax, input) }),
      faultOfMessage({ ...SAMPLE_MESSAGES.forward, inputs: many(batchInputsMax + 1, input) }),
      faultOfMessage({ kind: 'vote-request', slots: many(outputSlotsMax, 1) }),
      faultOfMessage({ kind: 'vote-request', slots: many(outputSlotsMax + 1, 1) }),
      faultOfMessage({ ...SAMPLE_MESSAGES.outputs, count: batchInputsMax }),
      faultOfMessage({ ...SAMPLE_MESSAGES.outputs, count: batchInputsMax + 1 }),
    ]).toEqual(['none', 'FRAME_MALFORMED', 'none', 'FRAME_MALFORMED', 'none', 'FRAME_MALFORMED'])
  })

  it('of a state transfer carries no more pieces, digests and signatures than the limits say', () => {
    const { certificate } = SAMPLE_MESSAGES['checkpoint-offer']
    const many = (count: number, item: unknown): unknown[] => Array.from({ length: count }, () => item)
    const offer = (attestations: unknown): string =>
      faultOfMessage({ ...SAMPLE_MESSAGES['checkpoint-offer'], certificate: { ...certificate, attestations } })
    const [asked] = SAMPLE_MESSAGES['state-request'].pieces
    const [piece] = SAMPLE_MESSAGES['state-pieces'].pieces
    const [digest] = SAMPLE_MESSAGES.digests.digests
    const carrying = (bytes: number): unknown => ({ ...piece, bytes: new Uint8Array(bytes) })
    const { membersMax, piecesMax, pieceBytesMax } = LIMITS
    const pairs: (readonly [string, string])[] = [
      [offer(many(membersMax, certificate.attestations[0])), offer(many(membersMax + 1, certificate.attestations[0]))],
      [
        faultOfMessage({ ...SAMPLE_MESSAGES.attestation, signature: new Uint8Array(64) }),
        faultOfMessage({ ...SAMPLE_MESSAGES.attestation, signature: new Uint8Array(65) }),
      ],
      [
        faultOfMessage({ ...SAMPLE_MESSAGES['state-request'], pieces: many(piecesMax, asked) }),
        faultOfMessage({ ...SAMPLE_MESSAGES['state-request'], pieces: many(piecesMax + 1, asked) }),
      ],
      [
        faultOfMessage({ ...SAMPLE_MESSAGES['state-pieces'], pieces: [carrying(pieceBytesMax)] }),
        faultOfMessage({ ...SAMPLE_MESSAGES['state-pieces'], pieces: [carrying(pieceBytesMax + 1)] }),
      ],
      [
        faultOfMessage({ ...SAMPLE_MESSAGES['state-pieces'], pieces: many(piecesMax, piece) }),
        faultOfMessage({ ...SAMPLE_MESSAGES['state-pieces'], pieces: many(piecesMax + 1, piece) }),
      ],
      [
        faultOfMessage({ ...SAMPLE_MESSAGES.digests, digests: many(4096, digest) }),
        faultOfMessage({ ...SAMPLE_MESSAGES.digests, digests: many(4097, digest) }),
      ],
    ]
    expect(pairs).toEqual(pairs.map(() => ['none', 'FRAME_MALFORMED']))
  })

  it('travels on one channel, and every channel is used: bulk never stands before a heartbeat', () => {
    const channels = messages.map((message) => [message.kind, channelOf(message)] as const)
    const on = (channel: string): string[] => channels.filter(([, other]) => other === channel).map(([kind]) => kind)
    expect(CHANNELS).toEqual(['ordering', 'output', 'transfer', 'state'])
    expect(on('output').toSorted()).toEqual([
      ...['audit-digests-request', 'audit-entries-request', 'audit-inspected', 'audit-report', 'audit-report-request'],
      ...['outputs', 'outputs-request', 'read-outputs', 'vote', 'vote-request'],
    ])
    expect(on('transfer')).toEqual([
      ...['forward', 'log-request', 'log-reply', 'log-gone'],
      ...['attestation', 'attestation-request', 'certificate', 'checkpoint-request', 'checkpoint-offer'],
      ...['digests-request', 'state-request'],
    ])
    expect(on('state').toSorted()).toEqual(['audit-digests', 'audit-entries', 'digests', 'state-gone', 'state-pieces'])
    expect(on('ordering').length).toBe(messages.length - 26)
  })
})
