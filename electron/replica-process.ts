/** The entry of the utility process: one replica, its orders through the parent's port. */
import type { MessageEvent } from 'electron'
import { runReplicaProcess } from '../core/host/replica-process.ts'

const port = process.parentPort

// The terminal's Ctrl-C reaches the whole process group; the host decides when a replica stops.
process.on('SIGINT', () => undefined)

runReplicaProcess({
  onMessage: (listener) => {
    port.on('message', (event: MessageEvent) => {
      listener(event.data)
    })
  },
  send: (message) => {
    port.postMessage(message)
  },
})
