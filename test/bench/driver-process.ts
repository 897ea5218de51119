import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { DriverAnswer, DriverCall, DriverCalls, DriverInit } from './driver-protocol.ts'
import { within } from './workload.ts'

const ENTRY = fileURLToPath(new URL('driver.ts', import.meta.url))
/** Unit: ms. A graceful end may take this long; then the process is killed. */
const CLOSE_MS_MAX = 30_000

interface Waiting {
  readonly resolve: (answer: never) => void
  readonly reject: (error: Error) => void
}

/** This side of a driver: starts the process, tells it what to do, ends it. */
export class DriverProcess {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  #calls = 0

  private constructor(execArgv: readonly string[]) {
    this.#child = fork(ENTRY, {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: [...process.execArgv, ...execArgv],
    })
    this.#child.on('message', (answer: DriverAnswer) => {
      const waiting = this.#waiting.get(answer.id)
      this.#waiting.delete(answer.id)
      if (answer.ok) waiting?.resolve(answer.answer as never)
      else waiting?.reject(new Error(answer.message))
    })
    this.#child.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the process with the clients ended'))
      this.#waiting.clear()
    })
  }

  /** `execArgv`: options of Node for the process and its replicas, beside this one's own. */
  static async open(init: DriverInit, execArgv: readonly string[] = []): Promise<DriverProcess> {
    const driver = new DriverProcess(execArgv)
    try {
      await driver.call('open', init, 90_000)
      return driver
    } catch (error) {
      await driver.close()
      throw error
    }
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** @throws Error when it can't be done, or takes longer than `msMax`. */
  async call<Call extends DriverCall>(
    call: Call,
    order: DriverCalls[Call]['order'],
    msMax: number,
  ): Promise<DriverCalls[Call]['answer']> {
    const id = (this.#calls += 1)
    const answer = new Promise<DriverCalls[Call]['answer']>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
    })
    if (!this.#child.connected) throw new Error('the process with the clients ended')
    this.#child.send({ id, call, order })
    return await within(msMax, answer, `${call} was not done`)
  }

  /** Gracefully; by force when that takes too long. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    if (this.#child.connected) this.#child.disconnect()
    await within(CLOSE_MS_MAX, exited, 'the process with the clients did not end').catch(() =>
      this.#child.kill('SIGKILL'),
    )
  }
}
