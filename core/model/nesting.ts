/** Major types. Source: RFC 8949, 3.1. */
const BYTES = 2
const TEXT = 3
const LIST = 4
const MAP = 5
const TAG = 6

/**
 * Whether what these bytes encode is nested in no more than so many levels, and its heads fit the bytes. Nothing is
 * decoded: it takes no stack, where a decoder would take as much as foreign bytes tell it to, and would fail at another
 * depth in every process.
 */
export function isNestedWithin(bytes: Uint8Array, levelsMax: number): boolean {
  /** Items that are still to come, in each list or map that is open. */
  const open: number[] = []
  let at = 0
  while (at < bytes.length) {
    const initial = bytes[at] ?? 0
    const major = initial >> 5
    const head = headAt(bytes, at)
    if (head === undefined || major === TAG) return false
    at += head.bytes + (major === BYTES || major === TEXT ? head.argument : 0)
    const items = major === LIST ? head.argument : major === MAP ? 2 * head.argument : 0
    if (open.length > 0) open.push((open.pop() ?? 0) - 1)
    if (items > 0) open.push(items)
    while (open.at(-1) === 0) open.pop()
    if (open.length > levelsMax) return false
  }
  return true
}

/** Undefined for lengths that are not told beforehand: what is canonical tells them. */
function headAt(bytes: Uint8Array, at: number): { readonly bytes: number; readonly argument: number } | undefined {
  const info = (bytes[at] ?? 0) & 0x1f
  if (info < 24) return { bytes: 1, argument: info }
  if (info > 27) return undefined
  const count = 2 ** (info - 24)
  let argument = 0
  for (let index = 1; index <= count; index += 1) argument = argument * 0x100 + (bytes[at + index] ?? 0)
  return { bytes: 1 + count, argument }
}
