import type { Digest } from '../../../core/model/digest.ts'
import type { Replica } from '../../../core/replica/replica.ts'
import type { Message } from '../../../core/wire/message.ts'
import { nodeName } from '../journal.ts'
import { holds } from './violation.ts'

interface StatesInit {
  readonly nodes: number
  /** Whether what this node says from its own State may be wrong. */
  readonly isFaulty: (node: number) => boolean
}

/** How far one life of a replica has executed, and what it passed over. */
interface Life {
  slotExecuted: number
  /** Slots whose State it received and did not execute: after the first, up to the second. */
  readonly passed: (readonly [after: number, to: number])[]
}

/**
 * Who speaks from a State has it: a vote is given on slots one has executed, a read answered from a State as far as it
 * must be, no State goes backwards; and sound replicas give the same Outputs to the same slot.
 */
export class StateChecker {
  readonly #init: StatesInit
  readonly #lives: Life[]
  /** By slot: what the first sound replica voted. */
  readonly #digests = new Map<number, Digest>()
  /** By the asking process's life and its number: the slot a read must have seen. */
  readonly #reads = new Map<string, number>()

  constructor(init: StatesInit) {
    this.#init = init
    this.#lives = Array.from({ length: init.nodes }, () => ({ slotExecuted: 0, passed: [] }))
  }

  /** A new life of the process, whose State is that of a checkpoint and the log behind it. */
  restarted(node: number, replica: Replica, slotLoaded: number): void {
    this.#lives[node] = { slotExecuted: replica.status.slotExecuted, passed: [[0, slotLoaded]] }
  }

  /** A received State has taken the place of its own. */
  installed(node: number, slot: number): void {
    const life = this.#lifeOf(node)
    if (slot > life.slotExecuted) life.passed.push([life.slotExecuted, slot])
  }

  stepped(node: number, slotExecuted: number): void {
    const life = this.#lifeOf(node)
    holds(slotExecuted >= life.slotExecuted, 'watermarks', () => {
      return `the State of ${nodeName(node)} fell from slot ${life.slotExecuted} to ${slotExecuted}`
    })
    life.slotExecuted = slotExecuted
  }

  said(node: number, replica: Replica | undefined, message: Message): void {
    switch (message.kind) {
      case 'vote':
        this.#voted(node, replica, message)
        return
      case 'read-request':
        for (const { number } of message.reads) this.#reads.set(`${message.life}:${number}`, message.slot)
        return
      case 'read-outputs':
        for (const { number } of message.outputs)
          this.#read(node, replica, this.#reads.get(`${message.life}:${number}`))
        return
      default:
    }
  }

  #voted(node: number, replica: Replica | undefined, { slot, digest }: Extract<Message, { kind: 'vote' }>): void {
    holds(replica?.status.isQuarantined !== true, 'quarantine', () => {
      return `${nodeName(node)} votes on slot ${slot} in quarantine`
    })
    const slotExecuted = replica?.status.slotExecuted ?? 0
    holds(slot <= slotExecuted, 'Outputs of a State one has', () => {
      return `${nodeName(node)} votes on slot ${slot}, having executed ${slotExecuted}`
    })
    holds(
      !this.#lifeOf(node).passed.some(([after, to]) => slot > after && slot <= to),
      'Outputs of a State one has',
      () => {
        return `${nodeName(node)} votes on slot ${slot}, whose State it has received`
      },
    )
    if (this.#init.isFaulty(node)) return
    const known = this.#digests.get(slot)
    if (known === undefined) this.#digests.set(slot, digest)
    else holds(known === digest, 'equal Outputs', () => `${nodeName(node)} votes otherwise on slot ${slot} than others`)
  }

  #read(node: number, replica: Replica | undefined, slot: number | undefined): void {
    const slotExecuted = replica?.status.slotExecuted ?? 0
    holds(slot === undefined || slotExecuted >= slot, 'reads of a State one has', () => {
      return `${nodeName(node)} answers a read from its State of slot ${slotExecuted}, and was asked for slot ${slot ?? 0}`
    })
  }

  #lifeOf(node: number): Life {
    const life = this.#lives[node]
    holds(life !== undefined, 'watermarks', () => `there is no node ${node}`)
    return life
  }
}
