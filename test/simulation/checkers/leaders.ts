import type { Ballot } from '../../../core/model/ballot.ts'
import { ballotText } from '../../../core/model/ballot.ts'
import type { FaultPlan } from '../faults.ts'
import { nodeName } from '../journal.ts'
import { holds } from './violation.ts'

/** Below this a frame of large Inputs may travel for longer than followers wait for a heartbeat behind it. */
const STEADY_BYTES_PER_SECOND = 1_000_000
/** The first leader, another when it is cut off from the healed majority, and one by bad luck. */
const STEADY_ELECTIONS_MAX = 3

/** A ballot is led by its owner, in one life of its process. */
export class LeaderChecker {
  readonly #led = new Map<string, number>()

  #elections = 0

  get elections(): number {
    return this.#elections
  }

  leads(node: number, life: number, ballot: Ballot): void {
    this.#elections += 1
    const text = ballotText(ballot)
    holds(ballot.proposer === nodeName(node), 'one leader a ballot', () => `${nodeName(node)} leads in ${text}`)
    const before = this.#led.get(text)
    holds(before === undefined || before === life, 'one leader a ballot', () => {
      return `${nodeName(node)} leads in ${text} in two lives`
    })
    this.#led.set(text, life)
  }

  /** Links that carry little, and nothing else that is wrong, depose nobody. */
  checkSteady({ scenario, bytesPerSecond }: FaultPlan): void {
    if (scenario !== 'narrow-links' || bytesPerSecond < STEADY_BYTES_PER_SECOND) return
    holds(this.#elections <= STEADY_ELECTIONS_MAX, 'steady leadership', () => {
      return `${this.#elections} elections, though links of ${bytesPerSecond} bytes a second were all that was wrong`
    })
  }
}
