import { join } from 'node:path'
import { app, dialog, protocol, session } from 'electron'
import type { BrowserWindow } from 'electron'
import type { Doors, Host } from '../core/index.ts'
import { openDoors, openHost } from '../core/index.ts'
import { CONSOLE_SCHEME } from './console-address.ts'
import { pushEvents, serveConsole } from './ipc.ts'
import { createPageServer } from './page.ts'
import { QUIT_MS_MAX, closeWithin } from './quit.ts'
import { confine, denyPermissions } from './security.ts'
import { createUtilityLauncher } from './utility-launcher.ts'
import { focusWindow, openWindow } from './window.ts'

// Electron asks for this before it is ready.
protocol.registerSchemesAsPrivileged([
  { scheme: CONSOLE_SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true } },
])

if (app.requestSingleInstanceLock()) void start()
else app.quit()

async function start(): Promise<void> {
  app.on('web-contents-created', (_event, contents) => confine(contents))
  app.on('window-all-closed', () => {
    // On macOS an application without a window stays in the dock.
    if (process.platform !== 'darwin') app.quit()
  })
  await app.whenReady()
  denyPermissions(session.defaultSession)
  protocol.handle(CONSOLE_SCHEME, createPageServer(join(import.meta.dirname, '../renderer')))
  try {
    const folder = dataFolder()
    const host = await openHost({
      dataFolder: folder,
      launcher: createUtilityLauncher(replicaEntry()),
      kind: 'desktop',
    })
    // Programs of this computer find the desktop's clusters as they find a headless host's.
    const doors = await openDoors({ api: host.api, dataFolder: host.dataFolder, port: 0, trace: () => undefined })
    run(host, doors)
  } catch (error) {
    dialog.showErrorBox('Synod cannot start', error instanceof Error ? error.message : String(error))
    app.exit(1)
  }
}

function run(host: Host, doors: Doors): void {
  let window: BrowserWindow | undefined
  const show = (): void => {
    if (window === undefined) {
      window = openWindow()
      const endEvents = pushEvents(host.api, window.webContents)
      window.once('closed', () => {
        window = undefined
        endEvents()
      })
    } else {
      focusWindow(window)
    }
  }
  serveConsole(host.api)
  app.on('second-instance', show)
  app.on('activate', show)
  closeBeforeQuit(host, doors)
  show()
}

/** The replicas hand over and flush first; then the application ends, at the latest after `QUIT_MS_MAX`. */
function closeBeforeQuit(host: Host, doors: Doors): void {
  let closing = false
  app.on('will-quit', (event) => {
    event.preventDefault()
    if (closing) return
    closing = true
    const onError = (error: unknown): void => {
      console.error(`the host did not close cleanly: ${String(error)}`)
    }
    void closeWithin(() => closeBoth(host, doors), { timeoutMs: QUIT_MS_MAX, onError }).then((clean) => {
      app.exit(clean ? 0 : 1)
    })
  })
}

async function closeBoth(host: Host, doors: Doors): Promise<void> {
  await doors.close()
  await host.close()
}

/** `--data-folder=…` names another one, for a second cluster of experiments or for tests. */
function dataFolder(): string {
  const named = app.commandLine.getSwitchValue('data-folder')
  return named === '' ? join(app.getPath('userData'), 'host') : named
}

function replicaEntry(): string {
  return join(import.meta.dirname, 'replica-process.js')
}
