import { join } from 'node:path'
import { BrowserWindow } from 'electron'
import { CONSOLE_URL } from './console-address.ts'

/** Opens the console's window; it is shown when its first picture is ready. */
export function openWindow(): BrowserWindow {
  const window = new BrowserWindow({
    title: 'Synod',
    width: 1280,
    height: 860,
    minWidth: 720,
    minHeight: 520,
    show: false,
    autoHideMenuBar: true,
    webPreferences: {
      preload: join(import.meta.dirname, '../preload/preload.cjs'),
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
    },
  })
  window.once('ready-to-show', () => {
    window.show()
  })
  window.loadURL(CONSOLE_URL).catch((error: unknown) => {
    // A window that was closed while it loaded is nobody's problem.
    if (!window.isDestroyed()) console.error(`the console's page did not load: ${String(error)}`)
  })
  return window
}

export function focusWindow(window: BrowserWindow): void {
  if (window.isMinimized()) window.restore()
  window.show()
  window.focus()
}
