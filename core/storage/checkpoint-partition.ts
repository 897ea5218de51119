import { createHash, hash } from 'node:crypto'
import { promisify } from 'node:util'
import { constants, zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync } from 'node:zlib'
import { decode, decodeFirst } from 'cborg'
import type { CanonicalValue } from '../model/canonical.ts'
import { encodeCanonical } from '../model/canonical.ts'
import type { Digest, HashFunction } from '../model/digest.ts'
import { LIMITS } from '../model/limits.ts'
import type { Entry } from '../state/partition.ts'
import { CanonicalWriter } from './canonical-writer.ts'
import type { Slices } from './checkpoint-slices.ts'
import { endsWithNothing } from './zstd-lane.ts'

/**
 * The encoding of a partition is what its digest is taken over: the canonical form of
 * `['partition', key, value, key, value, …]`. It is made, hashed and read in slices; the bytes are the same.
 */
export interface EncodedPartition {
  readonly raw: Uint8Array
  readonly digest: Digest
}

const MIB = 1024 * 1024
const KIND_TEXT = 'partition'
const KIND = encodeCanonical(KIND_TEXT)

/** SHA-256, as every digest; this room may not import the one of `crypto`. */
export const sha256: HashFunction = (bytes) => hash('sha256', bytes, 'hex') as Digest
export const EMPTY_PARTITION_DIGEST: Digest = sha256(encodeCanonical(['partition']))

/** Encodings up to this are unpacked and decoded in one go: less work, and it fits a slice. */
const WHOLE_BYTES_MAX = 256 * 1024

/**
 * `writer`: its memory is used; the encoding is good until it is used again.
 *
 * @returns undefined when the encoding passes `LIMITS.partitionBytesMax`.
 */
export async function encodePartition(
  entries: readonly Entry[],
  slices: Slices,
  writer = new CanonicalWriter(),
): Promise<EncodedPartition | undefined> {
  writer.clear()
  writer.append(arrayHead(1 + 2 * entries.length))
  writer.value(KIND_TEXT)
  for (const [key, value] of entries) {
    writer.value(key)
    writer.value(value)
    if (writer.bytes > LIMITS.partitionBytesMax) return undefined
    if (slices.spent) await slices.pause()
  }
  const raw = await joined(writer.chunks(), writer.bytes, slices)
  return { raw, digest: await digestOf(raw, slices) }
}

/** Source: RFC 8949, 3.1 (major type 4) and 4.2.1 (shortest form). */
function arrayHead(items: number): Uint8Array {
  if (items < 24) return Uint8Array.of(0x80 | items)
  if (items < 0x100) return Uint8Array.of(0x98, items)
  if (items < 0x1_0000) return Uint8Array.of(0x99, items >>> 8, items & 0xff)
  return Uint8Array.of(0x9a, items >>> 24, (items >>> 16) & 0xff, (items >>> 8) & 0xff, items & 0xff)
}

async function joined(chunks: readonly Uint8Array[], bytes: number, slices: Slices): Promise<Uint8Array> {
  const [first] = chunks
  if (first !== undefined && chunks.length === 1) return first
  const raw = Buffer.allocUnsafe(bytes)
  let offset = 0
  for (const chunk of chunks) {
    raw.set(chunk, offset)
    offset += chunk.length
    if (slices.spent) await slices.pause()
  }
  return raw
}

/** SHA-256, a MiB at a time. */
export async function digestOf(bytes: Uint8Array, slices: Slices): Promise<Digest> {
  return bytes.length <= MIB ? sha256(bytes) : digestOfChunks([bytes], slices)
}

export function lengthOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0)
}

/** Of the chunks, one after the other. */
export async function digestOfChunks(chunks: readonly Uint8Array[], slices: Slices): Promise<Digest> {
  const hashing = createHash('sha256')
  for (const bytes of chunks) {
    for (let offset = 0; offset < bytes.length; offset += MIB) {
      hashing.update(bytes.subarray(offset, offset + MIB))
      if (slices.spent) await slices.pause()
    }
  }
  return hashing.digest('hex') as Digest
}

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)
export const PACKING_LEVEL = 1
/** Up to this it is packed at once: the way to the pool and back costs more, and a busy loop takes long to come back. */
const PACKED_AT_ONCE_BYTES_MAX = 16 * 1024
/** Packing fewer costs a thread's time and saves nothing. */
export const PACKED_BYTES_MIN = 128
const CHUNK_BYTES_MIN = 1024
/** Unpacking fewer takes about a tenth of a millisecond: less than the way to the pool and back. */
const UNPACKED_HERE_BYTES_MAX = 64 * 1024

/** Zstandard where that is smaller, the bytes themselves otherwise: so equal lengths say that nothing was packed. */
export async function packPartition(raw: Uint8Array): Promise<Uint8Array> {
  if (raw.length < PACKED_BYTES_MIN) return raw
  const packed = await packedWith(raw, chunkBytes(raw.length))
  // Its frame ended with a chunk; with chunks of another size it does not.
  const sound = endsWithNothing([packed]) ? await packedWith(raw, 3 * chunkBytes(raw.length)) : packed
  return sound.length < raw.length && !endsWithNothing([sound]) ? sound : raw
}

async function packedWith(raw: Uint8Array, chunkSize: number): Promise<Uint8Array> {
  const options = { params: { [constants.ZSTD_c_compressionLevel]: PACKING_LEVEL }, chunkSize }
  return raw.length <= PACKED_AT_ONCE_BYTES_MAX ? zstdCompressSync(raw, options) : compress(raw, options)
}

/** @returns undefined when the bytes are not the packed form of so many. */
export async function unpackPartition(packed: Uint8Array, rawBytes: number): Promise<Uint8Array | undefined> {
  if (!Number.isSafeInteger(rawBytes) || rawBytes < packed.length || rawBytes > LIMITS.partitionBytesMax) {
    return undefined
  }
  if (packed.length === rawBytes) return packed
  try {
    const options = { maxOutputLength: rawBytes, chunkSize: chunkBytes(rawBytes) }
    const isSmall = rawBytes <= UNPACKED_HERE_BYTES_MAX
    const raw = isSmall ? zstdDecompressSync(packed, options) : await decompress(packed, options)
    return raw.length === rawBytes ? raw : undefined
  } catch {
    return undefined
  }
}

/** One trip to the pool for most partitions: it makes one for every such chunk. */
function chunkBytes(rawBytes: number): number {
  return Math.min(Math.max(rawBytes + (rawBytes >>> 7) + 64, CHUNK_BYTES_MIN), MIB)
}

const DECODING = { strict: true, allowUndefined: false, allowNaN: false, allowInfinity: false, allowBigInt: false }

/**
 * The entries of an encoding whose digest was verified: that vouches for its being canonical.
 *
 * @returns undefined when it is not the encoding of a partition.
 */
export async function decodePartition(raw: Uint8Array, slices: Slices): Promise<readonly Entry[] | undefined> {
  const start = entriesStart(raw)
  if (start === undefined) return undefined
  if (raw.length <= WHOLE_BYTES_MAX) return decodeWhole(raw)
  const entries: Entry[] = []
  let rest = raw.subarray(start.offset)
  try {
    for (let count = 0; count < start.entries; count += 1) {
      const [key, afterKey] = decodeFirst(rest, DECODING) as [unknown, Uint8Array]
      const [value, afterValue] = decodeFirst(afterKey, DECODING) as [CanonicalValue, Uint8Array]
      const before = entries.at(-1)
      if (typeof key !== 'string' || (before !== undefined && before[0] >= key)) return undefined
      entries.push([key, value])
      rest = afterValue
      if (slices.spent) await slices.pause()
    }
  } catch {
    return undefined
  }
  return rest.length === 0 ? entries : undefined
}

function decodeWhole(raw: Uint8Array): readonly Entry[] | undefined {
  let flat: unknown
  try {
    flat = decode(raw, DECODING)
  } catch {
    return undefined
  }
  if (!Array.isArray(flat)) return undefined
  const entries: Entry[] = []
  let before: string | undefined
  for (let at = 1; at < flat.length; at += 2) {
    const [key, value] = [flat[at] as unknown, flat[at + 1] as CanonicalValue]
    if (typeof key !== 'string' || (before !== undefined && before >= key)) return undefined
    entries.push([key, value])
    before = key
  }
  return entries
}

/** Where the first key begins, and how many entries there are. */
function entriesStart(raw: Uint8Array): { readonly offset: number; readonly entries: number } | undefined {
  const items = itemsOf(raw)
  if (items === undefined || items % 2 === 0) return undefined
  const offset = arrayHead(items).length + KIND.length
  return Buffer.compare(raw.subarray(offset - KIND.length, offset), KIND) === 0
    ? { offset, entries: (items - 1) / 2 }
    : undefined
}

/** What `arrayHead` wrote. */
function itemsOf(raw: Uint8Array): number | undefined {
  const [initial = 0, a = 0, b = 0, c = 0, d = 0] = raw
  switch (initial) {
    case 0x98:
      return a
    case 0x99:
      return (a << 8) | b
    case 0x9a:
      return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
    default:
      return initial >= 0x80 && initial < 0x98 ? initial - 0x80 : undefined
  }
}
