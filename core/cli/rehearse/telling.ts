import type { Expectation, Scenario } from '../../api/scenario.ts'
import { formatCount } from '../numbers.ts'
import type { Seen, Sight } from './run.ts'

/** What came of one scenario. */
export interface Played {
  readonly scenario: Scenario
  readonly seen: Seen
  readonly isSeen: boolean
}

/** Tells of scenarios as they are played: to people line by line, to programs one object a scenario. */
export class Telling {
  readonly #write: (text: string) => void
  readonly #json: boolean
  readonly #startedMs = performance.now()
  readonly #played: Played[] = []

  constructor(init: { readonly write: (text: string) => void; readonly json: boolean }) {
    this.#write = init.write
    this.#json = init.json
  }

  begin({ title, story }: Scenario): void {
    if (!this.#json) this.#write(`\n${this.#played.length + 1}. ${title}\n   ${story}\n`)
  }

  step(atMs: number, words: string): void {
    if (!this.#json) this.#write(`     ${(atMs / 1000).toFixed(1).padStart(5)} s  ${words}\n`)
  }

  end(scenario: Scenario, seen: Seen): void {
    const isSeen = seen.problems.length === 0 && seen.sights.every((sight) => sight.seen)
    this.#played.push({ scenario, seen, isSeen })
    if (this.#json) {
      const expectations = seen.sights.map(({ expectation, ...rest }) => ({ ...expectation, ...rest }))
      const { problems, requests } = seen
      this.#write(`${JSON.stringify({ scenario: scenario.name, seen: isSeen, expectations, problems, requests })}\n`)
      return
    }
    for (const problem of seen.problems) this.#write(`   ✕ ${problem}\n`)
    for (const { expectation, seen: wasSeen, detail } of seen.sights) {
      this.#write(`   ${wasSeen ? '●' : '✕'} ${wordsOf(expectation)}  (${detail})\n`)
    }
  }

  /** @returns whether everything was seen. */
  conclude(): boolean {
    const seconds = Math.round((performance.now() - this.#startedMs) / 100) / 10
    const scenarios = this.#played.length
    const missing = this.#played.flatMap(({ scenario, seen }) => [
      ...seen.problems.map((problem) => `${scenario.name}: ${problem}`),
      ...seen.sights.filter((sight) => !sight.seen).map((sight) => `${scenario.name}: ${missed(sight)}`),
    ])
    const expectations = this.#played.reduce((sum, { seen }) => sum + seen.sights.length, 0)
    const done = scenarios > 0 && missing.length === 0
    if (this.#json) {
      this.#write(`${JSON.stringify({ done, scenarios, expectations, notSeen: missing, seconds })}\n`)
      return done
    }
    const what = `${scenarios} ${scenarios === 1 ? 'scenario' : 'scenarios'}, ${formatCount(expectations)} expectations`
    const verdict = done ? `Everything was seen: ${what}, in ${seconds} s.` : `Not seen: ${missing.join('; ')}.`
    this.#write(`\n${verdict}\n`)
    return done
  }
}

function missed({ expectation, detail }: Sight): string {
  return `${expectation.what} (${detail})`
}

function wordsOf(expectation: Expectation): string {
  switch (expectation.what) {
    case 'no-wrong-reply':
      return 'No reply was wrong, nothing acknowledged is lost.'
    case 'no-failed-request':
      return 'No request failed.'
    case 'served-again':
      return `Requests were served again within ${expectation.withinMs} ms.`
    case 'leader-changes':
      return 'Another one leads.'
    case 'leader-stays':
      return 'The leader stayed.'
    case 'vote-dissent':
      return `The votes name ${expectation.replica}.`
    case 'audit-finds':
      return `The AUDIT finds ${expectation.replica}.`
    case 'incident-repaired':
      return `${expectation.replica} is repaired and verified.`
    case 'replica-back':
      return `${expectation.replica} is back.`
    case 'all-level':
      return 'All hold the same State.'
  }
}
