import { describe, expect, it } from 'vitest'
import { tallyOfPlaywright } from './playwright-report.ts'
import { addTallies, lastLine, withExit } from './tally.ts'

const clean = { passed: 3, failures: [], skips: [] }

describe('the last line', () => {
  it('leaves out what is not there', () => {
    expect(lastLine(clean)).toBe('3 passed, 0 failed')
  })

  it('sums the parts and counts what was skipped', () => {
    const other = { passed: 1, failures: ['e2e: votes'], skips: [{ what: 'lan', why: 'not root' }] }
    expect(lastLine(addTallies([clean, other]))).toBe('4 passed, 1 failed, 1 skipped')
  })
})

describe('a runner', () => {
  it('that ends without a report has failed, whatever its exit code', () => {
    expect(withExit(undefined, { part: 'cluster', code: 0 }).failures).toHaveLength(1)
    expect(withExit(undefined, { part: 'cluster', code: null }).failures).toEqual([
      'cluster: the runner ended (killed) without a report',
    ])
  })

  it('that exits badly after only passed tests has failed', () => {
    expect(withExit(clean, { part: 'unit', code: 1 })).toEqual({
      ...clean,
      failures: ['unit: the runner failed (exit code 1) outside of every test'],
    })
  })

  it('is not counted beside the tests that made it fail', () => {
    const failed = { ...clean, failures: ['a test'] }
    expect(withExit(failed, { part: 'unit', code: 1 })).toEqual(failed)
  })
})

describe("Playwright's report", () => {
  const spec = (title: string, status: string, description?: string): unknown => ({
    title,
    tests: [{ status, annotations: description === undefined ? [] : [{ type: 'skip', description }] }],
  })

  it('is counted through nested suites, with reasons, and a flaky test is a failure', () => {
    const report = {
      suites: [
        {
          title: 'submit.spec.ts',
          specs: [spec('shows the Output', 'expected'), spec('shows FAIL', 'unexpected')],
          suites: [{ title: 'later', specs: [spec('audits', 'skipped', 'no audit yet'), spec('is patient', 'flaky')] }],
        },
      ],
      errors: [],
    }
    expect(tallyOfPlaywright(report)).toEqual({
      passed: 1,
      failures: ['submit.spec.ts: shows FAIL', 'submit.spec.ts: later: is patient (passed only on a retry)'],
      skips: [{ what: 'submit.spec.ts: later: audits', why: 'no audit yet' }],
    })
  })

  it('with an error outside of every test is a failure', () => {
    expect(tallyOfPlaywright({ suites: [], errors: [{ message: 'no such config' }] })).toEqual({
      passed: 0,
      failures: ['outside of every test: no such config'],
      skips: [],
    })
  })
})
