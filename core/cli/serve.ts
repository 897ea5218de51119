import path from 'node:path'
import { SynodError, messageOf } from '../base/errors.ts'
import { openDoors } from '../gateway/doors.ts'
import type { Doors } from '../gateway/doors.ts'
import { tokenFile } from '../gateway/tokens.ts'
import { traceNothing } from '../ports/trace.ts'
import type { Trace } from '../ports/trace.ts'
import { show } from './answering.ts'
import { dataFolderOf } from './data-folder.ts'
import { EXIT } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { CommandError } from './failure.ts'
import type { ServedHost, Surroundings } from './surroundings.ts'

export interface ServeOptions {
  readonly data?: string
  /** 0 = any free one. */
  readonly port: number
  readonly inputBytesMax?: number
  readonly queueInputsMax?: number
  /** Diagnostics on the standard error. */
  readonly trace: boolean
  readonly json: boolean
}

/** Replicas hand over leadership and flush their logs first; then the rest is cut off. */
const CLOSE_MS_MAX = 20_000

/** The headless host: serves programs and browsers on this computer until it is asked to stop. */
export async function serve(options: ServeOptions, surroundings: Surroundings): Promise<ExitCode> {
  const stop = awaitStop(surroundings)
  const cut = stop.second.then(() => {
    surroundings.writeError('Cut off before the host had closed; acknowledged Inputs are on disk.\n')
    return EXIT.fault
  })
  try {
    return await Promise.race([serveUntil(stop.first, { options, surroundings }), cut])
  } finally {
    stop.end()
  }
}

async function serveUntil(
  stopped: Promise<void>,
  { options, surroundings }: { readonly options: ServeOptions; readonly surroundings: Surroundings },
): Promise<ExitCode> {
  const trace = options.trace ? createTrace(surroundings) : traceNothing
  const host = await openHost(options, { surroundings, trace })
  const doors = await openDoorsOf(host, { options, surroundings, trace })
  tell(host, { doors, options, surroundings })
  await stopped
  if (!options.json) surroundings.writeOut('Stopping: the replicas hand over and flush their logs …\n')
  return closeBoth({ host, doors }, surroundings)
}

interface Stop {
  readonly first: Promise<void>
  /** Whoever asks a second time does not want to wait. */
  readonly second: Promise<void>
  readonly end: () => void
}

function awaitStop({ onStop }: Surroundings): Stop {
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let asked = false
  const end = onStop(() => {
    if (asked) second.resolve()
    asked = true
    first.resolve()
  })
  return { first: first.promise, second: second.promise, end }
}

interface Around {
  readonly surroundings: Surroundings
  readonly trace: Trace
}

async function openHost(options: ServeOptions, { surroundings, trace }: Around): Promise<ServedHost> {
  const dataFolder = dataFolderOf(options, surroundings)
  try {
    return await surroundings.openHost({
      dataFolder,
      trace,
      inputBytesMax: options.inputBytesMax,
      queueInputsMax: options.queueInputsMax,
    })
  } catch (error) {
    throw notStarted(error)
  }
}

async function openDoorsOf(
  host: ServedHost,
  { options, surroundings, trace }: Around & { readonly options: ServeOptions },
): Promise<Doors> {
  try {
    return await openDoors({
      api: host.api,
      dataFolder: host.dataFolder,
      port: options.port,
      consoleFolder: consoleFolder(surroundings),
      inputBytesMax: options.inputBytesMax,
      trace,
    })
  } catch (error) {
    await host.close()
    throw notStarted(error)
  }
}

/** Operating faults say what to do; anything else is a bug and goes on as it is. */
function notStarted(error: unknown): unknown {
  if (error instanceof SynodError) {
    const { code } = error.fault as { readonly code: string }
    return new CommandError({ code, exit: EXIT.hostNotStarted }, error.message, { cause: error })
  }
  if (error instanceof Error && 'syscall' in error) {
    const message = `The data folder can't be used: ${error.message}. Name another one with --data.`
    return new CommandError({ code: 'DATA_FOLDER_UNUSABLE', exit: EXIT.hostNotStarted }, message, { cause: error })
  }
  return error
}

function consoleFolder({ packageFolder }: Surroundings): string {
  return path.join(packageFolder, 'out', 'renderer')
}

interface Told {
  readonly doors: Doors
  readonly options: ServeOptions
  readonly surroundings: Surroundings
}

function tell(host: ServedHost, { doors, options, surroundings }: Told): void {
  const token = tokenFile(host.dataFolder)
  const { url, consoleUrl } = doors
  const data = {
    event: 'serving',
    url,
    console: consoleUrl,
    dataFolder: host.dataFolder,
    tokenFile: token,
    pid: process.pid,
  }
  const text = [
    `Synod's console  ${consoleUrl}`,
    `For programs     ${url}/v1/… with the token in ${token}`,
    `Data folder      ${host.dataFolder}`,
    'Stop with Ctrl+C.',
  ]
  show(surroundings, { json: options.json, data, text: text.join('\n') })
}

interface Open {
  readonly host: ServedHost
  readonly doors: Doors
}

async function closeBoth({ host, doors }: Open, { writeError }: Surroundings): Promise<ExitCode> {
  const late = Promise.withResolvers<ExitCode>()
  const timeout = setTimeout(() => {
    writeError('The host did not close in time and is cut off; acknowledged Inputs are on disk.\n')
    late.resolve(EXIT.fault)
  }, CLOSE_MS_MAX)
  const close = async (): Promise<ExitCode> => {
    try {
      await doors.close()
      await host.close()
      return EXIT.done
    } catch (error) {
      writeError(`The host did not close cleanly: ${messageOf(error)}\n`)
      return EXIT.fault
    }
  }
  try {
    return await Promise.race([close(), late.promise])
  } finally {
    clearTimeout(timeout)
  }
}

function createTrace({ writeError }: Surroundings): Trace {
  return (event, fields) => {
    writeError(`${JSON.stringify({ time: new Date().toISOString(), event, ...fields })}\n`)
  }
}
