import { CONSOLE_EVENTS, CONSOLE_REQUESTS, clientFrameSchema } from '../api/contract.ts'
import type { ConsoleApi, ConsoleEventName, ConsoleReply, ConsoleRequestName, HostFrame } from '../api/contract.ts'
import { messageOf } from '../base/errors.ts'
import type { Trace } from '../ports/trace.ts'
import { decode, decodeJson } from './decoding.ts'
import { EventOutbox } from './event-outbox.ts'
import type { GatewayLimits } from './limits.ts'

/** What a session needs of a WebSocket. */
export interface ConsoleSocket {
  /** Bytes that were handed over and have not left yet. */
  readonly bufferedAmount: number
  send: (text: string, done: (error?: Error | null) => void) => void
  close: (code: number, reason: string) => void
  pause: () => void
  resume: () => void
}

interface SessionParts {
  readonly api: ConsoleApi
  readonly socket: ConsoleSocket
  readonly admits: (token: string) => boolean
  readonly limits: GatewayLimits
  readonly trace: Trace
}

/** RFC 6455, 7.4.1. */
const CLOSE_UNSUPPORTED = 1003
const CLOSE_POLICY = 1008

/** One console at the end of a WebSocket: greeted once, then asking and being told, until it closes. */
export class ConsoleSession {
  readonly #parts: SessionParts
  readonly #outbox: EventOutbox
  readonly #helloTimer: NodeJS.Timeout
  #unsubscribe: readonly (() => void)[] = []
  #phase: 'greeting' | 'open' | 'closed' = 'greeting'
  #requestsUnderWay = 0

  constructor(parts: SessionParts) {
    this.#parts = parts
    this.#outbox = new EventOutbox(parts.limits)
    this.#helloTimer = setTimeout(() => {
      this.#refuse(`expected hello within ${parts.limits.helloTimeoutMs} ms`)
    }, parts.limits.helloTimeoutMs)
  }

  receive(data: Uint8Array, isBinary: boolean): void {
    if (this.#phase === 'closed') return
    if (isBinary) return this.#close(CLOSE_UNSUPPORTED, 'expected text frames')
    const json = decodeJson(data)
    if (!json.ok) return this.#refuse(`malformed frame: ${json.expected}`)
    const frame = decode(clientFrameSchema, json.value)
    if (!frame.ok) return this.#refuseFrame(json.value, frame.expected)
    if (frame.value.kind === 'hello') return this.#greet(frame.value.token)
    if (this.#phase === 'greeting') return this.#refuse('the first frame must be hello')
    this.#accept(frame.value.id, frame.value)
  }

  /** The socket is gone or going. */
  end(): void {
    this.#phase = 'closed'
    clearTimeout(this.#helloTimer)
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    this.#unsubscribe = []
  }

  #greet(token: string): void {
    if (this.#phase === 'open') return this.#refuse('hello came twice')
    if (!this.#parts.admits(token)) return this.#refuse('wrong access token')
    clearTimeout(this.#helloTimer)
    this.#phase = 'open'
    this.#send({ kind: 'welcome' })
    this.#unsubscribe = eventNames().map((name) => this.#follow(name))
  }

  #follow(name: ConsoleEventName): () => void {
    const keep = this.#outbox.keeper(name)
    return this.#parts.api.subscribe(name, (event) => {
      if (this.#phase !== 'open') return
      keep(event)
      this.#sendWaiting()
    })
  }

  /** Events leave while the console keeps up; those that wait are coalesced, so they never take more memory. */
  #sendWaiting(): void {
    const { socket, limits } = this.#parts
    while (this.#phase === 'open' && socket.bufferedAmount < limits.eventBytesHigh) {
      const waiting = this.#outbox.take()
      if (waiting === undefined) return
      this.#send({ kind: 'event', ...waiting })
    }
  }

  #accept(id: number, { name, argument }: { readonly name: string; readonly argument: unknown }): void {
    const { limits } = this.#parts
    if (this.#requestsUnderWay >= limits.requestsMax) {
      const message = `${limits.requestsMax} requests of this console are under way: wait for a reply and ask again.`
      return this.#reply(id, { ok: false, fault: { code: 'BUSY', message } })
    }
    this.#requestsUnderWay += 1
    void this.#call(name, argument).then((reply) => {
      this.#reply(id, reply, () => {
        this.#requestsUnderWay -= 1
      })
    })
  }

  async #call(name: string, argument: unknown): Promise<ConsoleReply<unknown>> {
    if (!isRequestName(name)) {
      const known = Object.keys(CONSOLE_REQUESTS).join(', ')
      const message = `There is no call "${name.slice(0, 64)}". Expected one of ${known}.`
      return { ok: false, fault: { code: 'UNKNOWN_CALL', message } }
    }
    const decoded = decode(CONSOLE_REQUESTS[name].argument, argument)
    if (!decoded.ok) {
      const message = `The argument of ${name} is not as expected: ${decoded.expected}.`
      return { ok: false, fault: { code: 'INVALID_ARGUMENT', message } }
    }
    try {
      return await this.#parts.api.request(name, decoded.value)
    } catch (error) {
      this.#parts.trace('gateway.call-failed', { name, error: messageOf(error) })
      return { ok: false, fault: { code: 'INTERNAL', message: `The host met an error of its own in ${name}.` } }
    }
  }

  #reply(id: number, reply: ConsoleReply<unknown>, left: () => void = () => undefined): void {
    this.#send({ kind: 'reply', id, reply }, left)
  }

  #send(frame: HostFrame, left: () => void = () => undefined): void {
    const { socket, limits } = this.#parts
    if (this.#phase === 'closed') return
    socket.send(JSON.stringify(frame), () => {
      left()
      if (this.#phase === 'closed') return
      if (socket.bufferedAmount < limits.replyBytesHigh) socket.resume()
      this.#sendWaiting()
    })
    // A console that asks and does not listen is not read on: its own socket then holds it back.
    if (socket.bufferedAmount >= limits.replyBytesHigh) socket.pause()
  }

  /** A frame that is not in the contract: told to its sender where it can be, else the end. */
  #refuseFrame(frame: unknown, expected: string): void {
    const id = this.#phase === 'open' ? idOf(frame) : undefined
    if (id === undefined) return this.#refuse(`malformed frame: ${expected}`)
    const message = `The frame is not as expected: ${expected}.`
    this.#reply(id, { ok: false, fault: { code: 'INVALID_ARGUMENT', message } })
  }

  #refuse(reason: string): void {
    this.#close(CLOSE_POLICY, reason)
  }

  #close(code: number, reason: string): void {
    this.#parts.trace('gateway.console-refused', { code, reason })
    this.end()
    this.#parts.socket.close(code, cutToBytes(reason, CLOSE_REASON_BYTES_MAX))
  }
}

/** RFC 6455, 5.5: a control frame carries 125 bytes, two of them the code. */
const CLOSE_REASON_BYTES_MAX = 123

function cutToBytes(text: string, bytesMax: number): string {
  const room = new Uint8Array(bytesMax)
  return text.slice(0, new TextEncoder().encodeInto(text, room).read)
}

function eventNames(): readonly ConsoleEventName[] {
  return Object.keys(CONSOLE_EVENTS).filter((name): name is ConsoleEventName => Object.hasOwn(CONSOLE_EVENTS, name))
}

function isRequestName(name: string): name is ConsoleRequestName {
  return Object.hasOwn(CONSOLE_REQUESTS, name)
}

function idOf(frame: unknown): number | undefined {
  const id = typeof frame === 'object' && frame !== null && 'id' in frame ? frame.id : undefined
  return Number.isSafeInteger(id) ? (id as number) : undefined
}
