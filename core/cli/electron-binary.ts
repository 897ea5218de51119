import { spawn } from 'node:child_process'
import { access, constants, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as v from 'valibot'
import type { Surroundings } from './surroundings.ts'

type Search = Pick<Surroundings, 'env' | 'platform' | 'packageFolder'>

export type FoundElectron =
  | { readonly kind: 'found'; readonly executable: string }
  | { readonly kind: 'absent' }
  /** A variable of the environment names what is not there. */
  | { readonly kind: 'misnamed'; readonly variable: string; readonly executable: string }

/** Variables that name the executable itself; the second is electron-vite's. */
const EXECUTABLE_VARIABLES = ['SYNOD_ELECTRON', 'ELECTRON_EXEC_PATH'] as const

/** The Electron executable to start, without asking the network. */
export async function findElectron({ env, platform, packageFolder }: Search): Promise<FoundElectron> {
  for (const variable of EXECUTABLE_VARIABLES) {
    const named = env[variable]
    if (named === undefined || named === '') continue
    const executable = path.resolve(packageFolder, named)
    return (await isExecutable(executable)) ? { kind: 'found', executable } : { kind: 'misnamed', variable, executable }
  }
  const electron = electronFolder(packageFolder)
  const named = await readFile(path.join(electron, 'path.txt'), 'utf8').catch(() => undefined)
  const dist = env.ELECTRON_OVERRIDE_DIST_PATH
  if (dist !== undefined && dist !== '') {
    const executable = path.resolve(packageFolder, dist, named ?? EXECUTABLES[platform] ?? 'electron')
    const variable = 'ELECTRON_OVERRIDE_DIST_PATH'
    return (await isExecutable(executable)) ? { kind: 'found', executable } : { kind: 'misnamed', variable, executable }
  }
  if (named === undefined) return { kind: 'absent' }
  const executable = path.join(electron, 'dist', named)
  return (await isExecutable(executable)) ? { kind: 'found', executable } : { kind: 'absent' }
}

/** Within Electron's distribution, by platform. */
const EXECUTABLES: Partial<Readonly<Record<NodeJS.Platform, string>>> = {
  darwin: 'Electron.app/Contents/MacOS/Electron',
  win32: 'electron.exe',
}

export type FetchedElectron = { readonly ok: true } | { readonly ok: false; readonly reason: string }

export interface FetchInit {
  /** Without a new byte for this long the attempt ends. */
  readonly stallMsMax: number
  readonly onProgress: () => void
}

const WATCH_MS = 250
/** However steadily it trickles. */
const FETCH_MS_MAX = 600_000

/** Runs Electron's own installer, quietly, for as long as it gets on. */
export async function fetchElectron(search: Search, init: FetchInit): Promise<FetchedElectron> {
  const installer = path.join(electronFolder(search.packageFolder), 'install.js')
  if (!(await isThere(installer))) return { ok: false, reason: 'the npm package electron is not installed' }
  // A folder of its own for the download: its growth is the progress.
  const folder = await mkdtemp(path.join(tmpdir(), 'synod-electron-'))
  try {
    return await runInstaller(installer, { ...init, env: search.env, folder })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface InstallerRun extends FetchInit {
  readonly env: Search['env']
  readonly folder: string
}

async function runInstaller(
  installer: string,
  { env, folder, stallMsMax, onProgress }: InstallerRun,
): Promise<FetchedElectron> {
  const child = spawn(process.execPath, [installer], {
    env: { ...env, TMPDIR: folder, TEMP: folder, TMP: folder, ELECTRON_GET_NO_PROGRESS: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
    windowsHide: true,
  })
  let words = ''
  child.stderr.on('data', (data: Buffer) => (words = (words + data.toString('utf8')).slice(0, ERROR_CHARS_MAX)))
  const dist = path.join(path.dirname(installer), 'dist')
  const watch = watchProgress([folder, dist], { stallMsMax, onProgress, onStall: () => child.kill('SIGKILL') })
  try {
    const end = await new Promise<number | string | null>((resolve) => {
      child.on('error', (error) => resolve(error.message))
      child.on('close', resolve)
    })
    if (end === 0) return { ok: true }
    if (watch.stalled) return { ok: false, reason: `nothing arrived for ${stallMsMax / 1000} s` }
    return {
      ok: false,
      reason: typeof end === 'string' ? end : (firstLine(words) ?? `its installer ended with ${end}`),
    }
  } finally {
    watch.end()
  }
}

const ERROR_CHARS_MAX = 4096

interface Watch {
  readonly stalled: boolean
  readonly end: () => void
}

function watchProgress(
  folders: readonly string[],
  { stallMsMax, onProgress, onStall }: FetchInit & { readonly onStall: () => void },
): Watch {
  const started = performance.now()
  const watch = { stalled: false, end: () => clearTimeout(timer) }
  let [bytes, movedAt] = [-1, started]
  const look = async (): Promise<void> => {
    const sizes = await Promise.all(folders.map(folderBytes))
    const now = performance.now()
    const sum = sizes.reduce((left, right) => left + right, 0)
    if (sum !== bytes) {
      if (bytes >= 0) onProgress()
      ;[bytes, movedAt] = [sum, bytes < 0 ? movedAt : now]
    }
    if (now - movedAt > stallMsMax || now - started > FETCH_MS_MAX) {
      watch.stalled = true
      onStall()
    } else {
      timer = setTimeout(() => void look(), WATCH_MS)
    }
  }
  let timer = setTimeout(() => void look(), 0)
  return watch
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter((entry) => entry.isFile())
  const sizes = await Promise.all(
    files.map(async (file) => {
      const found = await stat(path.join(file.parentPath, file.name)).catch(() => undefined)
      return found?.size ?? 0
    }),
  )
  return sizes.reduce((left, right) => left + right, 0)
}

const attemptSchema = v.object({ electron: v.string(), failedMs: v.number(), reason: v.string() })
const ATTEMPT_REMEMBERED_MS = 24 * 3600 * 1000

/** A fetch of this Electron that failed within the last day: it need not be waited for again. */
export async function recentFailure(packageFolder: string): Promise<string | undefined> {
  try {
    const attempt = v.parse(attemptSchema, JSON.parse(await readFile(attemptFile(packageFolder), 'utf8')))
    const ageMs = Date.now() - attempt.failedMs
    const fresh = ageMs >= 0 && ageMs < ATTEMPT_REMEMBERED_MS
    return fresh && attempt.electron === (await electronVersion(packageFolder)) ? attempt.reason : undefined
  } catch {
    return undefined
  }
}

export async function rememberFailure(packageFolder: string, reason: string): Promise<void> {
  const file = attemptFile(packageFolder)
  const attempt = { electron: await electronVersion(packageFolder), failedMs: Date.now(), reason }
  try {
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(file, JSON.stringify(attempt))
  } catch {
    // A folder that can't be written only means that the next start asks the network again.
  }
}

function attemptFile(packageFolder: string): string {
  return path.join(packageFolder, 'node_modules', '.cache', 'synod', 'electron-fetch.json')
}

async function electronVersion(packageFolder: string): Promise<string> {
  const text = await readFile(path.join(electronFolder(packageFolder), 'package.json'), 'utf8').catch(() => '{}')
  return v.parse(v.object({ version: v.optional(v.string(), '') }), JSON.parse(text)).version
}

function electronFolder(packageFolder: string): string {
  return path.join(packageFolder, 'node_modules', 'electron')
}

function firstLine(text: string): string | undefined {
  return text
    .split('\n')
    .find((line) => line.trim() !== '')
    ?.trim()
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  )
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}
