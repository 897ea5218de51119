import { unreachable } from '../base/assert.ts'
import { SynodError } from '../base/errors.ts'

/** What can go wrong with a backup's file. `file` is a path on this computer. */
export type BackupFault =
  | { readonly code: 'BACKUP_EXISTS'; readonly file: string }
  | { readonly code: 'BACKUP_FULL'; readonly file: string }
  | { readonly code: 'BACKUP_NOT_WRITABLE'; readonly file: string }
  | { readonly code: 'BACKUP_WRITE_FAILED'; readonly file: string; readonly reason: string }
  /** The log or the checkpoint it is made of can't be had. */
  | { readonly code: 'BACKUP_SOURCE_FAILED'; readonly reason: string }
  | { readonly code: 'BACKUP_NOT_FOUND'; readonly file: string }
  | { readonly code: 'BACKUP_UNREADABLE'; readonly file: string; readonly reason: string }
  /** The file is none of Synod's, or its very beginning is damaged. */
  | { readonly code: 'BACKUP_FOREIGN'; readonly file: string }
  | { readonly code: 'BACKUP_DAMAGED'; readonly file: string; readonly what: string }
  | { readonly code: 'BACKUP_FORMAT_NEWER'; readonly file: string; readonly format: number }
  /** This Synod lacks state machines of the cluster the backup was taken of. */
  | { readonly code: 'BACKUP_MACHINES_UNKNOWN'; readonly file: string; readonly machines: readonly string[] }
  /** The new cluster's files can't be written. */
  | { readonly code: 'RESTORE_FAILED'; readonly reason: string }

export class BackupError extends SynodError<BackupFault> {
  constructor(fault: BackupFault, options?: ErrorOptions) {
    super(fault, messageFor(fault), options)
  }
}

const FULL_CODES: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])
const REFUSED_CODES: ReadonlySet<unknown> = new Set([
  'EROFS',
  'EACCES',
  'EPERM',
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
  'ELOOP',
])
const MISSING_CODES: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR'])

/** What a failed operation on the file means; a BackupError passes through. */
export function backupErrorFrom(operation: 'read' | 'write', file: string, cause: unknown): BackupError {
  if (cause instanceof BackupError) return cause
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined
  const reason = cause instanceof Error ? cause.message : String(cause)
  if (operation === 'read') {
    if (MISSING_CODES.has(code)) return new BackupError({ code: 'BACKUP_NOT_FOUND', file }, { cause })
    return new BackupError({ code: 'BACKUP_UNREADABLE', file, reason }, { cause })
  }
  if (code === 'EEXIST') return new BackupError({ code: 'BACKUP_EXISTS', file }, { cause })
  if (FULL_CODES.has(code)) return new BackupError({ code: 'BACKUP_FULL', file }, { cause })
  if (REFUSED_CODES.has(code)) return new BackupError({ code: 'BACKUP_NOT_WRITABLE', file }, { cause })
  return new BackupError({ code: 'BACKUP_WRITE_FAILED', file, reason }, { cause })
}

/** Runs a file operation; whatever it throws becomes a BackupError. */
export async function guarded<T>(operation: 'read' | 'write', file: string, perform: () => Promise<T>): Promise<T> {
  try {
    return await perform()
  } catch (cause) {
    throw backupErrorFrom(operation, file, cause)
  }
}

function messageFor(fault: BackupFault): string {
  switch (fault.code) {
    case 'BACKUP_EXISTS':
      return `${fault.file} is there already and was not touched. Name another file, or say that it may be replaced.`
    case 'BACKUP_FULL':
      return `There is no room left for the backup ${fault.file}. What was written of it was removed; the cluster is untouched. Free some space, or name a file on another disk.`
    case 'BACKUP_NOT_WRITABLE':
      return `The backup ${fault.file} can't be written there: the folder is missing, or this user may not write to it. The cluster is untouched. Name a file in a folder that can be written.`
    case 'BACKUP_WRITE_FAILED':
      return `The backup ${fault.file} was not written: ${fault.reason}. The cluster is untouched. Check the disk, then try again.`
    case 'BACKUP_SOURCE_FAILED':
      return `The backup was not written: ${fault.reason}. The cluster is untouched. Try again.`
    case 'BACKUP_NOT_FOUND':
      return `There is no file ${fault.file}.`
    case 'BACKUP_UNREADABLE':
      return `The backup ${fault.file} can't be read: ${fault.reason}. Nothing was changed.`
    case 'BACKUP_FOREIGN':
      return `${fault.file} is not a Synod backup, or its beginning is damaged. Nothing was changed.`
    case 'BACKUP_DAMAGED':
      return `The backup ${fault.file} is damaged: ${fault.what}. Nothing was changed, and nothing of it is used. Take another backup.`
    case 'BACKUP_FORMAT_NEWER':
      return `The backup ${fault.file} was written by a newer version of Synod (format ${fault.format}). Update Synod on this computer.`
    case 'BACKUP_MACHINES_UNKNOWN':
      return `The backup ${fault.file} is of a cluster with state machines this Synod does not have: ${fault.machines.join(', ')}. Nothing was founded. Use the Synod that has them.`
    case 'RESTORE_FAILED':
      return `The new cluster could not be written: ${fault.reason} Nothing was founded; the backup is untouched.`
    default:
      return unreachable(fault)
  }
}
