import type { ReadMessage } from '../../../core/wire/read.ts'
import { nodeName } from '../journal.ts'
import { holds } from './violation.ts'

/**
 * The slot a leader names for a read is no lower than what was acknowledged before the leader was asked. The vote on
 * the read's Output hides most breaches of this from the client; here they show at once.
 * Source: Ongaro (2014), 6.4.
 */
export class ReadIndexChecker {
  /** By the asking process's life and its number for the question: what was acknowledged when it asked. */
  readonly #floors = new Map<string, number>()

  readonly #isBlind: boolean

  constructor(isBlind: boolean) {
    this.#isBlind = isBlind
  }

  asked({ life, group }: Extract<ReadMessage, { kind: 'read-index-request' }>, floor: number): void {
    this.#floors.set(`${life}:${group}`, floor)
  }

  answered(node: number, { life, group, slot }: Extract<ReadMessage, { kind: 'read-index' }>): void {
    if (this.#isBlind) return
    const floor = this.#floors.get(`${life}:${group}`) ?? 0
    holds(slot >= floor, 'read index', () => {
      return `${nodeName(node)} lets a read of ${life} be answered from slot ${slot}; slot ${floor} was acknowledged before`
    })
  }
}
