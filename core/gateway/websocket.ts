import fastifyWebsocket from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'
import type { ConsoleApi } from '../api/contract.ts'
import type { Trace } from '../ports/trace.ts'
import { ConsoleSession } from './console-session.ts'
import type { ConsoleSocket } from './console-session.ts'
import type { Guard } from './guard.ts'
import type { GatewayLimits } from './limits.ts'

interface ConsoleDoor {
  readonly api: ConsoleApi
  readonly guard: Guard
  readonly limits: GatewayLimits
  readonly frameBytesMax: number
  readonly trace: Trace
}

/** What the gateway needs of the library's socket, whose types are not at hand. */
interface OpenSocket extends ConsoleSocket {
  on: ((event: 'message', listener: (data: Uint8Array, isBinary: boolean) => void) => void) &
    ((event: 'close', listener: () => void) => void)
  terminate: () => void
}

const CLOSE_GOING_AWAY = 1001
const CLOSE_TRY_LATER = 1013

/** The console's WebSocket. Host and Origin are checked at the upgrade, by the hook every request passes. */
export async function serveConsoles(app: FastifyInstance, door: ConsoleDoor): Promise<void> {
  const sockets = new Set<OpenSocket>()
  await app.register(fastifyWebsocket, {
    options: { maxPayload: door.frameBytesMax },
    errorHandler: (error, socket: OpenSocket) => {
      door.trace('gateway.console-error', { error: error.message })
      socket.terminate()
    },
    // The library's own gives no reason to the console.
    preClose: (done: () => void) => {
      for (const socket of sockets) socket.close(CLOSE_GOING_AWAY, 'the host is closing')
      done()
    },
  })
  app.get('/console', { websocket: true }, (socket: OpenSocket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    if (sockets.size > door.limits.consolesMax) {
      socket.close(CLOSE_TRY_LATER, `${door.limits.consolesMax} consoles are open already`)
    } else {
      openSession(socket, door)
    }
  })
}

function openSession(socket: OpenSocket, { api, guard, limits, trace }: ConsoleDoor): void {
  const session = new ConsoleSession({ api, socket, limits, trace, admits: (token) => guard.admits(token) })
  socket.on('message', (data, isBinary) => {
    session.receive(data, isBinary)
  })
  socket.on('close', () => {
    session.end()
  })
}
