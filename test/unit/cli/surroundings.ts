import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Surroundings } from '../../../core/cli/surroundings.ts'
import { runCommand } from '../../../core/cli/program.ts'

export interface Said {
  out: string
  error: string
}

/** A world for one command: what it says is kept, and it is asked to stop when the test wants. */
export class World {
  readonly said: Said = { out: '', error: '' }
  readonly surroundings: Surroundings
  readonly #stops = new Set<() => void>()

  constructor(changes: Partial<Surroundings> = {}) {
    this.surroundings = {
      writeOut: (text) => (this.said.out += text),
      writeError: (text) => (this.said.error += text),
      readInput: () => Promise.reject(new Error('the test gave no standard input')),
      env: {},
      platform: 'linux',
      homeFolder: '/home/someone',
      packageFolder: path.join(tmpdir(), 'synod-no-such-package'),
      onStop: (listener) => {
        this.#stops.add(listener)
        return () => this.#stops.delete(listener)
      },
      openHost: () => Promise.reject(new Error('the test gave no host')),
      ...changes,
    }
  }

  run(...words: readonly string[]): Promise<number> {
    return runCommand(words, this.surroundings, { version: '9.8.7' })
  }

  stop(): void {
    for (const listener of this.#stops) listener()
  }

  /** The last line of the standard output, for programs. */
  json(): unknown {
    const lines = this.said.out.trim().split('\n')
    return JSON.parse(lines.at(-1) ?? '')
  }
}
