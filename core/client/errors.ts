import { SynodError } from '../base/errors.ts'

export type ClientFault =
  | { readonly code: 'HOST_UNREACHABLE'; readonly url: string }
  | { readonly code: 'ANSWER_LATE'; readonly url: string }
  | { readonly code: 'ANSWER_MALFORMED'; readonly url: string }

/** The host gave no answer, or one that is not in the contract. An Input that was sent may have been ordered. */
export class ClientError extends SynodError<ClientFault> {}
