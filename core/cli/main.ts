import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import * as v from 'valibot'
import { EXIT } from './exit-codes.ts'
import { CommandError } from './failure.ts'
import { runCommand } from './program.ts'
import type { ServedHost, ServedHostInit, Surroundings } from './surroundings.ts'

const packageFolder = path.resolve(import.meta.dirname, '../..')

const surroundings: Surroundings = {
  writeOut: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
  readInput,
  env: process.env,
  platform: process.platform,
  homeFolder: homedir(),
  packageFolder,
  onStop,
  openHost,
}

// A reader that went away (`synod status | head -1`, a closed terminal) is no reason to fail, nor to stop serving.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)

// A bug ends the command, as it would anyway, but with a code no script takes for an answer.
process.on('uncaughtException', (error) => {
  process.stderr.write(`Synod met an error of its own: ${error.stack ?? error.message}\n`)
  process.exit(EXIT.fault)
})

process.exitCode = await runCommand(process.argv.slice(2), surroundings, { version: readVersion() })
// Whatever was cut off may still hold the process: a moment for the last words to leave, then the end.
const LAST_WORDS_MS = 500
setTimeout(() => process.exit(), LAST_WORDS_MS).unref()

/** Loaded only where a host is opened: the other verbs start faster without it. */
async function openHost(init: ServedHostInit): Promise<ServedHost> {
  const { forkLauncher, openHost: open } = await import('../index.ts')
  const { dataFolder, trace, inputBytesMax, queueInputsMax } = init
  return open({
    dataFolder,
    trace,
    launcher: forkLauncher(),
    kind: 'headless',
    ...(inputBytesMax === undefined ? {} : { inputBytesMax }),
    ...(queueInputsMax === undefined ? {} : { queueInputsMax }),
  })
}

async function readInput(bytesMax: number): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of process.stdin as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > bytesMax) {
      const message = `The Input on the standard input is larger than ${bytesMax} bytes. Nothing was ordered.`
      throw new CommandError({ code: 'INPUT_TOO_LARGE', exit: EXIT.refusedBeforeOrdering }, message)
    }
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** A terminal and npm both pass Ctrl+C on, so signals close together are one. */
function onStop(listener: () => void): () => void {
  const samePressMs = 1000
  let lastMs = -Infinity
  const hear = (): void => {
    const nowMs = performance.now()
    const again = nowMs - lastMs < samePressMs
    if (again) return
    lastMs = nowMs
    listener()
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, hear)
  return () => {
    for (const signal of signals) process.off(signal, hear)
  }
}

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(path.join(packageFolder, 'package.json'), 'utf8'))
  return v.parse(v.object({ version: v.string() }), manifest).version
}
