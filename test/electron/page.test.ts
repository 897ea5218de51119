import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPageServer } from '../../electron/page.ts'

let folder: string
let serve: (request: Request) => Promise<Response>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'synod-page-'))
  await mkdir(join(folder, 'page/assets'), { recursive: true })
  await writeFile(join(folder, 'page/index.html'), '<!doctype html>')
  await writeFile(join(folder, 'page/assets/main.js'), 'export {}')
  await writeFile(join(folder, 'secret.txt'), 'secret')
  serve = createPageServer(join(folder, 'page'))
})

afterAll(async () => {
  await rm(folder, { recursive: true })
})

describe('the page server', () => {
  it('serves the page at its root', async () => {
    const answer = await serve(new Request('app://console/'))
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
      200,
      'text/html; charset=utf-8',
      '<!doctype html>',
    ])
  })

  it('serves a script as a script', async () => {
    const answer = await serve(new Request('app://console/assets/main.js?v=1'))
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/javascript; charset=utf-8'])
  })

  it.each([['app://console/'], ['app://console/none.html'], ['app://elsewhere/']])(
    'sends the Content Security Policy with %s',
    async (address) => {
      const policy = (await serve(new Request(address))).headers.get('content-security-policy')
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("script-src 'self'")
      expect(policy).not.toMatch(/unsafe|\*|data:/)
    },
  )

  it.each([
    ['app://console/none.html'],
    ['app://console/assets'],
    ['app://console/../secret.txt'],
    ['app://console/%2e%2e/secret.txt'],
    ['app://console/assets/..%2f..%2fsecret.txt'],
    ['app://console/%00'],
    ['app://console/%ff'],
    ['app://elsewhere/index.html'],
  ])('has nothing at %s', async (address) => {
    const answer = await serve(new Request(address))
    expect([answer.status, await answer.text()]).toEqual([404, 'no such page'])
  })

  it('is only read', async () => {
    const answer = await serve(new Request('app://console/index.html', { method: 'POST', body: 'x' }))
    expect(answer.status).toBe(405)
  })
})
