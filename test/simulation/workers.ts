import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import type { SeedRange, Totals } from './run-seeds.ts'

/** What a worker process is asked: one range of seeds after another. */
export interface WorkerOrder {
  readonly range: SeedRange
}

/** Nearly all an event makes is dropped with it: room for many between two collections. */
const SEMI_SPACE_MIB_MAX = 64

/** A process of its own that runs seeds: on another core, or on a mutated core. */
export class Worker {
  readonly #child: ChildProcess

  constructor(options: { readonly mutant?: string } = {}) {
    const main = new URL('main.ts', import.meta.url)
    const mutant = options.mutant === undefined ? [] : ['--mutant', options.mutant]
    const execArgv = [...process.execArgv, `--max-semi-space-size=${SEMI_SPACE_MIB_MAX}`]
    this.#child = fork(main, ['--worker', ...mutant], { execArgv })
  }

  /** @throws Error when the process ends before it has answered. */
  run(range: SeedRange): Promise<Totals> {
    const answer = Promise.withResolvers<Totals>()
    const onExit = (code: number | null): void => {
      answer.reject(new Error(`a simulator process ended with code ${code} at ${JSON.stringify(range)}`))
    }
    this.#child.once('exit', onExit)
    this.#child.once('message', (totals: Totals) => {
      this.#child.off('exit', onExit)
      answer.resolve(totals)
    })
    this.#child.send({ range } satisfies WorkerOrder)
    return answer.promise
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect()
  }
}
