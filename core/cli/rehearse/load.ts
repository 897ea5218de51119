import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { ConsoleReply } from '../../api/contract.ts'
import type { OutcomeView } from '../../api/views.ts'
import { messageOf } from '../../base/errors.ts'
import type { Stage } from '../demo/stage.ts'

/** Unit: ms. So often a request is sent, unless a step says otherwise. */
const EVERY_MS = 25
/** A request waits so long for a majority. Unit: ms. */
const TIMEOUT_MS = 15_000
/** Every so manieth request of a client is a read. */
const READ_EVERY = 4
/** With so many waiting, no more are sent: what comes then would tell nothing new. */
const CLIENTS_MAX = 800
/** Unit: ms. After "busy", or a FAIL. */
const AGAIN_MS = 100
/** How many clients look at the same time whether all of theirs is there. */
const LOOKING = 16
/** Of what went wrong, so much is told. */
const TOLD_MAX = 5

interface LoadClient {
  readonly name: string
  /** Increments that were acknowledged: what the counter must show. */
  acknowledged: number
  /** Its last increment got no answer, so it may have taken effect or not. */
  isOpen: boolean
  requests: number
}

/**
 * A constant stream of requests whose right Outputs are known. Each client has a counter of its own in `kv`, and one
 * request under way: its next increment must give exactly one more, its read exactly what was acknowledged. Requests
 * are sent at their pace whether or not earlier ones were answered, so that new ones are always there to be served.
 */
export class Load {
  readonly #stage: Stage
  readonly #clients: LoadClient[] = []
  readonly #idle: LoadClient[] = []
  readonly #underWay = new Set<Promise<void>>()
  readonly #wrong: string[] = []
  readonly #failed: string[] = []
  #timer: NodeJS.Timeout | undefined
  #startedMs = 0
  #isOver = false
  #replies = 0
  #wrongCount = 0
  #failedCount = 0
  #lastMs: number | undefined
  #gapMs = 0

  constructor(stage: Stage) {
    this.#stage = stage
  }

  start(everyMs: number = EVERY_MS): void {
    clearInterval(this.#timer)
    this.#startedMs ||= performance.now()
    this.#timer = setInterval(() => {
      this.#send()
    }, everyMs)
  }

  /** Writes a key that no request touches. */
  async leave(key: string): Promise<void> {
    const { cluster } = this.#stage
    const input = { op: 'set', key, value: 'nobody reads or writes this' }
    await this.#stage.call('cluster.submit', { cluster, client: 'load', sequence: 1, machine: 'kv', input })
  }

  /** Sends no more, waits for what is under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#gapMs = this.gapMs
    this.#isOver = true
    await Promise.all(this.#underWay)
  }

  get replies(): number {
    return this.#replies
  }

  /** What was wrong, the first of it in words. */
  get wrong(): { readonly count: number; readonly told: readonly string[] } {
    return { count: this.#wrongCount, told: this.#wrong }
  }

  get failed(): { readonly count: number; readonly told: readonly string[] } {
    return { count: this.#failedCount, told: this.#failed }
  }

  /** The longest stretch without a right reply. Unit: ms. */
  get gapMs(): number {
    if (this.#isOver) return Math.round(this.#gapMs)
    return Math.round(Math.max(this.#gapMs, performance.now() - (this.#lastMs ?? this.#startedMs)))
  }

  /** After the end: whether each counter stands where its acknowledgements say. What does not counts as wrong. */
  async verify(): Promise<void> {
    const left = this.#clients.filter(({ acknowledged, isOpen }) => acknowledged > 0 && !isOpen)
    await Promise.all(
      Array.from({ length: LOOKING }, async () => {
        for (let client = left.pop(); client !== undefined; client = left.pop()) await this.#read(client)
      }),
    )
  }

  #send(): void {
    const client = this.#idle.shift() ?? this.#newClient()
    if (client === undefined) return
    const request = this.#request(client)
      .catch((error: unknown) => {
        this.#fail(messageOf(error))
      })
      .finally(() => {
        this.#underWay.delete(request)
        this.#idle.push(client)
      })
    this.#underWay.add(request)
  }

  #newClient(): LoadClient | undefined {
    if (this.#clients.length >= CLIENTS_MAX) return undefined
    const client = { name: `load-${this.#clients.length + 1}`, acknowledged: 0, isOpen: false, requests: 0 }
    this.#clients.push(client)
    return client
  }

  async #request(client: LoadClient): Promise<void> {
    client.requests += 1
    if (client.requests % READ_EVERY === 0 && client.acknowledged > 0) await this.#read(client)
    else await this.#increment(client)
  }

  async #increment(client: LoadClient): Promise<void> {
    const { cluster } = this.#stage
    const sequence = client.acknowledged + 1
    const input = { op: 'increment', key: client.name }
    const argument = { cluster, client: client.name, sequence, machine: 'kv', input, timeoutMs: TIMEOUT_MS }
    const isAnswered = await this.#untilAnswered(
      () => this.#stage.request('cluster.submit', argument),
      (value) => this.#check(`increment ${sequence} of ${client.name}`, value, { value: sequence }),
    )
    client.isOpen = !isAnswered
    if (isAnswered) client.acknowledged = sequence
  }

  async #read(client: LoadClient): Promise<void> {
    const { cluster } = this.#stage
    const argument = { cluster, machine: 'kv', input: { op: 'get', key: client.name }, timeoutMs: TIMEOUT_MS }
    const expected = { value: client.acknowledged, found: true }
    await this.#untilAnswered(
      () => this.#stage.request('cluster.read', argument),
      (value) => this.#check(`a read of ${client.name}`, value, expected),
    )
  }

  /** A request that got FAIL may take effect yet: it is sent again, as the same one, until it is answered. */
  async #untilAnswered(
    ask: () => Promise<ConsoleReply<OutcomeView>>,
    check: (output: unknown) => void,
  ): Promise<boolean> {
    do {
      const reply = await ask()
      if (reply.ok && reply.value.kind !== 'fail') {
        const { output } = reply.value
        check(output.ok ? output.value : output.error)
        return true
      }
      if (reply.ok) this.#fail(reply.value.kind === 'fail' ? reply.value.message : '')
      else if (reply.fault.code !== 'BUSY') this.#fail(`${reply.fault.code}: ${reply.fault.message}`)
      await sleep(AGAIN_MS)
    } while (!this.#isOver)
    return false
  }

  #check(what: string, value: unknown, expected: object): void {
    if (isDeepStrictEqual(value, expected)) {
      const nowMs = performance.now()
      this.#replies += 1
      if (!this.#isOver) this.#gapMs = Math.max(this.#gapMs, nowMs - (this.#lastMs ?? this.#startedMs))
      this.#lastMs = nowMs
      return
    }
    this.#wrongCount += 1
    const words = `${what} gave ${JSON.stringify(value)}, not ${JSON.stringify(expected)}`
    if (this.#wrong.length < TOLD_MAX) this.#wrong.push(words)
  }

  #fail(message: string): void {
    this.#failedCount += 1
    if (this.#failed.length < TOLD_MAX && !this.#failed.includes(message)) this.#failed.push(message)
  }
}
