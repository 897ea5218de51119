import { open, readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'

const SEGMENT_NAME = /^segment-\d{6,}\.db$/
const NEWLINE = 0x0a

/**
 * Rehearsal: changes one byte of one document in the newest segment file that holds one, as a rotting disk would. Safe
 * beside a process that appends to it: no byte is added or moved.
 *
 * @returns the file's name and the document's line, counted from 1; undefined when there is no document yet.
 * @throws Error of the file system
 */
export async function damageLog(folder: string): Promise<{ readonly file: string; readonly line: number } | undefined> {
  const names = (await readdir(folder)).filter((name) => SEGMENT_NAME.test(name)).toSorted()
  for (const file of names.toReversed()) {
    const lines = linesOf(await readFile(join(folder, file)))
    // The middle one: neither the newest, which nobody may have asked for yet, nor the first, which may go soon.
    const index = lines.length >> 1
    const line = lines[index]
    if (line === undefined) continue
    await changeByte(join(folder, file), (line.start + line.end) >> 1)
    return { file, line: index + 1 }
  }
  return undefined
}

/** Whole lines that are not empty; `end` is where the newline stands. */
function linesOf(bytes: Buffer): { readonly start: number; readonly end: number }[] {
  const lines: { start: number; end: number }[] = []
  let start = 0
  for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
    if (end > start) lines.push({ start, end })
    start = end + 1
  }
  return lines
}

async function changeByte(path: string, offset: number): Promise<void> {
  const handle = await open(path, 'r+')
  try {
    const byte = Buffer.alloc(1)
    await handle.read(byte, 0, 1, offset)
    byte.writeUInt8(byte.readUInt8(0) ^ 1, 0)
    await handle.write(byte, 0, 1, offset)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
