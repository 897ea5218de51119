import { Uint8ArrayList } from 'uint8arraylist'
import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../../core/base/assert.ts'
import type { Epoch } from '../../../core/model/ids.ts'
import { epoch, replicaId } from '../../../core/model/ids.ts'
import { LIMITS } from '../../../core/model/limits.ts'
import { FrameReader, FrameWriter } from '../../../core/transport/frame.ts'
import { decodeEnvelope, encodeEnvelope } from '../../../core/wire/envelope.ts'
import type { Message } from '../../../core/wire/message.ts'
import { accept, accepted, CLUSTER, EPOCH, envelope, heartbeat, logRequest, vote } from './messages.ts'

const from = replicaId('12D3KooWFrameTest')

function createWriter(now: () => Epoch = () => EPOCH): FrameWriter {
  return new FrameWriter({ cluster: CLUSTER, from, epoch: now })
}

function write(writer: FrameWriter, messages: readonly Message[]): Uint8Array {
  return writer.frame(messages.map((message) => writer.encode(message)))
}

/** Feeds a reader in chunks of this size and collects what it makes of them. */
function read(bytes: Uint8Array, chunkBytes: number): unknown[] {
  const reader = new FrameReader()
  const seen: unknown[] = []
  for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
    reader.append(bytes.subarray(offset, offset + chunkBytes))
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
      seen.push(frame.ok ? decodeEnvelope(frame.value) : frame)
      if (!frame.ok) return seen
    }
  }
  return seen
}

describe('FrameWriter', () => {
  it.each([0, 1, 2, 23, 24, 255, 256, LIMITS.frameMessagesMax])(
    'makes of %i messages the bytes that encodeEnvelope makes',
    (count) => {
      const kinds = [accepted, vote, logRequest, heartbeat, (at: number) => accept(at, new Uint8Array(at % 300))]
      const messages = Array.from({ length: count }, (_, index) => kinds[index % kinds.length]?.(index) ?? accepted(0))
      const frame = Buffer.from(write(createWriter(), messages))
      const expected = Buffer.from(encodeEnvelope(envelope(from, messages)))
      expect(frame.readUInt32BE(0)).toBe(expected.length)
      expect(frame.subarray(4).equals(expected)).toBe(true)
    },
  )

  it('puts the epoch of the moment into each frame', () => {
    let current = epoch(1)
    const writer = createWriter(() => current)
    write(writer, [accepted(1)])
    current = epoch(4711)
    expect(decodeEnvelope(write(writer, [accepted(1)]).subarray(4))).toMatchObject({ value: { epoch: 4711 } })
  })

  it('halts on a message that fits no frame', () => {
    expect(() => createWriter().encode(accept(1, new Uint8Array(LIMITS.frameBytesMax)))).toThrow(InvariantError)
  })
})

describe('FrameReader', () => {
  it.each([1, 3, 7, 64, 1000, 1_000_000])('finds the frames in chunks of %i bytes', (chunkBytes) => {
    const writer = createWriter()
    const batches = [[accepted(1)], [], [vote(2), vote(3)], [accept(4, new Uint8Array(5000).fill(9))], [heartbeat(5)]]
    const bytes = Buffer.concat(batches.map((messages) => write(writer, messages)))
    expect(read(bytes, chunkBytes)).toEqual(batches.map((messages) => ({ ok: true, value: envelope(from, messages) })))
  })

  it('refuses a frame above the limit by its length alone, and keeps none of it', () => {
    const reader = new FrameReader()
    const head = Buffer.alloc(70_000)
    head.writeUInt32BE(LIMITS.frameBytesMax + 1)
    reader.append(new Uint8ArrayList(head))
    expect(reader.next()).toEqual({
      ok: false,
      fault: { code: 'FRAME_TOO_LARGE', detail: `${LIMITS.frameBytesMax + 1} bytes announced` },
    })
    expect(reader.bytes).toBe(0)
  })

  it('takes a frame of exactly the limit', () => {
    const bytes = Buffer.alloc(4 + LIMITS.frameBytesMax)
    bytes.writeUInt32BE(LIMITS.frameBytesMax)
    const reader = new FrameReader()
    reader.append(bytes)
    expect(reader.next()).toMatchObject({ ok: true, value: { length: LIMITS.frameBytesMax } })
  })
})
