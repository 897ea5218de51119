import { assert } from '../base/assert.ts'
import type { CanonicalValue } from '../model/canonical.ts'
import type { Input } from '../model/input.ts'
import { LIMITS } from '../model/limits.ts'
import type { Output } from '../model/output.ts'
import { outputFrom, rejected } from '../model/output.ts'
import type { State } from '../state/state.ts'

const PREFIX = '~session/'
/** Outdated uses kept in the order before it is cleaned. */
const ORDER_SLACK = 1024

/** One client's last Input and its Output. Lives in the State, so every replica, checkpoint and transfer has it. */
interface Session {
  readonly sequence: number
  /** When it was last used, in log order: what decides who is forgotten first. */
  readonly slot: number
  readonly position: number
  readonly output: Output
}

interface Use {
  readonly client: string
  readonly weight: number
}

export interface SessionLimits {
  readonly sessionsMax: number
  readonly bytesMax: number
}

/**
 * At most once: a client's Input executes at its first place in the log, a retry gets that first Output again.
 *
 * A client has one Input under way at a time; a sequence below its last is refused. When there are too many clients,
 * or their Outputs weigh too much, those that were silent longest are forgotten, in log order and not by any clock: so
 * that it follows from the State alone, and no clock that jumps can make a retry execute twice.
 * Source: Ongaro (2014), 6.3 (implementing linearizable semantics).
 */
export class Sessions {
  readonly #state: State
  readonly #limits: SessionLimits
  /** Each client's last use; derived from the State. */
  readonly #uses = new Map<string, Use>()
  /** All uses in log order, oldest first; only a client's last one counts, the others are skipped. */
  #order: Use[] = []
  #first = 0
  #weight = 0

  constructor(state: State, limits: Partial<SessionLimits> = {}) {
    this.#state = state
    this.#limits = { sessionsMax: LIMITS.sessionsMax, bytesMax: LIMITS.sessionBytesMax, ...limits }
    const found: { client: string; session: Session }[] = []
    for (const [key, value] of state.scan({ from: PREFIX, to: '~session0' })) {
      found.push({ client: key.slice(PREFIX.length), session: toSession(value) })
    }
    found.sort(
      (left, right) => left.session.slot - right.session.slot || left.session.position - right.session.position,
    )
    for (const { client, session } of found) this.#note({ client, weight: weightOf(session.output) })
  }

  /** @returns the Output a repeated or outdated Input gets, or undefined when it must execute. */
  earlier(input: Input): Output | undefined {
    const value = this.#state.get(PREFIX + input.client)
    if (value === undefined) return undefined
    const session = toSession(value)
    if (input.sequence > session.sequence) return undefined
    if (input.sequence === session.sequence) return session.output
    return rejected(
      'sequence-superseded',
      `client ${input.client} has already used sequence ${session.sequence}; its Output for ${input.sequence} is gone`,
    )
  }

  /** Remembers the Output of an Input that was executed now. */
  remember(input: Input, output: Output, at: { readonly slot: number; readonly position: number }): void {
    this.#state.set(PREFIX + input.client, [input.sequence, at.slot, at.position, output])
    this.#note({ client: input.client, weight: weightOf(output) })
    this.#forget()
  }

  #note(use: Use): void {
    this.#weight += use.weight - (this.#uses.get(use.client)?.weight ?? 0)
    this.#uses.set(use.client, use)
    this.#order.push(use)
    if (this.#order.length <= 2 * this.#uses.size + ORDER_SLACK) return
    this.#order = this.#order.slice(this.#first).filter((other) => this.#uses.get(other.client) === other)
    this.#first = 0
  }

  #forget(): void {
    const { sessionsMax, bytesMax } = this.#limits
    while (this.#uses.size > sessionsMax || (this.#weight > bytesMax && this.#uses.size > 1)) {
      const use = this.#order[this.#first]
      assert(use !== undefined, 'every session has its last use in the order')
      this.#first += 1
      if (this.#uses.get(use.client) !== use) continue
      this.#uses.delete(use.client)
      this.#weight -= use.weight
      this.#state.delete(PREFIX + use.client)
    }
  }
}

/** About the bytes of an Output in memory; the same at every replica, because what is forgotten rests on it. */
function weightOf(output: Output): number {
  return output.ok ? weightOfValue(output.value) : 64 + output.error.message.length
}

function weightOfValue(value: CanonicalValue): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return 32 + value.length
  if (typeof value !== 'object' || value === null) return 16
  let weight = 32
  for (const [key, item] of Object.entries(value)) weight += key.length + weightOfValue(item)
  return weight
}

function toSession(value: CanonicalValue): Session {
  assert(isList(value), 'a session is a list')
  const [sequence, slot, position, held] = value
  assert(typeof sequence === 'number' && typeof slot === 'number', 'a session names its sequence and slot')
  assert(typeof position === 'number', 'a session names its position')
  const output = held === undefined ? undefined : outputFrom(held)
  assert(output !== undefined, 'a session holds an Output')
  return { sequence, slot, position, output }
}

function isList(value: CanonicalValue): value is readonly CanonicalValue[] {
  return Array.isArray(value)
}
