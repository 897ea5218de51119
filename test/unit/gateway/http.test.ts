import net from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { openGateway } from '../../../core/gateway/http.ts'
import type { Gateway, GatewayInit } from '../../../core/gateway/http.ts'
import { traceNothing } from '../../../core/ports/trace.ts'
import { INPUT, TOKEN, ask, post, problemOf } from './asking.ts'
import { FAIL, LOG, OUTPUT, PROOF, StubHost, clusterView, fault, ok } from './stub-host.ts'

const closers: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function open(api: StubHost, init: Partial<GatewayInit> = {}): Promise<Gateway> {
  const gateway = await openGateway({ api, token: TOKEN, port: 0, trace: traceNothing, ...init })
  closers.push(() => gateway.close())
  return gateway
}

describe('POST /v1/inputs', () => {
  it('answers with the slot, the Output and every vote', async () => {
    const api = new StubHost().on('cluster.submit', () => ok(OUTPUT))
    const answer = await post(await open(api), '/v1/inputs', { ...INPUT, timeoutMs: 500 })
    expect({ status: answer.status, body: JSON.parse(answer.text) as unknown }).toEqual({
      status: 200,
      body: { ...OUTPUT, cluster: 'demo' },
    })
    expect(api.calls.at(-1)).toEqual({
      name: 'cluster.submit',
      argument: { ...INPUT, timeoutMs: 500, cluster: 'c1' },
    })
  })

  it('asks for the proof of the Output with ?proof=1, or in the body, and answers with it', async () => {
    const api = new StubHost().on('cluster.submit', () => ok({ ...OUTPUT, proof: PROOF }))
    const gateway = await open(api)
    const asked: [string, object][] = [
      ['?proof=1', {}],
      ['', { proof: true }],
      ['?proof=0', {}],
      ['', {}],
    ]
    const wanted: unknown[] = []
    for (const [query, body] of asked) {
      const answer = await post(gateway, `/v1/inputs${query}`, { ...INPUT, ...body })
      expect(JSON.parse(answer.text)).toMatchObject({ kind: 'output', slot: 12, proof: PROOF })
      wanted.push(Reflect.get(api.calls.at(-1)?.argument ?? {}, 'proof'))
    }
    expect(wanted).toEqual([true, true, undefined, undefined])
  })

  it('says with null that there is no proof, and refuses what is no answer to whether one is wanted', async () => {
    const api = new StubHost().on('cluster.submit', () => ok({ ...OUTPUT, proof: null }))
    const gateway = await open(api)
    expect(JSON.parse((await post(gateway, '/v1/inputs?proof=1', INPUT)).text)).toMatchObject({ proof: null })
    const calls = api.calls.filter(({ name }) => name === 'cluster.submit').length
    const refused = await post(gateway, '/v1/inputs?proof=yes', INPUT)
    expect([refused.status, problemOf(refused).detail]).toEqual([400, expect.stringContaining('proof is 0 or 1')])
    expect(api.calls.filter(({ name }) => name === 'cluster.submit')).toHaveLength(calls)
  })

  it('answers 200 for an Output that is a refusal: it was ordered and voted on like any other', async () => {
    const output = { ok: false, error: { code: 'OVERDRAFT', message: 'alice has 3' } }
    const api = new StubHost().on('cluster.submit', () => ok({ ...OUTPUT, output }))
    const answer = await post(await open(api), '/v1/inputs', INPUT)
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.text)).toMatchObject({ slot: 12, output })
  })

  it('answers FAIL with 503, the reason, the slot and the votes', async () => {
    const api = new StubHost().on('cluster.submit', () => ok(FAIL))
    const answer = await post(await open(api), '/v1/inputs', INPUT)
    expect(answer.status).toBe(503)
    expect(answer.headers['retry-after']).toBeUndefined()
    expect(problemOf(answer)).toMatchObject({
      type: 'urn:synod:problem:fail',
      reason: 'too-few-outputs',
      slot: null,
      votes: FAIL.kind === 'fail' ? FAIL.votes : [],
      cluster: 'demo',
    })
  })

  it.each([
    ['INPUT_REFUSED', 422, 'urn:synod:problem:input-refused'],
    ['INPUT_TOO_LARGE', 413, 'urn:synod:problem:input-too-large'],
    ['INVALID_ARGUMENT', 400, 'urn:synod:problem:invalid-argument'],
    ['CLUSTER_UNKNOWN', 404, 'urn:synod:problem:cluster-unknown'],
    ['CLUSTER_STOPPED', 409, 'urn:synod:problem:cluster-stopped'],
    ['BUSY', 503, 'urn:synod:problem:busy'],
    ['HOST_CLOSING', 503, 'urn:synod:problem:host-closing'],
    ['INTERNAL', 500, 'urn:synod:problem:internal'],
    ['SOMETHING_NEW', 500, 'urn:synod:problem:internal'],
  ])('tells the fault %s as %i %s with the host’s own words', async (code, status, type) => {
    const api = new StubHost().on('cluster.submit', () => fault(code, `words about ${code}`))
    const answer = await post(await open(api), '/v1/inputs', INPUT)
    expect(answer.status).toBe(status)
    expect(problemOf(answer)).toMatchObject({ type, detail: `words about ${code}`, code })
    expect(answer.headers['retry-after']).toBe(status === 503 ? '1' : undefined)
  })

  it('does not tell a program the words of an error of the host’s own', async () => {
    const api = new StubHost().on('cluster.submit', () => Promise.reject(new Error('secret path /x/y')))
    const answer = await post(await open(api), '/v1/inputs', INPUT)
    expect(answer.status).toBe(500)
    expect(problemOf(answer).type).toBe('urn:synod:problem:internal')
    expect(answer.text).not.toContain('secret')
  })

  it.each([
    ['a sequence that is no number', { ...INPUT, sequence: '1' }, 'sequence'],
    ['a sequence of zero', { ...INPUT, sequence: 0 }, 'sequence'],
    ['an empty client', { ...INPUT, client: '' }, 'client'],
    ['a missing input', { client: 'app', sequence: 1, machine: 'kv' }, 'input'],
    ['a key nobody knows', { ...INPUT, sequnce: 2 }, 'sequnce'],
    ['a timeout that is too long', { ...INPUT, timeoutMs: 600_000 }, 'timeoutMs'],
    ['an array', [INPUT], 'Expected'],
    ['null', null, 'Expected'],
  ])('refuses %s with 400 before the host hears of it', async (_what, body, named) => {
    const api = new StubHost()
    const answer = await post(await open(api), '/v1/inputs', body)
    expect(answer.status).toBe(400)
    expect(problemOf(answer)).toMatchObject({
      type: 'urn:synod:problem:invalid-argument',
      detail: expect.stringContaining(named) as unknown,
    })
    expect(api.calls).toEqual([])
  })

  it.each([
    ['text that is no JSON', Buffer.from('{"client": nope}')],
    ['nothing', Buffer.alloc(0)],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22])],
  ])('refuses %s with 400', async (_what, body) => {
    const gateway = await open(new StubHost())
    const answer = await ask(gateway, { method: 'POST', path: '/v1/inputs', body })
    expect(answer.status).toBe(400)
    expect(problemOf(answer).type).toBe('urn:synod:problem:malformed-json')
  })

  it('refuses another content type with 415', async () => {
    const gateway = await open(new StubHost())
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      const headers = { 'content-type': type }
      const answer = await ask(gateway, { method: 'POST', path: '/v1/inputs', body: '{}', headers })
      expect(answer.status).toBe(415)
      expect(problemOf(answer).type).toBe('urn:synod:problem:not-json')
    }
  })

  it('takes an Input of the largest size and refuses a larger body with 413', async () => {
    const inputBytesMax = 256 * 1024
    const api = new StubHost().on('cluster.submit', () => ok(OUTPUT))
    const gateway = await open(api, { inputBytesMax })
    const largest = await post(gateway, '/v1/inputs', { ...INPUT, input: 'x'.repeat(inputBytesMax) })
    expect(largest.status).toBe(200)
    for (let round = 0; round < 10; round += 1) {
      const answer = await post(gateway, '/v1/inputs', { ...INPUT, input: 'x'.repeat(64 * inputBytesMax) })
      expect(answer.status).toBe(413)
      expect(problemOf(answer).type).toBe('urn:synod:problem:input-too-large')
    }
    expect(api.calls.filter(({ name }) => name === 'cluster.submit')).toHaveLength(1)
  })

  it('refuses a body of undeclared length once it passes the limit', async () => {
    const gateway = await open(new StubHost(), { inputBytesMax: 1024 })
    const headers = { 'transfer-encoding': 'chunked' }
    const body = Buffer.alloc(4 * 1024 * 1024, 0x20)
    const answer = await ask(gateway, { method: 'POST', path: '/v1/inputs', body, headers })
    expect(answer.status).toBe(413)
  })
})

describe('the cluster a request is for', () => {
  const both = [clusterView('c1', 'demo'), clusterView('c2', 'shop')]

  it.each([
    ['its name', 'shop', 'c2'],
    ['its id', 'c1', 'c1'],
  ])('is found by %s', async (_by, cluster, expected) => {
    const api = new StubHost().on('cluster.submit', () => ok(OUTPUT))
    api.clusters = both
    await post(await open(api), '/v1/inputs', { ...INPUT, cluster })
    expect(api.calls.at(-1)?.argument).toMatchObject({ cluster: expected })
  })

  it('must be named where there are several, and the answer says which there are', async () => {
    const api = new StubHost()
    api.clusters = both
    const answer = await post(await open(api), '/v1/inputs', INPUT)
    expect(answer.status).toBe(400)
    expect(problemOf(answer)).toMatchObject({
      type: 'urn:synod:problem:cluster-not-named',
      clusters: [
        { id: 'c1', name: 'demo' },
        { id: 'c2', name: 'shop' },
      ],
    })
  })

  it('must be given by id where two share a name', async () => {
    const api = new StubHost()
    api.clusters = [clusterView('c1', 'demo'), clusterView('c2', 'demo')]
    const answer = await post(await open(api), '/v1/inputs', { ...INPUT, cluster: 'demo' })
    expect(answer.status).toBe(400)
    expect(problemOf(answer).detail).toContain('id')
  })

  it('is told to be unknown with 404', async () => {
    const gateway = await open(new StubHost())
    const answer = await post(gateway, '/v1/inputs', { ...INPUT, cluster: 'nope' })
    expect(answer.status).toBe(404)
    expect(problemOf(answer)).toMatchObject({
      type: 'urn:synod:problem:cluster-unknown',
      clusters: [{ id: 'c1', name: 'demo' }],
    })
  })

  it('is told to be missing with 404 on a host without clusters', async () => {
    const api = new StubHost()
    api.clusters = []
    const answer = await post(await open(api), '/v1/reads', { machine: 'kv', input: {} })
    expect(answer.status).toBe(404)
    expect(problemOf(answer).detail).toContain('synod try')
  })
})

describe('GET /v1/log', () => {
  it('passes the range on as numbers and answers with the stretch and whose it is', async () => {
    const api = new StubHost().on('cluster.log', () => ok(LOG))
    const answer = await ask(await open(api), { path: '/v1/log?from=5&to=7&limit=20&replica=b&cluster=demo' })
    expect({ status: answer.status, body: JSON.parse(answer.text) as unknown }).toEqual({
      status: 200,
      body: { cluster: 'demo', ...LOG },
    })
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(api.calls.at(-1)).toEqual({
      name: 'cluster.log',
      argument: { cluster: 'c1', replica: 'b', slotFrom: 5, slotTo: 7, limit: 20 },
    })
  })

  it('asks for the newest slots without any words', async () => {
    const api = new StubHost().on('cluster.log', () => ok(LOG))
    await ask(await open(api), { path: '/v1/log' })
    expect(api.calls.at(-1)?.argument).toEqual({ cluster: 'c1', limit: 100 })
  })

  it.each(['from=0', 'from=1e3', 'to=-4', 'limit=501', 'limit=0', 'from=1&from=2', 'slot=7', 'replica='])(
    'refuses ?%s with 400 before the host hears of it',
    async (query) => {
      const api = new StubHost()
      const answer = await ask(await open(api), { path: `/v1/log?${query}` })
      expect(answer.status).toBe(400)
      expect(problemOf(answer)).toMatchObject({
        type: 'urn:synod:problem:invalid-argument',
        detail: expect.stringContaining('/v1/log?from=1&to=50') as unknown,
      })
      expect(api.calls).toEqual([])
    },
  )

  it.each([
    ['REPLICA_UNKNOWN', 404, 'urn:synod:problem:replica-unknown'],
    ['REPLICA_STOPPED', 409, 'urn:synod:problem:replica-stopped'],
    ['LOG_UNREADABLE', 500, 'urn:synod:problem:log-unreadable'],
  ])('tells the fault %s as %i %s', async (code, status, type) => {
    const api = new StubHost().on('cluster.log', () => fault(code, `words about ${code}`))
    const answer = await ask(await open(api), { path: '/v1/log' })
    expect(answer.status).toBe(status)
    expect(problemOf(answer)).toMatchObject({ type, detail: `words about ${code}`, code })
  })
})

describe('POST /v1/checkpoints', () => {
  it('orders one and answers with its slot and the votes', async () => {
    const api = new StubHost().on('cluster.checkpoint', () => ok(OUTPUT))
    const answer = await post(await open(api), '/v1/checkpoints', { timeoutMs: 900 })
    expect({ status: answer.status, body: JSON.parse(answer.text) as unknown }).toEqual({
      status: 200,
      body: { ...OUTPUT, cluster: 'demo' },
    })
    expect(api.calls.at(-1)).toEqual({ name: 'cluster.checkpoint', argument: { cluster: 'c1', timeoutMs: 900 } })
  })

  it('needs no body', async () => {
    const api = new StubHost().on('cluster.checkpoint', () => ok(OUTPUT))
    const answer = await ask(await open(api), { method: 'POST', path: '/v1/checkpoints' })
    expect(answer.status).toBe(200)
    expect(api.calls.at(-1)?.argument).toEqual({ cluster: 'c1' })
  })

  it('answers FAIL with 503 and the votes, and refuses what it does not know', async () => {
    const gateway = await open(new StubHost().on('cluster.checkpoint', () => ok(FAIL)))
    const failed = await post(gateway, '/v1/checkpoints', {})
    expect(failed.status).toBe(503)
    expect(problemOf(failed)).toMatchObject({ type: 'urn:synod:problem:fail', cluster: 'demo' })
    const refused = await post(gateway, '/v1/checkpoints', { slot: 5 })
    expect(refused.status).toBe(400)
    expect(problemOf(refused).detail).toContain('slot')
  })
})

describe('the other addresses', () => {
  it('GET /v1/status tells the host, its machines and its clusters', async () => {
    const answer = await ask(await open(new StubHost()), { path: '/v1/status' })
    expect(answer.status).toBe(200)
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(JSON.parse(answer.text)).toEqual({
      synod: '0.1.0',
      host: 'headless',
      dataFolder: '/data',
      version: 1,
      machines: [{ name: 'kv', title: 'Keys', reads: ['get'] }],
      clusters: [clusterView('c1', 'demo')],
    })
  })

  it('POST /v1/reads passes the consistency on and answers a stale read without votes', async () => {
    const stale = { kind: 'stale', slot: 9, output: { ok: true, value: 1 }, replica: 'a' }
    const api = new StubHost().on('cluster.read', () => ok(stale))
    const answer = await post(await open(api), '/v1/reads', { machine: 'kv', input: {}, consistency: 'stale' })
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.text)).toEqual({ ...stale, cluster: 'demo' })
    expect(api.calls.at(-1)?.argument).toEqual({ machine: 'kv', input: {}, consistency: 'stale', cluster: 'c1' })
  })

  it('POST /v1/clusters founds a cluster to try', async () => {
    const api = new StubHost().on('cluster.try', () => ok({ cluster: 'c9' }))
    const gateway = await open(api)
    const answer = await post(gateway, '/v1/clusters', { kind: 'try', name: 'demo' })
    expect({ status: answer.status, body: JSON.parse(answer.text) as unknown }).toEqual({
      status: 201,
      body: { cluster: 'c9' },
    })
    const refused = await post(gateway, '/v1/clusters', { name: 'demo' })
    expect(refused.status).toBe(400)
  })

  it.each(['/v1/nope', '/v1', '/v1/inputs/1', '/nope.js', '/v2/status'])('%s is 404', async (target) => {
    const answer = await ask(await open(new StubHost()), { path: target })
    expect(answer.status).toBe(404)
    expect(problemOf(answer).type).toBe('urn:synod:problem:not-found')
  })

  it.each([
    ['DELETE', '/v1/inputs', 'POST'],
    ['GET', '/v1/inputs', 'POST'],
    ['PUT', '/v1/reads', 'POST'],
    ['POST', '/v1/status', 'GET, HEAD'],
    ['POST', '/v1/log', 'GET, HEAD'],
    ['GET', '/v1/checkpoints', 'POST'],
  ])('%s %s is 405 and says what is allowed', async (method, target, allow) => {
    const answer = await ask(await open(new StubHost()), { method, path: target })
    expect(answer.status).toBe(405)
    expect(answer.headers.allow).toBe(allow)
    expect(problemOf(answer).type).toBe('urn:synod:problem:method-not-allowed')
  })

  it('answers an address that can’t be decoded, and bytes that are no HTTP, with a problem', async () => {
    const gateway = await open(new StubHost())
    const badUrl = await ask(gateway, { path: '/%zz' })
    expect(badUrl.status).toBe(400)
    expect(problemOf(badUrl).type).toBe('urn:synod:problem:malformed-request')
    const text = await new Promise<string>((resolve) => {
      const socket = net.connect(gateway.port, '127.0.0.1', () => socket.write('what is this\r\n\r\n'))
      let received = ''
      socket.on('data', (data) => (received += data.toString()))
      socket.on('close', () => {
        resolve(received)
      })
    })
    expect(text).toMatch(/^HTTP\/1\.1 400 /)
    expect(text).toContain('urn:synod:problem:malformed-request')
  })
})
