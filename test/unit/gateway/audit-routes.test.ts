import { afterEach, describe, expect, it } from 'vitest'
import { openGateway } from '../../../core/gateway/http.ts'
import type { Gateway } from '../../../core/gateway/http.ts'
import { traceNothing } from '../../../core/ports/trace.ts'
import { TOKEN, ask, post, problemOf } from './asking.ts'
import { DEVIATION, auditView, incidentView } from './audit-stubs.ts'
import { OUTPUT, StubHost, clusterView, fault, ok } from './stub-host.ts'

const closers: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function open(api: StubHost): Promise<Gateway> {
  const gateway = await openGateway({ api, token: TOKEN, port: 0, trace: traceNothing })
  closers.push(() => gateway.close())
  return gateway
}

const get = (gateway: Gateway, path: string): ReturnType<typeof ask> => ask(gateway, { path })

describe('POST /v1/audits', () => {
  it('orders an AUDIT, with nothing in its body or with what is wanted', async () => {
    const api = new StubHost().on('cluster.audit', () => ok(OUTPUT))
    const gateway = await open(api)
    const answer = await post(gateway, '/v1/audits', {})
    expect([answer.status, JSON.parse(answer.text)]).toEqual([200, { ...OUTPUT, cluster: 'demo' }])
    await post(gateway, '/v1/audits', { cluster: 'demo', timeoutMs: 500 })
    const asked = api.calls.filter(({ name }) => name === 'cluster.audit').map(({ argument }) => argument)
    expect(asked).toEqual([{ cluster: 'c1' }, { cluster: 'c1', timeoutMs: 500 }])
    expect((await post(gateway, '/v1/audits', { slot: 1 })).status).toBe(400)
  })
})

describe('GET /v1/audits', () => {
  it('answers with the newest, as many as asked for', async () => {
    const api = new StubHost().on('cluster.audits', () => ok({ audits: [DEVIATION, auditView(30)] }))
    const gateway = await open(api)
    const answer = await get(gateway, '/v1/audits?limit=2')
    expect(JSON.parse(answer.text)).toEqual({ cluster: 'demo', audits: [DEVIATION, auditView(30)] })
    expect(api.calls.at(-1)).toEqual({ name: 'cluster.audits', argument: { cluster: 'c1', limit: 2 } })
    for (const query of ['limit=0', 'limit=501', 'limit=x', 'what=1']) {
      expect((await get(gateway, `/v1/audits?${query}`)).status).toBe(400)
    }
  })

  it('takes GET, HEAD and POST, and says so', async () => {
    const gateway = await open(new StubHost())
    const answer = await ask(gateway, { path: '/v1/audits', method: 'DELETE' })
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD, POST'])
  })
})

describe('GET /v1/incidents', () => {
  it('answers with the newest', async () => {
    const api = new StubHost().on('cluster.incidents', () => ok({ incidents: [incidentView(2), incidentView(1)] }))
    const answer = await get(await open(api), '/v1/incidents')
    expect(JSON.parse(answer.text)).toEqual({ cluster: 'demo', incidents: [incidentView(2), incidentView(1)] })
    expect(api.calls.at(-1)?.argument).toEqual({ cluster: 'c1', limit: 50 })
  })

  it('gives one of them as a file, with the keys of those whose reports are in it', async () => {
    const api = new StubHost().on('cluster.incidents', () => ok({ incidents: [incidentView(2), incidentView(1)] }))
    const answer = await get(await open(api), '/v1/incidents/2?cluster=demo')
    expect(answer.headers['content-disposition']).toBe('attachment; filename="synod-incident-2.json"')
    expect(JSON.parse(answer.text)).toEqual({
      kind: 'synod incident',
      format: 1,
      synod: '0.1.0',
      cluster: { id: 'c1', name: 'demo' },
      members: ['a', 'b', 'c'].map((name) => ({ replica: `p-${name}`, name })),
      incident: incidentView(2),
    })
  })

  it('knows of no other, and takes no other word for a number', async () => {
    const api = new StubHost().on('cluster.incidents', () => ok({ incidents: [incidentView(1)] }))
    const gateway = await open(api)
    const unknown = await get(gateway, '/v1/incidents/7')
    expect([unknown.status, problemOf(unknown).type]).toEqual([404, 'urn:synod:problem:incident-unknown'])
    expect((await get(gateway, '/v1/incidents/x')).status).toBe(400)
    expect((await get(gateway, '/v1/incidents/1?what=2')).status).toBe(400)
    api.clusters = [clusterView('c1', 'demo'), clusterView('c2', 'shop')]
    expect(problemOf(await get(gateway, '/v1/incidents/1')).type).toBe('urn:synod:problem:cluster-not-named')
  })
})

describe('POST /v1/repairs', () => {
  it('begins a repair', async () => {
    const api = new StubHost().on('replica.repair', () => ok({}))
    const answer = await post(await open(api), '/v1/repairs', { replica: 'b' })
    expect([answer.status, JSON.parse(answer.text)]).toEqual([202, { cluster: 'demo', replica: 'b' }])
    expect(api.calls.at(-1)).toEqual({ name: 'replica.repair', argument: { cluster: 'c1', replica: 'b' } })
  })

  it('says why not', async () => {
    const api = new StubHost().on('replica.repair', () => fault('REPLICA_UNKNOWN', 'Cluster demo has no replica "x".'))
    const gateway = await open(api)
    expect((await post(gateway, '/v1/repairs', { replica: 'x' })).status).toBe(404)
    expect((await post(gateway, '/v1/repairs', {})).status).toBe(400)
  })
})
