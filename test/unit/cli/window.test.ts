import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EXIT } from '../../../core/cli/exit-codes.ts'
import type { Surroundings } from '../../../core/cli/surroundings.ts'
import { prepareWindow } from '../../../core/cli/window.ts'
import { StubHost } from '../gateway/stub-host.ts'
import { World } from './surroundings.ts'

let folder: string
let data: string

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'synod-window-'))
  data = path.join(folder, 'data')
  await write('package.json', '{"main":"out/main/main.js"}')
  await write('out/main/main.js', '')
  await write('node_modules/electron/package.json', '{"version":"1.2.3"}')
})

afterEach(async () => {
  await rm(folder, { recursive: true })
})

async function write(name: string, text: string, mode = 0o600): Promise<string> {
  const file = path.join(folder, name)
  await mkdir(path.dirname(file), { recursive: true })
  await writeFile(file, text)
  await chmod(file, mode)
  return file
}

/** A program in Electron's place: writes down how it was called, then does as the test says. */
function writeElectron(name: string, body: string): Promise<string> {
  const words = `require('node:fs').writeFileSync(${JSON.stringify(path.join(folder, 'called'))}, JSON.stringify(process.argv.slice(2)));`
  return write(name, `#!${process.execPath}\n${words}\n${body}\n`, 0o700)
}

function writeInstaller(body: string): Promise<string> {
  const count = `require('node:fs').appendFileSync(${JSON.stringify(path.join(folder, 'fetches'))}, 'x');`
  return write('node_modules/electron/install.js', `${count}\n${body}\n`)
}

async function fetches(): Promise<number> {
  const text = await readFile(path.join(folder, 'fetches'), 'utf8').catch(() => '')
  return text.length
}

const INSTALLED = `
const fs = require('node:fs'), path = require('node:path')
fs.mkdirSync(path.join(__dirname, 'dist'))
fs.writeFileSync(path.join(__dirname, 'dist', 'electron'), '#!/bin/sh\\n', { mode: 0o700 })
fs.writeFileSync(path.join(__dirname, 'path.txt'), 'electron')`

function worldWith(env: NodeJS.ProcessEnv, changes: Partial<Surroundings> = {}): World {
  return new World({
    env: { PATH: process.env.PATH, DISPLAY: ':0', ...env },
    packageFolder: folder,
    openHost: ({ dataFolder }) => Promise.resolve({ api: new StubHost(), dataFolder, close: () => Promise.resolve() }),
    ...changes,
  })
}

/** Runs `start` until it serves, and stops it. */
async function startToServe(world: World): Promise<string> {
  const started = world.run('start', '--data', data)
  await expect.poll(() => world.said.out, { timeout: 10_000 }).toContain('/#token=')
  world.stop()
  expect(await started).toBe(EXIT.done)
  return world.said.error
}

describe('start', () => {
  it('runs Electron on the built application and ends when the window does', async () => {
    const electron = await writeElectron('electron-here', 'process.exit(0)')
    const world = worldWith({ SYNOD_ELECTRON: electron })
    expect(await world.run('start', '--data', data)).toBe(EXIT.done)
    expect(JSON.parse(await readFile(path.join(folder, 'called'), 'utf8'))).toEqual(['.', `--data-folder=${data}`])
    expect(world.said).toEqual({ out: '', error: '' })
  })

  it('says in one line that there is no display and serves, without fetching an Electron for nothing', async () => {
    await writeInstaller(INSTALLED)
    const said = await startToServe(worldWith({ DISPLAY: '' }))
    expect(said).toBe(
      'No display (neither DISPLAY nor WAYLAND_DISPLAY is set): serving the console in a browser instead.\n',
    )
    expect(await fetches()).toBe(0)
  })

  it('says in one line that no Electron could be fetched, serves, and does not try again on the next start', async () => {
    await writeInstaller('process.stderr.write("TypeError: fetch failed\\n  at somewhere\\n"); process.exit(1)')
    expect(await startToServe(worldWith({}))).toBe(
      'No Electron binary and none could be fetched (TypeError: fetch failed): ' +
        'serving the console in a browser instead.\n',
    )
    expect(await startToServe(worldWith({}))).toMatch(/^No Electron binary, and none could be fetched lately \(.*\n$/)
    expect(await fetches()).toBe(1)
    // Another Electron may be there to be had.
    await write('node_modules/electron/package.json', '{"version":"1.2.4"}')
    await startToServe(worldWith({}))
    expect(await fetches()).toBe(2)
  })

  it.each([
    ['is not there', undefined],
    ['is no program', ''],
  ])('names the variable whose Electron %s, and serves', async (_what, text) => {
    if (text !== undefined) await write('electron-here', text)
    const said = await startToServe(worldWith({ SYNOD_ELECTRON: path.join(folder, 'electron-here') }))
    expect(said).toContain('SYNOD_ELECTRON')
    expect(said.trim().split('\n')).toHaveLength(1)
  })

  it('serves when the window fails before it is up, as it does where a system library is missing', async () => {
    const electron = await writeElectron('electron-here', 'process.exit(127)')
    const said = await startToServe(worldWith({ ELECTRON_EXEC_PATH: electron }))
    expect(said).toBe("Electron can't start here (it ended with 127): serving the console in a browser instead.\n")
  })

  it('passes a request to stop on to the window', async () => {
    const electron = await writeElectron('electron-here', 'setInterval(() => undefined, 1000)')
    const world = worldWith({ SYNOD_ELECTRON: electron })
    const started = world.run('start', '--data', data)
    await expect
      .poll(() => readFile(path.join(folder, 'called'), 'utf8').catch(() => ''), { timeout: 5000 })
      .not.toBe('')
    world.stop()
    expect(await started).toBe(EXIT.done)
  })
})

describe('desktop', () => {
  it.each([
    ['without a display', { DISPLAY: '' }, 'No display'],
    ['without an Electron', {}, 'none could be fetched'],
    ['where fetching is switched off', { ELECTRON_SKIP_BINARY_DOWNLOAD: '1' }, 'ELECTRON_SKIP_BINARY_DOWNLOAD'],
  ])('%s ends with 3 and says why and what else there is', async (_where, env, why) => {
    await writeInstaller('process.exit(1)')
    const world = worldWith(env)
    expect(await world.run('desktop', '--data', data)).toBe(EXIT.hostNotStarted)
    expect(world.said.error).toContain(why)
    expect(world.said.error).toContain('npm run serve')
  })

  it('says that the application is not built', async () => {
    await rm(path.join(folder, 'out'), { recursive: true })
    const world = worldWith({})
    expect(await world.run('desktop')).toBe(EXIT.hostNotStarted)
    expect(world.said.error).toContain('npm run build')
  })

  it('tries to fetch again where start no longer does: it is asked for on purpose', async () => {
    await writeInstaller('process.exit(1)')
    await startToServe(worldWith({}))
    await worldWith({}).run('desktop')
    expect(await fetches()).toBe(2)
  })

  it('ends with 3 when the window ended with an error', async () => {
    const world = worldWith({ SYNOD_ELECTRON: await writeElectron('electron-here', 'process.exit(9)') })
    expect(await world.run('desktop')).toBe(EXIT.hostNotStarted)
    expect(world.said.error).toContain('9')
  })
})

describe('the Electron that is used', () => {
  async function prepare(env: NodeJS.ProcessEnv, init = {}): Promise<unknown> {
    return prepareWindow(worldWith(env).surroundings, { insist: true, ...init })
  }

  it('is the one in node_modules, or in ELECTRON_OVERRIDE_DIST_PATH', async () => {
    await write('node_modules/electron/path.txt', 'electron')
    const own = await write('node_modules/electron/dist/electron', '', 0o700)
    const other = await write('elsewhere/electron', '', 0o700)
    expect(await prepare({})).toEqual({ ok: true, executable: own })
    expect(await prepare({ ELECTRON_OVERRIDE_DIST_PATH: path.dirname(other) })).toEqual({ ok: true, executable: other })
  })

  it('is fetched once when it is missing', async () => {
    await writeInstaller(INSTALLED)
    const executable = path.join(folder, 'node_modules/electron/dist/electron')
    expect(await prepare({})).toEqual({ ok: true, executable })
    expect(await prepare({})).toEqual({ ok: true, executable })
    expect(await fetches()).toBe(1)
  })

  it('is not waited for when nothing of it arrives', async () => {
    await writeInstaller('setInterval(() => undefined, 1000)')
    const started = performance.now()
    expect(await prepare({}, { stallMsMax: 300 })).toMatchObject({
      ok: false,
      why: expect.stringContaining('nothing arrived for 0.3 s') as unknown,
    })
    expect(performance.now() - started).toBeLessThan(5000)
  })

  it('is waited for as long as more of it arrives', async () => {
    // Six writes, each within the patience, all of them together beyond it.
    await writeInstaller(`
      const fs = require('node:fs'), os = require('node:os'), path = require('node:path')
      let writes = 0
      const timer = setInterval(() => {
        fs.appendFileSync(path.join(os.tmpdir(), 'download'), 'x'.repeat(1000))
        if (++writes === 6) { clearInterval(timer); ${INSTALLED} }
      }, 300)`)
    expect(await prepare({}, { stallMsMax: 1500 })).toMatchObject({ ok: true })
  })
})
