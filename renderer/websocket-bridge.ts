import type {
  ClientFrame,
  ConsoleAnswer,
  ConsoleArgument,
  ConsoleEvent,
  ConsoleEventName,
  ConsoleReply,
  ConsoleRequestName,
  HostFrame,
} from '../core/api/contract.ts'
import { keepAccessToken } from './access-token.ts'
import type { Bridge, ConnectionState } from './connection.ts'
import { text } from './text.ts'

/** Waits between tries, in milliseconds; the last one repeats. */
const RETRY_AFTER_MS = [250, 500, 1000, 2000, 4000, 8000] as const
/** Close codes of a host that does not want this console: policy violation, and those the protocol leaves to programs. */
const CLOSE_POLICY = 1008
const CLOSE_PRIVATE_MIN = 4000

export interface WebSocketBridgeInit {
  readonly address: string
  readonly token: string | null
}

type Settle = (reply: ConsoleReply<unknown>) => void

/** ConsoleApi over one WebSocket that comes back by itself. */
export class WebSocketBridge implements Bridge {
  readonly #address: string
  #token: string | null
  #state: ConnectionState = { kind: 'connecting' }
  #socket: WebSocket | null = null
  #retries = 0
  #retryTimer: number | undefined
  #nextId = 1
  readonly #pending = new Map<number, Settle>()
  readonly #stateListeners = new Set<(state: ConnectionState) => void>()
  readonly #listeners = new Map<string, Set<(event: unknown) => void>>()

  constructor(init: WebSocketBridgeInit) {
    this.#address = init.address
    this.#token = init.token
    this.#connect()
  }

  state = (): ConnectionState => this.#state

  onState = (listener: (state: ConnectionState) => void): (() => void) => {
    this.#stateListeners.add(listener)
    return () => this.#stateListeners.delete(listener)
  }

  retry = (token?: string): void => {
    if (token !== undefined) {
      this.#token = token
      keepAccessToken(token)
    }
    if (this.#state.kind !== 'open') this.#connect()
  }

  request = <Name extends ConsoleRequestName>(
    name: Name,
    argument: ConsoleArgument<Name>,
  ): Promise<ConsoleReply<ConsoleAnswer<Name>>> => {
    const { promise, resolve } = Promise.withResolvers<ConsoleReply<ConsoleAnswer<Name>>>()
    if (this.#socket === null || this.#state.kind !== 'open') {
      resolve({ ok: false, fault: { code: text.connection.lostCode, message: text.connection.notConnected } })
      return promise
    }
    const id = this.#nextId
    this.#nextId += 1
    // The host checks its answers against the same table the type is drawn from.
    this.#pending.set(id, (reply) => resolve(reply as ConsoleReply<ConsoleAnswer<Name>>))
    this.#send({ kind: 'request', id, name, argument })
    return promise
  }

  subscribe = <Name extends ConsoleEventName>(
    name: Name,
    listener: (event: ConsoleEvent<Name>) => void,
  ): (() => void) => {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    const heard = (event: unknown): void => listener(event as ConsoleEvent<Name>)
    listeners.add(heard)
    return () => listeners.delete(heard)
  }

  #connect(): void {
    window.clearTimeout(this.#retryTimer)
    if (this.#token === null) return this.#become({ kind: 'refused', reason: 'no-token' })
    const token = this.#token
    const before = this.#socket
    this.#socket = null
    before?.close()
    if (this.#state.kind !== 'away') this.#become({ kind: 'connecting' })
    const socket = new WebSocket(this.#address)
    this.#socket = socket
    let greeted = false
    socket.addEventListener('open', () => {
      greeted = true
      this.#send({ kind: 'hello', token })
    })
    socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      if (socket === this.#socket) this.#receive(data)
    })
    socket.addEventListener('close', ({ code }) => {
      if (socket === this.#socket) this.#closed({ code, greeted })
    })
  }

  #send(frame: ClientFrame): void {
    this.#socket?.send(JSON.stringify(frame))
  }

  #receive(data: unknown): void {
    const frame = parseFrame(data)
    switch (frame?.kind) {
      case 'welcome':
        this.#retries = 0
        return this.#become({ kind: 'open' })
      case 'reply': {
        const settle = this.#pending.get(frame.id)
        this.#pending.delete(frame.id)
        settle?.(frame.reply)
        return
      }
      case 'event':
        for (const listener of this.#listeners.get(frame.name) ?? []) listener(frame.event)
        return
      case undefined:
        this.#socket?.close()
    }
  }

  #closed(end: { readonly code: number; readonly greeted: boolean }): void {
    const wasOpen = this.#state.kind === 'open'
    this.#socket = null
    const lost: ConsoleReply<unknown> = {
      ok: false,
      fault: { code: text.connection.lostCode, message: text.connection.lost },
    }
    for (const settle of this.#pending.values()) settle(lost)
    this.#pending.clear()
    const refused = end.code === CLOSE_POLICY || end.code >= CLOSE_PRIVATE_MIN
    if (!wasOpen && end.greeted && refused) return this.#become({ kind: 'refused', reason: 'token-refused' })
    const afterMs = RETRY_AFTER_MS[Math.min(this.#retries, RETRY_AFTER_MS.length - 1)] ?? RETRY_AFTER_MS[0]
    this.#retries += 1
    const sinceMs = this.#state.kind === 'away' ? this.#state.sinceMs : Date.now()
    this.#become({ kind: 'away', sinceMs, retryAtMs: Date.now() + afterMs })
    this.#retryTimer = window.setTimeout(() => this.#connect(), afterMs)
  }

  #become(state: ConnectionState): void {
    this.#state = state
    for (const listener of this.#stateListeners) listener(state)
  }
}

/** @returns `null` for what is not a frame of this protocol. */
function parseFrame(data: unknown): HostFrame | null {
  if (typeof data !== 'string') return null
  let parsed: unknown
  try {
    parsed = JSON.parse(data)
  } catch {
    return null
  }
  if (typeof parsed !== 'object' || parsed === null || !('kind' in parsed)) return null
  const { kind } = parsed
  if (kind !== 'welcome' && kind !== 'reply' && kind !== 'event') return null
  return parsed as HostFrame
}
