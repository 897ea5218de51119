import { readFile } from 'node:fs/promises'
import { extname, resolve, sep } from 'node:path'
import { isConsoleUrl } from './console-address.ts'

/** The page may run its own scripts and styles, show its own images and fonts, and speak to nobody. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}

/** @returns the handler of `app://console/…`: the built page's files out of `folder`, and nothing beside them. */
export function createPageServer(folder: string): (request: Request) => Promise<Response> {
  const root = resolve(folder)
  return async (request) => {
    if (request.method !== 'GET') return answer(405, 'only GET')
    const file = fileOf(root, request.url)
    if (file === undefined) return answer(404, 'no such page')
    try {
      const bytes = await readFile(file)
      return new Response(bytes, { headers: headersOf(CONTENT_TYPES[extname(file)] ?? 'application/octet-stream') })
    } catch {
      return answer(404, 'no such page')
    }
  }
}

/** @returns the file behind an address; undefined for another host and for whatever would leave the folder. */
function fileOf(root: string, address: string): string | undefined {
  if (!isConsoleUrl(address)) return undefined
  let path: string
  try {
    path = decodeURIComponent(new URL(address).pathname)
  } catch {
    return undefined
  }
  const file = resolve(root, `.${path === '/' ? '/index.html' : path}`)
  return file.startsWith(root + sep) ? file : undefined
}

function answer(status: number, text: string): Response {
  return new Response(text, { status, headers: headersOf('text/plain; charset=utf-8') })
}

function headersOf(contentType: string): Record<string, string> {
  return {
    'content-type': contentType,
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
  }
}
