import * as v from 'valibot'
import type { Tally } from './tally.ts'

const testSchema = v.object({
  status: v.picklist(['skipped', 'expected', 'unexpected', 'flaky']),
  annotations: v.array(v.object({ type: v.string(), description: v.optional(v.string()) })),
})
const specSchema = v.object({ title: v.string(), tests: v.array(testSchema) })

interface Suite {
  readonly title: string
  readonly specs: readonly v.InferOutput<typeof specSchema>[]
  readonly suites?: readonly Suite[] | undefined
}

const suiteSchema: v.GenericSchema<unknown, Suite> = v.object({
  title: v.string(),
  specs: v.array(specSchema),
  suites: v.optional(v.array(v.lazy(() => suiteSchema))),
})
const reportSchema = v.object({
  suites: v.array(suiteSchema),
  errors: v.array(v.object({ message: v.optional(v.string()) })),
})

interface Run {
  readonly name: string
  readonly test: v.InferOutput<typeof testSchema>
}

/** @param report what Playwright's JSON reporter wrote; a test that passed only on a retry counts as failed. */
export function tallyOfPlaywright(report: unknown): Tally {
  const { suites, errors } = v.parse(reportSchema, report)
  const runs = suites.flatMap((suite) => runsOf(suite, []))
  return {
    passed: runs.filter(({ test }) => test.status === 'expected').length,
    failures: [
      ...runs.filter(({ test }) => test.status === 'unexpected').map(({ name }) => name),
      ...runs.filter(({ test }) => test.status === 'flaky').map(({ name }) => `${name} (passed only on a retry)`),
      ...errors.map((error) => `outside of every test: ${error.message ?? 'no message'}`),
    ],
    skips: runs
      .filter(({ test }) => test.status === 'skipped')
      .map(({ name, test }) => ({ what: name, why: whyOf(test) })),
  }
}

function runsOf(suite: Suite, above: readonly string[]): readonly Run[] {
  const trail = [...above, suite.title]
  return [
    ...suite.specs.flatMap((spec) => spec.tests.map((test) => ({ name: [...trail, spec.title].join(': '), test }))),
    ...(suite.suites ?? []).flatMap((inner) => runsOf(inner, trail)),
  ]
}

function whyOf(test: Run['test']): string {
  const reasons = test.annotations.flatMap(({ type, description }) =>
    type === 'skip' || type === 'fixme' ? [description ?? ''] : [],
  )
  return reasons.find((reason) => reason !== '') ?? 'no reason given'
}
