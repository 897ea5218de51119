import { SynodError } from '../base/errors.ts'

export type HostFault =
  | { readonly code: 'DATA_FOLDER_IN_USE'; readonly folder: string }
  | { readonly code: 'DATA_FOLDER_UNUSABLE'; readonly folder: string }
  | { readonly code: 'CLUSTER_FILE_DAMAGED'; readonly file: string }
  | { readonly code: 'CLUSTER_FILE_UNREADABLE'; readonly file: string }
  | { readonly code: 'INCIDENTS_UNREADABLE'; readonly folder: string }
  | { readonly code: 'CLUSTER_FILE_NEWER'; readonly file: string; readonly format: number }

/** A host that can't start, or can't keep what it was told to keep. */
export class HostError extends SynodError<HostFault> {}

/** What a caller of the ConsoleApi is refused with: a stable code and a sentence. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}
