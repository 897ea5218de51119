import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EXIT } from '../../../core/cli/exit-codes.ts'
import { openDoors } from '../../../core/gateway/doors.ts'
import { endpointFile, publishEndpoint } from '../../../core/gateway/endpoint.ts'
import { ensureToken, tokenFile } from '../../../core/gateway/tokens.ts'
import { traceNothing } from '../../../core/ports/trace.ts'
import { FAIL, OUTPUT, StubHost, clusterView, fault, ok } from '../gateway/stub-host.ts'
import { World } from './surroundings.ts'

let data: string
let host: StubHost
let world: World
const closers: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  data = await mkdtemp(path.join(tmpdir(), 'synod-cli-'))
  closers.push(() => rm(data, { recursive: true }))
  host = new StubHost()
  world = new World()
})

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** The stub host behind the real gateway, on a real port. */
async function open(): Promise<void> {
  const doors = await openDoors({ api: host, dataFolder: data, port: 0, trace: traceNothing })
  closers.push(() => doors.close())
}

function submit(...words: readonly string[]): Promise<number> {
  return world.run('submit', '--data', data, '--machine', 'kv', ...words)
}

describe('submit', () => {
  it('shows the slot, every vote and the Output, and ends with 0', async () => {
    await open()
    host.on('cluster.submit', () => ok(OUTPUT))
    expect(await submit('--client', 'app', '--sequence', '7', '--timeout', '900', '{"op":"get","key":"k"}')).toBe(
      EXIT.done,
    )
    expect(host.calls.at(-1)?.argument).toEqual({
      cluster: 'c1',
      client: 'app',
      sequence: 7,
      machine: 'kv',
      input: { op: 'get', key: 'k' },
      timeoutMs: 900,
    })
    expect(world.said).toEqual({
      error: '',
      out: [
        'Slot 12 · decided · 2 of 3 agree; c dissents.',
        '  ● a  3f9a1c  4.0 ms',
        '  ● b  3f9a1c  6.0 ms',
        '  ✕ c  91ab00  5.0 ms',
        'Output: {"value":"1"}',
        '',
      ].join('\n'),
    })
  })

  it('prints one JSON object on one line for programs', async () => {
    await open()
    host.on('cluster.submit', () => ok(OUTPUT))
    expect(await submit('--json', '--client', 'app', '{}')).toBe(EXIT.done)
    expect(world.said.out.split('\n')).toHaveLength(2)
    expect(world.json()).toEqual({ ...OUTPUT, cluster: 'demo', client: 'app', sequence: 1 })
  })

  it('draws a client’s name of its own where none is given, so that no two commands are one Input', async () => {
    await open()
    host.on('cluster.submit', () => ok(OUTPUT))
    await submit('{}')
    await submit('{}')
    const clients = host.calls.flatMap(({ name, argument }) =>
      name === 'cluster.submit' ? [(argument as { client: string }).client] : [],
    )
    expect(clients).toHaveLength(2)
    expect(clients[0]).toMatch(/^cli-[0-9a-f]{12}$/)
    expect(clients[1]).not.toBe(clients[0])
  })

  it('reads the Input from the standard input for -', async () => {
    await open()
    host.on('cluster.submit', () => ok(OUTPUT))
    world = new World({ readInput: () => Promise.resolve('{"op":"scan"}\n') })
    expect(await submit('-')).toBe(EXIT.done)
    expect(host.calls.at(-1)?.argument).toMatchObject({ input: { op: 'scan' } })
  })

  it('ends with 1 when the machine refused: that Output was ordered and voted on', async () => {
    await open()
    const output = { ok: false, error: { code: 'OVERDRAFT', message: 'alice has 3, the transfer is of 5' } }
    host.on('cluster.submit', () => ok({ ...OUTPUT, output }))
    expect(await submit('{}')).toBe(EXIT.refusedByMachine)
    expect(world.said.out).toContain('Refused by the machine: OVERDRAFT: alice has 3, the transfer is of 5')
  })

  it('ends with 5 at FAIL, shows who answered and how to ask again without executing twice', async () => {
    await open()
    host.on('cluster.submit', () => ok(FAIL))
    expect(await submit('--client', 'app', '--sequence', '3', '{}')).toBe(EXIT.fail)
    expect(world.said).toEqual({
      error: '',
      out: [
        'FAIL · no slot known · too few Outputs.',
        '  ◐ a  3f9a1c  4.0 ms',
        '  ○ b          no answer',
        '  ○ c          no answer',
        'Only a answered in time; a retry with the same client and sequence is safe.',
        'The same Input again, never executed twice: --client app --sequence 3',
        '',
      ].join('\n'),
    })
    world = new World()
    expect(await submit('--json', '{}')).toBe(EXIT.fail)
    expect(world.json()).toMatchObject({ type: 'urn:synod:problem:fail', reason: 'too-few-outputs', sequence: 1 })
  })

  it.each([
    ['INPUT_REFUSED', EXIT.refusedBeforeOrdering],
    ['INPUT_TOO_LARGE', EXIT.refusedBeforeOrdering],
    ['CLUSTER_STOPPED', EXIT.refusedBeforeOrdering],
    ['INVALID_ARGUMENT', EXIT.wrongArguments],
    ['BUSY', EXIT.busy],
    ['HOST_CLOSING', EXIT.busy],
    ['INTERNAL', EXIT.fault],
  ])('tells %s in the host’s words and ends with %i', async (code, exit) => {
    await open()
    host.on('cluster.submit', () => fault(code, `words about ${code}`))
    expect(await submit('{}')).toBe(exit)
    expect(world.said.out).toBe('')
    expect(world.said.error).toContain(`words about ${code}`)
  })

  it('ends with 6 for an Input larger than the host takes, which it never sees', async () => {
    await open()
    world = new World({ readInput: () => Promise.resolve(JSON.stringify('x'.repeat(3 * 1024 * 1024))) })
    expect(await submit('-')).toBe(EXIT.refusedBeforeOrdering)
    expect(host.calls.filter(({ name }) => name === 'cluster.submit')).toEqual([])
  })

  it('ends with 2 for a cluster that is not there, or not named where there are two', async () => {
    await open()
    expect(await submit('--cluster', 'nope', '{}')).toBe(EXIT.wrongArguments)
    expect(world.said.error).toContain('"demo"')
    host.clusters = [clusterView('c1', 'demo'), clusterView('c2', 'shop')]
    expect(await submit('{}')).toBe(EXIT.wrongArguments)
    host.on('cluster.submit', () => ok(OUTPUT))
    expect(await submit('--cluster', 'shop', '{}')).toBe(EXIT.done)
    expect(host.calls.at(-1)?.argument).toMatchObject({ cluster: 'c2' })
  })

  it.each([
    ['no Input', []],
    ['an Input that is not JSON', ['{op: get}']],
    ['a sequence of zero', ['--sequence', '0', '{}']],
    ['a sequence that is no number', ['--sequence', '1e3', '{}']],
    ['an option nobody knows', ['--nope', '{}']],
    ['two Inputs', ['{}', '{}']],
  ])('ends with 2 for %s, without asking the host', async (_what, words) => {
    await open()
    expect(await submit(...words)).toBe(EXIT.wrongArguments)
    expect(world.said.error.length).toBeGreaterThan(10)
    expect(host.calls).toEqual([])
    world = new World()
    expect(await submit('--json', ...words)).toBe(EXIT.wrongArguments)
    expect(world.said.error).toBe('')
    expect(world.json()).toMatchObject({ exit: EXIT.wrongArguments, detail: expect.any(String) as unknown })
  })
})

describe('read', () => {
  it('asks for a linearizable answer, or by name for a stale one', async () => {
    await open()
    host.on('cluster.read', (argument) =>
      (argument as { consistency: string }).consistency === 'stale'
        ? ok({ kind: 'stale', slot: 1234, output: { ok: true, value: 5 }, replica: 'b' })
        : ok(OUTPUT),
    )
    expect(await world.run('read', '--data', data, '--machine', 'kv', '{}')).toBe(EXIT.done)
    expect(world.said.out).toContain('2 of 3 agree')
    expect(await world.run('read', '--data', data, '--machine', 'kv', '--stale', '{}')).toBe(EXIT.done)
    expect(world.said.out).toContain('Slot 1,234 · stale · the State of b alone, not voted on.\nOutput: 5\n')
  })
})

describe('status', () => {
  it('shows each cluster with its health and its replicas', async () => {
    await open()
    host.clusters = [clusterView('c1', 'demo', { slotDecided: 4812 })]
    expect(await world.run('status', '--data', data)).toBe(EXIT.done)
    expect(world.said.out).toContain('demo · serving · leader a (ballot 7.a) · slot 4,812')
    expect(world.said.out).toContain('All three replicas agree; one may fail.')
    expect(world.said.out).toContain('  ● b  running follower · executed 12 of 12 · log 2.0 KiB · no checkpoint\n')
  })

  it('shows one cluster by name, and says which there are when there is no such', async () => {
    await open()
    host.clusters = [clusterView('c1', 'demo'), clusterView('c2', 'shop')]
    expect(await world.run('status', '--data', data, '--json', '--cluster', 'shop')).toBe(EXIT.done)
    expect(world.json()).toMatchObject({ synod: '0.1.0', clusters: [{ id: 'c2' }] })
    expect(await world.run('status', '--data', data, '--cluster', 'nope')).toBe(EXIT.wrongArguments)
    expect(world.said.error).toContain('"demo", "shop"')
  })

  it('says how to found a cluster where there is none', async () => {
    await open()
    host.clusters = []
    expect(await world.run('status', '--data', data)).toBe(EXIT.done)
    expect(world.said.out).toContain('npx synod try')
  })
})

describe('try', () => {
  it('founds a cluster, tells its steps once each, and ends when it serves', async () => {
    await open()
    host.clusters = []
    let looks = 0
    host.on('cluster.try', (argument) => {
      expect(argument).toEqual({ name: 'mine' })
      host.clusters = [clusterView('c9', 'mine', { phase: 'founding', progress: [{ label: 'Keys made', done: true }] })]
      return ok({ cluster: 'c9' })
    })
    const timer = setInterval(() => {
      looks = host.calls.filter(({ name }) => name === 'host.view').length
      if (looks >= 2) host.clusters = [clusterView('c9', 'mine', { progress: [{ label: 'Keys made', done: true }] })]
    }, 5)
    closers.push(() => {
      clearInterval(timer)
      return Promise.resolve()
    })
    expect(await world.run('try', '--data', data, '--name', 'mine')).toBe(EXIT.done)
    expect(looks).toBeGreaterThanOrEqual(2)
    expect(world.said.out.match(/● Keys made/g)).toHaveLength(1)
    expect(world.said.out).toContain('Cluster "mine" serves.')
  })
})

describe('a host that is not reached', () => {
  it.each([
    ['is not there', () => Promise.resolve()],
    ['was killed and left its endpoint', () => publishGone()],
    ['left a port nobody listens at', () => publishClosed()],
    ['left an endpoint that can’t be read', () => writeFile(endpointFile(data), 'what')],
    ['has another token', () => openWithAnotherToken()],
    ['has a token file that others can read', () => openWithOpenToken()],
    ['is another program', () => openStranger()],
  ])('because it %s ends with 4 and says what to do', async (_why, arrange) => {
    await arrange()
    expect(await submit('{}')).toBe(EXIT.hostNotReached)
    expect(await world.run('status', '--data', data)).toBe(EXIT.hostNotReached)
    expect(world.said.out).toBe('')
    expect(world.said.error.length).toBeGreaterThan(40)
    expect(host.calls).toEqual([])
    expect(await world.run('status', '--json', '--data', data)).toBe(EXIT.hostNotReached)
    expect(world.json()).toMatchObject({ type: expect.stringMatching(/^urn:synod:problem:/) as unknown })
  })

  const STRANGER = { synod: '0', host: 'headless', dataFolder: '', clusters: [], machines: [] }
  const started = '2026-01-01T00:00:00.000Z'

  async function publishGone(): Promise<void> {
    await ensureToken(data)
    // Whoever listens at that port now must not be sent the token.
    const { port } = await listen((response) => response.end(JSON.stringify(STRANGER)))
    await publishEndpoint(data, { url: `http://127.0.0.1:${port}`, pid: 2 ** 30, started })
  }

  async function publishClosed(): Promise<void> {
    await ensureToken(data)
    const { port, close } = await listen(() => undefined)
    await close()
    await publishEndpoint(data, { url: `http://127.0.0.1:${port}`, pid: process.pid, started })
  }

  async function openWithAnotherToken(): Promise<void> {
    await open()
    await rm(tokenFile(data))
    await ensureToken(data)
  }

  async function openWithOpenToken(): Promise<void> {
    await open()
    await chmod(tokenFile(data), 0o644)
  }

  async function openStranger(): Promise<void> {
    await ensureToken(data)
    const { port } = await listen((response) => response.end('<h1>hello</h1>'))
    await publishEndpoint(data, { url: `http://127.0.0.1:${port}`, pid: process.pid, started })
  }

  async function listen(answer: (response: { end: (text: string) => unknown }) => unknown): Promise<{
    readonly port: number
    readonly close: () => Promise<unknown>
  }> {
    const server = createServer((_request, response) => {
      answer(response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const close = (): Promise<unknown> => new Promise((resolve) => server.close(resolve))
    closers.push(() => {
      server.closeAllConnections()
      return close()
    })
    return { port: (server.address() as AddressInfo).port, close }
  }
})

describe('the command itself', () => {
  it('documents every exit code, in every verb’s help', async () => {
    for (const words of [['--help'], ['submit', '--help'], ['help', 'serve']]) {
      world = new World()
      expect(await world.run(...words)).toBe(EXIT.done)
      for (const code of Object.values(EXIT))
        expect(world.said.out).toMatch(new RegExp(`^ {2}${code} {2}[A-Z].*\\.$`, 'm'))
    }
  })

  it('tells its version', async () => {
    expect(await world.run('--version')).toBe(EXIT.done)
    expect(world.said.out).toBe('9.8.7\n')
  })

  it.each([[[]], [['nonsense']], [['--nope']]])('ends with 2 for the words %j', async (words) => {
    expect(await world.run(...words)).toBe(EXIT.wrongArguments)
    expect(world.said.out).toBe('')
  })
})
