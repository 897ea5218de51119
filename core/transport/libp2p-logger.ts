import type { ComponentLogger, Logger } from '@libp2p/interface'
import { messageOf } from '../base/errors.ts'
import type { Trace } from '../ports/trace.ts'
import { RateLimit } from './backoff.ts'

const INBOUND_TRACE_INTERVAL_MS = 1000
const LISTENER = 'libp2p:tcp:listener'
/** The connection gater's own refusal, which it has traced already. */
const GATED = 'ConnectionInterceptedError'

/**
 * libp2p's own diagnostics are left out, and with them the cost of a call per packet. One is kept, for nothing else
 * tells of it: an inbound connection that never became one, as when the caller has another network key.
 */
export function createLibp2pLogger(trace: Trace): ComponentLogger {
  const limit = new RateLimit(INBOUND_TRACE_INTERVAL_MS)
  const onListenerError = (_format: unknown, error: unknown): void => {
    if (error instanceof Error && error.name === GATED) return
    const held = limit.pass(performance.now())
    if (held !== undefined) trace('transport.inbound-failed', { reason: messageOf(error), alsoFailed: held })
  }
  return { forComponent: (name) => (name === LISTENER ? createLogger(onListenerError) : silent) }
}

function createLogger(onError: (format: unknown, error: unknown) => void): Logger {
  const logger: Logger = Object.assign(() => undefined, {
    enabled: false,
    trace: () => undefined,
    error: onError,
    newScope: () => silent,
  })
  return logger
}

const silent: Logger = createLogger(() => undefined)
