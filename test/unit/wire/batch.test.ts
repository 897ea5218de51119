import { encode } from 'cborg'
import { describe, expect, it } from 'vitest'
import { toHex } from '../../../core/base/bytes.ts'
import { LIMITS } from '../../../core/model/limits.ts'
import { decodeBatch, encodeBatch, NOOP_BATCH } from '../../../core/wire/batch.ts'
import { SAMPLE_BATCHES } from '../../support/messages.ts'
import { readGolden } from './golden.ts'

const batches = Object.values(SAMPLE_BATCHES)
const { inputs } = SAMPLE_BATCHES.inputs
const faultOf = (value: unknown): string => {
  const decoded = decodeBatch(encode(value))
  return decoded.ok ? 'none' : decoded.fault.code
}

describe('a batch', () => {
  it.each(batches.map((batch) => [batch.kind, batch] as const))('of kind %s survives its encoding', (_, batch) => {
    expect(decodeBatch(encodeBatch(batch))).toStrictEqual({ ok: true, value: batch })
  })

  it('is these bytes: logs on disk hold them for ever', () => {
    const encoded = batches.map((batch) => [`batch-${batch.kind}`, toHex(encodeBatch(batch))] as const)
    expect(new Map(encoded)).toEqual(new Map([...readGolden()].filter(([name]) => name.startsWith('batch-'))))
  })

  it('that fills a hole is the same few bytes everywhere', () => {
    expect(NOOP_BATCH).toEqual(encodeBatch({ kind: 'noop' }))
  })

  it('is refused as a value when it is no CBOR', () => {
    const bytes = encodeBatch(SAMPLE_BATCHES.inputs)
    const bad = [new Uint8Array(0), bytes.subarray(1), bytes.subarray(0, -1), Uint8Array.from([...bytes, 0])]
    expect(bad.map((other) => decodeBatch(other)).filter((decoded) => decoded.ok)).toEqual([])
  })

  it.each([
    ['of an unknown kind', { kind: 'checkpoint' }],
    ['that does nothing and still holds Inputs', { kind: 'noop', inputs }],
    ['without Inputs', { kind: 'inputs', timeMs: 1, inputs: [] }],
    [
      'with more Inputs than allowed',
      { kind: 'inputs', timeMs: 1, inputs: Array(LIMITS.batchInputsMax + 1).fill(inputs[0]) },
    ],
    ['without a time', { kind: 'inputs', inputs }],
    ['with a broken time', { kind: 'inputs', timeMs: 0.5, inputs }],
    ['from before 1970', { kind: 'inputs', timeMs: -1, inputs }],
    ['with an Input of an unknown kind', { kind: 'inputs', timeMs: 1, inputs: [{ ...inputs[0], kind: 'write' }] }],
    ['with an Input of nobody', { kind: 'inputs', timeMs: 1, inputs: [{ ...inputs[0], client: '' }] }],
    ['with sequence 0', { kind: 'inputs', timeMs: 1, inputs: [{ ...inputs[0], sequence: 0 }] }],
    [
      'with an Input that is too large',
      { kind: 'inputs', timeMs: 1, inputs: [{ ...inputs[0], payload: new Uint8Array(LIMITS.inputBytesMax + 1) }] },
    ],
    ['with an Input that carries more', { kind: 'inputs', timeMs: 1, inputs: [{ ...inputs[0], extra: 1 }] }],
  ])('%s is refused', (_, batch) => {
    expect(faultOf(batch)).toBe('FRAME_MALFORMED')
  })
})
