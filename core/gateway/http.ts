import Fastify from 'fastify'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Socket } from 'node:net'
import type { ConsoleApi } from '../api/contract.ts'
import { messageOf } from '../base/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { Trace } from '../ports/trace.ts'
import { sendMissingPage, serveConsolePage } from './console-page.ts'
import { decodeJson } from './decoding.ts'
import { GatewayError } from './errors.ts'
import { Guard } from './guard.ts'
import { GATEWAY_LIMITS } from './limits.ts'
import type { GatewayLimits } from './limits.ts'
import { problem, sendProblem } from './problems.ts'
import type { Problem } from './problems.ts'
import { registerRoutes } from './routes.ts'
import { securityHeaders } from './security-headers.ts'
import { serveConsoles } from './websocket.ts'

export interface GatewayInit {
  readonly api: ConsoleApi
  /** Bearer token of programs, and of the console's `hello`. */
  readonly token: string
  /** 0 = any free one. */
  readonly port: number
  /** The built console; without it only programs are served. */
  readonly consoleFolder?: string | undefined
  readonly trace: Trace
  /** As the host has it; the gateway takes bodies a little larger. */
  readonly inputBytesMax?: number | undefined
  readonly limits?: Partial<GatewayLimits>
}

export interface Gateway {
  /** `http://127.0.0.1:<port>`, without the token. */
  readonly url: string
  readonly port: number
  /** Lets requests under way finish for a moment, then cuts the rest off. */
  close(): Promise<void>
}

/**
 * The door for programs and browsers: HTTP and WebSocket on this computer's loopback address, nowhere else.
 *
 * @throws GatewayError when the port is taken or may not be had.
 */
export async function openGateway(init: GatewayInit): Promise<Gateway> {
  const limits: GatewayLimits = { ...GATEWAY_LIMITS, ...init.limits }
  const { trace, api } = init
  const bodyBytesMax = (init.inputBytesMax ?? LIMITS.inputBytesMax) + limits.bodyBytesSlack
  const guard = new Guard(init.token)
  const app = createServer({ limits, bodyBytesMax, trace })
  const sockets = trackSockets(app)
  // First, because its hooks let go of the socket of an upgrade that the guard refuses.
  await serveConsoles(app, { api, guard, limits, frameBytesMax: bodyBytesMax, trace })
  let headers: Readonly<Record<string, string>> = {}
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(headers)
    // An upgrade that is refused leaves a socket that carries nothing more.
    if (request.headers.upgrade !== undefined) reply.header('connection', 'close')
    done()
  })
  app.addHook('onRequest', guard.checkSource)
  registerRoutes(app, { api, guard })
  if (init.consoleFolder !== undefined) await serveConsolePage(app, init.consoleFolder)
  const port = await listen(app, init.port)
  headers = securityHeaders(port)
  guard.setPort(port)
  trace('gateway.listening', { port })
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    close: async () => {
      await closeWithin({ app, sockets, graceMs: limits.closeGraceMs })
      trace('gateway.closed', { port })
    },
  }
}

interface ServerInit {
  readonly limits: GatewayLimits
  readonly bodyBytesMax: number
  readonly trace: Trace
}

function createServer({ limits, bodyBytesMax, trace }: ServerInit): FastifyInstance {
  const app = Fastify({
    bodyLimit: bodyBytesMax,
    requestTimeout: limits.requestTimeoutMs,
    // While it closes, the host itself answers HOST_CLOSING, as a problem like any other.
    return503OnClosing: false,
    clientErrorHandler: refuseMalformed,
    frameworkErrors: (error, request, reply) => {
      // No hook has run, so nobody else lets go of the socket of an upgrade.
      if (request.headers.upgrade !== undefined) reply.raw.once('finish', () => request.raw.socket.end())
      reply.header('connection', 'close')
      sendProblem(reply, problem('malformed-request', `${error.message}.`))
    },
  })
  app.server.maxConnections = limits.connectionsMax
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body: Buffer, done) => {
    const json = decodeJson(body)
    if (json.ok) done(null, json.value)
    else done(new MalformedJson(json.expected))
  })
  app.setNotFoundHandler(answerNotFound)
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const answer = problemOfError(error, bodyBytesMax)
    if (answer.status === 500) trace('gateway.request-failed', { url: request.url, error: messageOf(error) })
    sendProblem(reply, answer)
  })
  return app
}

class MalformedJson extends Error {
  override readonly name = 'MalformedJson'
}

function answerNotFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  // Static files come first, so the front page is missing only where the console was never built.
  if (request.method === 'GET' && request.url.split('?')[0] === '/') return sendMissingPage(reply)
  const detail =
    `${request.method} ${request.url.slice(0, 200)} leads nowhere. ` +
    'Expected GET /v1/status, /v1/elections, /v1/log, /v1/audits, /v1/incidents or /v1/tasks, ' +
    'POST /v1/inputs, /v1/reads, /v1/checkpoints, /v1/audits, /v1/repairs, /v1/clusters, /v1/backups or /v1/restores, ' +
    'or / for the console.'
  return sendProblem(reply, problem('not-found', detail))
}

function problemOfError(error: FastifyError, bodyBytesMax: number): Problem {
  if (error instanceof MalformedJson) {
    return problem('malformed-json', `The body can't be read as JSON: ${error.message}. Nothing was ordered.`)
  }
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE': {
      const detail = `The body is larger than ${bodyBytesMax} bytes. Nothing was ordered. Send less in one Input.`
      return problem('input-too-large', detail)
    }
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return problem('not-json', 'Send the body as JSON, with the header "Content-Type: application/json".')
    default:
      break
  }
  const { statusCode } = error
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return problem('malformed-request', `${error.message}. Nothing was ordered.`)
  }
  return problem('internal', 'The host met an error of its own while it answered; its trace has the reason.')
}

/** Bytes that are not HTTP: there is no request yet, so the answer is written by hand. */
function refuseMalformed(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const { status, ...rest } = problem('malformed-request', `The request can't be read: ${error.message}.`)
  const body = JSON.stringify({ ...rest, status })
  const head = [
    'HTTP/1.1 400 Bad Request',
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

async function listen(app: FastifyInstance, port: number): Promise<number> {
  try {
    await app.listen({ host: '127.0.0.1', port })
  } catch (cause) {
    await app.close()
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'EADDRINUSE') {
      const message = `Port ${port} on 127.0.0.1 is taken by another program. Give another one with --port, or none.`
      throw new GatewayError({ code: 'PORT_IN_USE', port }, message, { cause })
    }
    if (code === 'EACCES') {
      const message = `Port ${port} may not be opened by this user. Give a port from 1024 up with --port, or none.`
      throw new GatewayError({ code: 'PORT_REFUSED', port }, message, { cause })
    }
    throw cause
  }
  const address = app.server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

/** Also those that were upgraded, or were about to be: the HTTP server forgets them, and would wait for them for ever. */
function trackSockets(app: FastifyInstance): ReadonlySet<Socket> {
  const sockets = new Set<Socket>()
  app.server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return sockets
}

interface Closing {
  readonly app: FastifyInstance
  readonly sockets: ReadonlySet<Socket>
  readonly graceMs: number
}

async function closeWithin({ app, sockets, graceMs }: Closing): Promise<void> {
  const cut = setTimeout(() => {
    for (const socket of sockets) socket.destroy()
  }, graceMs)
  try {
    await app.close()
  } finally {
    clearTimeout(cut)
  }
}
