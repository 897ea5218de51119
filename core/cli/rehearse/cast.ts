import type { Fault } from '../../api/faults.ts'
import type { Expectation, ScenarioStep } from '../../api/scenario.ts'
import type { ClusterView } from '../../api/views.ts'

/** Who leads when a step's time has come. */
export const NOW = 'leader-now'

/** Who plays what: the names in a scenario, and the replicas they stand for. */
export class Cast {
  readonly #names: ReadonlyMap<string, string>

  /** Of a cluster that has a leader. */
  constructor(view: ClusterView) {
    const followers = view.replicas.map(({ name }) => name).filter((name) => name !== view.leader)
    this.#names = new Map([
      ['leader', view.leader ?? ''],
      ...followers.map((name, index) => [`follower-${index + 1}`, name] as const),
    ])
  }

  get leader(): string {
    return this.#names.get('leader') ?? ''
  }

  name(word: string, leaderNow: string | null = null): string {
    if (word === NOW && leaderNow !== null) return leaderNow
    return this.#names.get(word) ?? word
  }

  /** `leaderNow`: null when nobody leads; then it is who led when the scenario began. */
  fault(fault: Fault, leaderNow: string | null): Fault {
    if ('replica' in fault) return { ...fault, replica: this.name(fault.replica, leaderNow) }
    return { ...fault, from: this.name(fault.from, leaderNow), to: this.name(fault.to, leaderNow) }
  }
}

/** Whom a step touches, by the words of the scenario. */
export function wordsOf(step: ScenarioStep): readonly string[] {
  if (step.do === 'stop' || step.do === 'start') return [step.replica]
  if (step.do !== 'inject') return []
  return 'replica' in step.fault ? [step.fault.replica] : [step.fault.from, step.fault.to]
}

/** What may be named in a scenario: it is played on a cluster of three. */
export const KNOWN_NAMES: readonly string[] = ['a', 'b', 'c', 'leader', 'follower-1', 'follower-2']

/** What is named in a scenario and is no replica there. */
export function unknownNames(scenario: {
  readonly steps: readonly ScenarioStep[]
  readonly expect: readonly Expectation[]
}): readonly string[] {
  const inSteps = scenario.steps.flatMap(wordsOf).filter((word) => word !== NOW)
  const inExpectations = scenario.expect.flatMap((one) => ('replica' in one ? [one.replica] : []))
  return [...new Set([...inSteps, ...inExpectations])].filter((word) => !KNOWN_NAMES.includes(word))
}
