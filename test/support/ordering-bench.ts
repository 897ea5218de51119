import { createPrng } from '../../core/base/prng.ts'
import type { Configuration } from '../../core/model/configuration.ts'
import type { ReplicaId } from '../../core/model/ids.ts'
import { slot } from '../../core/model/ids.ts'
import type { OrderingEffect } from '../../core/ordering/effects.ts'
import { Ordering } from '../../core/ordering/ordering.ts'
import type { OrderingMessage } from '../../core/wire/ordering.ts'
import { a, always, three } from './members.ts'

type ProtocolMessage = Parameters<Ordering['message']>[1]
type Persist = Extract<OrderingEffect, { kind: 'persist' }>
type MessageOf<Kind> = Extract<OrderingMessage, { readonly kind: Kind }>

interface BenchInit {
  readonly self?: ReplicaId
  readonly configuration?: Configuration
  readonly seed?: number
}

/**
 * One replica's ordering on a bench: the test plays the other members, the clock, and the disk. What the replica says
 * to itself comes back at once, but what hangs on a record waits for `sync`.
 */
export class OrderingBench {
  readonly ordering: Ordering
  readonly #self: ReplicaId
  #waiting: Persist[] = []
  /** What it did since it was last asked. */
  effects: OrderingEffect[] = []
  /** The pulses it sent: they come all the time and mean nothing to most tests. */
  readonly pulses: MessageOf<'pulse'>[] = []
  nowMs = 0

  constructor({ self = a, configuration = three, seed = 1 }: BenchInit = {}) {
    this.#self = self
    this.ordering = new Ordering({ self, configurations: always(configuration), prng: createPrng(seed) })
    this.ordering.recovered(slot(0))
    this.ordering.start(0)
  }

  /** @returns what was done since the last call. */
  take(): OrderingEffect[] {
    return this.effects.splice(0)
  }

  /** What was sent without waiting for a record: to whom, and what. */
  sent<Kind extends OrderingMessage['kind']>(
    kind: Kind,
  ): { readonly to: ReplicaId; readonly message: MessageOf<Kind> }[] {
    const isWanted = (message: OrderingMessage): message is MessageOf<Kind> => message.kind === kind
    return this.effects.flatMap((effect) =>
      effect.kind === 'send' && isWanted(effect.message) ? [{ to: effect.to, message: effect.message }] : [],
    )
  }

  hear(from: ReplicaId, message: ProtocolMessage): void {
    this.#perform(this.ordering.message(from, message, this.nowMs))
  }

  tick(afterMs: number): void {
    this.nowMs += afterMs
    this.#perform(this.ordering.tick(this.nowMs))
  }

  propose(value: Uint8Array): void {
    this.#perform(this.ordering.propose(value, this.nowMs))
  }

  decided(number: number, value: Uint8Array): void {
    this.#perform(this.ordering.decided(slot(number), value, this.nowMs))
  }

  abdicate(): void {
    this.#perform(this.ordering.abdicate(this.nowMs))
  }

  /** The records are durable: what hung on them is sent. @returns what went to others. */
  sync(): { readonly to: ReplicaId; readonly message: OrderingMessage }[] {
    const replies = this.#waiting.splice(0).flatMap((persist) => persist.then)
    for (const { to, message } of replies) if (to === this.#self) this.hear(this.#self, message)
    return replies.filter(({ to }) => to !== this.#self)
  }

  /** Lets time pass until it asks for votes. @returns the ballot it asks for. */
  untilItAsks(): MessageOf<'pre-vote'>['ballot'] {
    for (let tries = 0; tries < 100; tries += 1) {
      this.tick(20)
      const asked = this.sent('pre-vote')[0]
      if (asked !== undefined) return asked.message.ballot
    }
    throw new Error('it never asked')
  }

  /** Lets time pass until it prepares, everybody granting. @returns its ballot. */
  untilItPrepares(): MessageOf<'prepare'>['ballot'] {
    const ballot = this.untilItAsks()
    this.hearGrants(ballot)
    const prepared = this.sent('prepare')[0]
    if (prepared === undefined) throw new Error('it does not prepare')
    return prepared.message.ballot
  }

  hearGrants(ballot: MessageOf<'pre-vote'>['ballot']): void {
    const promised = { round: 0, proposer: '' as ReplicaId }
    for (const { to } of this.sent('pre-vote')) {
      this.hear(to, { kind: 'pre-vote-reply', ballot, granted: true, promised })
    }
  }

  #perform(effects: readonly OrderingEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'send' && effect.message.kind === 'pulse') this.pulses.push(effect.message)
      else this.effects.push(effect)
      if (effect.kind === 'persist') this.#waiting.push(effect)
      if (
        effect.kind === 'send' &&
        effect.to === this.#self &&
        effect.message.kind !== 'forward' &&
        effect.message.kind !== 'busy'
      ) {
        this.hear(this.#self, effect.message)
      }
    }
  }
}
