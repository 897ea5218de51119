import type { Session, WebContents } from 'electron'
import { isConsoleUrl } from './console-address.ts'

/** No page leaves the console, opens another window or embeds a foreign one. */
export function confine(contents: WebContents): void {
  contents.setWindowOpenHandler(() => ({ action: 'deny' }))
  contents.on('will-navigate', (event, url) => {
    if (!isConsoleUrl(url)) event.preventDefault()
  })
  contents.on('will-attach-webview', (event) => {
    event.preventDefault()
  })
}

/** The console needs no camera, no notifications, no clipboard reading: every permission is refused. */
export function denyPermissions(session: Session): void {
  session.setPermissionRequestHandler((_contents, _permission, decide) => {
    decide(false)
  })
  session.setPermissionCheckHandler(() => false)
}
