import { UsageError } from './option-values.ts'

export interface Program<Options> {
  readonly usage: string
  /** @throws UsageError */
  readonly read: (args: readonly string[]) => Options
  /** @returns whether everything was as it should be. */
  readonly perform: (options: Options, run: Run) => Promise<boolean>
}

export interface Run {
  /** Aborted when the run is interrupted: what is under way ends, and cleans up. */
  readonly signal: AbortSignal
  /** Says how far the run is. */
  readonly tell: (line: string) => void
}

/**
 * Runs a measuring program from its arguments to its exit code: 0 all is well; 1 something failed or a bound did not
 * hold; 2 an option is wrong; 130 interrupted.
 */
export async function runProgram<Options>({ usage, read, perform }: Program<Options>): Promise<number> {
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      interrupted.abort(new Error(`interrupted by ${name}`))
    })
  }
  const { signal } = interrupted
  const tell = (line: string): void => {
    console.error(line)
  }
  try {
    return (await perform(read(process.argv.slice(2)), { signal, tell })) ? 0 : 1
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${error.message}\n\n${usage}`)
      return 2
    }
    console.error(error instanceof Error ? error.message : error)
    return signal.aborted ? 130 : 1
  }
}
