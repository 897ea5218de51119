import { describe, expect, it } from 'vitest'
import { createPrng } from '../../../core/base/prng.ts'
import { toHex } from '../../../core/base/bytes.ts'
import { decodeBatch, encodeBatch } from '../../../core/wire/batch.ts'
import type { Decoded } from '../../../core/wire/envelope.ts'
import { decodeEnvelope, encodeEnvelope } from '../../../core/wire/envelope.ts'
import { envelopeOf, SAMPLE_BATCHES, SAMPLE_MESSAGES } from '../../support/messages.ts'
import { mutated } from '../../support/mutation.ts'

const MUTATIONS = 20_000
const FAULTS: readonly string[] = ['FRAME_NOT_CBOR', 'FRAME_MALFORMED', 'FRAME_TOO_LARGE']

/**
 * Breaks good encodings over and over. What is refused must be refused as a value; what is taken must be what it
 * claims: it has an encoding of its own that gives it back.
 */
function breakOver<T>(
  samples: readonly Uint8Array[],
  codec: { readonly decode: (bytes: Uint8Array) => Decoded<T>; readonly encode: (value: T) => Uint8Array },
): { readonly taken: number; readonly refused: number } {
  const prng = createPrng(20_260)
  const count = { taken: 0, refused: 0 }
  for (let round = 0; round < MUTATIONS; round += 1) {
    let bytes = samples[round % samples.length] ?? new Uint8Array(0)
    const depth = prng.between(1, 3)
    for (let step = 0; step < depth; step += 1) if (bytes.length > 0) bytes = mutated(bytes, prng)
    const decoded = decodeCalmly(bytes, codec.decode)
    if (!decoded.ok) {
      if (!FAULTS.includes(decoded.fault.code)) throw new Error(`an unknown fault: ${decoded.fault.code}`)
      count.refused += 1
      continue
    }
    count.taken += 1
    expect(codec.decode(codec.encode(decoded.value))).toStrictEqual(decoded)
  }
  return count
}

function decodeCalmly<T>(bytes: Uint8Array, decode: (bytes: Uint8Array) => Decoded<T>): Decoded<T> {
  try {
    return decode(bytes)
  } catch (cause) {
    throw new Error(`decoding threw for ${toHex(bytes)}`, { cause })
  }
}

describe(`${MUTATIONS} broken encodings`, () => {
  it('of frames throw nothing, and what is taken all the same is a frame', () => {
    const samples = Object.values(SAMPLE_MESSAGES).map((message) => encodeEnvelope(envelopeOf(message, message)))
    const { taken, refused } = breakOver(samples, { decode: decodeEnvelope, encode: encodeEnvelope })
    expect(refused).toBeGreaterThan(MUTATIONS / 2)
    expect(taken).toBeGreaterThan(MUTATIONS / 100)
  })

  it('of batches throw nothing, and what is taken all the same is a batch', () => {
    const samples = Object.values(SAMPLE_BATCHES).map((batch) => encodeBatch(batch))
    const { taken, refused } = breakOver(samples, { decode: decodeBatch, encode: encodeBatch })
    expect(refused).toBeGreaterThan(MUTATIONS / 2)
    expect(taken).toBeGreaterThan(MUTATIONS / 100)
  })
})
