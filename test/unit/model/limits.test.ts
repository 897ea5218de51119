import { describe, expect, it } from 'vitest'
import { encodeBatch, decodeBatch } from '../../../core/wire/batch.ts'
import { decodeEnvelope, encodeEnvelope, WIRE_VERSION } from '../../../core/wire/envelope.ts'
import { clientId, clusterId, epoch, replicaId, sequence, slot } from '../../../core/model/ids.ts'
import type { Input } from '../../../core/model/input.ts'
import { LIMITS } from '../../../core/model/limits.ts'
import { ballotOf } from '../../support/members.ts'

/** The largest Input any door lets in: every name as long as it may be, in characters of three bytes. */
const largest: Input = {
  kind: 'input',
  client: clientId('語'.repeat(128)),
  sequence: sequence(Number.MAX_SAFE_INTEGER),
  machine: 'm'.repeat(64),
  payload: new Uint8Array(LIMITS.inputBytesMax),
  proxy: replicaId('p'.repeat(128)),
}

describe('the limits', () => {
  it('let the largest Input through a batch, an accept and a frame', () => {
    const value = encodeBatch({ kind: 'inputs', timeMs: Number.MAX_SAFE_INTEGER, inputs: [largest] })
    expect(value.length).toBeLessThanOrEqual(LIMITS.batchBytesMax)
    expect(decodeBatch(value)).toMatchObject({ ok: true })
    const ballot = ballotOf(Number.MAX_SAFE_INTEGER, largest.proxy)
    const accept = { kind: 'accept', ballot, slot: slot(1), value, slotDecided: slot(0) } as const
    const frame = encodeEnvelope({
      version: WIRE_VERSION,
      cluster: clusterId('c'.repeat(64)),
      epoch: epoch(1),
      from: largest.proxy,
      messages: [accept],
    })
    expect(frame.length).toBeLessThanOrEqual(LIMITS.frameBytesMax)
    expect(decodeEnvelope(frame)).toMatchObject({ ok: true })
  })

  it('let a batch full of the longest names through the codec', () => {
    const inputs = Array.from({ length: LIMITS.batchInputsMax }, () => ({ ...largest, payload: new Uint8Array(1_500) }))
    const value = encodeBatch({ kind: 'inputs', timeMs: 1, inputs })
    expect(value.length).toBeLessThanOrEqual(LIMITS.partBytesMax)
    expect(decodeBatch(value)).toMatchObject({ ok: true })
  })
})
