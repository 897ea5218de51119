import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { openGateway } from '../../../core/gateway/http.ts'
import type { Gateway, GatewayInit } from '../../../core/gateway/http.ts'
import { traceNothing } from '../../../core/ports/trace.ts'
import { INPUT, TOKEN, ask, post, problemOf } from './asking.ts'
import { OUTPUT, StubHost, ok } from './stub-host.ts'

const closers: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function open(api: StubHost, init: Partial<GatewayInit> = {}): Promise<Gateway> {
  const gateway = await openGateway({ api, token: TOKEN, port: 0, trace: traceNothing, ...init })
  closers.push(() => gateway.close())
  return gateway
}

describe('who is served', () => {
  it.each([
    ['no token', {}],
    ['another scheme', { authorization: `Basic ${TOKEN}` }],
    ['an empty token', { authorization: 'Bearer ' }],
    ['a wrong token', { authorization: 'Bearer wrong' }],
    ['the token and more', { authorization: `Bearer ${TOKEN}x` }],
  ])('%s is 401 on every address for programs', async (_what, headers) => {
    const api = new StubHost()
    const gateway = await open(api)
    for (const [method, target] of [
      ['GET', '/v1/status'],
      ['POST', '/v1/inputs'],
      ['POST', '/v1/reads'],
      ['POST', '/v1/clusters'],
    ] as const) {
      const answer = await ask(gateway, { method, path: target, headers: { authorization: undefined, ...headers } })
      expect(answer.status).toBe(401)
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="synod"/)
      expect(problemOf(answer).type).toBe('urn:synod:problem:unauthorized')
    }
    expect(api.calls).toEqual([])
  })

  it('listens on 127.0.0.1 only', async () => {
    const gateway = await open(new StubHost())
    expect(gateway.url).toBe(`http://127.0.0.1:${gateway.port}`)
    // All of 127/8 is this computer: a gateway that listened everywhere would answer here too.
    const refused = await new Promise<boolean>((resolve) => {
      const socket = net.connect(gateway.port, '127.0.0.2')
      socket.on('connect', () => {
        socket.destroy()
        resolve(false)
      })
      socket.on('error', () => {
        resolve(true)
      })
    })
    expect(refused).toBe(true)
  })

  it('admits its own names as Host and refuses every other with 403', async () => {
    const gateway = await open(new StubHost())
    const { port } = gateway
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`]) {
      expect((await ask(gateway, { path: '/v1/status', headers: { host } })).status).toBe(200)
    }
    const others = ['evil.example', `evil.example:${port}`, '127.0.0.1', `127.0.0.1:${port + 1}`, `localhost.:${port}`]
    for (const host of others) {
      for (const target of ['/v1/status', '/', '/nope']) {
        const answer = await ask(gateway, { path: target, headers: { host } })
        expect(answer.status).toBe(403)
        expect(problemOf(answer).type).toBe('urn:synod:problem:host-refused')
      }
    }
  })

  it('admits its own Origin or none and refuses every other with 403, without a CORS header', async () => {
    const gateway = await open(new StubHost())
    const { port } = gateway
    for (const origin of [undefined, `http://127.0.0.1:${port}`, `http://localhost:${port}`]) {
      expect((await ask(gateway, { path: '/v1/status', headers: { origin } })).status).toBe(200)
    }
    for (const origin of [
      'null',
      'https://evil.example',
      `https://127.0.0.1:${port}`,
      `http://127.0.0.1:${port + 1}`,
    ]) {
      for (const method of ['GET', 'OPTIONS']) {
        const answer = await ask(gateway, { method, path: '/v1/status', headers: { origin } })
        expect(answer.status).toBe(403)
        expect(problemOf(answer).type).toBe('urn:synod:problem:origin-refused')
        expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
      }
    }
  })
})

describe('the console page', () => {
  async function build(): Promise<string> {
    const folder = await mkdtemp(path.join(tmpdir(), 'synod-console-'))
    closers.push(() => rm(folder, { recursive: true }))
    await mkdir(path.join(folder, 'assets'))
    await writeFile(path.join(folder, 'index.html'), '<!doctype html><title>Synod</title>')
    await writeFile(path.join(folder, 'assets', 'main-abc.js'), 'export {}')
    await writeFile(path.join(folder, '.hidden'), 'out of sight')
    await writeFile(`${folder}-secret.txt`, 'out of reach')
    closers.push(() => rm(`${folder}-secret.txt`))
    return folder
  }

  it('is served without a token, with the headers that keep other pages and scripts out', async () => {
    const gateway = await open(new StubHost(), { consoleFolder: await build() })
    const answer = await ask(gateway, { path: '/', headers: { authorization: undefined } })
    expect(answer.status).toBe(200)
    expect(answer.text).toContain('<title>Synod</title>')
    expect(answer.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
    })
    expect(String(answer.headers['content-security-policy']).split('; ')).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "font-src 'self'",
      "img-src 'self' data:",
      `connect-src 'self' ws://127.0.0.1:${gateway.port} ws://localhost:${gateway.port}`,
      "base-uri 'none'",
      "frame-ancestors 'none'",
      "form-action 'none'",
    ])
    const script = await ask(gateway, { path: '/assets/main-abc.js' })
    expect(script.headers).toMatchObject({
      'content-type': 'application/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
    })
  })

  it('stays within its folder', async () => {
    const folder = await build()
    const gateway = await open(new StubHost(), { consoleFolder: folder })
    const name = path.basename(folder)
    for (const target of [
      `/../${name}-secret.txt`,
      `/%2e%2e/${name}-secret.txt`,
      `/..%2f${name}-secret.txt`,
      '/.hidden',
    ]) {
      const answer = await ask(gateway, { path: target })
      expect([400, 403, 404]).toContain(answer.status)
      expect(answer.text).not.toMatch(/out of (sight|reach)/)
      problemOf(answer)
    }
  })

  it.each([
    ['was never built', path.join(tmpdir(), 'synod-no-such-folder')],
    ['is not served here', undefined],
  ])('says how to build it where it %s, and programs are served all the same', async (_what, consoleFolder) => {
    const gateway = await open(new StubHost(), { consoleFolder })
    const answer = await ask(gateway, { path: '/' })
    expect(answer.status).toBe(503)
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(answer.text).toContain('npm run build')
    expect((await ask(gateway, { path: '/v1/status' })).status).toBe(200)
  })
})

describe('its life', () => {
  it('says which port is taken', async () => {
    const { port } = await open(new StubHost())
    await expect(open(new StubHost(), { port })).rejects.toMatchObject({
      fault: { code: 'PORT_IN_USE', port },
      message: expect.stringContaining(String(port)) as unknown,
    })
  })

  it('lets a request under way finish when it closes', async () => {
    const submit = Promise.withResolvers<unknown>()
    const reached = Promise.withResolvers<undefined>()
    const api = new StubHost().on('cluster.submit', () => {
      reached.resolve(undefined)
      return submit.promise
    })
    const gateway = await open(api)
    const answer = post(gateway, '/v1/inputs', INPUT)
    await reached.promise
    const closed = gateway.close()
    submit.resolve(ok(OUTPUT))
    expect((await answer).status).toBe(200)
    await closed
  })

  it('cuts off a request that never ends, and closes within its grace', async () => {
    const reached = Promise.withResolvers<undefined>()
    const api = new StubHost().on('cluster.submit', () => {
      reached.resolve(undefined)
      return new Promise(() => undefined)
    })
    const gateway = await open(api, { limits: { closeGraceMs: 50 } })
    const answer = post(gateway, '/v1/inputs', INPUT)
    const cut = expect(answer).rejects.toThrow(/socket hang up|ECONNRESET/)
    await reached.promise
    await gateway.close()
    await cut
  })
})
