import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { ConsoleReply } from '../../../core/api/contract.ts'
import type { OutcomeView } from '../../../core/api/views.ts'
import type { Prng } from '../../../core/base/prng.ts'
import { createPrng } from '../../../core/base/prng.ts'
import { messageOf } from '../../../core/base/errors.ts'
import type { TestHost } from '../../cluster/harness.ts'
import { keyOf } from './clusters.ts'

/** Unit: ms. A request waits so long for a majority. */
const TIMEOUT_MS = 20_000
/** Unit: ms. After "busy", or a FAIL. */
const AGAIN_MS = 50
/** Of what went wrong, so much is told. */
const TOLD_MAX = 5

interface TrafficInit {
  readonly clients: number
  /** That were filled in before, and that nobody writes. */
  readonly keys: number
  readonly seed: number
}

/**
 * Clients of which each increments a counter of its own, reads it, and reads keys that were filled in: the right reply
 * to each request is known. One request a client is under way.
 */
export class CheckedTraffic {
  readonly told: string[] = []
  readonly #host: TestHost
  readonly #init: TrafficInit
  readonly #clients: Promise<void>
  #isOver = false
  #watched = 0
  #replies = 0
  #failed = 0
  #wrong = 0

  constructor(host: TestHost, init: TrafficInit) {
    this.#host = host
    this.#init = init
    this.#clients = Promise.all(Array.from({ length: init.clients }, (_, number) => this.#client(number))).then(
      () => undefined,
    )
  }

  get replies(): number {
    return this.#replies
  }

  get failed(): number {
    return this.#failed
  }

  get wrong(): number {
    return this.#wrong
  }

  /** From now on this key is read most. */
  watch(key: number): void {
    this.#watched = key
  }

  /** Each client ends with a last look at its counter. */
  async end(): Promise<void> {
    this.#isOver = true
    await this.#clients
  }

  async #client(number: number): Promise<void> {
    const prng = createPrng(this.#init.seed * this.#init.clients + number)
    const name = `client-${number}`
    let counted = 0
    while (!this.#isOver) {
      counted += 1
      await this.#increment(name, counted)
      await this.#read(name, { value: counted, found: true })
      await this.#readFilled(prng)
    }
    await this.#read(name, { value: counted, found: counted > 0 })
  }

  async #increment(name: string, sequence: number): Promise<void> {
    const { cluster } = this.#host
    const input = { op: 'increment', key: name }
    const argument = { cluster, client: name, sequence, machine: 'kv', input, timeoutMs: TIMEOUT_MS }
    const value = await this.#answered(() => this.#host.request('cluster.submit', argument))
    this.#check(`increment ${sequence} of ${name}`, value, { value: sequence })
  }

  async #readFilled(prng: Prng): Promise<void> {
    const number = prng.chance(0.5) ? this.#watched : prng.between(0, this.#init.keys - 1)
    await this.#read(keyOf(number), { value: filledValue(number), found: true })
  }

  async #read(key: string, expected: object): Promise<void> {
    const { cluster } = this.#host
    const argument = { cluster, machine: 'kv', input: { op: 'get', key }, timeoutMs: TIMEOUT_MS }
    const value = await this.#answered(() => this.#host.request('cluster.read', argument))
    this.#check(`a read of ${key}`, value, expected)
  }

  /** A request that got FAIL may take effect yet: it is sent again, as the same one; in the end it is given up. */
  async #answered(ask: () => Promise<ConsoleReply<OutcomeView>>): Promise<unknown> {
    for (;;) {
      const reply = await ask().catch((error: unknown) => ({
        ok: false as const,
        fault: { code: 'THROWN', message: messageOf(error) },
      }))
      if (reply.ok && reply.value.kind !== 'fail') {
        const { output } = reply.value
        return output.ok ? output.value : output.error
      }
      if (reply.ok || reply.fault.code !== 'BUSY') {
        this.#failed += 1
        this.#tell(reply.ok ? `FAIL: ${reply.value.kind === 'fail' ? reply.value.message : ''}` : reply.fault.message)
      }
      if (this.#isOver) return undefined
      await sleep(AGAIN_MS)
    }
  }

  #check(what: string, value: unknown, expected: object): void {
    if (value === undefined) return
    this.#replies += 1
    if (isDeepStrictEqual(value, expected)) return
    this.#wrong += 1
    this.#tell(`${what} gave ${JSON.stringify(value)}, not ${JSON.stringify(expected)}`)
  }

  #tell(words: string): void {
    if (this.told.length < TOLD_MAX) this.told.push(words)
  }
}

export function filledValue(key: number): string {
  return `value of ${keyOf(key)}`
}
