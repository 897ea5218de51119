import { dataFolderOf } from './data-folder.ts'
import { EXIT } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { serve } from './serve.ts'
import type { ServeOptions } from './serve.ts'
import type { Surroundings } from './surroundings.ts'
import { prepareWindow, runWindow } from './window.ts'

/** A window that fails this early never came up: a missing system library, a refused sandbox. */
const EARLY_MS = 5000

/** Opens the console in whatever way this computer can: the desktop window, else a browser. */
export async function start(options: ServeOptions, surroundings: Surroundings): Promise<ExitCode> {
  const means = await prepareWindow(surroundings, { insist: false })
  if (means.ok) {
    const dataFolder = dataFolderOf(options, surroundings)
    const end = await runWindow(surroundings, { executable: means.executable, dataFolder })
    if (end.code === 0 || end.stopped) return EXIT.done
    if (end.lastedMs > EARLY_MS) {
      surroundings.writeError(`The window ended with ${end.code}.\n`)
      return EXIT.fault
    }
    surroundings.writeError(`Electron can't start here (it ended with ${end.code}): ${INSTEAD}\n`)
  } else {
    surroundings.writeError(`${means.why}: ${INSTEAD}\n`)
  }
  return serve(options, surroundings)
}

const INSTEAD = 'serving the console in a browser instead.'
