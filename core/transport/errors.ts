import { SynodError } from '../base/errors.ts'

export type TransportFault =
  | { readonly code: 'TRANSPORT_KEY_INVALID'; readonly key: 'private' | 'network' }
  | { readonly code: 'TRANSPORT_LISTEN_FAILED'; readonly listen: readonly string[] }

/** Thrown when a transport cannot start. What happens to a running one is traced or told to its listener instead. */
export class TransportError extends SynodError<TransportFault> {}
