import type { Configurations } from '../model/configurations.ts'
import type { Digest } from '../model/digest.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import { LIMITS } from '../model/limits.ts'
import type { Output } from '../model/output.ts'
import type { FreeMessage } from '../wire/message.ts'
import type { ReadMessage, ReadQuestion } from '../wire/read.ts'
import type { Reply, Vote } from './effects.ts'
import type { ReplicaEvent } from './events.ts'
import { WaitingReads } from './waiting-reads.ts'

/** Unit: ms. A read that has no majority of equal Outputs by then is ordered like an Input instead. */
const GIVE_UP_MS = 200

type Read = Extract<ReplicaEvent, { kind: 'read' }>

interface Pending {
  readonly number: number
  readonly read: Read
  readonly arrivedMs: number
  /** When it falls back to being ordered. */
  readonly giveUpMs: number
  /** From when on State may answer it; undefined until the leader was asked. */
  slot: Slot | undefined
  /** A quorum confirmed the leader after this read arrived. */
  isConfirmed: boolean
  own: { readonly output: Output; readonly digest: Digest; readonly slot: Slot; readonly atMs: number } | undefined
  readonly votes: Map<ReplicaId, { readonly digest: Digest; readonly atMs: number }>
}

/** Reads that share one confirmation. */
interface Group {
  readonly number: number
  readonly reads: readonly Pending[]
  /** Who was asked from which slot they may be answered: no other member is believed. */
  readonly leader: ReplicaId
}

interface ReadsInit {
  readonly self: ReplicaId
  readonly life: string
  readonly configurations: Configurations
  readonly send: (to: ReplicaId, message: FreeMessage) => void
  readonly reply: (request: number, reply: Reply) => void
  /** This replica's own Output, from its State as it is; none while that State is known to be wrong. */
  readonly evaluate: (
    machine: string,
    payload: Uint8Array,
  ) => { readonly output: Output; readonly digest: Digest } | undefined
  readonly slotExecuted: () => Slot
  /** Orders the read like an Input: always right, at the price of a slot. */
  readonly order: (read: Read, arrivedMs: number) => void
}

/**
 * Linearizable reads that cost no slot, and are voted on like any Output.
 *
 * One round confirms that the leader still led after the reads of a turn had come, and names the slot they must have
 * executed. Every member then answers from its State at that slot or later; the Output that a majority gave alike is
 * the reply, whatever slot each of them stood at: one honest member among them is enough to make it a State that was.
 * When they differ, because the key changes just now or because somebody lies, the read is ordered instead.
 * Source: Ongaro (2014), 6.4.
 */
export class Reads {
  readonly #init: ReadsInit
  #numbers = 0
  #gathered: Pending[] = []
  readonly #pending = new Map<number, Pending>()
  readonly #groups = new Map<number, Group>()
  /** Asked of this replica as leader, by other proxies: which confirmation answers whom. */
  readonly #asked = new Map<number, { readonly to: ReplicaId; readonly life: string; readonly group: number }>()
  /** Groups of this proxy that wait for this replica's own confirmation. */
  readonly #own = new Map<number, number>()
  /** Questions of other proxies for which this replica has not executed far enough. */
  readonly #waiting = new WaitingReads()

  constructor(init: ReadsInit) {
    this.#init = init
  }

  get size(): number {
    return this.#pending.size
  }

  add(read: Read, nowMs: number): void {
    this.#numbers += 1
    const pending: Pending = {
      number: this.#numbers,
      read,
      arrivedMs: nowMs,
      giveUpMs: nowMs + Math.min(GIVE_UP_MS, read.timeoutMs / 2),
      slot: undefined,
      isConfirmed: false,
      own: undefined,
      votes: new Map(),
    }
    this.#pending.set(pending.number, pending)
    this.#gathered.push(pending)
  }

  forget(request: number): void {
    for (const pending of this.#pending.values()) {
      if (pending.read.request === request) this.#pending.delete(pending.number)
    }
  }

  /** The turn ends: the reads that came in it become a group. `confirm` is there while this replica leads. */
  flush(to: {
    readonly leader: ReplicaId | undefined
    readonly slotProposed: Slot | undefined
    readonly confirm: () => number | undefined
  }): void {
    if (this.#gathered.length === 0 || to.leader === undefined) return
    const { self, life } = this.#init
    const group: Group = { number: (this.#numbers += 1), reads: this.#gathered, leader: to.leader }
    this.#gathered = []
    if (to.leader !== self) {
      this.#groups.set(group.number, group)
      this.#init.send(to.leader, { kind: 'read-index-request', life, group: group.number })
      return
    }
    if (to.slotProposed === undefined) {
      for (const pending of group.reads) this.#fallBack(pending)
      return
    }
    // The members may answer while the round is under way: their answers count once it is through.
    this.#groups.set(group.number, group)
    this.#ask(group, to.slotProposed)
    const confirmation = to.confirm()
    if (confirmation !== undefined) this.#own.set(confirmation, group.number)
  }

  /** A proxy asks this replica, which leads, from which slot its reads may be answered. */
  asked(from: ReplicaId, message: Extract<ReadMessage, { kind: 'read-index-request' }>, confirmation: number): void {
    this.#asked.set(confirmation, { to: from, life: message.life, group: message.group })
  }

  confirmed(number: number, slot: Slot): void {
    const asked = this.#asked.get(number)
    this.#asked.delete(number)
    if (asked !== undefined) {
      this.#init.send(asked.to, { kind: 'read-index', life: asked.life, group: asked.group, slot })
    }
    const group = this.#groups.get(this.#own.get(number) ?? -1)
    this.#own.delete(number)
    if (group !== undefined) this.#confirm(group)
  }

  message(from: ReplicaId, message: Exclude<ReadMessage, { kind: 'read-index-request' }>, nowMs: number): void {
    switch (message.kind) {
      case 'read-index': {
        const group = message.life === this.#init.life ? this.#groups.get(message.group) : undefined
        if (group?.leader !== from) return
        this.#ask(group, message.slot)
        this.#confirm(group)
        this.executed(nowMs)
        return
      }
      case 'read-request':
        if (message.slot <= this.#init.slotExecuted()) this.#answer(from, message)
        else this.#waiting.add(from, message, { slotExecuted: this.#init.slotExecuted(), nowMs })
        return
      case 'read-outputs':
        if (message.life === this.#init.life) this.#count(from, message, nowMs)
    }
  }

  /** This replica executed further: it may answer what waited for that, others' reads and its own. */
  executed(nowMs: number): void {
    const slotExecuted = this.#init.slotExecuted()
    for (const { from, message } of this.#waiting.take(slotExecuted)) this.#answer(from, message)
    for (const pending of this.#pending.values()) {
      if (pending.own !== undefined || pending.slot === undefined || pending.slot > slotExecuted) continue
      const evaluated = this.#init.evaluate(pending.read.machine, pending.read.payload)
      if (evaluated === undefined) {
        this.#fallBack(pending)
        continue
      }
      const { output, digest } = evaluated
      pending.own = { output, digest, slot: slotExecuted, atMs: nowMs }
      pending.votes.set(this.#init.self, { digest, atMs: nowMs })
      this.#settle(pending)
    }
  }

  /** Leadership changed hands: what was asked of the old leader will not be answered. */
  leaderChanged(): void {
    this.#asked.clear()
    this.#own.clear()
    for (const group of [...this.#groups.values()]) {
      for (const pending of group.reads) if (!pending.isConfirmed) this.#fallBack(pending)
      this.#groups.delete(group.number)
    }
  }

  tick(nowMs: number): void {
    this.#waiting.tick(nowMs)
    for (const pending of this.#pending.values()) if (nowMs >= pending.giveUpMs) this.#fallBack(pending)
    this.#gathered = this.#gathered.filter((pending) => this.#pending.has(pending.number))
    for (const [number, group] of this.#groups) {
      if (group.reads.every((pending) => !this.#pending.has(pending.number))) this.#groups.delete(number)
    }
  }

  #ask(group: Group, slot: Slot): void {
    const reads: ReadQuestion[] = []
    for (const pending of group.reads) {
      pending.slot = slot
      reads.push({ number: pending.number, machine: pending.read.machine, payload: pending.read.payload })
    }
    for (const part of split(reads)) {
      for (const { replica } of this.#init.configurations.latest.members) {
        if (replica === this.#init.self) continue
        this.#init.send(replica, { kind: 'read-request', life: this.#init.life, slot, reads: part })
      }
    }
  }

  #confirm(group: Group): void {
    this.#groups.delete(group.number)
    for (const pending of group.reads) {
      pending.isConfirmed = true
      if (this.#pending.has(pending.number)) this.#settle(pending)
    }
  }

  #answer(to: ReplicaId, message: Extract<ReadMessage, { kind: 'read-request' }>): void {
    const outputs = message.reads.flatMap(({ number, machine, payload }) => {
      const evaluated = this.#init.evaluate(machine, payload)
      return evaluated === undefined ? [] : [{ number, digest: evaluated.digest }]
    })
    if (outputs.length > 0) this.#init.send(to, { kind: 'read-outputs', life: message.life, outputs })
  }

  #count(from: ReplicaId, message: Extract<ReadMessage, { kind: 'read-outputs' }>, nowMs: number): void {
    for (const { number, digest } of message.outputs) {
      const pending = this.#pending.get(number)
      if (pending === undefined || pending.votes.has(from)) continue
      pending.votes.set(from, { digest, atMs: nowMs })
      this.#settle(pending)
    }
  }

  #settle(pending: Pending): void {
    const { own } = pending
    if (!pending.isConfirmed || own === undefined) return
    const agreeing = [...pending.votes].filter(([, vote]) => vote.digest === own.digest).map(([replica]) => replica)
    const { members } = this.#init.configurations.latest
    if (this.#init.configurations.quorum.isReached(agreeing)) {
      this.#pending.delete(pending.number)
      const votes = members.map(({ replica }) => toVote(replica, pending, own.digest))
      this.#init.reply(pending.read.request, { kind: 'output', slot: own.slot, output: own.output, votes })
    } else if (!this.#init.configurations.quorum.isReachable(agreeing.length, members.length - pending.votes.size)) {
      this.#fallBack(pending)
    }
  }

  #fallBack(pending: Pending): void {
    if (!this.#pending.delete(pending.number)) return
    this.#init.order(pending.read, pending.arrivedMs)
  }
}

function toVote(replica: ReplicaId, pending: Pending, majority: Digest): Vote {
  const vote = pending.votes.get(replica)
  const signature = undefined
  if (vote === undefined) return { replica, sign: 'none', digest: undefined, afterMs: undefined, signature }
  const sign = vote.digest === majority ? 'agrees' : 'dissents'
  return { replica, sign, digest: vote.digest, afterMs: Math.max(0, vote.atMs - pending.arrivedMs), signature }
}

/** Parts that fit a message. */
function split(reads: readonly ReadQuestion[]): ReadQuestion[][] {
  const parts: ReadQuestion[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const read of reads) {
    const part = parts.at(-1)
    if (
      part === undefined ||
      bytes + read.payload.length > LIMITS.partBytesMax ||
      part.length >= LIMITS.batchInputsMax
    ) {
      parts.push([read])
      bytes = read.payload.length
    } else {
      part.push(read)
      bytes += read.payload.length
    }
  }
  return parts
}
