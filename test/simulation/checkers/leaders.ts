import type { Ballot } from '../../../core/model/ballot.ts'
import { ballotText } from '../../../core/model/ballot.ts'
import { nodeName } from '../journal.ts'
import { holds } from './violation.ts'

/** A ballot is led by its owner, in one life of its process. */
export class LeaderChecker {
  readonly #led = new Map<string, number>()

  leads(node: number, life: number, ballot: Ballot): void {
    const text = ballotText(ballot)
    holds(ballot.proposer === nodeName(node), 'one leader a ballot', () => `${nodeName(node)} leads in ${text}`)
    const before = this.#led.get(text)
    holds(before === undefined || before === life, 'one leader a ballot', () => {
      return `${nodeName(node)} leads in ${text} in two lives`
    })
    this.#led.set(text, life)
  }
}
