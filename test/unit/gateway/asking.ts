import http from 'node:http'
import type { OutgoingHttpHeaders } from 'node:http'
import { expect } from 'vitest'
import type { Gateway } from '../../../core/gateway/http.ts'

export const TOKEN = 'a-token-of-the-test'
export const INPUT = { client: 'app', sequence: 1, machine: 'kv', input: { op: 'get', key: 'k' } }

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

interface Ask {
  readonly method?: string
  readonly path: string
  readonly body?: string | Buffer
  readonly headers?: OutgoingHttpHeaders
}

/** node:http, because fetch sets Host and Origin itself. */
export async function ask(gateway: Gateway, { method = 'GET', path: target, body, headers }: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(gateway.url, {
      method,
      path: target,
      agent: false,
      headers: present({
        authorization: `Bearer ${TOKEN}`,
        'content-type': body === undefined ? undefined : 'application/json',
        ...headers,
      }),
    })
    request.on('response', (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(parts).toString('utf8'),
        })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** Without the headers a test wants left out. */
function present(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
}

export function post(gateway: Gateway, target: string, body: unknown): Promise<Answer> {
  return ask(gateway, { method: 'POST', path: target, body: JSON.stringify(body) })
}

/** The parts of a problem that programs lean on. */
export function problemOf(answer: Answer): Record<string, unknown> {
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
  const body = JSON.parse(answer.text) as Record<string, unknown>
  expect(body.status).toBe(answer.status)
  expect(String(body.title).length).toBeGreaterThan(5)
  expect(String(body.detail).length).toBeGreaterThan(10)
  return body
}
