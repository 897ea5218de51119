import type { ConsoleApi } from '../core/api/contract.ts'
import { takeAccessToken } from './access-token.ts'
import type { Bridge } from './connection.ts'
import { WebSocketBridge } from './websocket-bridge.ts'

declare global {
  interface Window {
    /** What Electron's preload exposes; absent in a browser. */
    readonly synod?: ConsoleApi
  }
}

export const bridge: Bridge = window.synod === undefined ? webSocketBridge() : desktopBridge(window.synod)

function desktopBridge(api: ConsoleApi): Bridge {
  return {
    request: (name, argument) => api.request(name, argument),
    subscribe: (name, listener) => api.subscribe(name, listener),
    state: () => ({ kind: 'open' }),
    onState: () => () => undefined,
    retry: () => undefined,
  }
}

function webSocketBridge(): Bridge {
  const { protocol, host } = window.location
  return new WebSocketBridge({
    address: `${protocol === 'https:' ? 'wss' : 'ws'}://${host}/console`,
    token: takeAccessToken(),
  })
}
