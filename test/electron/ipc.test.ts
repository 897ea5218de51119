import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { ConsoleApi, ConsoleReply } from '../../core/api/contract.ts'
import { EVENT_CHANNEL, REQUEST_CHANNEL } from '../../electron/channels.ts'
import { pushEvents, serveConsole } from '../../electron/ipc.ts'

/**
 * `ipcMain` is a stand-in: the module `electron` gives nothing outside its own executable. What crosses it is copied by
 * structured clone, as Electron does.
 */
interface Frame {
  readonly url: string
  readonly parent: Frame | null
}
type Handler = (event: { readonly senderFrame: Frame | null }, ...sent: readonly unknown[]) => Promise<unknown>

const electron = vi.hoisted(() => ({ handlers: new Map<string, unknown>() }))
vi.mock('electron', () => ({
  ipcMain: {
    handle: (channel: string, handler: unknown) => electron.handlers.set(channel, handler),
    removeHandler: (channel: string) => electron.handlers.delete(channel),
  },
}))

const consoleFrame: Frame = { url: 'app://console/index.html#/votes', parent: null }

async function invoke(frame: Frame | null, ...sent: readonly unknown[]): Promise<ConsoleReply<unknown>> {
  const handler = electron.handlers.get(REQUEST_CHANNEL) as Handler
  return structuredClone((await handler({ senderFrame: frame }, ...structuredClone(sent))) as ConsoleReply<unknown>)
}

/** Answers every call with what it was asked, and keeps its listeners. */
function createEchoApi() {
  const asked: unknown[] = []
  const listeners = new Map<string, (event: never) => void>()
  const api: ConsoleApi = {
    request: (name, argument) => {
      asked.push([name, argument])
      return Promise.resolve({ ok: false, fault: { code: 'ECHO', message: name } })
    },
    subscribe: (name, listener) => {
      listeners.set(name, listener)
      return () => listeners.delete(name)
    },
  }
  return { api, asked, listeners }
}

function codeOf(reply: ConsoleReply<unknown>): string {
  return reply.ok ? 'ok' : reply.fault.code
}

describe('a call from a page', () => {
  const echo = createEchoApi()

  beforeEach(() => {
    echo.asked.length = 0
    electron.handlers.clear()
    serveConsole(echo.api)
  })

  it('of the contract reaches the host with its checked argument', async () => {
    const reply = await invoke(consoleFrame, 'cluster.try', { name: '  lab ' })
    expect(echo.asked).toEqual([['cluster.try', { name: 'lab' }]])
    expect(reply).toEqual({ ok: false, fault: { code: 'ECHO', message: 'cluster.try' } })
  })

  it.each([
    ['another site', { url: 'https://example.org/', parent: null }],
    ['a file', { url: 'file:///index.html', parent: null }],
    ['another host of the same scheme', { url: 'app://elsewhere/index.html', parent: null }],
    ['an address that only begins alike', { url: 'app://console.example.org/', parent: null }],
    ['a frame inside the console', { url: 'app://console/index.html', parent: consoleFrame }],
    ['a blank page', { url: 'about:blank', parent: null }],
    ['a frame that is gone', null],
  ])('is refused when it comes from %s', async (_where, frame) => {
    expect(codeOf(await invoke(frame, 'host.view', {}))).toBe('FORBIDDEN')
    expect(echo.asked).toEqual([])
  })

  it.each([['host.format'], ['toString'], ['__proto__'], [''], [7], [null], [undefined], [{ name: 'host.view' }]])(
    'is refused when the contract has no call %j',
    async (name) => {
      expect(codeOf(await invoke(consoleFrame, name, {}))).toBe('UNKNOWN_CALL')
      expect(echo.asked).toEqual([])
    },
  )

  it.each([
    ['host.view', undefined],
    ['host.view', { more: 1 }],
    ['cluster.votes', { cluster: 'c', limit: 501 }],
    ['cluster.submit', { cluster: 'c', client: '', sequence: 1, machine: 'kv', input: {} }],
    ['cluster.inject', { cluster: 'c', fault: { kind: 'lie', replica: 'a', how: 'never' } }],
  ])('is refused when %s is asked with %j', async (name, argument) => {
    expect(codeOf(await invoke(consoleFrame, name, argument))).toBe('INVALID_ARGUMENT')
    expect(echo.asked).toEqual([])
  })

  it('is told which part of the argument is wrong', async () => {
    const reply = await invoke(consoleFrame, 'cluster.votes', { cluster: 'c', limit: 501 })
    expect(reply.ok ? '' : reply.fault.message).toMatch(/^cluster\.votes: limit: /)
  })

  it('gets a reply when the host breaks', async () => {
    electron.handlers.clear()
    serveConsole({ ...echo.api, request: () => Promise.reject(new Error('disk gone')) })
    expect(await invoke(consoleFrame, 'host.view', {})).toEqual({
      ok: false,
      fault: { code: 'INTERNAL', message: 'host.view failed in the host: Error: disk gone' },
    })
  })

  it('is no longer served after the end', () => {
    electron.handlers.clear()
    const end = serveConsole(echo.api)
    end()
    expect(electron.handlers.size).toBe(0)
  })
})

describe('events for a window', () => {
  it('are sent with their names until the end, and never to a window that is gone', () => {
    const { api, listeners } = createEchoApi()
    const sent: unknown[] = []
    let destroyed = false
    const contents = { isDestroyed: () => destroyed, send: (...told: unknown[]) => sent.push(told) }
    const end = pushEvents(api, contents)
    expect([...listeners.keys()].toSorted()).toEqual([
      ...['audit.changed', 'cluster.changed', 'host.changed', 'incident.changed', 'note.added', 'votes.changed'],
    ])

    const tell = listeners.get('host.changed') as (event: unknown) => void
    tell({ version: 3 })
    destroyed = true
    tell({ version: 4 })
    end()
    expect(sent).toEqual([[EVENT_CHANNEL, 'host.changed', { version: 3 }]])
    expect(listeners.size).toBe(0)
  })
})
