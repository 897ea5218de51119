import { encode } from 'cborg'
import { Uint8ArrayList } from 'uint8arraylist'
import { assert } from '../base/assert.ts'
import type { ClusterId, Epoch, ReplicaId } from '../model/ids.ts'
import { LIMITS } from '../model/limits.ts'
import type { Decoded } from '../wire/envelope.ts'
import { encodeEnvelope, WIRE_VERSION } from '../wire/envelope.ts'
import type { Message } from '../wire/message.ts'

/** Before each envelope stands its length: an unsigned 32-bit number of bytes, big-endian. */
const LENGTH_BYTES = 4
/** More than everything in an envelope that is not a message: names of fields, cluster, epoch, sender, array head. */
const HEAD_BYTES_MAX = 512
const CBOR_ARRAY = 0x80

/** What a frame has for messages. */
export const FRAME_BODY_BYTES_MAX = LIMITS.frameBytesMax - HEAD_BYTES_MAX

export interface FrameWriterInit {
  readonly cluster: ClusterId
  readonly from: ReplicaId
  readonly epoch: () => Epoch
}

/**
 * Makes frames of messages that were encoded one by one.
 *
 * The messages are the last field of an envelope in CBOR's deterministic order, so an envelope is a fixed head, the
 * head of an array and the messages in a row: the very bytes `encodeEnvelope` makes. Encoding a message once gives its
 * size for the send queue, lets messages that waited share a frame, and serves all the peers it goes to.
 */
export class FrameWriter {
  readonly #init: FrameWriterInit
  readonly #encoded = new WeakMap<Message, Uint8Array>()
  #epoch: Epoch | undefined
  #head: Uint8Array = new Uint8Array(0)

  constructor(init: FrameWriterInit) {
    this.#init = init
  }

  /** @throws InvariantError when the message alone passes the limit of a frame: its sender should have split it. */
  encode(message: Message): Uint8Array {
    const known = this.#encoded.get(message)
    if (known !== undefined) return known
    const bytes = encode(message)
    assert(bytes.length <= FRAME_BODY_BYTES_MAX, 'a message fits a frame')
    this.#encoded.set(message, bytes)
    return bytes
  }

  /** @returns a frame with its length before it. */
  frame(messages: readonly Uint8Array[]): Uint8Array {
    const head = this.#headOf(this.#init.epoch())
    const arrayHead = arrayHeadOf(messages.length)
    let length = head.length + arrayHead.length
    for (const message of messages) length += message.length
    assert(length <= LIMITS.frameBytesMax, 'a frame keeps to its limit')
    const frame = Buffer.allocUnsafe(LENGTH_BYTES + length)
    frame.writeUInt32BE(length, 0)
    frame.set(head, LENGTH_BYTES)
    let offset = LENGTH_BYTES + head.length
    frame.set(arrayHead, offset)
    offset += arrayHead.length
    for (const message of messages) {
      frame.set(message, offset)
      offset += message.length
    }
    return frame
  }

  #headOf(epoch: Epoch): Uint8Array {
    if (this.#epoch === epoch) return this.#head
    const { cluster, from } = this.#init
    const envelope = encodeEnvelope({ version: WIRE_VERSION, cluster, epoch, from, messages: [] })
    assert(envelope.at(-1) === CBOR_ARRAY, 'the messages are the last field of an envelope')
    this.#epoch = epoch
    this.#head = envelope.subarray(0, -1)
    return this.#head
  }
}

/** The head of a CBOR array in its shortest form. Source: RFC 8949, 3. */
function arrayHeadOf(count: number): readonly number[] {
  assert(count <= 0xffff, 'the count of messages fits a two-byte array head')
  if (count < 24) return [CBOR_ARRAY | count]
  if (count < 0x100) return [0x98, count]
  return [0x99, count >> 8, count & 0xff]
}

/** Cuts a stream of bytes into envelopes. Holds at most one unfinished frame, and that within its limit. */
export class FrameReader {
  readonly #buffer = new Uint8ArrayList()
  #length: number | undefined

  append(chunk: Uint8Array | Uint8ArrayList): void {
    this.#buffer.append(chunk)
  }

  /**
   * @returns the next whole envelope, undefined when its bytes have not all come, or a fault, after which the
   * stream is of no use.
   */
  next(): Decoded<Uint8Array> | undefined {
    if (this.#length === undefined) {
      if (this.#buffer.byteLength < LENGTH_BYTES) return undefined
      const length = this.#buffer.getUint32(0)
      if (length > LIMITS.frameBytesMax) {
        this.#buffer.consume(this.#buffer.byteLength)
        return { ok: false, fault: { code: 'FRAME_TOO_LARGE', detail: `${length} bytes announced` } }
      }
      this.#buffer.consume(LENGTH_BYTES)
      this.#length = length
    }
    if (this.#buffer.byteLength < this.#length) return undefined
    const envelope = this.#buffer.subarray(0, this.#length)
    this.#buffer.consume(this.#length)
    this.#length = undefined
    return { ok: true, value: envelope }
  }

  /** Bytes that wait for the rest of their frame. */
  get bytes(): number {
    return this.#buffer.byteLength
  }
}
