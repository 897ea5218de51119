import websocket from '@fastify/websocket'
import fastify, { type FastifyInstance } from 'fastify'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ClientFrame, HostFrame } from '../../core/api/contract.ts'
import { tokenFrom } from '../../renderer/access-token.ts'
import { WebSocketBridge } from '../../renderer/websocket-bridge.ts'

interface Line {
  readonly send: (frame: HostFrame) => void
  readonly close: () => void
}

interface HostSocket {
  readonly send: (data: string) => void
  readonly close: (code?: number, reason?: string) => void
  readonly on: (event: 'message', listener: (data: Buffer) => void) => void
}

/** A host that answers `host.notes` with none and never answers anything else. */
async function listen(port: number, lines: Line[]): Promise<FastifyInstance> {
  const app = fastify()
  await app.register(websocket)
  app.get('/console', { websocket: true }, (socket: HostSocket) => {
    const send = (frame: HostFrame): void => socket.send(JSON.stringify(frame))
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as ClientFrame
      if (frame.kind === 'hello') {
        if (frame.token !== 'secret') {
          socket.close(1008, 'wrong access token')
          return
        }
        lines.push({ send, close: () => socket.close() })
        send({ kind: 'welcome' })
      } else if (frame.name === 'host.notes') {
        send({ kind: 'reply', id: frame.id, reply: { ok: true, value: { notes: [] } } })
      }
    })
  })
  await app.listen({ port, host: '127.0.0.1' })
  return app
}

let app: FastifyInstance
let lines: Line[]
let address: string

beforeEach(async () => {
  lines = []
  app = await listen(0, lines)
  address = `ws://127.0.0.1:${(app.server.address() as AddressInfo).port}/console`
  vi.stubGlobal('window', {
    setTimeout,
    clearTimeout,
    sessionStorage: { getItem: () => null, setItem: () => undefined },
  })
})
afterEach(async () => {
  await app.close()
})

async function opened(bridge: WebSocketBridge): Promise<void> {
  await vi.waitFor(() => expect(bridge.state().kind).toBe('open'), { timeout: 5000 })
}

describe('the WebSocket bridge', () => {
  it('greets with its token, asks and is answered', async () => {
    const bridge = new WebSocketBridge({ address, token: 'secret' })
    await opened(bridge)
    expect(await bridge.request('host.notes', { limit: 1 })).toEqual({ ok: true, value: { notes: [] } })
  })

  it('hands events to those who listen, for as long as they do', async () => {
    const bridge = new WebSocketBridge({ address, token: 'secret' })
    await opened(bridge)
    const heard: number[] = []
    const end = bridge.subscribe('host.changed', ({ version }) => heard.push(version))
    lines[0]?.send({ kind: 'event', name: 'host.changed', event: { version: 7 } })
    await vi.waitFor(() => expect(heard).toEqual([7]))
    end()
    lines[0]?.send({ kind: 'event', name: 'host.changed', event: { version: 8 } })
    await bridge.request('host.notes', { limit: 1 })
    expect(heard).toEqual([7])
  })

  it('says that a token is missing, or was refused, and takes a new one', async () => {
    expect(new WebSocketBridge({ address, token: null }).state()).toEqual({ kind: 'refused', reason: 'no-token' })
    const bridge = new WebSocketBridge({ address, token: 'wrong' })
    await vi.waitFor(() => expect(bridge.state()).toEqual({ kind: 'refused', reason: 'token-refused' }))
    bridge.retry('secret')
    await opened(bridge)
  })

  it('answers what was under way when the line broke, and comes back by itself', async () => {
    const bridge = new WebSocketBridge({ address, token: 'secret' })
    await opened(bridge)
    const asked = bridge.request('host.view', {})
    lines[0]?.close()
    expect(await asked).toMatchObject({ ok: false, fault: { code: 'CONNECTION_LOST' } })
    expect(await bridge.request('host.view', {})).toMatchObject({ ok: false, fault: { code: 'CONNECTION_LOST' } })
    await opened(bridge)
    expect(lines).toHaveLength(2)
  })
})

describe('a pasted token', () => {
  it('is found in a whole address, a fragment or by itself', () => {
    expect(['http://127.0.0.1:4100/#token=abc', '#token=abc', ' abc '].map(tokenFrom)).toEqual(['abc', 'abc', 'abc'])
    expect(['', 'http://127.0.0.1:4100/', 'two words'].map(tokenFrom)).toEqual([null, null, null])
  })
})
