import type { EventEmitter } from 'node:events'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { present } from '../../core/base/assert.ts'
import type { ConsoleApi } from '../../core/api/contract.ts'
import { EVENT_CHANNEL, REQUEST_CHANNEL } from '../../electron/channels.ts'

/** `contextBridge` and `ipcRenderer` are stand-ins: they exist only inside a renderer of Electron. */
const electron = vi.hoisted(() => ({
  exposed: new Map<string, unknown>(),
  invoked: [] as unknown[],
  renderer: undefined as EventEmitter | undefined,
}))
vi.mock('electron', async () => {
  const { EventEmitter: Emitter } = await import('node:events')
  electron.renderer = Object.assign(new Emitter(), {
    invoke: (...sent: readonly unknown[]) => {
      electron.invoked.push(sent)
      return Promise.resolve({ ok: true, value: {} })
    },
  })
  return {
    contextBridge: { exposeInMainWorld: (name: string, value: unknown) => electron.exposed.set(name, value) },
    ipcRenderer: electron.renderer,
  }
})

beforeAll(async () => {
  await import('../../electron/preload.ts')
})

function exposedApi(): ConsoleApi {
  return electron.exposed.get('synod') as ConsoleApi
}

describe('what the page gets', () => {
  it('is the contract and nothing else', () => {
    expect([...electron.exposed.keys()]).toEqual(['synod'])
    expect(Object.keys(exposedApi()).toSorted()).toEqual(['request', 'subscribe'])
  })

  it('sends a call with its name and argument', async () => {
    await exposedApi().request('cluster.start', { cluster: 'c' })
    expect(electron.invoked).toEqual([[REQUEST_CHANNEL, 'cluster.start', { cluster: 'c' }]])
  })

  it('hands a listener its own events, without Electron’s, until it ends', () => {
    const renderer = present(electron.renderer, 'the preload was loaded')
    const heard: unknown[] = []
    const end = exposedApi().subscribe('host.changed', (...event) => heard.push(event))
    renderer.emit(EVENT_CHANNEL, { sender: 'of Electron' }, 'host.changed', { version: 1 })
    renderer.emit(EVENT_CHANNEL, { sender: 'of Electron' }, 'note.added', { number: 1 })
    end()
    renderer.emit(EVENT_CHANNEL, { sender: 'of Electron' }, 'host.changed', { version: 2 })
    expect(heard).toEqual([[{ version: 1 }]])
    expect(renderer.listenerCount(EVENT_CHANNEL)).toBe(0)
  })
})
