import type { Prng } from '../../core/base/prng.ts'
import { encodeCanonical } from '../../core/model/canonical.ts'
import { clientId, sequence as toSequence } from '../../core/model/ids.ts'
import type { Reply } from '../../core/replica/effects.ts'
import type { ReplicaEvent } from '../../core/replica/events.ts'
import type { Question, ReplyChecker } from './checkers/replies.ts'
import type { Answered, HistoryChecker } from './checkers/histories.ts'
import type { FaultPlan } from './faults.ts'
import type { Operation } from './operations.ts'
import { pick } from './random.ts'

const COUNTER = 'n'
const KEYS = ['x', 'y', 'z'] as const
/** Written first and never touched again: what rots there shows in no Output, and only an audit can find it. */
const KEY_COLD = 'cold'
/** Holds what expires, by ordered time, of which the linearizability checker knows nothing. */
const KEY_EXPIRING = 'e'
/** Holds the large values. */
const KEY_LARGE = 'w'
const KEYS_READ = [...KEYS, KEY_EXPIRING] as const
const KEYS_READ_LARGE = [...KEYS_READ, KEY_LARGE] as const
const LARGE_BYTES_MIN = 4_096
const US_PER_MS = 1_000
/** How long a caller asks a replica to try, and how long it waits for the replica itself. Unit: ms. */
const TIMEOUT_MS_MIN = 300
const TIMEOUT_MS_MAX = 1_500
const PATIENCE_MS = 400
/** A proof is asked for now and then: to check one takes time. */
const ASKS_PER_PROOF = 16
/** Where links are narrow an Input alone travels for longer than callers wait elsewhere. */
export const NARROW_TIMES = 6

interface ClientsInit {
  readonly plan: FaultPlan
  readonly prng: Prng
  readonly nodes: number
  readonly replies: ReplyChecker
  readonly histories: HistoryChecker
  readonly nowUs: () => number
  readonly schedule: (afterUs: number, run: () => void) => void
  /** Hands an event to a replica. @returns false when its process is down. */
  readonly ask: (node: number, event: ReplicaEvent) => boolean
}

interface Client {
  readonly name: string
  sequence: number
  /** What it last saw a key hold, for its compare-and-set. */
  readonly seen: Map<string, number | null>
}

/** One question of a client, until it is answered or given up; it may be asked several times, of several replicas. */
interface Call {
  readonly client: Client
  readonly question: Question
  readonly operation: Operation
  readonly payload: Uint8Array
  isOver: boolean
  /** What the history of all clients has of it; undefined for what does not belong there. */
  readonly answered: Answered | undefined
}

interface Asked {
  readonly call: Call
  readonly node: number
}

/**
 * Closed-loop clients: each has one question at a time, asks any replica, asks again (the same Input, perhaps of two
 * replicas at once) when no answer comes, and sometimes gives up, leaving in doubt whether its Input takes effect.
 */
export class Clients {
  readonly #init: ClientsInit
  readonly #asked = new Map<number, Asked>()
  /** CHECKPOINTs. */
  readonly #ordered = new Set<number>()
  #preferred: readonly number[]
  #requests = 0
  #sent = 0
  #halted = false
  #underWay = 0

  constructor(init: ClientsInit) {
    this.#init = init
    this.#preferred = Array.from({ length: init.nodes }, (_, index) => index)
  }

  /** Different Inputs ever asked. */
  get sent(): number {
    return this.#sent
  }

  /** Questions neither answered nor given up. */
  get underWay(): number {
    return this.#underWay
  }

  start(): void {
    for (let index = 0; index < this.#init.plan.clients; index += 1) {
      this.#next({ name: `client-${index}`, sequence: 0, seen: new Map() })
    }
  }

  /** A client that was not there before reads every key from this replica. */
  probe(node: number): void {
    const { floor } = this.#init.replies
    const client: Client = { name: 'probe', sequence: 0, seen: new Map() }
    for (const key of [COUNTER, ...KEYS]) {
      const question = { kind: 'linearizable', client: client.name, key, floor } as const
      const call = this.#callOf(client, question, { op: 'get', key })
      // Whatever becomes of it, nobody asks again.
      call.isOver = true
      this.#requests += 1
      this.#asked.set(this.#requests, { call, node })
      this.#init.ask(node, eventOf(call, this.#requests, TIMEOUT_MS_MAX))
    }
  }

  /** The operator orders a CHECKPOINT; what comes of it is looked at, and not waited for. */
  orderCheckpoint(node: number): void {
    this.#requests += 1
    this.#ordered.add(this.#requests)
    this.#init.ask(node, { kind: 'checkpoint', request: this.#requests, timeoutMs: TIMEOUT_MS_MAX })
  }

  /** From now on only these replicas are asked. */
  prefer(nodes: readonly number[]): void {
    this.#preferred = nodes
  }

  /** No new questions; those under way are brought to an end. */
  halt(): void {
    this.#halted = true
  }

  replied(node: number, request: number, reply: Reply): void {
    if (this.#ordered.delete(request)) this.#init.replies.checkCheckpoint(reply)
    const asked = this.#asked.get(request)
    this.#asked.delete(request)
    if (asked === undefined) return
    const { call } = asked
    const isAnswered = this.#init.replies.check(call.question, reply, node)
    if (isAnswered) call.answered?.(reply)
    if (call.isOver) return
    if (!isAnswered) {
      this.#again(call)
      return
    }
    this.#learn(call, reply)
    this.#end(call)
  }

  #next(client: Client): void {
    const { prng, plan, schedule } = this.#init
    schedule(prng.between(0, plan.thinkMsMax * US_PER_MS), () => {
      if (this.#halted) return
      const call = this.#draw(client)
      this.#underWay += 1
      this.#ask(call)
      if (call.question.kind === 'input' && prng.chance(0.05)) this.#ask(call)
    })
  }

  #end(call: Call): void {
    call.isOver = true
    this.#underWay -= 1
    this.#next(call.client)
  }

  #ask(call: Call): void {
    const { prng, ask, schedule } = this.#init
    if (call.isOver) return
    const node = pick(prng, this.#preferred)
    const times = this.#init.plan.bytesPerSecond > 0 ? NARROW_TIMES : 1
    const timeoutMs = times * prng.between(TIMEOUT_MS_MIN, TIMEOUT_MS_MAX)
    this.#requests += 1
    const request = this.#requests
    this.#asked.set(request, { call, node })
    if (!ask(node, eventOf(call, request, timeoutMs))) {
      this.#asked.delete(request)
      this.#again(call)
      return
    }
    // A replica that dies or stops takes its callers with it: the client notices and asks elsewhere.
    schedule((timeoutMs + PATIENCE_MS) * US_PER_MS, () => {
      if (!this.#asked.has(request) || call.isOver) return
      if (prng.chance(0.5)) {
        this.#asked.delete(request)
        ask(node, { kind: 'forget', request })
      }
      this.#again(call)
    })
  }

  #again(call: Call): void {
    const { prng, schedule } = this.#init
    if (call.isOver) return
    // Given up, its Input may still take effect: the next one has the next sequence.
    if (call.question.kind !== 'stale' && !prng.chance(0.85)) {
      this.#end(call)
      return
    }
    schedule(prng.between(5, 60) * US_PER_MS, () => {
      this.#ask(call)
    })
  }

  #learn({ client, operation }: Call, reply: Reply): void {
    if (reply.kind !== 'output' || !reply.output.ok) return
    const { value } = reply.output
    if (typeof value !== 'object' || value === null || !('value' in value)) return
    const held = value['value']
    if (typeof held === 'number' || held === null) client.seen.set(operation.key, held)
  }

  #draw(client: Client): Call {
    const { prng, replies, plan } = this.#init
    const drawn = prng.next()
    const { floor } = replies
    if (drawn < 0.3) {
      const key = prng.chance(0.5) ? COUNTER : pick(prng, plan.largeInputs > 0 ? KEYS_READ_LARGE : KEYS_READ)
      const kind = drawn < 0.26 ? 'linearizable' : 'stale'
      return this.#callOf(client, { kind, client: client.name, key, floor }, { op: 'get', key })
    }
    client.sequence += 1
    this.#sent += 1
    const question = { kind: 'input', client: client.name, sequence: client.sequence, floor } as const
    return this.#callOf(client, question, this.#drawOperation(client, drawn))
  }

  #callOf(client: Client, question: Question, operation: Operation): Call {
    const isKept = question.kind !== 'stale' && operation.key !== KEY_EXPIRING
    return {
      client,
      question,
      operation,
      payload: encodeCanonical(operation),
      isOver: false,
      answered: isKept ? this.#init.histories.invoke(operation) : undefined,
    }
  }

  #drawOperation({ name, sequence, seen }: Client, drawn: number): Operation {
    const { prng, plan } = this.#init
    if (plan.largeInputs > 0 && prng.chance(plan.largeInputs)) {
      const bytes = prng.between(LARGE_BYTES_MIN, plan.largeBytesMax)
      return { op: 'set', key: KEY_LARGE, value: `${name}:${sequence}`.padEnd(bytes, 'x') }
    }
    // No two writes write the same, so that a read tells which it saw.
    const value = Number(name.slice('client-'.length)) * 1_000_000 + sequence
    if (sequence === 1) return { op: 'set', key: KEY_COLD, value }
    if (drawn < 0.6) return { op: 'increment', key: COUNTER }
    const key = pick(prng, KEYS)
    if (drawn < 0.75) return { op: 'set', key, value }
    if (drawn < 0.8) return { op: 'set', key: KEY_EXPIRING, value, expiresInMs: prng.between(1, 3_000) }
    if (drawn < 0.9) return { op: 'compare-and-set', key, expected: seen.get(key) ?? null, value }
    return drawn < 0.95 ? { op: 'delete', key } : { op: 'get', key }
  }
}

function eventOf({ question, payload }: Call, request: number, timeoutMs: number): ReplicaEvent {
  if (question.kind !== 'input') {
    return { kind: 'read', request, machine: 'kv', payload, consistency: question.kind, timeoutMs }
  }
  const { client, sequence } = question
  return {
    kind: 'submit',
    request,
    client: clientId(client),
    sequence: toSequence(sequence),
    machine: 'kv',
    payload,
    timeoutMs,
    proof: request % ASKS_PER_PROOF === 0,
  }
}
