import type { ConsoleApi } from '../core/api/contract.ts'

/** How it stands with the host. Times are milliseconds since 1970. */
export type ConnectionState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'open' }
  | { readonly kind: 'away'; readonly sinceMs: number; readonly retryAtMs: number }
  | { readonly kind: 'refused'; readonly reason: 'no-token' | 'token-refused' }

/** The host as the console reaches it: by Electron IPC or by WebSocket, and whether it is reached now. */
export interface Bridge extends ConsoleApi {
  readonly state: () => ConnectionState
  /** @returns the function that ends the listening. */
  readonly onState: (listener: (state: ConnectionState) => void) => () => void
  /** Tries again at once, with a new token if one is given. */
  readonly retry: (token?: string) => void
}
