import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const MAIN = join(import.meta.dirname, 'main.ts')
const RIGHT = '0 :invoke :write 1\n0 :ok :write 1\n0 :invoke :read nil\n0 :ok :read 1\n'
const WRONG = `${RIGHT}2 :invoke :write 2\n2 :info :write :timed-out\n0 :invoke :read nil\n0 :ok :read 3\n${RIGHT}`

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'check-history-'))
  writeFileSync(join(folder, 'right.log'), RIGHT)
  writeFileSync(join(folder, 'wrong.log'), WRONG)
  writeFileSync(join(folder, 'garbled.log'), 'lorem ipsum\n')
  const race = Array.from({ length: 14 }, (_, process) => `${process} :invoke :write ${process}`)
  writeFileSync(join(folder, 'race.log'), [...race, '99 :invoke :read nil', '99 :ok :read 99'].join('\n'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function checkHistory(...args: readonly string[]): { code: number | null; out: string; error: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { cwd: folder, encoding: 'utf8' })
  return { code: status, out: stdout, error: stderr }
}

describe('check-history', () => {
  it('prints a verdict a file, and of a wrong one the shortest offending prefix', () => {
    expect(checkHistory('--model', 'register', 'right.log')).toEqual({
      code: 0,
      out: 'right.log: linearizable\n',
      error: '',
    })
    expect(checkHistory('--model', 'register', 'right.log', 'wrong.log')).toEqual({
      code: 1,
      out: `right.log: linearizable
wrong.log: not linearizable
  shortest offending prefix: 4 operations, up to line 8: nothing explains read -> 3 by process 0
    lines 1-2  process 0  write 1
    lines 3-4  process 0  read -> 1
    lines 5-   process 2  write 2  (in doubt)
    lines 7-8  process 0  read -> 3
`,
      error: '',
    })
  })

  it('bounds what it shows', () => {
    const { out } = checkHistory('--model', 'register', '--show', '1', 'wrong.log')
    expect(out.split('\n').slice(2)).toEqual(['    (3 called earlier)', '    lines 7-8  process 0  read -> 3', ''])
  })

  it('prints one JSON object a file when asked', () => {
    const { code, out } = checkHistory('--json', '--model', 'register', 'right.log', 'wrong.log', 'garbled.log')
    expect(code).toBe(2)
    const reports = out
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line))
    expect(reports).toMatchObject([
      { file: 'right.log', model: 'register', verdict: 'linearizable', operations: 2, inDoubt: 0 },
      {
        file: 'wrong.log',
        verdict: 'not linearizable',
        prefix: {
          isShortest: true,
          lineEnd: 8,
          unexplained: { process: 0, line: 7, operation: 'read -> 3' },
          operations: [{}, {}, { lineCalled: 5, lineReturned: null }, {}],
        },
      },
      { file: 'garbled.log', verdict: 'unreadable' },
    ])
  })

  it('says that it does not know when a limit is reached', () => {
    const { code, out } = checkHistory('--model', 'register', '--memory-limit', '0.01', 'race.log')
    expect([code, out]).toEqual([3, 'race.log: undecided\n  the memory limit was reached\n'])
  })

  it.each([
    [['--model', 'register', 'garbled.log'], 'garbled.log: cannot be read as a history for register: line 1: not of'],
    [['--model', 'register', 'absent.log'], 'absent.log: cannot be read as a history for register: ENOENT'],
    [['--model', 'append-kv', 'right.log'], 'right.log: cannot be read as a history for append-kv: line 1: '],
    [['--model', 'queue', 'right.log'], 'check-history: no model is called "queue"; there are: register, append-kv'],
    [['right.log'], 'check-history: --model is missing'],
    [['--model', 'register'], 'check-history: no FILE was given'],
    [['--model', 'register', '--fast', 'right.log'], "check-history: Unknown option '--fast'"],
    [['--model', 'register', '--show', 'all', 'right.log'], 'check-history: --show takes a number above 0, not "all"'],
  ])('refuses %j with exit code 2 and the reason', (args, message) => {
    const { code, out, error } = checkHistory(...args)
    expect([code, out]).toEqual([2, ''])
    expect(error).toContain(message)
  })

  it('goes on after a file that cannot be read', () => {
    const { code, out } = checkHistory('--model', 'register', 'garbled.log', 'right.log')
    expect([code, out]).toEqual([2, 'right.log: linearizable\n'])
  })

  it('explains itself', () => {
    const { code, out } = checkHistory('--help')
    expect(code).toBe(0)
    expect(out).toContain('check-history --model register|append-kv [options] FILE')
  })
})
