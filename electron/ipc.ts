import { ipcMain } from 'electron'
import type { WebContents, WebFrameMain } from 'electron'
import * as v from 'valibot'
import type {
  ConsoleApi,
  ConsoleEventName,
  ConsoleFault,
  ConsoleReply,
  ConsoleRequestName,
} from '../core/api/contract.ts'
import { CONSOLE_EVENTS, CONSOLE_REQUESTS } from '../core/api/contract.ts'
import { EVENT_CHANNEL, REQUEST_CHANNEL } from './channels.ts'
import { isConsoleUrl } from './console-address.ts'

/**
 * Answers the page's calls: only the console's own page in its top frame, only calls of the contract, only arguments
 * that their schema admits. Whatever happens, the page gets a reply and never an exception.
 *
 * @returns the function that ends it.
 */
export function serveConsole(api: ConsoleApi): () => void {
  ipcMain.handle(REQUEST_CHANNEL, async (event, name: unknown, argument: unknown): Promise<ConsoleReply<unknown>> => {
    // Before anything that was sent is looked at.
    if (!isConsoleFrame(event.senderFrame)) return refuse('FORBIDDEN', 'Only the console itself may call the host.')
    if (!isRequestName(name)) return refuse('UNKNOWN_CALL', `The host knows no call ${JSON.stringify(name)}.`)
    const parsed = v.safeParse(CONSOLE_REQUESTS[name].argument, argument)
    if (!parsed.success) return refuse('INVALID_ARGUMENT', `${name}: ${issueText(parsed.issues[0])}`)
    try {
      return await api.request(name, parsed.output)
    } catch (error) {
      return refuse('INTERNAL', `${name} failed in the host: ${String(error)}`)
    }
  })
  return () => {
    ipcMain.removeHandler(REQUEST_CHANNEL)
  }
}

/** Hands the host's events to one window. @returns the function that ends it. */
export function pushEvents(api: ConsoleApi, contents: Pick<WebContents, 'isDestroyed' | 'send'>): () => void {
  const names = Object.keys(CONSOLE_EVENTS) as ConsoleEventName[]
  const ends = names.map((name) =>
    api.subscribe(name, (event) => {
      if (!contents.isDestroyed()) contents.send(EVENT_CHANNEL, name, event)
    }),
  )
  return () => {
    for (const end of ends) end()
  }
}

function isConsoleFrame(frame: Pick<WebFrameMain, 'parent' | 'url'> | null): boolean {
  return frame !== null && frame.parent === null && isConsoleUrl(frame.url)
}

function isRequestName(name: unknown): name is ConsoleRequestName {
  return typeof name === 'string' && Object.hasOwn(CONSOLE_REQUESTS, name)
}

function refuse(code: ConsoleFault['code'], message: string): ConsoleReply<never> {
  return { ok: false, fault: { code, message } }
}

function issueText(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue)
  return path === null ? issue.message : `${path}: ${issue.message}`
}
