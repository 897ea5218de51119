import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node'
import type { Skip, Tally } from './tally.ts'

/** Writes a Tally to the file that SYNOD_TEST_REPORT names: vitest's JSON report leaves out why a test was skipped. */
export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const file = process.env.SYNOD_TEST_REPORT
    if (file === undefined) return
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const tally: Tally = {
      passed: tests.filter((test) => test.result().state === 'passed').length,
      failures: [
        ...tests.filter((test) => !['passed', 'skipped'].includes(test.result().state)).map(nameOf),
        ...modules.flatMap((module) => module.errors().map((error) => `${pathOf(module)}: ${error.message}`)),
        ...unhandledErrors.map((error) => `outside of every test: ${error.message}`),
      ],
      skips: tests.filter((test) => test.result().state === 'skipped').map(skipOf),
    }
    writeFileSync(file, JSON.stringify(tally))
  }
}

function nameOf(test: TestCase): string {
  return `${pathOf(test.module)}: ${test.fullName}`
}

function skipOf(test: TestCase): Skip {
  const result = test.result()
  const note = 'note' in result ? result.note : undefined
  return { what: nameOf(test), why: note ?? (test.options.mode === 'todo' ? 'not written yet' : 'no reason given') }
}

function pathOf(module: TestModule): string {
  return relative(process.cwd(), module.moduleId)
}
