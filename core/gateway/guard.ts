import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { problem, sendProblem } from './problems.ts'
import { equalTokens } from './tokens.ts'

/** Names under which a browser or program on this computer reaches the gateway. */
const OWN_NAMES = ['127.0.0.1', 'localhost', '[::1]'] as const

/**
 * Decides whether a request may be looked at: by its Host (a page that rebinds its DNS name to 127.0.0.1 still sends
 * that name) and by its Origin (pages of other origins are never served), before anything else of it is read.
 */
export class Guard {
  readonly #token: string
  #hosts: ReadonlySet<string> = new Set()
  #origins: ReadonlySet<string> = new Set()

  constructor(token: string) {
    this.#token = token
  }

  /** The port is known only once the gateway listens; until then every request is refused. */
  setPort(port: number): void {
    this.#hosts = new Set(OWN_NAMES.map((name) => `${name}:${port}`))
    this.#origins = new Set(OWN_NAMES.map((name) => `http://${name}:${port}`))
  }

  admits(token: string): boolean {
    return equalTokens(token, this.#token)
  }

  readonly checkSource = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void => {
    const { host, origin } = request.headers
    if (host === undefined || !this.#hosts.has(host.toLowerCase())) {
      const detail = `The Host header was ${quoted(host)}; expected one of ${[...this.#hosts].join(', ')}.`
      sendProblem(reply, problem('host-refused', detail))
    } else if (origin !== undefined && !this.#origins.has(origin.toLowerCase())) {
      const expected = [...this.#origins].join(', ')
      const detail = `The Origin header was ${quoted(origin)}; expected none, or one of ${expected}.`
      sendProblem(reply, problem('origin-refused', detail))
    } else {
      done()
    }
  }

  readonly checkToken = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void => {
    const { authorization } = request.headers
    const given = authorization === undefined ? undefined : /^Bearer +(\S+)$/i.exec(authorization)?.[1]
    if (given !== undefined && this.admits(given)) return done()
    reply.header('www-authenticate', given === undefined ? 'Bearer realm="synod"' : WRONG_TOKEN)
    const what = given === undefined ? 'The request carries no access token.' : 'The access token is not the right one.'
    const remedy =
      'Expected: "Authorization: Bearer <token>" with the token from the file access-token in the data folder.'
    sendProblem(reply, problem('unauthorized', `${what} ${remedy}`))
  }
}

const WRONG_TOKEN = 'Bearer realm="synod", error="invalid_token"'

function quoted(header: string | undefined): string {
  return header === undefined ? 'absent' : JSON.stringify(header.slice(0, 200))
}
