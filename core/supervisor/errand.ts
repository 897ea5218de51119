import type { Errand, ReplicaMessage } from '../host/protocol.ts'
import { isReplicaMessage } from '../host/protocol.ts'
import type { VerifiedBackup } from '../storage/backup-reading.ts'
import type { ReplicaLauncher } from './launcher.ts'
import { QueryFailedError } from './local-replica.ts'

export type ErrandProgress = Pick<Extract<ReplicaMessage, { kind: 'progress' }>, 'phase' | 'done' | 'total'>

interface ErrandInit {
  readonly launcher: ReplicaLauncher
  readonly errand: Errand
  readonly onProgress: (progress: ErrandProgress) => void
  /** Ends the process at once. */
  readonly signal: AbortSignal
}

/**
 * Has a process of its own do it; that process is gone when this settles.
 *
 * @throws QueryFailedError (rejects) with the code of what went wrong
 */
export async function runErrand({ launcher, errand, onProgress, signal }: ErrandInit): Promise<VerifiedBackup> {
  signal.throwIfAborted()
  const worker = launcher.launch('backup')
  const outcome: { done?: VerifiedBackup; failed?: QueryFailedError } = {}
  const gone = Promise.withResolvers<void>()
  worker.onExit(() => {
    gone.resolve()
  })
  worker.onMessage((message) => {
    if (!isReplicaMessage(message)) return
    if (message.kind === 'progress') onProgress(message)
    if (message.kind === 'errand-done') outcome.done = message.backup
    if (message.kind === 'failed') outcome.failed = new QueryFailedError(message.code, message.message)
  })
  const cut = (): void => {
    worker.kill()
  }
  signal.addEventListener('abort', cut)
  try {
    worker.send({ kind: 'errand', errand })
    await gone.promise
  } finally {
    signal.removeEventListener('abort', cut)
  }
  signal.throwIfAborted()
  if (outcome.done !== undefined) return outcome.done
  throw outcome.failed ?? new QueryFailedError('INTERNAL', 'The process that was to do it ended before it was done.')
}
