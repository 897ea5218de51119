/**
 * Runs the tests part by part, shows each part's own output and ends with one plain line: `N passed, N failed`
 * (`, N skipped` where something is skipped, after what and why). All parts, or those named: `node test/run.ts unit`.
 *
 * Exit code: 0 all passed; 1 something failed or a runner crashed; 2 an unknown part was asked for.
 */
import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import * as v from 'valibot'
import { HOW_TO_GET_CHROMIUM, findChromium } from './runner/chromium.ts'
import { tallyOfPlaywright } from './runner/playwright-report.ts'
import type { Tally } from './runner/tally.ts'
import { addTallies, lastLine, withExit } from './runner/tally.ts'

const ROOT = resolve(import.meta.dirname, '..')
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs')
const PLAYWRIGHT = join(ROOT, 'node_modules/@playwright/test/cli.js')
const ELECTRON_VITE = join(ROOT, 'node_modules/electron-vite/bin/electron-vite.js')

const tallySchema: v.GenericSchema<unknown, Tally> = v.object({
  passed: v.number(),
  failures: v.array(v.string()),
  skips: v.array(v.object({ what: v.string(), why: v.string() })),
})

interface Part {
  readonly name: string
  /** Where its test files are. */
  readonly files: readonly string[]
  readonly run: (part: Part) => Promise<Tally>
}

const PARTS: readonly Part[] = [
  {
    name: 'unit',
    files: ['unit', 'paper', 'architecture', 'renderer', 'conformance', 'linearizability', 'electron', 'runner'].map(
      (folder) => `test/${folder}/**/*.test.ts`,
    ),
    run: runVitest,
  },
  { name: 'simulation', files: ['test/simulation/**/*.test.ts'], run: runVitest },
  { name: 'cluster', files: ['test/cluster/**/*.test.ts'], run: runVitest },
  { name: 'e2e', files: ['test/e2e/**/*.spec.ts'], run: runPlaywright },
]

process.exitCode = await main(process.argv.slice(2))

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !PARTS.some((part) => part.name === name))
  if (unknown.length > 0) {
    console.error(`no part is called ${unknown.join(', ')}; there are: ${PARTS.map((part) => part.name).join(', ')}`)
    return 2
  }
  const tallies: Tally[] = []
  for (const part of PARTS) {
    if (names.length > 0 && !names.includes(part.name)) continue
    console.log(`\n── ${part.name} ──`)
    tallies.push(await runPart(part))
  }
  const total = addTallies(tallies)
  if (total.failures.length > 0) console.log('\nFailed:')
  for (const failure of total.failures) console.log(`  ${failure}`)
  if (total.skips.length > 0) console.log('\nSkipped:')
  for (const { what, why } of total.skips) console.log(`  ${what}: ${why}`)
  console.log(`\n${lastLine(total)}`)
  return total.failures.length === 0 ? 0 : 1
}

async function runPart(part: Part): Promise<Tally> {
  if (globSync([...part.files], { cwd: ROOT }).length === 0) {
    return {
      passed: 0,
      failures: [],
      skips: [{ what: part.name, why: `no test file in ${part.files.join(', ')} yet` }],
    }
  }
  try {
    return await part.run(part)
  } catch (error) {
    return { passed: 0, failures: [`${part.name}: ${String(error)}`], skips: [] }
  }
}

async function runVitest(part: Part): Promise<Tally> {
  const reporters = ['--reporter=default', `--reporter=${join(ROOT, 'test/runner/vitest-reporter.ts')}`]
  return withReport(async (file) => {
    const code = await run([VITEST, 'run', '--project', part.name, ...reporters], { SYNOD_TEST_REPORT: file })
    const report = readReport(file)
    return withExit(report === undefined ? undefined : v.parse(tallySchema, report), { part: part.name, code })
  })
}

async function runPlaywright(part: Part): Promise<Tally> {
  const browser = findChromium()
  if (browser === undefined) return { passed: 0, failures: [], skips: [{ what: part.name, why: HOW_TO_GET_CHROMIUM }] }
  const buildCode = await run([ELECTRON_VITE, 'build'], {})
  if (buildCode !== 0) return { passed: 0, failures: [`${part.name}: the build failed`], skips: [] }
  const config = join(ROOT, 'test/e2e/playwright.config.ts')
  return withReport(async (file) => {
    const environment = { PLAYWRIGHT_JSON_OUTPUT_FILE: file, SYNOD_CHROMIUM: browser }
    const code = await run([PLAYWRIGHT, 'test', '--config', config, '--reporter=list,json'], environment)
    const report = readReport(file)
    return withExit(report === undefined ? undefined : tallyOfPlaywright(report), { part: part.name, code })
  })
}

/** @returns the exit code; null when a signal ended it. Output goes straight to this terminal. */
async function run(args: readonly string[], environment: Readonly<Record<string, string>>): Promise<number | null> {
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...environment } })
  const pass = (signal: NodeJS.Signals): void => {
    child.kill(signal)
  }
  process.on('SIGTERM', pass).on('SIGINT', pass)
  try {
    return await new Promise((resolved, rejected) => {
      child.once('error', rejected).once('exit', resolved)
    })
  } finally {
    process.off('SIGTERM', pass).off('SIGINT', pass)
  }
}

async function withReport(use: (file: string) => Promise<Tally>): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), 'synod-tests-'))
  try {
    return await use(join(folder, 'report.json'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function readReport(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}
