import { unreachable } from '../base/assert.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import type { Answers } from '../output/answers.ts'
import type { Votes } from '../output/votes.ts'
import type { FreeMessage } from '../wire/message.ts'
import type { OutputMessage } from '../wire/output.ts'
import type { Proxy } from './proxy.ts'

interface OutputTrafficInit {
  /** What this replica answered. */
  readonly answers: Answers
  /** What this replica, as proxy, gathers. */
  readonly votes: Votes
  readonly proxy: Proxy
  readonly send: (to: ReplicaId, message: FreeMessage) => void
}

/** What replicas say to each other about the Outputs of slots: votes, the Outputs behind them, and questions. */
export class OutputTraffic {
  readonly #init: OutputTrafficInit

  constructor(init: OutputTrafficInit) {
    this.#init = init
  }

  message(from: ReplicaId, message: OutputMessage, nowMs: number): void {
    const { answers, votes, proxy, send } = this.#init
    switch (message.kind) {
      case 'vote':
        proxy.settle(votes.vote(from, message, nowMs))
        return
      case 'outputs':
        proxy.settle(votes.outputs(from, message))
        return
      case 'vote-request':
        for (const answer of answers.votes(from, message.slots)) send(answer.to, answer.message)
        return
      case 'outputs-request':
        for (const answer of answers.outputs(from, message.slot, message.first)) send(answer.to, answer.message)
        return
      default:
        unreachable(message)
    }
  }

  /** Votes that differ: the Outputs behind them are asked for. */
  askDiffering(nowMs: number): void {
    for (const ask of this.#init.votes.askDiffering(nowMs)) this.#init.send(ask.to, ask.message)
  }

  /** Votes that did not come are asked for again. */
  askAgain(nowMs: number): void {
    const { votes, proxy, send } = this.#init
    const awaited = (slot: Slot): boolean => proxy.isAwaited(slot)
    for (const ask of votes.askAgain(awaited, nowMs)) send(ask.to, ask.message)
  }
}
