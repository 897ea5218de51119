import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDoors } from '../../../core/gateway/doors.ts'
import {
  endpointFile,
  isServing,
  publishEndpoint,
  readEndpoint,
  withdrawEndpoint,
} from '../../../core/gateway/endpoint.ts'
import { ensureToken, equalTokens, readToken, tokenFile } from '../../../core/gateway/tokens.ts'
import { traceNothing } from '../../../core/ports/trace.ts'
import { StubHost } from './stub-host.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'synod-tokens-'))
})

afterEach(async () => {
  await rm(folder, { recursive: true })
})

async function modeOf(file: string): Promise<number> {
  return (await stat(file)).mode & 0o777
}

describe.skipIf(process.platform === 'win32')('the access token file', () => {
  it('is made once, with 32 random bytes, for its owner’s eyes only', async () => {
    const token = await ensureToken(path.join(folder, 'new', 'data'))
    const file = tokenFile(path.join(folder, 'new', 'data'))
    expect(Buffer.from(token, 'base64url')).toHaveLength(32)
    expect(await modeOf(file)).toBe(0o600)
    expect(await readdir(path.dirname(file))).toEqual([path.basename(file)])
    expect(await ensureToken(path.join(folder, 'new', 'data'))).toBe(token)
    expect(await ensureToken(folder)).not.toBe(token)
  })

  it.each([0o640, 0o604, 0o644, 0o660, 0o666, 0o610])(
    'is refused when others may touch it (mode %i in decimal)',
    async (mode) => {
      await ensureToken(folder)
      await chmod(tokenFile(folder), mode)
      for (const attempt of [ensureToken, readToken]) {
        await expect(attempt(folder)).rejects.toMatchObject({
          fault: { code: 'TOKEN_UNSAFE', file: tokenFile(folder) },
          message: expect.stringContaining(`0${mode.toString(8)}`) as unknown,
        })
      }
    },
  )

  it.each([0o400, 0o600])('is taken when only its owner may (mode %i in decimal)', async (mode) => {
    const token = await ensureToken(folder)
    await chmod(tokenFile(folder), mode)
    expect(await readToken(folder)).toBe(token)
  })

  it.each([
    ['nothing', ''],
    ['a short token', 'abc\n'],
    ['other signs', `${'!'.repeat(43)}\n`],
    ['two tokens', `${'a'.repeat(43)}\n${'b'.repeat(43)}\n`],
    ['a very long line', 'a'.repeat(100_000)],
  ])('is refused when it holds %s, and left as it is', async (_what, text) => {
    await writeFile(tokenFile(folder), text, { mode: 0o600 })
    await expect(ensureToken(folder)).rejects.toMatchObject({ fault: { code: 'TOKEN_MALFORMED' } })
    expect(await readFile(tokenFile(folder), 'utf8')).toBe(text)
  })

  it('is told to be missing when it is only read', async () => {
    await expect(readToken(folder)).rejects.toMatchObject({ fault: { code: 'TOKEN_MISSING' } })
  })
})

it('compares tokens of any length', () => {
  expect([equalTokens('a', 'a'), equalTokens('a', 'b'), equalTokens('a', 'aa'), equalTokens('', 'a')]).toEqual([
    true,
    false,
    false,
    false,
  ])
})

describe('endpoint.json', () => {
  const endpoint = { url: 'http://127.0.0.1:4123', pid: process.pid, started: '2026-01-01T00:00:00.000Z' }

  it('is published for its owner only and withdrawn only by who published it', async () => {
    expect(await readEndpoint(folder)).toBeUndefined()
    await publishEndpoint(folder, endpoint)
    if (process.platform !== 'win32') expect(await modeOf(endpointFile(folder))).toBe(0o600)
    expect(await readEndpoint(folder)).toEqual(endpoint)
    await withdrawEndpoint(folder, { ...endpoint, pid: endpoint.pid + 1 })
    expect(await readEndpoint(folder)).toEqual(endpoint)
    await withdrawEndpoint(folder, endpoint)
    expect(await readEndpoint(folder)).toBeUndefined()
  })

  it.each([
    ['no JSON', '{'],
    ['another computer’s address', JSON.stringify({ ...endpoint, url: 'http://10.0.0.1:80' })],
    [
      'an address that only begins like this computer’s',
      JSON.stringify({ ...endpoint, url: 'http://127.0.0.1:1@evil.example' }),
    ],
    ['no pid', JSON.stringify({ url: endpoint.url })],
  ])('is refused when it holds %s', async (_what, text) => {
    await writeFile(endpointFile(folder), text)
    await expect(readEndpoint(folder)).rejects.toMatchObject({ fault: { code: 'ENDPOINT_MALFORMED' } })
  })

  it('tells a host that is gone from one that lives', () => {
    expect(isServing(endpoint)).toBe(true)
    expect(isServing({ ...endpoint, pid: 2 ** 30 })).toBe(false)
  })

  it('is there while the doors are open and gone when they are closed', async () => {
    const doors = await openDoors({ api: new StubHost(), dataFolder: folder, port: 0, trace: traceNothing })
    expect(await readEndpoint(folder)).toMatchObject({ url: doors.url, pid: process.pid })
    const token = await readToken(folder)
    expect(doors.consoleUrl).toBe(`${doors.url}/#token=${token}`)
    const status = await fetch(`${doors.url}/v1/status`, { headers: { authorization: `Bearer ${token}` } })
    expect(status.status).toBe(200)
    await doors.close()
    expect(await readEndpoint(folder)).toBeUndefined()
    await expect(fetch(`${doors.url}/v1/status`)).rejects.toThrow()
  })
})
