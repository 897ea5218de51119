import { encodeCanonical } from '../model/canonical.ts'
import type { Configurations } from '../model/configurations.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import { clientId, sequence } from '../model/ids.ts'
import type { Input } from '../model/input.ts'
import { AUDIT_MACHINE, CHECKPOINT_MACHINE } from '../model/input.ts'
import { LIMITS } from '../model/limits.ts'
import type { Output } from '../model/output.ts'
import type { ClockReading } from '../ports/clock.ts'
import type { Standing } from '../output/tally.ts'
import { NO_VOTE } from '../output/tally.ts'
import type { SlotUnderVote, Votes } from '../output/votes.ts'
import type { Effect, FailReason, Reply, SlotVotes, Vote } from './effects.ts'
import type { ReplicaEvent } from './events.ts'
import type { Given, Proofs } from './proofs.ts'
import type { Pending, Waiter } from './requests.ts'
import { Requests } from './requests.ts'

/** Unit: ms. An Input that was given to a leader and not executed since is given again. */
const SEND_AGAIN_MS = 1_000
/** Bytes of Inputs given to another replica's queue and not executed yet; the rest waits here. */
const GIVEN_BYTES_MAX = 4 * 1024 * 1024

type Submit = Extract<ReplicaEvent, { kind: 'submit' }>
type Read = Extract<ReplicaEvent, { kind: 'read' }>
type Asking = Pick<Submit, 'request' | 'timeoutMs' | 'proof'>

interface ProxyInit {
  readonly self: ReplicaId
  readonly life: string
  readonly configurations: Configurations
  readonly votes: Votes
  readonly proofs: Proofs
  readonly emit: (effect: Effect) => void
  readonly queueInputsMax: number | undefined
  /** Gives Inputs to this replica's own queue, while it leads. @returns those there was no room for. */
  readonly order: (inputs: readonly Input[]) => readonly Input[]
  /** None while this replica's State is known to be wrong. */
  readonly readStale: (
    machine: string,
    payload: Uint8Array,
  ) => { readonly slot: Slot; readonly output: Output } | undefined
}

/**
 * The client's proxy inside a replica: brings Inputs to the leader, waits for the votes, answers with the majority
 * Output or FAIL. It may be asked by any client of this host; what it answers never rests on this replica's Output alone.
 */
export class Proxy {
  readonly #init: ProxyInit
  readonly #requests: Requests
  /** Inputs for the leader, gathered in this turn or waiting for a leader. */
  #outbox: Pending[] = []
  readonly #given = new Set<Pending>()
  #givenBytes = 0
  #reads = 0
  #commands = 0

  constructor(init: ProxyInit) {
    this.#init = init
    this.#requests = new Requests(init.queueInputsMax)
  }

  get waiting(): number {
    return this.#requests.size
  }

  submit(event: Submit, now: ClockReading): void {
    const { client, machine, payload } = event
    this.#add(
      { kind: 'input', client, sequence: event.sequence, machine, payload, proxy: this.#init.self },
      event,
      now.monotonicMs,
    )
  }

  readStale(event: Read): void {
    const read = this.#init.readStale(event.machine, event.payload)
    if (read !== undefined) this.#reply(event.request, { kind: 'stale', ...read })
    else {
      const votes = toVotes(this.#noStandings(), 0)
      this.#reply(event.request, { kind: 'fail', reason: 'too-few-outputs', slot: undefined, votes })
    }
  }

  /** The operator's CHECKPOINT or AUDIT: ordered, executed and voted on like any Input. */
  command(event: Extract<ReplicaEvent, { kind: 'checkpoint' | 'audit' }>, now: ClockReading): void {
    this.#add(this.commandInput(event.kind), event, now.monotonicMs)
  }

  /** A CHECKPOINT or an AUDIT that nobody waits for. */
  commandInput(kind: 'checkpoint' | 'audit'): Input {
    this.#commands += 1
    return {
      kind,
      // No client may use a name that begins with a tilde.
      client: clientId(`~${kind}/${this.#init.life}/${this.#init.self.slice(-16)}`),
      sequence: sequence(this.#commands),
      machine: kind === 'checkpoint' ? CHECKPOINT_MACHINE : AUDIT_MACHINE,
      payload: encodeCanonical(null),
      proxy: this.#init.self,
    }
  }

  /** Orders a read like an Input. `arrivedMs`: when its caller began to wait. */
  orderRead(event: Read, arrivedMs: number): void {
    const { machine, payload } = event
    this.#reads += 1
    // No client may use a name that begins with a tilde, and no two lives share theirs: a read of an earlier life
    // that is still on its way can't answer one of this.
    const client = clientId(`~read/${this.#init.life}/${this.#init.self.slice(-16)}`)
    const number = sequence(this.#reads)
    this.#add({ kind: 'read', client, sequence: number, machine, payload, proxy: this.#init.self }, event, arrivedMs)
  }

  /** The leader's queue was full. Only an Input that was sent once, to this leader, can't have been ordered. */
  busy(inputs: readonly Pick<Input, 'client' | 'sequence'>[]): void {
    for (const input of inputs) {
      const pending = this.#requests.find(input)
      if (pending?.sends !== 1) continue
      this.#requests.remove(pending.input)
      this.#taken(pending)
      for (const waiter of pending.waiters) this.#reply(waiter.request, { kind: 'busy' })
    }
  }

  forget(request: number): void {
    const dropped = this.#requests.forget(request)
    if (dropped !== undefined) this.#taken(dropped)
  }

  isAwaited(slot: Slot): boolean {
    const open = this.#init.votes.find(slot)
    return open?.inputs.some((input) => this.#requests.find(input)?.slot === slot) ?? false
  }

  /** A slot was executed here that holds Inputs of this proxy. */
  executed(slot: SlotUnderVote): void {
    for (const input of slot.inputs) {
      const pending = this.#requests.find(input)
      if (pending === undefined || input.proxy !== this.#init.self) continue
      pending.slot = slot.slot
      this.#taken(pending)
    }
    this.settle(slot)
  }

  /** The votes on a slot changed: whoever waits and can be answered is. */
  settle(slot: SlotUnderVote | undefined): void {
    if (slot?.tally.isRipe !== true) return
    for (const [position, input] of slot.inputs.entries()) {
      const pending = this.#requests.find(input)
      if (pending?.slot !== slot.slot) continue
      const verdict = slot.tally.verdict(position)
      if (verdict.kind === 'open') continue
      if (verdict.kind === 'majority') {
        this.#answer(pending, { ...verdict, slot, position })
        continue
      }
      this.#requests.remove(input)
      for (const waiter of pending.waiters) {
        const votes = toVotes(slot.tally.standings(position), waiter.arrivedMs)
        this.#reply(waiter.request, { kind: 'fail', reason: 'no-majority', slot: slot.slot, votes })
      }
    }
  }

  /** A majority gave the Output: everybody gets it now, but who wants a proof that more votes may make. */
  #answer(pending: Pending, { slot, position, output, digest }: Given): void {
    const proof = pending.waiters.some(({ wantsProof }) => wantsProof)
      ? this.#init.proofs.of({ slot, position, output, digest })
      : 'never'
    for (const waiter of [...pending.waiters]) {
      const votes = toVotes(slot.tally.standings(position), waiter.arrivedMs)
      const reply = { kind: 'output', slot: slot.slot, output, votes } as const
      if (!waiter.wantsProof) this.#answerOne(waiter, reply)
      else if (typeof proof === 'object') this.#answerOne(waiter, { ...reply, proof })
      else if (proof === 'never') this.#answerOne(waiter, { ...reply, proof: null })
      else waiter.unproven = { ...reply, proof: null }
    }
  }

  #answerOne(waiter: Waiter, reply: Reply): void {
    this.#requests.forget(waiter.request)
    this.#reply(waiter.request, reply)
  }

  /** Whoever leads now has not seen what the one before was given. */
  leaderChanged(): void {
    this.#given.clear()
    this.#givenBytes = 0
    this.#outbox = [...this.#requests.all()].filter((pending) => pending.slot === undefined)
  }

  tick(leader: ReplicaId | undefined, now: ClockReading): void {
    for (const pending of this.#requests.all()) {
      this.#expire(pending, now)
      const isLost = pending.sentMs !== undefined && now.monotonicMs - pending.sentMs > SEND_AGAIN_MS
      if (isLost && pending.slot === undefined && leader !== undefined) {
        pending.sentMs = undefined
        this.#taken(pending)
        this.#outbox.push(pending)
      }
    }
  }

  /** Gives the gathered Inputs to the leader; without one they wait. */
  flush(to: { readonly leader: ReplicaId | undefined; readonly isLeader: boolean }, now: ClockReading): void {
    if (this.#outbox.length === 0 || (to.leader === undefined && !to.isLeader)) return
    const outbox = this.#outbox
    this.#outbox = []
    const inputs: Input[] = []
    for (const [index, pending] of outbox.entries()) {
      if (this.#requests.find(pending.input) !== pending) continue
      if (!to.isLeader && this.#givenBytes > GIVEN_BYTES_MAX) {
        this.#outbox = outbox.slice(index)
        break
      }
      this.#give(pending)
      pending.sentMs = now.monotonicMs
      pending.sends += 1
      inputs.push(pending.input)
    }
    if (to.isLeader) this.busy(this.#init.order(inputs))
    else if (to.leader !== undefined) this.#forward(to.leader, inputs)
  }

  /** The votes on a slot, for people. */
  slotVotes(slot: SlotUnderVote): SlotVotes {
    return {
      slot: slot.slot,
      ballot: slot.ballot,
      timeMs: slot.timeMs,
      inputCount: slot.inputs.length,
      inputs: slot.inputs.slice(0, LIMITS.shownInputsMax).map((input, position) => {
        const verdict = slot.tally.verdict(position)
        return {
          input,
          output: verdict.kind === 'majority' ? verdict.output : undefined,
          failed: verdict.kind === 'no-majority' ? 'no-majority' : undefined,
          votes: toVotes(slot.tally.standings(position), slot.executedMs),
        }
      }),
    }
  }

  #give(pending: Pending): void {
    if (this.#given.has(pending)) return
    this.#given.add(pending)
    this.#givenBytes += pending.input.payload.length
  }

  #taken(pending: Pending): void {
    if (this.#given.delete(pending)) this.#givenBytes -= pending.input.payload.length
  }

  #add(input: Input, event: Asking, arrivedMs: number): void {
    const waiter: Waiter = {
      request: event.request,
      arrivedMs,
      deadlineMs: arrivedMs + event.timeoutMs,
      wantsProof: event.proof === true,
    }
    const pending = this.#requests.add(input, waiter)
    if (pending === undefined) this.#reply(event.request, { kind: 'busy' })
    else if (pending.waiters.length === 1) this.#outbox.push(pending)
    // Only the proof that another caller waits for may be missing.
    else if (pending.slot !== undefined) this.settle(this.#init.votes.find(pending.slot))
  }

  #expire(pending: Pending, now: ClockReading): void {
    const due = pending.waiters.filter((waiter) => waiter.deadlineMs <= now.monotonicMs)
    for (const waiter of due) {
      this.#requests.forget(waiter.request)
      if (pending.waiters.length === 0) this.#taken(pending)
      this.#reply(waiter.request, waiter.unproven ?? this.#failure(pending, waiter))
    }
  }

  #failure(pending: Pending, waiter: Waiter): Reply {
    const slot = pending.slot === undefined ? undefined : this.#init.votes.find(pending.slot)
    const position = slot?.inputs.findIndex((input) => isSame(input, pending.input)) ?? -1
    const standings: readonly Standing[] =
      slot === undefined || position < 0 ? this.#noStandings() : slot.tally.standings(position)
    const answered = standings.filter((standing) => standing.sign !== 'none').map((standing) => standing.replica)
    const reason: FailReason = this.#init.configurations.quorum.isReached(answered) ? 'no-majority' : 'too-few-outputs'
    return { kind: 'fail', reason, slot: pending.slot, votes: toVotes(standings, waiter.arrivedMs) }
  }

  #noStandings(): readonly Standing[] {
    return this.#init.configurations.latest.members.map(({ replica }) => ({ replica, ...NO_VOTE }))
  }

  #forward(to: ReplicaId, inputs: readonly Input[]): void {
    let part: Input[] = []
    let bytes = 0
    for (const input of inputs) {
      if (
        part.length >= LIMITS.batchInputsMax ||
        (part.length > 0 && bytes + input.payload.length > LIMITS.partBytesMax)
      ) {
        this.#init.emit({ kind: 'send', to, message: { kind: 'forward', relayed: false, inputs: part } })
        part = []
        bytes = 0
      }
      part.push(input)
      bytes += input.payload.length
    }
    if (part.length > 0)
      this.#init.emit({ kind: 'send', to, message: { kind: 'forward', relayed: false, inputs: part } })
  }

  #reply(request: number, reply: Reply): void {
    this.#init.emit({ kind: 'reply', request, reply })
  }
}

function isSame(left: Input, right: Input): boolean {
  return left.client === right.client && left.sequence === right.sequence
}

function toVotes(standings: readonly Standing[], sinceMs: number): Vote[] {
  return standings.map(({ replica, sign, digest, atMs, signature }) => ({
    replica,
    sign,
    digest,
    afterMs: atMs === undefined ? undefined : Math.max(0, atMs - sinceMs),
    signature,
  }))
}
