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
