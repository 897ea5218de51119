import { mkdir, open, rename, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { guarded } from './errors.ts'

/** The log holds what users sent: nobody but the user Synod runs as may read it. */
export const FILE_MODE = 0o600
export const FOLDER_MODE = 0o700

/** Ends the name of a file that is being written and replaces another one when it is whole. */
const UNFINISHED_SUFFIX = '.new'

/**
 * Makes the names in a folder durable: after a file was created, renamed or removed in it.
 * Windows has no such call, and needs none: it journals names itself.
 *
 * @throws StorageError
 */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  await guarded('sync', folder, async () => {
    const handle = await open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  })
}

/**
 * Creates a folder, and those above it, durably.
 *
 * @throws StorageError
 */
export async function createFolder(folder: string): Promise<void> {
  const path = resolve(folder)
  const first = await guarded('write', path, () => mkdir(path, { recursive: true, mode: FOLDER_MODE }))
  if (first === undefined) return
  for (let created = path; created.length >= first.length; created = dirname(created)) {
    await syncFolder(dirname(created))
  }
}

/** Every step in which a file comes, changes its name or goes. All reject with a StorageError. */
export interface FileOperations {
  /** Creates the file at `path` anew and syncs its content; its name is not durable yet. Faults tell of `file`. */
  readonly write: (content: { readonly path: string; readonly text: string; readonly file: string }) => Promise<void>
  readonly rename: (from: string, to: string) => Promise<void>
  /** A file that isn't there is no fault. */
  readonly remove: (file: string) => Promise<void>
  readonly syncFolder: (folder: string) => Promise<void>
}

export const fileOperations: FileOperations = {
  write: async ({ path, text, file }) => {
    const handle = await guarded('write', file, () => open(path, 'w', FILE_MODE))
    try {
      await guarded('write', file, () => handle.writeFile(text))
      await guarded('sync', file, () => handle.sync())
    } finally {
      await handle.close()
    }
  },
  rename: (from, to) => guarded('write', to, () => rename(from, to)),
  remove: (file) => guarded('write', file, () => rm(file, { force: true })),
  syncFolder,
}

/**
 * Puts `text` in the place of the file: after a crash either the old or the new content is there, whole.
 *
 * @throws StorageError
 */
export async function replaceFile(file: string, text: string, operations = fileOperations): Promise<void> {
  const path = file + UNFINISHED_SUFFIX
  await operations.write({ path, text, file })
  await operations.rename(path, file)
  await operations.syncFolder(dirname(file))
}

/**
 * Ends the file after `bytes`, durably.
 *
 * @throws StorageError
 */
export async function cutFile(file: string, bytes: number): Promise<void> {
  const handle = await guarded('write', file, () => open(file, 'r+'))
  try {
    await guarded('write', file, () => handle.truncate(bytes))
    await guarded('sync', file, () => handle.sync())
  } finally {
    await handle.close()
  }
}

/** A line of a file. Its bytes are good until the next line is asked for. */
export interface Line {
  readonly bytes: Buffer
  /** Where it begins, in bytes from the file's start. */
  readonly offset: number
  /** False for what stands after the last newline, and for a line that passes the maximum: then it is the last given. */
  readonly finished: boolean
}

const CHUNK_BYTES = 1024 * 1024
const NEWLINE = 0x0a

/** Reads a file line by line in bounded memory. Only a newline ends a line. */
export async function* readLines(handle: FileHandle, lineBytesMax: number): AsyncGenerator<Line, void, undefined> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  let offset = 0
  let rest: Buffer = Buffer.alloc(0)
  while (rest.length <= lineBytesMax) {
    const { bytesRead } = await handle.read(chunk, 0, CHUNK_BYTES, offset + rest.length)
    if (bytesRead === 0) break
    const read = chunk.subarray(0, bytesRead)
    const data = rest.length === 0 ? read : Buffer.concat([rest, read])
    let start = 0
    for (let end = data.indexOf(NEWLINE, start); end !== -1; end = data.indexOf(NEWLINE, start)) {
      yield { bytes: data.subarray(start, end), offset: offset + start, finished: true }
      start = end + 1
    }
    rest = Buffer.from(data.subarray(start))
    offset += start
  }
  if (rest.length > 0) yield { bytes: rest, offset, finished: false }
}
