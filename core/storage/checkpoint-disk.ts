import { open, readdir, rename, rm } from 'node:fs/promises'
import { createFolder, FILE_MODE, syncFolder } from './durable-file.ts'
import { StorageError, storageErrorFrom } from './errors.ts'
import type { CheckpointFailure } from './errors.ts'

/** A new file that is written from its start to its end. */
export interface WritableFile {
  readonly append: (bytes: Uint8Array) => Promise<void>
  readonly sync: () => Promise<void>
  readonly close: () => Promise<void>
}

export interface ReadableFile {
  /** When it was opened. */
  readonly bytes: number
  /** Shorter than asked for where the file ends. `into`: memory that is used if it is large enough. */
  readonly read: (position: number, length: number, into?: Buffer) => Promise<Buffer>
  readonly close: () => Promise<void>
}

/** The operations checkpoints need of a disk. Every one that changes something is a write boundary. */
export interface CheckpointDisk {
  /** Durably, with those above it. */
  readonly createFolder: (folder: string) => Promise<void>
  readonly list: (folder: string) => Promise<readonly string[]>
  readonly create: (file: string) => Promise<WritableFile>
  readonly open: (file: string) => Promise<ReadableFile>
  /** Takes the place of what has the new name. */
  readonly rename: (from: string, to: string) => Promise<void>
  /** No error when the file is not there. */
  readonly remove: (file: string) => Promise<void>
  /** Makes the names in the folder durable. */
  readonly syncFolder: (folder: string) => Promise<void>
}

export const nodeDisk: CheckpointDisk = {
  createFolder,
  list: (folder) => readdir(folder),
  create: async (file) => {
    const handle = await open(file, 'w', FILE_MODE)
    return {
      append: (bytes) => handle.writeFile(bytes),
      sync: () => handle.sync(),
      close: () => handle.close(),
    }
  },
  open: openForReading,
  rename,
  remove: (file) => rm(file, { force: true }),
  syncFolder,
}

async function openForReading(file: string): Promise<ReadableFile> {
  const handle = await open(file, 'r')
  try {
    const { size } = await handle.stat()
    return {
      bytes: size,
      read: async (position, length, into) => {
        const buffer = into !== undefined && into.length >= length ? into : Buffer.allocUnsafe(length)
        let filled = 0
        while (filled < length) {
          const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled)
          if (bytesRead === 0) break
          filled += bytesRead
        }
        return buffer.subarray(0, filled)
      },
      close: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** The same disk; whatever fails on it is a StorageError that speaks of a checkpoint, not of the log. */
export function guardedDisk(disk: CheckpointDisk): CheckpointDisk {
  return {
    createFolder: (folder) => guarded('write', folder, () => disk.createFolder(folder)),
    list: (folder) => guarded('read', folder, () => disk.list(folder)),
    create: async (file) => {
      const opened = await guarded('write', file, () => disk.create(file))
      return {
        append: (bytes) => guarded('write', file, () => opened.append(bytes)),
        sync: () => guarded('sync', file, () => opened.sync()),
        close: () => guarded('write', file, () => opened.close()),
      }
    },
    open: async (file) => {
      const opened = await guarded('read', file, () => disk.open(file))
      return {
        bytes: opened.bytes,
        read: (position, length, into) =>
          guarded('read', file, async () => {
            try {
              return await opened.read(position, length, into)
            } catch (cause) {
              // A sector that cannot be read is gone, as one that reads as something else is.
              throw isUnreadable(cause) ? damaged(file, cause) : cause
            }
          }),
        close: () => guarded('read', file, () => opened.close()),
      }
    },
    rename: (from, to) => guarded('write', to, () => disk.rename(from, to)),
    remove: (file) => guarded('write', file, () => disk.remove(file)),
    syncFolder: (folder) => guarded('sync', folder, () => disk.syncFolder(folder)),
  }
}

const REASONS: Readonly<Partial<Record<string, CheckpointFailure>>> = {
  STORAGE_FULL: 'full',
  STORAGE_READ_ONLY: 'read-only',
  STORAGE_WRITE_FAILED: 'write',
  STORAGE_SYNC_FAILED: 'sync',
  STORAGE_READ_FAILED: 'read',
}

const OPENING_CODES = {
  full: 'STORAGE_FULL',
  'read-only': 'STORAGE_READ_ONLY',
  write: 'STORAGE_WRITE_FAILED',
  sync: 'STORAGE_SYNC_FAILED',
  read: 'STORAGE_READ_FAILED',
} as const

/** Before a replica is there, a disk that fails keeps it from starting: not a checkpoint that it can do without. */
export function atOpening(error: unknown): unknown {
  if (!(error instanceof StorageError) || error.fault.code !== 'STORAGE_CHECKPOINT_FAILED') return error
  const { file, reason } = error.fault
  if (reason === 'differs' || reason === 'large') return error
  return new StorageError({ code: OPENING_CODES[reason], file }, { cause: error })
}

async function guarded<T>(operation: 'read' | 'write' | 'sync', file: string, perform: () => Promise<T>): Promise<T> {
  try {
    return await perform()
  } catch (cause) {
    const error = storageErrorFrom(operation, file, cause)
    const reason = REASONS[error.fault.code]
    throw reason === undefined ? error : checkpointFailed(file, reason, cause)
  }
}

function isUnreadable(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'EIO'
}

export function damaged(file: string, cause?: unknown): StorageError {
  return new StorageError({ code: 'STORAGE_CHECKPOINT_DAMAGED', file }, { cause })
}

export function checkpointFailed(file: string, reason: CheckpointFailure, cause?: unknown): StorageError {
  return new StorageError({ code: 'STORAGE_CHECKPOINT_FAILED', file, reason }, { cause })
}

export function isDamage(error: unknown): error is StorageError {
  return error instanceof StorageError && error.fault.code === 'STORAGE_CHECKPOINT_DAMAGED'
}
