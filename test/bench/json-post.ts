import { Agent, request } from 'node:http'

/** Posts JSON over HTTP/1.1 with connections that are kept open: the fastest HTTP client Node has built in. */
export class JsonPoster {
  readonly #base: URL
  readonly #headers: Readonly<Record<string, string>>
  readonly #agent = new Agent({ keepAlive: true })

  constructor(base: string, headers: Readonly<Record<string, string>> = {}) {
    this.#base = new URL(base)
    this.#headers = { 'content-type': 'application/json', ...headers }
  }

  /** @returns the answer's body, parsed. @throws Error on any status but 200. */
  post(path: string, body: unknown): Promise<unknown> {
    return this.#ask('POST', path, JSON.stringify(body))
  }

  get(path: string): Promise<unknown> {
    return this.#ask('GET', path, '')
  }

  close(): void {
    this.#agent.destroy()
  }

  #ask(method: 'GET' | 'POST', path: string, body: string): Promise<unknown> {
    const { hostname, port } = this.#base
    return new Promise((resolve, reject) => {
      const asked = request(
        {
          agent: this.#agent,
          hostname,
          port,
          method,
          path,
          headers: { ...this.#headers, 'content-length': String(Buffer.byteLength(body)) },
        },
        (answer) => {
          let text = ''
          answer.setEncoding('utf8')
          answer.on('data', (part: string) => (text += part))
          answer.on('error', reject)
          answer.on('end', () => {
            if (answer.statusCode !== 200) reject(new Error(`${path}: ${answer.statusCode ?? 0} ${text.slice(0, 200)}`))
            else resolve(JSON.parse(text))
          })
        },
      )
      asked.on('error', reject)
      asked.end(body)
    })
  }
}
