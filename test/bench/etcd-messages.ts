/**
 * The few messages of etcd's gRPC service that the benchmark needs, by hand.
 * Source: etcd 3.4, etcdserver/etcdserverpb/rpc.proto and mvcc/mvccpb/kv.proto.
 */

const LENGTH_DELIMITED = 2
const FIXED_64 = 1
const FIXED_32 = 5
const VARINT = 0

/** PutRequest: key = 1, value = 2. */
export function putRequest(key: string, value: string): Buffer {
  return Buffer.concat([...field(1, Buffer.from(key)), ...field(2, Buffer.from(value))])
}

/** RangeRequest of one key, linearizable unless told otherwise: key = 1. */
export function rangeRequest(key: string): Buffer {
  return Buffer.concat(field(1, Buffer.from(key)))
}

/** @returns the value of the first KeyValue of a RangeResponse (kvs = 2; in it value = 5); undefined without one. */
export function valueInRange(response: Uint8Array): string | undefined {
  const entry = bytesOf(Buffer.from(response.buffer, response.byteOffset, response.byteLength), 2)
  return entry === undefined ? undefined : bytesOf(entry, 5)?.toString('utf8')
}

function field(number: number, bytes: Buffer): readonly Buffer[] {
  return [Buffer.from([(number << 3) | LENGTH_DELIMITED, ...varint(bytes.length)]), bytes]
}

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  return [...bytes, rest]
}

/** @returns the first length-delimited field of this number. */
function bytesOf(message: Buffer, wanted: number): Buffer | undefined {
  let offset = 0
  /** Only lengths and tags are read this way; longer numbers are passed over, not used. */
  const readVarint = (): number => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = message.readUInt8(offset++)
      if (shift < 28) value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  while (offset < message.length) {
    const tag = readVarint()
    switch (tag & 7) {
      case VARINT:
        readVarint()
        break
      case FIXED_64:
        offset += 8
        break
      case FIXED_32:
        offset += 4
        break
      case LENGTH_DELIMITED: {
        const length = readVarint()
        if (tag >>> 3 === wanted) return message.subarray(offset, offset + length)
        offset += length
        break
      }
      default:
        throw new Error(`no protobuf: wire type ${tag & 7}`)
    }
  }
  return undefined
}
