import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import * as v from 'valibot'
import { hostFrameSchema } from '../../../core/api/contract.ts'
import type { HostFrame } from '../../../core/api/contract.ts'

type Upgrade = { readonly socket: Socket; readonly head: Buffer } | { readonly refused: IncomingMessage }

/** Asks for an upgrade with headers of the test's choosing, as no browser would let a page do. */
export async function upgrade(url: string, headers: OutgoingHttpHeaders = {}): Promise<Upgrade> {
  const request = http.request(`${url}/console`, {
    agent: false,
    headers: {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
      ...headers,
    },
  })
  return new Promise((resolve, reject) => {
    request.on('upgrade', (_response, socket, head) => {
      resolve({ socket: socket, head })
    })
    request.on('response', (response) => {
      response.resume()
      resolve({ refused: response })
    })
    request.on('error', reject)
    request.end()
  })
}

/** A WebSocket client that can be slow, rude or silent on purpose. */
export class RawConsole {
  readonly socket: Socket
  readonly frames: HostFrame[] = []
  closed: { readonly code: number; readonly reason: string } | undefined
  #buffer: Buffer
  readonly #wakers = new Set<() => void>()

  private constructor(socket: Socket, head: Buffer) {
    this.socket = socket
    this.#buffer = head
    socket.on('data', (data: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, data])
      this.#parse()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.closed ??= { code: 1006, reason: '' }
      this.#wake()
    })
    this.#parse()
  }

  static async open(url: string): Promise<RawConsole> {
    const upgraded = await upgrade(url)
    if ('refused' in upgraded) throw new Error(`refused with ${upgraded.refused.statusCode}`)
    return new RawConsole(upgraded.socket, upgraded.head)
  }

  /** Opens and greets. */
  static async greet(url: string, token: string): Promise<RawConsole> {
    const console = await RawConsole.open(url)
    console.send({ kind: 'hello', token })
    await console.until(() => console.frames.length > 0)
    return console
  }

  send(frame: unknown): void {
    this.sendBytes(Buffer.from(JSON.stringify(frame)))
  }

  /** RFC 6455, 5.2: one masked frame. */
  sendBytes(payload: Buffer, opcode = 1): void {
    const length = payload.length
    const head = Buffer.alloc(length < 126 ? 6 : length < 65_536 ? 8 : 14)
    head[0] = 0x80 | opcode
    head[1] = 0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127)
    if (head.length === 8) head.writeUInt16BE(length, 2)
    if (head.length === 14) head.writeBigUInt64BE(BigInt(length), 2)
    // The mask stays zero: the payload is then sent as it is.
    this.socket.write(Buffer.concat([head, payload]))
  }

  request(id: number, name: string, argument: unknown): void {
    this.send({ kind: 'request', id, name, argument })
  }

  reply(id: number): Extract<HostFrame, { kind: 'reply' }> | undefined {
    return this.frames.find((frame): frame is Extract<HostFrame, { kind: 'reply' }> => {
      return frame.kind === 'reply' && frame.id === id
    })
  }

  async replyTo(id: number): Promise<unknown> {
    await this.until(() => this.reply(id) !== undefined)
    return this.reply(id)?.reply
  }

  events(name: string): unknown[] {
    return this.frames.flatMap((frame) => (frame.kind === 'event' && frame.name === name ? [frame.event] : []))
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.closed !== undefined) throw new Error(`closed: ${this.closed.code} ${this.closed.reason}`)
      await new Promise<void>((resolve) => this.#wakers.add(resolve))
    }
  }

  async untilClosed(): Promise<{ readonly code: number; readonly reason: string }> {
    while (this.closed === undefined) await new Promise<void>((resolve) => this.#wakers.add(resolve))
    return this.closed
  }

  async destroy(): Promise<void> {
    if (this.socket.destroyed) return
    this.socket.destroy()
    await once(this.socket, 'close')
  }

  #parse(): void {
    for (;;) {
      const frame = takeFrame(this.#buffer)
      if (frame === undefined) return this.#wake()
      this.#buffer = frame.rest
      if (frame.opcode === 1) this.frames.push(v.parse(hostFrameSchema, JSON.parse(frame.payload.toString('utf8'))))
      if (frame.opcode === 8) {
        this.closed = { code: frame.payload.readUInt16BE(0), reason: frame.payload.subarray(2).toString('utf8') }
        this.sendBytes(frame.payload.subarray(0, 2), 8)
      }
    }
  }

  #wake(): void {
    for (const waker of this.#wakers) waker()
    this.#wakers.clear()
  }
}

interface Frame {
  readonly opcode: number
  readonly payload: Buffer
  readonly rest: Buffer
}

function takeFrame(buffer: Buffer): Frame | undefined {
  if (buffer.length < 2) return undefined
  const short = buffer.readUInt8(1) & 0x7f
  const start = short < 126 ? 2 : short === 126 ? 4 : 10
  if (buffer.length < start) return undefined
  const length = short < 126 ? short : short === 126 ? buffer.readUInt16BE(2) : Number(buffer.readBigUInt64BE(2))
  if (buffer.length < start + length) return undefined
  return {
    opcode: buffer.readUInt8(0) & 0x0f,
    payload: buffer.subarray(start, start + length),
    rest: buffer.subarray(start + length),
  }
}
