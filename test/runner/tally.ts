/** What came of one part of the tests. */
export interface Tally {
  readonly passed: number
  /** Each with what went wrong in a line; a runner that crashed is one failure. */
  readonly failures: readonly string[]
  readonly skips: readonly Skip[]
}

export interface Skip {
  readonly what: string
  readonly why: string
}

export function addTallies(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((sum, tally) => sum + tally.passed, 0),
    failures: tallies.flatMap((tally) => tally.failures),
    skips: tallies.flatMap((tally) => tally.skips),
  }
}

/** The one plain last line: `N passed, N failed`, with `, N skipped` where something was skipped. */
export function lastLine(tally: Tally): string {
  const skipped = tally.skips.length === 0 ? '' : `, ${tally.skips.length} skipped`
  return `${tally.passed} passed, ${tally.failures.length} failed${skipped}`
}

/** A runner that fails without a failed test (a crash, an error outside every test) must not pass. */
export function withExit(
  tally: Tally | undefined,
  exit: { readonly part: string; readonly code: number | null },
): Tally {
  if (tally === undefined) {
    return {
      passed: 0,
      failures: [`${exit.part}: the runner ended (${codeText(exit.code)}) without a report`],
      skips: [],
    }
  }
  if (exit.code === 0 || tally.failures.length > 0) return tally
  return { ...tally, failures: [`${exit.part}: the runner failed (${codeText(exit.code)}) outside of every test`] }
}

function codeText(code: number | null): string {
  return code === null ? 'killed' : `exit code ${code}`
}
