import type { ConsoleApi } from '../api/contract.ts'
import type { Trace } from '../ports/trace.ts'

/** What `serve` needs of a host. */
export interface ServedHost {
  readonly api: ConsoleApi
  readonly dataFolder: string
  close(): Promise<void>
}

export interface ServedHostInit {
  readonly dataFolder: string
  readonly trace: Trace
  readonly inputBytesMax?: number | undefined
  readonly queueInputsMax?: number | undefined
}

/** The world around the command, so that a test can be it. */
export interface Surroundings {
  readonly writeOut: (text: string) => void
  readonly writeError: (text: string) => void
  /** All of the standard input; rejects beyond `bytesMax`. */
  readonly readInput: (bytesMax: number) => Promise<string>
  readonly env: Readonly<NodeJS.ProcessEnv>
  readonly platform: NodeJS.Platform
  readonly homeFolder: string
  /** Where package.json, out/ and node_modules/ are. */
  readonly packageFolder: string
  /** Calls `listener` for each time someone asks the command to stop; returns what ends that. */
  readonly onStop: (listener: () => void) => () => void
  readonly openHost: (init: ServedHostInit) => Promise<ServedHost>
}
