import { dataFolderOf } from './data-folder.ts'
import { EXIT } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { CommandError } from './failure.ts'
import type { Surroundings } from './surroundings.ts'
import { prepareWindow, runWindow } from './window.ts'

export interface DesktopOptions {
  readonly data?: string
}

/** The desktop window, on purpose. */
export async function desktop(options: DesktopOptions, surroundings: Surroundings): Promise<ExitCode> {
  const means = await prepareWindow(surroundings, { insist: true })
  if (!means.ok) {
    const message = `${means.why}. The same console in a browser: npm run serve`
    throw new CommandError({ code: 'WINDOW_NOT_OPENED', exit: EXIT.hostNotStarted }, message)
  }
  const dataFolder = dataFolderOf(options, surroundings)
  const end = await runWindow(surroundings, { executable: means.executable, dataFolder })
  if (end.code === 0 || end.stopped) return EXIT.done
  const message = `The window ended with ${end.code}. Its own words stand above, if it left any.`
  throw new CommandError({ code: 'WINDOW_FAILED', exit: EXIT.hostNotStarted }, message)
}
