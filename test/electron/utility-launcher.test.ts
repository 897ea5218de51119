import { fork } from 'node:child_process'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import type { ReplicaExit } from '../../core/supervisor/launcher.ts'
import { createUtilityLauncher } from '../../electron/utility-launcher.ts'

/** `utilityProcess` exists only in Electron's main process: here a real child process speaks in its words. */
vi.mock('electron', () => ({
  utilityProcess: {
    fork: (entry: string, args: readonly string[]) => {
      const child = fork(entry, args, { serialization: 'advanced' })
      return Object.assign(child, { postMessage: (message: NodeJS.Dict<unknown>) => child.send(message) })
    },
  },
}))

const echo = join(import.meta.dirname, 'processes/echo.mjs')

it('a replica in a utility process hears, answers, and ends when it is killed, though it would rather not', async () => {
  const replica = createUtilityLauncher(echo).launch('a')
  const heard = Promise.withResolvers<unknown>()
  const ended = Promise.withResolvers<ReplicaExit>()
  replica.onMessage(heard.resolve)
  replica.onExit(ended.resolve)
  replica.send({ bytes: new Uint8Array([1, 2, 3]) })
  expect(await heard.promise).toEqual({ bytes: new Uint8Array([1, 2, 3]) })
  expect(replica.pid).toBeGreaterThan(0)

  replica.kill()
  expect(await ended.promise).toMatchObject({ signal: null })
  expect(() => {
    replica.kill()
  }).not.toThrow()
})
