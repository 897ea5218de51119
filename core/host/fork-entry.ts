/** The entry of a forked replica process: its orders come over Node's IPC channel, and without it, it ends. */
import { runReplicaProcess } from './replica-process.ts'

process.on('disconnect', () => {
  process.exit(0)
})
// The terminal's Ctrl-C reaches the whole process group; the host decides when a replica stops.
process.on('SIGINT', () => undefined)

runReplicaProcess({
  onMessage: (listener) => {
    process.on('message', listener)
  },
  send: (message) => {
    // A host that is going says so by closing the line, which ends this process.
    if (process.connected) process.send?.(message, () => undefined)
  },
})
