import { messageOf } from '../base/errors.ts'
import type { ReplicaMessage } from './protocol.ts'

export type Tell = (message: ReplicaMessage) => void

/**
 * What a replica tells its host with: it never throws. What can't be carried over (nested too deep, say) is told of as
 * trouble, and a query is answered with that; the rest of what was said together with it goes through.
 */
export function createTell(send: (message: ReplicaMessage) => void): Tell {
  return (message) => {
    try {
      send(message)
    } catch (error) {
      try {
        for (const instead of insteadOf(message, send, messageOf(error))) send(instead)
      } catch {
        // The line itself is gone, of which the host hears by its own end of it.
      }
    }
  }
}

function insteadOf(message: ReplicaMessage, send: (message: ReplicaMessage) => void, why: string): ReplicaMessage[] {
  const trouble: ReplicaMessage = { kind: 'trouble', message: `It could not tell its host ("${message.kind}"): ${why}` }
  switch (message.kind) {
    case 'votes':
    case 'log':
    case 'backup':
      return [{ kind: 'query-failed', query: message.query, message: why }, trouble]
    case 'replies':
      // One of them is at fault: whoever asked for the others is not to wait in vain.
      if (message.replies.length > 1) {
        const tell = createTell(send)
        for (const reply of message.replies) tell({ kind: 'replies', replies: [reply] })
        return []
      }
      return [trouble]
    default:
      return [trouble]
  }
}
