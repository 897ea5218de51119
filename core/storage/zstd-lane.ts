import type { Transform } from 'node:stream'
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib'
import { assert } from '../base/assert.ts'
import { concatBytes } from '../base/bytes.ts'

/** What comes out shares buffers of this size. */
const CHUNK_BYTES = 64 * 1024

/** A frame of nothing: the magic number, two bytes of header, a last block of no bytes. Source: RFC 8878, 3.1.1. */
const NOTHING = { bytes: 9, begin: [0x28, 0xb5, 0x2f, 0xfd], end: [0x01, 0x00, 0x00] } as const

/**
 * Whether what was packed ends with a frame of nothing. Node writes one behind a frame that ends where a chunk of its
 * output does: it asks for more, and what it is given is the end of another frame. Unpacked in one go nothing comes of
 * it; a lane stops at it. Bytes that end so by chance are taken for one, too.
 */
export function endsWithNothing(packed: readonly Uint8Array[]): boolean {
  const end = concatBytes(packed.slice(-2).map((chunk) => chunk.subarray(-NOTHING.bytes))).subarray(-NOTHING.bytes)
  const isAt = (offset: number, bytes: readonly number[]): boolean =>
    bytes.every((byte, index) => end[offset + index] === byte)
  return end.length === NOTHING.bytes && isAt(0, NOTHING.begin) && isAt(NOTHING.bytes - NOTHING.end.length, NOTHING.end)
}

/**
 * Packs, or unpacks, many byte strings one after the other, each a frame of its own, with one context of Zstandard.
 *
 * A context for each would take some hundred kilobytes outside of V8's heap, which V8 answers with collections of the
 * whole heap: pauses of tens of milliseconds for a checkpoint of some thousand partitions.
 */
export class ZstdLane {
  readonly #stream: Transform
  #output: Buffer[] = []
  #bytes = 0
  #bytesMax = 0
  #isUnderWay = false

  private constructor(stream: Transform) {
    this.#stream = stream
    stream.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.length
      this.#output.push(chunk)
      if (this.#bytes > this.#bytesMax) stream.destroy(new Error('more bytes than announced'))
    })
    // Whoever waits is told: by what its write ends with, or by the close.
    stream.on('error', () => undefined)
  }

  static packing(level: number): ZstdLane {
    const params = { [constants.ZSTD_c_compressionLevel]: level }
    // Every write is a frame.
    return new ZstdLane(createZstdCompress({ chunkSize: CHUNK_BYTES, flush: constants.ZSTD_e_end, params }))
  }

  static unpacking(): ZstdLane {
    return new ZstdLane(createZstdDecompress({ chunkSize: CHUNK_BYTES }))
  }

  /**
   * One at a time; `bytes` must stay as they are until it is done.
   *
   * @returns in pieces; undefined when the bytes are not what can be unpacked, or more than `bytesMax` come of them:
   * the lane is of no more use then.
   */
  async run(bytes: Uint8Array, bytesMax: number): Promise<readonly Uint8Array[] | undefined> {
    assert(!this.#isUnderWay, 'a lane does one thing at a time')
    this.#isUnderWay = true
    this.#output = []
    this.#bytes = 0
    this.#bytesMax = bytesMax
    const isDone = await new Promise<boolean>((resolve) => {
      const onClose = (): void => {
        resolve(false)
      }
      this.#stream.once('close', onClose)
      this.#stream.write(bytes, (error) => {
        this.#stream.off('close', onClose)
        resolve(error === null || error === undefined)
      })
    })
    this.#isUnderWay = false
    return isDone && this.#bytes <= bytesMax ? this.#output : undefined
  }

  close(): void {
    this.#stream.destroy()
  }
}
