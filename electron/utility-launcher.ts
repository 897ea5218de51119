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
      if (child.pid === undefined) child.once('spawn', () => signalTo(child, 'SIGKILL'))
      else signalTo(child, 'SIGKILL')
    },
    pause: () => signalTo(child, 'SIGSTOP'),
    resume: () => signalTo(child, 'SIGCONT'),
  }
}

/** `child.kill()` would be SIGTERM, which asks. */
function signalTo(child: UtilityProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(child.pid, signal)
  } catch {
    // It ended by itself a moment before; its exit is told in any case.
  }
}
