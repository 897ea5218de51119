import { utilityProcess } from 'electron'
import type { UtilityProcess } from 'electron'
import type { ReplicaLauncher, ReplicaProcess } from '../core/supervisor/launcher.ts'

/**
 * Runs each replica in a utility process: a real process with Node, no window, and an end when the application ends.
 *
 * @param entry the built replica-process.js
 */
export function createUtilityLauncher(entry: string): ReplicaLauncher {
  return {
    launch: (name) => replicaProcessOf(utilityProcess.fork(entry, [], { serviceName: `Synod replica ${name}` })),
  }
}

function replicaProcessOf(child: UtilityProcess): ReplicaProcess {
  return {
    get pid() {
      return child.pid
    },
    send: (message) => {
      child.postMessage(message)
    },
    onMessage: (listener) => {
      child.on('message', listener)
    },
    onExit: (listener) => {
      // Electron tells no signal.
      child.once('exit', (code) => {
        listener({ code, signal: null })
      })
    },
    kill: () => {
      if (child.pid === undefined) child.once('spawn', () => killNow(child))
      else killNow(child)
    },
  }
}

/** `child.kill()` would be SIGTERM, which asks. */
function killNow(child: UtilityProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(child.pid, 'SIGKILL')
  } catch {
    // It ended by itself a moment before; its exit is told in any case.
  }
}
