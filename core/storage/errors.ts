import { unreachable } from '../base/assert.ts'
import { SynodError } from '../base/errors.ts'

/** What can go wrong with a replica's log on disk. `file` and `folder` are paths on this computer. */
export type StorageFault =
  /** A written record was changed, lost or moved. `recordIndex` counts records from 1; 0 is the folder's header. */
  | { readonly code: 'STORAGE_CORRUPT'; readonly file: string; readonly recordIndex: number }
  | { readonly code: 'STORAGE_WRITE_FAILED'; readonly file: string }
  | { readonly code: 'STORAGE_SYNC_FAILED'; readonly file: string }
  | { readonly code: 'STORAGE_READ_FAILED'; readonly file: string }
  | { readonly code: 'STORAGE_FULL'; readonly file: string }
  | { readonly code: 'STORAGE_READ_ONLY'; readonly file: string }
  /** The folder holds the log of another replica, or of another cluster: both are given as found. */
  | { readonly code: 'STORAGE_FOREIGN'; readonly folder: string; readonly cluster: string; readonly replica: string }
  /** A log was begun here, and nothing of it is left. */
  | { readonly code: 'STORAGE_LOG_GONE'; readonly folder: string }
  | { readonly code: 'STORAGE_FORMAT_NEWER'; readonly file: string; readonly format: number }
  | { readonly code: 'STORAGE_CLOSED'; readonly folder: string }

export class StorageError extends SynodError<StorageFault> {
  constructor(fault: StorageFault, options?: ErrorOptions) {
    super(fault, messageFor(fault), options)
  }
}

const FULL_CODES: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])
const READ_ONLY_CODES: ReadonlySet<unknown> = new Set(['EROFS', 'EACCES', 'EPERM'])

/** What a failed file operation means; a StorageError passes through. */
export function storageErrorFrom(operation: 'read' | 'write' | 'sync', file: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause
  const code = systemCodeOf(cause)
  if (FULL_CODES.has(code)) return new StorageError({ code: 'STORAGE_FULL', file }, { cause })
  if (READ_ONLY_CODES.has(code)) return new StorageError({ code: 'STORAGE_READ_ONLY', file }, { cause })
  switch (operation) {
    case 'read':
      return new StorageError({ code: 'STORAGE_READ_FAILED', file }, { cause })
    case 'write':
      return new StorageError({ code: 'STORAGE_WRITE_FAILED', file }, { cause })
    case 'sync':
      return new StorageError({ code: 'STORAGE_SYNC_FAILED', file }, { cause })
    default:
      return unreachable(operation)
  }
}

/** Runs a file operation; whatever it throws becomes a StorageError. */
export async function guarded<T>(
  operation: 'read' | 'write' | 'sync',
  file: string,
  perform: () => Promise<T>,
): Promise<T> {
  try {
    return await perform()
  } catch (cause) {
    throw storageErrorFrom(operation, file, cause)
  }
}

/** NeDB hides the system's code of a failed flush one level down, in `errorOnFsync`. */
function systemCodeOf(cause: unknown): unknown {
  if (typeof cause !== 'object' || cause === null) return undefined
  if ('code' in cause) return cause.code
  return 'errorOnFsync' in cause ? systemCodeOf(cause.errorOnFsync) : undefined
}

const SAFE = 'Nothing acknowledged is lost while a majority of the other members is healthy.'

function messageFor(fault: StorageFault): string {
  switch (fault.code) {
    case 'STORAGE_CORRUPT':
      return (
        (fault.recordIndex === 0
          ? `The header of this replica's log is damaged or missing: ${fault.file}. `
          : `This replica's log is damaged at record ${fault.recordIndex}, in ${fault.file}. `) +
        `The replica may have forgotten a promise, so it must not vote again as its old self. ${SAFE} ` +
        'Check the disk, then let this computer join again as a new replica; keep the damaged folder as evidence.'
      )
    case 'STORAGE_WRITE_FAILED':
      return (
        `Writing this replica's log failed: ${fault.file}. The replica makes no promise it cannot keep, so it stopped. ` +
        `${SAFE} Check the disk, then restart the replica.`
      )
    case 'STORAGE_SYNC_FAILED':
      return (
        `The disk did not confirm that a write of this replica's log is safe: ${fault.file}. What was waiting for it was ` +
        `not acknowledged, and the replica stopped. ${SAFE} Check the disk, then restart the replica.`
      )
    case 'STORAGE_READ_FAILED':
      return (
        `This replica's log cannot be read: ${fault.file}. The replica did not start. ${SAFE} ` +
        'Check the disk and the permissions of the folder, then restart the replica.'
      )
    case 'STORAGE_FULL':
      return (
        `There is no room left for this replica's log: ${fault.file}. The replica stopped making promises. ${SAFE} ` +
        'Free some space on this disk, then restart the replica.'
      )
    case 'STORAGE_READ_ONLY':
      return (
        `This replica's log may not be written: ${fault.file}. The replica stopped making promises. ${SAFE} ` +
        'Make the folder writable for the user Synod runs as, then restart the replica.'
      )
    case 'STORAGE_LOG_GONE':
      return (
        `This replica's log is gone from ${fault.folder}: it may have forgotten what it promised, so it must not vote ` +
        'again as its old self. Nothing acknowledged is lost while a majority of the other members is healthy. ' +
        'Put the folder back if it was moved; otherwise let this computer join again as a new replica.'
      )
    case 'STORAGE_FOREIGN':
      return (
        `The folder ${fault.folder} holds the log of replica ${fault.replica} of cluster ${fault.cluster}, not of this ` +
        'replica. Nothing in it was read or changed. Give this replica its own folder, or put the right one back.'
      )
    case 'STORAGE_FORMAT_NEWER':
      return (
        `The log ${fault.file} was written by a newer version of Synod (format ${fault.format}). ` +
        'Nothing in it was changed. Update Synod on this computer, then restart the replica.'
      )
    case 'STORAGE_CLOSED':
      return `The log in ${fault.folder} was closed before this write; it was neither written nor acknowledged.`
    default:
      return unreachable(fault)
  }
}
