import type { ReplicaId } from '../model/ids.ts'
import type { Input } from '../model/input.ts'
import { LIMITS } from '../model/limits.ts'
import type { FreeMessage } from '../wire/message.ts'
import type { LeaderQueue } from './leader-queue.ts'

/** Inputs that other replicas sent here to be ordered. */
export class Forwarding {
  readonly #self: ReplicaId
  readonly #queue: LeaderQueue
  readonly #send: (to: ReplicaId, message: FreeMessage) => void
  /** Inputs the queue had no room for, by the proxy that sent them. */
  readonly #refused = new Map<ReplicaId, Input[]>()

  constructor(self: ReplicaId, queue: LeaderQueue, send: (to: ReplicaId, message: FreeMessage) => void) {
    this.#self = self
    this.#queue = queue
    this.#send = send
  }

  forwarded(
    from: ReplicaId,
    message: Extract<FreeMessage, { kind: 'forward' }>,
    { isLeader, leader }: { readonly isLeader: boolean; readonly leader: ReplicaId | undefined },
  ): void {
    if (isLeader) {
      for (const input of message.inputs) {
        if (this.#queue.add(input)) continue
        const refused = this.#refused.get(input.proxy) ?? []
        this.#refused.set(input.proxy, refused)
        refused.push(input)
      }
      return
    }
    // A proxy that can't reach the leader sends through a member that can; one hop, so nothing goes in circles.
    if (message.relayed || leader === undefined || leader === from || leader === this.#self) return
    this.#send(leader, { kind: 'forward', relayed: true, inputs: message.inputs })
  }

  /** The turn ends: whose Inputs were refused hears of it. */
  flush(): void {
    for (const [to, inputs] of this.#refused) {
      const names = inputs.slice(0, LIMITS.batchInputsMax).map(({ client, sequence }) => ({ client, sequence }))
      this.#send(to, { kind: 'busy', inputs: names })
    }
    this.#refused.clear()
  }
}
