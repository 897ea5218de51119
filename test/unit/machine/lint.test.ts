import { join } from 'node:path'
import type { Linter } from 'eslint'
import { ESLint, Linter as Checker } from 'eslint'
import tseslint from 'typescript-eslint'
import { beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../../architecture/sources.ts'
import { FORBIDDEN_METHODS, FORBIDDEN_NAMES } from '../../support/forbidden-globals.ts'

const RULE = 'no-restricted-syntax'

/** The rule as the repository's own configuration sets it for a file. */
async function ruleFor(path: string): Promise<Linter.RuleEntry> {
  const config = (await new ESLint({ cwd: ROOT }).calculateConfigForFile(join(ROOT, path))) as Linter.Config
  const rule = config.rules?.[RULE]
  if (rule === undefined) throw new Error(`${path} has no rule ${RULE}`)
  return rule
}

function complaints(rule: Linter.RuleEntry, text: string): readonly string[] {
  const config = [{ files: ['**/*.ts'], languageOptions: { parser: tseslint.parser }, rules: { [RULE]: rule } }]
  const messages = new Checker({ cwd: ROOT }).verify(text, config, {
    filename: join(ROOT, 'core/machine/planted.ts'),
  })
  return messages.map(({ ruleId, message }) => `${ruleId ?? 'parser'}: ${message}`)
}

let machines: Linter.RuleEntry
let wire: Linter.RuleEntry
beforeAll(async () => {
  machines = await ruleFor('core/machine/kv.ts')
  wire = await ruleFor('core/wire/batch.ts')
})

const NAMES = [...FORBIDDEN_NAMES, 'globalThis', 'global', 'self', 'window', 'require', 'eval', 'Function']
const SNIPPETS = [
  ...['Math.random()', 'Math.sin(1)', 'Math.atan2(1, 2)', 'Math.log10(5)', 'Math.pow(2, 0.5)', 'Math.hypot(1, 2)'],
  ...['1.1 ** 10', '(1).toLocaleString()', "'a'.localeCompare('b')", "'a'.toLocaleUpperCase()"],
  ...['async () => 1', 'new Error().stack', 'globalThis["Date"]'],
]
const STATEMENTS = [
  'for (const key in { a: 1 }) String(key)',
  'let count = 0',
  'var count = 0',
  'export let count = 0',
  'export let [first, second] = [1, 2]',
]

describe('the lint rule for machines', () => {
  it.each(NAMES)('fires on %s', (name) => {
    expect(complaints(machines, `export const planted = () => ${name}\n`)).toEqual([expect.stringContaining(RULE)])
  })

  it.each(SNIPPETS)('fires on %s', (snippet) => {
    expect(complaints(machines, `export const planted = () => ${snippet}\n`)).toEqual([expect.stringContaining(RULE)])
  })

  it.each(STATEMENTS)('fires on %s', (statement) => {
    expect(complaints(machines, `${statement}\n`)).toEqual([expect.stringContaining(RULE)])
  })

  it.each([
    'const limits = new Map([["a", 1]])',
    'export const apply = () => { let sum = 0; for (const n of [1, 2]) sum += n; return sum }',
    'export const whole = (n: number): number => Math.floor(Math.max(Math.abs(n), 1)) + Math.trunc(n) + Math.imul(n, 3)',
    "export const order = (a: string, b: string): number => (a < b ? -1 : Number('1') + a.toUpperCase().length)",
  ])('lets %s pass', (snippet) => {
    expect(complaints(machines, `${snippet}\n`)).toEqual([])
  })

  it.each(NAMES.filter((name) => name !== 'Date' && name !== 'Intl'))(
    'is stricter than for the other pure rooms: %s',
    (name) => {
      expect(complaints(wire, `export const planted = () => ${name}\n`)).toEqual([])
    },
  )

  it('refuses every method of Math and of locale that the guard takes away', () => {
    const passed = FORBIDDEN_METHODS.filter(({ path, method }) => {
      const call = path.startsWith('Math.') ? `${path}(1)` : `input.${method}()`
      return complaints(machines, `export const planted = (input: string) => ${call}\n`).length === 0
    })
    expect(passed).toEqual([])
  })

  it('is the one that the machines are checked with', async () => {
    for (const path of ['core/machine/ledger.ts', 'core/machine/determinism.ts', 'core/machine/sub/new.ts']) {
      expect(await ruleFor(path)).toEqual(machines)
    }
  })
})
