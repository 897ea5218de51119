import { SynodError } from '../base/errors.ts'

export type GatewayFault =
  | { readonly code: 'PORT_IN_USE'; readonly port: number }
  | { readonly code: 'PORT_REFUSED'; readonly port: number }
  | { readonly code: 'TOKEN_MISSING'; readonly file: string }
  | { readonly code: 'TOKEN_UNSAFE'; readonly file: string }
  | { readonly code: 'TOKEN_MALFORMED'; readonly file: string }
  | { readonly code: 'ENDPOINT_MALFORMED'; readonly file: string }

/** The door for programs can't be opened, or the way to it can't be read. */
export class GatewayError extends SynodError<GatewayFault> {}
