const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** From this length on bytes are compared four at a time; below, the two views take longer than the bytes. */
const WORDS_LENGTH_MIN = 64

/** Lower-case hexadecimal, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte] ?? ''
  return text
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left === right) return true
  const { length } = left
  if (length !== right.length) return false
  let index = 0
  if (length >= WORDS_LENGTH_MIN) {
    const [leftWords, rightWords] = [viewOf(left), viewOf(right)]
    for (; index + 4 <= length; index += 4) if (leftWords.getInt32(index) !== rightWords.getInt32(index)) return false
  }
  for (; index < length; index += 1) if (left[index] !== right[index]) return false
  return true
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}
