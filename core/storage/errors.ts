import { unreachable } from '../base/assert.ts'
import { SynodError } from '../base/errors.ts'

/**
 * Why a checkpoint could not be written or read. `differs`: what was written reads back as something else;
 * `large`: a partition passes `LIMITS.partitionBytesMax`.
 */
export type CheckpointFailure = 'full' | 'read-only' | 'write' | 'sync' | 'read' | 'differs' | 'large'

/** What can go wrong with a replica's log and checkpoints on disk. `file` and `folder` are paths on this computer. */
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
  /** A checkpoint is not what was written. Unlike a damaged log this costs a replica nothing it promised. */
  | { readonly code: 'STORAGE_CHECKPOINT_DAMAGED'; readonly file: string }
  | { readonly code: 'STORAGE_CHECKPOINT_FAILED'; readonly file: string; readonly reason: CheckpointFailure }
  /** There is no checkpoint of this slot, or no longer. */
  | { readonly code: 'STORAGE_CHECKPOINT_GONE'; readonly folder: string; readonly slot: number }

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

/** Of faults that may pass: the host tries every few seconds. */
const AGAIN = 'The replica is then started again by itself.'

const CHECKPOINT_FAILURES: Readonly<Record<CheckpointFailure, string>> = {
  full: 'There is no room left for a checkpoint',
  'read-only': 'A checkpoint may not be written or read',
  write: 'Writing a checkpoint failed',
  sync: 'The disk did not confirm that a checkpoint is safe',
  read: 'A checkpoint cannot be read',
  differs: 'A checkpoint that was just written reads back as something else, and was removed',
  large: 'One partition of the State is too large for a checkpoint',
}

const CHECKPOINT_REMEDIES: Readonly<Record<CheckpointFailure, string>> = {
  full: 'Free some space on this disk.',
  'read-only': 'Let the user Synod runs as read and write the folder.',
  write: 'Check the disk.',
  sync: 'Check the disk.',
  read: 'Check the disk and the permissions of the folder.',
  differs: 'Check the disk and the memory of this computer.',
  large: 'Spread the data over more keys.',
}

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
        `Writing this replica's data failed: ${fault.file}. The replica makes no promise it cannot keep, so it stopped. ` +
        `${SAFE} Check the disk. ${AGAIN}`
      )
    case 'STORAGE_SYNC_FAILED':
      return (
        `The disk did not confirm that a write of this replica's data is safe: ${fault.file}. What was waiting for it was ` +
        `not acknowledged, and the replica stopped. ${SAFE} Check the disk. ${AGAIN}`
      )
    case 'STORAGE_READ_FAILED':
      return (
        `This replica's data cannot be read: ${fault.file}. Nothing in it was changed. ${SAFE} ` +
        `Check the disk and the permissions of the folder. ${AGAIN}`
      )
    case 'STORAGE_FULL':
      return (
        `There is no room left for this replica's data: ${fault.file}. The replica stopped making promises. ${SAFE} ` +
        `Free some space on this disk. ${AGAIN}`
      )
    case 'STORAGE_READ_ONLY':
      return (
        `This replica's data may not be read or written: ${fault.file}. The replica stopped making promises. ${SAFE} ` +
        `Let the user Synod runs as read and write the folder; see that its disk is not mounted read-only. ${AGAIN}`
      )
    case 'STORAGE_LOG_GONE':
      return (
        `This replica's log is gone from ${fault.folder}: it may have forgotten what it promised, so it must not vote ` +
        'again as its old self. Nothing acknowledged is lost while a majority of the other members is healthy. ' +
        'Put the folder back if it was moved; otherwise let this computer join again as a new replica.'
      )
    case 'STORAGE_FOREIGN':
      return (
        `The folder ${fault.folder} holds the data of replica ${fault.replica} of cluster ${fault.cluster}, not of this ` +
        'replica. Nothing in it was read or changed. Give this replica its own folder, or put the right one back.'
      )
    case 'STORAGE_FORMAT_NEWER':
      return (
        `The file ${fault.file} was written by a newer version of Synod (format ${fault.format}). ` +
        'Nothing in it was changed. Update Synod on this computer, then restart the replica.'
      )
    case 'STORAGE_CLOSED':
      return `The files in ${fault.folder} were closed before this; nothing was written, and nothing acknowledged.`
    case 'STORAGE_CHECKPOINT_DAMAGED':
    case 'STORAGE_CHECKPOINT_FAILED':
    case 'STORAGE_CHECKPOINT_GONE':
      return messageForCheckpoint(fault)
    default:
      return unreachable(fault)
  }
}

type CheckpointFault = Extract<StorageFault, { readonly code: `STORAGE_CHECKPOINT_${string}` }>

function messageForCheckpoint(fault: CheckpointFault): string {
  switch (fault.code) {
    case 'STORAGE_CHECKPOINT_DAMAGED':
      return (
        `A checkpoint of this replica is damaged: ${fault.file}. It was set aside as evidence and is not used. An older ` +
        'checkpoint, or the State of the other replicas, takes its place; no promise is lost. Check the disk.'
      )
    case 'STORAGE_CHECKPOINT_FAILED':
      return (
        `${CHECKPOINT_FAILURES[fault.reason]}: ${fault.file}. The checkpoints that were there remain, and the replica ` +
        `goes on; its log keeps growing until a checkpoint succeeds. ${CHECKPOINT_REMEDIES[fault.reason]}`
      )
    case 'STORAGE_CHECKPOINT_GONE':
      return (
        `There is no checkpoint of slot ${fault.slot} in ${fault.folder}, or no longer: newer ones have taken its place. ` +
        'Ask for the newest one.'
      )
    default:
      return unreachable(fault)
  }
}
