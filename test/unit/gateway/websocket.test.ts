import { afterEach, describe, expect, it } from 'vitest'
import * as v from 'valibot'
import { CONSOLE_EVENTS, hostFrameSchema } from '../../../core/api/contract.ts'
import type { HostFrame } from '../../../core/api/contract.ts'
import type { SlotVotesView } from '../../../core/api/views.ts'
import { openGateway } from '../../../core/gateway/http.ts'
import type { Gateway } from '../../../core/gateway/http.ts'
import type { GatewayLimits } from '../../../core/gateway/limits.ts'
import { traceNothing } from '../../../core/ports/trace.ts'
import { RawConsole, upgrade } from './raw-console.ts'
import { auditView, incidentView } from './audit-stubs.ts'
import { OUTPUT, StubHost, clusterView, fault, ok } from './stub-host.ts'

const TOKEN = 'a-token-of-the-test'
const closers: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function open(api: StubHost, limits: Partial<GatewayLimits> = {}): Promise<Gateway> {
  const init = { api, token: TOKEN, port: 0, trace: traceNothing, inputBytesMax: 64 * 1024 }
  const gateway = await openGateway({ ...init, limits: { closeGraceMs: 200, ...limits } })
  closers.push(() => gateway.close())
  return gateway
}

async function connect(gateway: Gateway): Promise<RawConsole> {
  const console = await RawConsole.open(gateway.url)
  closers.push(() => console.destroy())
  return console
}

async function greet(gateway: Gateway): Promise<RawConsole> {
  const console = await RawConsole.greet(gateway.url, TOKEN)
  closers.push(() => console.destroy())
  return console
}

function note(number: number): { number: number; timeMs: number; cluster: string; level: 'good'; text: string } {
  return { number, timeMs: 0, cluster: 'c1', level: 'good', text: `note ${number}` }
}

function votes(slot: number, bytes = 0): SlotVotesView {
  const input = { kind: 'input' as const, client: 'app', sequence: slot, machine: 'kv', proxy: 'a' }
  const outcome = { output: null, failed: null, votes: [] }
  return { slot, ballot: '7.a', timeMs: 0, inputCount: 1, inputs: [{ ...input, input: 'x'.repeat(bytes), ...outcome }] }
}

function newestNote(console: RawConsole): number | undefined {
  return (console.events('note.added').at(-1) as { readonly number: number } | undefined)?.number
}

describe('the greeting', () => {
  it('welcomes a console that brings the token, over the standard WebSocket of browsers and Node', async () => {
    const gateway = await open(new StubHost())
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/console`)
    const frame = await new Promise<HostFrame>((resolve, reject) => {
      socket.onopen = () => {
        socket.send(JSON.stringify({ kind: 'hello', token: TOKEN }))
      }
      socket.onmessage = ({ data }) => {
        resolve(v.parse(hostFrameSchema, JSON.parse(String(data))))
      }
      socket.onerror = () => {
        reject(new Error('the socket failed'))
      }
    })
    expect(frame).toEqual({ kind: 'welcome' })
    socket.close()
  })

  it.each([
    ['a wrong token', { kind: 'hello', token: 'wrong' }, 'wrong access token'],
    ['a request', { kind: 'request', id: 1, name: 'host.view', argument: {} }, 'the first frame must be hello'],
    ['a malformed request', { kind: 'request', id: 1 }, 'malformed frame'],
    ['a hello without a token', { kind: 'hello' }, 'malformed frame'],
    ['a frame of no kind', 'hello', 'malformed frame'],
  ])('closes with 1008 when the first frame is %s', async (_what, frame, reason) => {
    const api = new StubHost()
    const console = await connect(await open(api))
    console.send(frame)
    const closed = await console.untilClosed()
    expect(closed.code).toBe(1008)
    expect(closed.reason).toContain(reason)
    expect(console.frames).toEqual([])
    expect({ calls: api.calls, listeners: api.listenerCount }).toEqual({ calls: [], listeners: 0 })
  })

  it('closes with 1008 a console that says nothing in time', async () => {
    const console = await connect(await open(new StubHost(), { helloTimeoutMs: 30 }))
    expect(await console.untilClosed()).toEqual({ code: 1008, reason: 'expected hello within 30 ms' })
  })

  it('does not count the time of a console that was greeted', async () => {
    const gateway = await open(new StubHost(), { helloTimeoutMs: 300 })
    const greeted = await greet(gateway)
    const silent = await connect(gateway)
    await silent.untilClosed()
    greeted.request(1, 'host.view', {})
    expect(await greeted.replyTo(1)).toMatchObject({ ok: true })
  })

  it('refuses an upgrade with another Host or Origin before there is a WebSocket', async () => {
    const gateway = await open(new StubHost())
    const headers = [{ host: `evil.example:${gateway.port}` }, { origin: 'https://evil.example' }, { origin: 'null' }]
    for (const header of headers) {
      const answer = await upgrade(gateway.url, header)
      expect('refused' in answer ? answer.refused.statusCode : 101).toBe(403)
    }
    const malformed = await upgrade(`${gateway.url}/%zz`)
    expect('refused' in malformed ? malformed.refused.statusCode : 101).toBe(400)
    const own = await upgrade(gateway.url, { origin: gateway.url })
    expect('socket' in own).toBe(true)
    if ('socket' in own) own.socket.destroy()
  })

  it('turns consoles away beyond its bound', async () => {
    const gateway = await open(new StubHost(), { consolesMax: 1 })
    await greet(gateway)
    const second = await connect(gateway)
    expect(await second.untilClosed()).toMatchObject({ code: 1013 })
  })
})

describe('requests', () => {
  it('are answered by id, in whatever order the host is done with them', async () => {
    const first = Promise.withResolvers<unknown>()
    const api = new StubHost().on('cluster.submit', () => first.promise)
    const console = await greet(await open(api))
    const argument = { cluster: 'c1', client: 'app', sequence: 1, machine: 'kv', input: {} }
    console.request(1, 'cluster.submit', argument)
    console.request(2, 'host.view', {})
    expect(await console.replyTo(2)).toMatchObject({ ok: true, value: { synod: '0.1.0' } })
    first.resolve(ok(OUTPUT))
    expect(await console.replyTo(1)).toEqual({ ok: true, value: OUTPUT })
    expect(api.calls[0]).toEqual({ name: 'cluster.submit', argument })
  })

  it('that are unknown, malformed or refused get a fault, and the console stays connected', async () => {
    const api = new StubHost().on('cluster.start', () => fault('CLUSTER_UNKNOWN', 'there is no c9'))
    api.on('cluster.stop', () => Promise.reject(new Error('secret')))
    const console = await greet(await open(api))
    console.request(1, 'cluster.explode', {})
    console.request(2, 'toString', {})
    console.request(3, 'cluster.start', { cluster: 7 })
    console.request(4, 'cluster.start', { cluster: 'c9' })
    console.request(5, 'cluster.stop', { cluster: 'c1' })
    console.send({ kind: 'request', id: 6, name: 'host.view' })
    console.send({ kind: 'ask', id: 7 })
    const faultOf = async (id: number): Promise<unknown> => console.replyTo(id)
    expect(await faultOf(1)).toMatchObject({ ok: false, fault: { code: 'UNKNOWN_CALL' } })
    expect(await faultOf(2)).toMatchObject({ ok: false, fault: { code: 'UNKNOWN_CALL' } })
    expect(await faultOf(3)).toMatchObject({
      ok: false,
      fault: { code: 'INVALID_ARGUMENT', message: expect.stringContaining('cluster: ') as unknown },
    })
    expect(await faultOf(4)).toEqual({ ok: false, fault: { code: 'CLUSTER_UNKNOWN', message: 'there is no c9' } })
    expect(await faultOf(5)).toMatchObject({ ok: false, fault: { code: 'INTERNAL' } })
    expect(JSON.stringify(await faultOf(5))).not.toContain('secret')
    expect(await faultOf(6)).toMatchObject({ ok: false, fault: { code: 'INVALID_ARGUMENT' } })
    expect(await faultOf(7)).toMatchObject({ ok: false, fault: { code: 'INVALID_ARGUMENT' } })
    expect(api.calls.map(({ name }) => name)).toEqual(['cluster.start', 'cluster.stop'])
  })

  it.each([
    ['no JSON', Buffer.from('what'), 1, 1008],
    ['JSON without an id', Buffer.from('{"kind":"request"}'), 1, 1008],
    ['a second hello', Buffer.from(JSON.stringify({ kind: 'hello', token: TOKEN })), 1, 1008],
    ['binary', Buffer.from('{}'), 2, 1003],
    ['no UTF-8', Buffer.from([0xff, 0xfe]), 1, 1007],
    ['larger than a frame may be', Buffer.alloc(200 * 1024, 0x20), 1, 1009],
  ])('that are %s end the connection with a reason', async (_what, bytes, opcode, code) => {
    const api = new StubHost()
    const console = await greet(await open(api))
    console.sendBytes(bytes, opcode)
    expect(await console.untilClosed()).toMatchObject({ code })
    await expect.poll(() => api.listenerCount).toBe(0)
  })

  it('beyond the bound in flight are told BUSY and can be asked again', async () => {
    const pending = Promise.withResolvers<unknown>()
    const api = new StubHost().on('host.notes', () => pending.promise)
    const console = await greet(await open(api, { requestsMax: 3 }))
    for (let id = 1; id <= 4; id += 1) console.request(id, 'host.notes', { limit: 1 })
    expect(await console.replyTo(4)).toMatchObject({ ok: false, fault: { code: 'BUSY' } })
    expect(api.calls).toHaveLength(3)
    pending.resolve(ok({ notes: [] }))
    await console.replyTo(3)
    console.request(5, 'host.notes', { limit: 1 })
    expect(await console.replyTo(5)).toMatchObject({ ok: true })
  })
})

describe('events', () => {
  it('of every name in the contract are pushed to every console', async () => {
    const api = new StubHost()
    const gateway = await open(api)
    const consoles = [await greet(gateway), await greet(gateway)]
    const told = {
      'host.changed': { version: 2 },
      'cluster.changed': clusterView('c1', 'demo'),
      'votes.changed': { cluster: 'c1', slots: [votes(13)], dropped: 0 },
      'audit.changed': { cluster: 'c1', audit: auditView(40) },
      'incident.changed': { cluster: 'c1', incident: incidentView(1) },
      'note.added': note(1),
    }
    expect(Object.keys(told).sort()).toEqual(Object.keys(CONSOLE_EVENTS).sort())
    api.emit('host.changed', told['host.changed'])
    api.emit('cluster.changed', told['cluster.changed'])
    api.emit('votes.changed', told['votes.changed'])
    api.emit('audit.changed', told['audit.changed'])
    api.emit('incident.changed', told['incident.changed'])
    api.emit('note.added', told['note.added'])
    for (const console of consoles) {
      await console.until(() => console.events('note.added').length > 0)
      for (const [name, event] of Object.entries(told)) expect(console.events(name)).toEqual([event])
    }
  })

  it('are not heard before hello, and nobody listens for a console that left', async () => {
    const api = new StubHost()
    const gateway = await open(api)
    await connect(gateway)
    expect(api.listenerCount).toBe(0)
    const console = await greet(gateway)
    expect(api.listenerCount).toBe(Object.keys(CONSOLE_EVENTS).length)
    await console.destroy()
    await expect.poll(() => api.listenerCount).toBe(0)
  })

  it('wait, coalesced, for a console that reads slowly: memory stays bounded and the newest arrive', async () => {
    const api = new StubHost()
    const console = await greet(await open(api, { eventBytesHigh: 256 * 1024, slotsWaitingMax: 4, notesWaitingMax: 3 }))
    const bytesEach = 32 * 1024
    const rounds = 2000
    const before = process.memoryUsage.rss()
    console.socket.pause()
    for (let slot = 1; slot <= rounds; slot += 1) {
      api.emit('votes.changed', { cluster: 'c1', slots: [votes(slot, bytesEach)], dropped: 0 })
      api.emit('cluster.changed', clusterView('c1', 'demo', { version: slot }))
      api.emit('note.added', note(slot))
      if (slot % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    const grownBytes = process.memoryUsage.rss() - before
    console.socket.resume()
    await console.until(() => newestNote(console) === rounds)
    const told = console.events('votes.changed') as { slots: SlotVotesView[]; dropped: number }[]
    const slots = told.flatMap((event) => event.slots.map(({ slot }) => slot))
    const dropped = told.reduce((sum, event) => sum + event.dropped, 0)
    expect(Math.max(...slots)).toBe(rounds)
    expect(slots.length + dropped).toBe(rounds)
    expect(dropped).toBeGreaterThan(rounds / 2)
    expect(console.events('cluster.changed').at(-1)).toMatchObject({ version: rounds })
    expect(console.events('note.added').length).toBeLessThan(rounds)
    // Sent all, it would have been 64 MB in the socket's queue.
    expect(grownBytes).toBeLessThan(48 * 1024 * 1024)
  })

  it('do not keep a console waiting that asks for more than it reads: it is not read on until it does', async () => {
    const big = 'x'.repeat(512 * 1024)
    let answered = 0
    const api = new StubHost().on('host.notes', () => {
      answered += 1
      return ok({ notes: [{ ...note(1), text: big }] })
    })
    const limits = { replyBytesHigh: 1024 * 1024, eventBytesHigh: 512 * 1024, requestsMax: 1000 }
    const console = await greet(await open(api, limits))
    console.socket.pause()
    const asked = 200
    for (let id = 1; id <= asked; id += 1) {
      console.request(id, 'host.notes', { limit: 1 })
      await new Promise((resolve) => setImmediate(resolve))
    }
    // What the kernel's buffers hold, what the gateway holds, and not the 100 MB that were asked for.
    expect(answered).toBeLessThan(asked / 2)
    console.socket.resume()
    await console.until(() => console.frames.filter(({ kind }) => kind === 'reply').length === asked)
  })
})

describe('its end', () => {
  it('tells every console that the host is closing', async () => {
    const gateway = await open(new StubHost())
    const console = await greet(gateway)
    await gateway.close()
    expect(await console.untilClosed()).toEqual({ code: 1001, reason: 'the host is closing' })
  })

  it('does not wait for a console that never reads', async () => {
    const gateway = await open(new StubHost(), { closeGraceMs: 50 })
    const console = await greet(gateway)
    console.socket.pause()
    await gateway.close()
    console.socket.resume()
    await console.untilClosed()
  })
})
