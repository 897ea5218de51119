import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ReplicaLauncher, ReplicaProcess } from './launcher.ts'

const ENTRY = fileURLToPath(new URL('../host/fork-entry.ts', import.meta.url))

/**
 * Unit: MiB. V8 lets its young generation grow to 128 MiB under load and does not give it back. So much is filled in a
 * second or so; what survives that is kept for longer anyway.
 */
const SEMI_SPACE_MIB_MAX = 8

/** Replica processes as forks of this Node, for the headless host. */
export function createForkLauncher(): ReplicaLauncher {
  return {
    launch: (name): ReplicaProcess => {
      const child = fork(ENTRY, [name], {
        serialization: 'advanced',
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        execArgv: [...process.execArgv, `--max-semi-space-size=${SEMI_SPACE_MIB_MAX}`],
      })
      // A process that is gone or going says so by its exit, which is all that counts.
      child.on('error', () => undefined)
      return {
        pid: child.pid,
        send: (message) => {
          if (child.connected) child.send(message as Parameters<typeof child.send>[0], () => undefined)
        },
        onMessage: (listener) => {
          child.on('message', listener)
        },
        onExit: (listener) => {
          child.once('exit', (code, signal) => {
            listener({ code, signal })
          })
          // A process that could not be started has no exit to tell of.
          if (child.pid === undefined) child.once('error', () => listener({ code: null, signal: null }))
        },
        kill: () => {
          child.kill('SIGKILL')
        },
        pause: () => {
          child.kill('SIGSTOP')
        },
        resume: () => {
          child.kill('SIGCONT')
        },
      }
    },
  }
}
