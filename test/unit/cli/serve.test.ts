import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { SynodError } from '../../../core/base/errors.ts'
import { EXIT } from '../../../core/cli/exit-codes.ts'
import type { ServedHost, Surroundings } from '../../../core/cli/surroundings.ts'
import { readEndpoint } from '../../../core/gateway/endpoint.ts'
import { readToken } from '../../../core/gateway/tokens.ts'
import { StubHost } from '../gateway/stub-host.ts'
import { World } from './surroundings.ts'

class HostFault extends SynodError<{ readonly code: string }> {}

let data: string
let closed: number

beforeEach(async () => {
  data = await mkdtemp(path.join(tmpdir(), 'synod-serve-'))
  closed = 0
})

afterEach(async () => {
  await rm(data, { recursive: true })
})

function worldWith(host: Partial<ServedHost> = {}, changes: Partial<Surroundings> = {}): World {
  const api = new StubHost()
  return new World({
    openHost: ({ dataFolder }) =>
      Promise.resolve({
        api,
        dataFolder,
        close: () => {
          closed += 1
          return Promise.resolve()
        },
        ...host,
      }),
    ...changes,
  })
}

async function untilSaid(world: World, words: string): Promise<void> {
  await expect.poll(() => world.said.out, { timeout: 5000 }).toContain(words)
}

it('prints the console’s address with its token, serves until it is asked to stop, and ends with 0', async () => {
  const world = worldWith()
  const served = world.run('serve', '--data', data)
  await untilSaid(world, 'Stop with Ctrl+C.')
  const url = /http:\/\/127\.0\.0\.1:\d+(?=\/#token=)/.exec(world.said.out)?.[0] ?? ''
  const token = /#token=(\S+)/.exec(world.said.out)?.[1] ?? ''
  expect(token).toBe(await readToken(data))
  expect(await readEndpoint(data)).toMatchObject({ url })
  const status = await fetch(`${url}/v1/status`, { headers: { authorization: `Bearer ${token}` } })
  expect(status.status).toBe(200)
  const client = new World()
  expect(await client.run('status', '--data', data)).toBe(EXIT.done)
  world.stop()
  expect(await served).toBe(EXIT.done)
  expect(closed).toBe(1)
  expect(await readEndpoint(data)).toBeUndefined()
  await expect(fetch(url)).rejects.toThrow()
  expect(await client.run('status', '--data', data)).toBe(EXIT.hostNotReached)
})

it('says all of that in one JSON object for programs', async () => {
  const world = worldWith()
  const served = world.run('serve', '--json', '--data', data)
  await untilSaid(world, '\n')
  expect(world.json()).toMatchObject({
    event: 'serving',
    url: (await readEndpoint(data))?.url,
    console: expect.stringContaining('/#token=') as unknown,
    dataFolder: data,
    pid: process.pid,
  })
  world.stop()
  expect(await served).toBe(EXIT.done)
  expect(world.said.out.trim().split('\n')).toHaveLength(1)
})

it('ends with 3 and the host’s own words when the data folder is in use', async () => {
  const openHost = (): Promise<never> =>
    Promise.reject(new HostFault({ code: 'DATA_FOLDER_IN_USE' }, `Another host (process 7) serves ${data}.`))
  const world = worldWith({}, { openHost })
  expect(await world.run('serve', '--data', data)).toBe(EXIT.hostNotStarted)
  expect(world.said).toEqual({ out: '', error: `Another host (process 7) serves ${data}.\n` })
  expect(await world.run('serve', '--json', '--data', data)).toBe(EXIT.hostNotStarted)
  expect(world.json()).toMatchObject({ type: 'urn:synod:problem:data-folder-in-use', exit: 3 })
})

it('ends with 3 and closes the host again when the port is taken', async () => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const { port } = taken.address() as AddressInfo
  const world = worldWith()
  expect(await world.run('serve', '--data', data, '--port', String(port))).toBe(EXIT.hostNotStarted)
  expect(world.said.error).toContain(String(port))
  expect(closed).toBe(1)
  await new Promise((resolve) => taken.close(resolve))
})

it.each(['-1', '65536', 'http', '80.5'])('ends with 2 for the port %s', async (port) => {
  expect(await worldWith().run('serve', '--data', data, '--port', port)).toBe(EXIT.wrongArguments)
})

it('passes a smaller limit for Inputs to the host, and refuses a larger one', async () => {
  const asked: (number | undefined)[] = []
  const openHost: Surroundings['openHost'] = ({ inputBytesMax }) => {
    asked.push(inputBytesMax)
    return Promise.reject(new HostFault({ code: 'DATA_FOLDER_IN_USE' }, 'in use'))
  }
  const world = worldWith({}, { openHost })
  await world.run('serve', '--data', data, '--input-bytes-max', '4096')
  expect(asked).toEqual([4096])
  expect(await world.run('serve', '--data', data, '--input-bytes-max', '9999999')).toBe(EXIT.wrongArguments)
})

it('tells an error that is no operating fault as what it is, with 8', async () => {
  const world = worldWith({}, { openHost: () => Promise.reject(new TypeError('x is not a function')) })
  expect(await world.run('serve', '--data', data)).toBe(EXIT.fault)
  expect(world.said.error).toContain('x is not a function')
})

it('does not wait longer for a host that hangs once it is asked to stop again', async () => {
  const world = worldWith({ close: () => new Promise(() => undefined) })
  const served = world.run('serve', '--data', data)
  await untilSaid(world, 'Stop with Ctrl+C.')
  world.stop()
  await untilSaid(world, 'Stopping')
  world.stop()
  expect(await served).toBe(EXIT.fault)
  await expect.poll(() => readEndpoint(data)).toBeUndefined()
})

it('ends with 8 when the host can’t close cleanly', async () => {
  const world = worldWith({ close: () => Promise.reject(new Error('replica b did not end')) })
  const served = world.run('serve', '--data', data)
  await untilSaid(world, 'Stop with Ctrl+C.')
  world.stop()
  expect(await served).toBe(EXIT.fault)
  expect(world.said.error).toContain('replica b did not end')
})
