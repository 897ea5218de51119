import { spawn } from 'node:child_process'
import { access, readFile } from 'node:fs/promises'
import path from 'node:path'
import * as v from 'valibot'
import { fetchElectron, findElectron, recentFailure, rememberFailure } from './electron-binary.ts'
import type { Surroundings } from './surroundings.ts'

export type WindowMeans =
  | { readonly ok: true; readonly executable: string }
  /** In a few words, for "No …". */
  | { readonly ok: false; readonly why: string }

export interface WindowInit {
  /** On purpose: a failed attempt of today does not keep from trying again. */
  readonly insist: boolean
  /** A fetch that brings nothing for this long has failed. */
  readonly stallMsMax?: number
}

const STALL_MS_MAX = 8000

/** What the desktop window needs: a display, the built application, an Electron. In this order: the cheap ones first. */
export async function prepareWindow(surroundings: Surroundings, init: WindowInit): Promise<WindowMeans> {
  if (!hasDisplay(surroundings)) {
    return { ok: false, why: 'No display (neither DISPLAY nor WAYLAND_DISPLAY is set)' }
  }
  const main = await readMain(surroundings.packageFolder)
  if (main === undefined) return { ok: false, why: 'The application is not built (npm run build)' }
  const found = await findElectron(surroundings)
  switch (found.kind) {
    case 'found':
      return { ok: true, executable: found.executable }
    case 'misnamed':
      return {
        ok: false,
        why: `No Electron binary: ${found.variable} leads to ${found.executable}, which can't be run`,
      }
    case 'absent':
      return fetchForWindow(surroundings, init)
  }
}

async function fetchForWindow(surroundings: Surroundings, init: WindowInit): Promise<WindowMeans> {
  const { env, packageFolder } = surroundings
  if (isSet(env.ELECTRON_SKIP_BINARY_DOWNLOAD)) {
    return { ok: false, why: 'No Electron binary, and ELECTRON_SKIP_BINARY_DOWNLOAD is set' }
  }
  const failed = init.insist ? undefined : await recentFailure(packageFolder)
  if (failed !== undefined) {
    return { ok: false, why: `No Electron binary, and none could be fetched lately (${failed})` }
  }
  let told = false
  const fetched = await fetchElectron(surroundings, {
    stallMsMax: init.stallMsMax ?? STALL_MS_MAX,
    onProgress: () => {
      if (!told) surroundings.writeError('Fetching Electron, once …\n')
      told = true
    },
  })
  const found = await findElectron(surroundings)
  if (found.kind === 'found') return { ok: true, executable: found.executable }
  const reason = fetched.ok ? 'its installer left no binary' : fetched.reason
  await rememberFailure(packageFolder, reason)
  return { ok: false, why: `No Electron binary and none could be fetched (${reason})` }
}

function hasDisplay({ env, platform }: Surroundings): boolean {
  return platform === 'darwin' || platform === 'win32' || isSet(env.DISPLAY) || isSet(env.WAYLAND_DISPLAY)
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== ''
}

async function readMain(packageFolder: string): Promise<string | undefined> {
  try {
    const manifest: unknown = JSON.parse(await readFile(path.join(packageFolder, 'package.json'), 'utf8'))
    const main = path.join(packageFolder, v.parse(v.object({ main: v.string() }), manifest).main)
    await access(main)
    return main
  } catch {
    return undefined
  }
}

export interface WindowEnd {
  /** Its exit code, or the words of what ended it. */
  readonly code: number | string
  readonly lastedMs: number
  /** The command was asked to stop. */
  readonly stopped: boolean
}

const STOP_MS_MAX = 20_000

/** Opens the desktop window and waits until it is closed. */
export async function runWindow(
  surroundings: Surroundings,
  { executable, dataFolder }: { readonly executable: string; readonly dataFolder: string },
): Promise<WindowEnd> {
  const { ELECTRON_RUN_AS_NODE: _, ...env } = surroundings.env
  const started = performance.now()
  const child = spawn(executable, ['.', `--data-folder=${dataFolder}`], {
    cwd: surroundings.packageFolder,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  let stopped = false
  let killer: NodeJS.Timeout | undefined
  const endStop = surroundings.onStop(() => {
    if (stopped) return
    stopped = true
    child.kill('SIGTERM')
    killer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
  })
  const code = await new Promise<number | string>((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (exitCode, signal) => resolve(exitCode ?? signal ?? 'an unknown end'))
  })
  endStop()
  clearTimeout(killer)
  return { code, lastedMs: performance.now() - started, stopped }
}
