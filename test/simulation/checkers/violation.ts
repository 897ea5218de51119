/** A broken invariant: the finding of a run. */
export class Violation extends Error {
  override readonly name = 'Violation'
  /** Which invariant, in a word. */
  readonly invariant: string

  constructor(invariant: string, what: string) {
    super(`${invariant}: ${what}`)
    this.invariant = invariant
  }
}

/** @throws Violation unless the invariant holds. */
export function holds(condition: boolean, invariant: string, what: () => string): asserts condition {
  if (!condition) throw new Violation(invariant, what())
}

const SHOWN_MAX = 300

/** For the words of a violation: large values are cut short. */
export function jsonOf(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}… (${text.length} characters)`
}
