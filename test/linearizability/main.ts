/** Checks recorded histories: `node test/linearizability/main.ts --help`. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { messageOf } from '../../core/base/errors.ts'
import type { Limits } from './checker.ts'
import { LIMITS, check, partitionsOf } from './checker.ts'
import type { History, Operation } from './history.ts'
import type { Model } from './model.ts'
import { appendKv } from './models/append-kv.ts'
import { register } from './models/register.ts'
import { parseEdn } from './parse-edn.ts'
import { parseRegister } from './parse-register.ts'
import { describeAppendKv, describeRegister, lastCalled, reportPrefix } from './report.ts'
import type { OffendingPrefix } from './shortest-prefix.ts'
import { shortestOffendingPrefix } from './shortest-prefix.ts'

const SHOWN_DEFAULT = 40
const SECONDS_DEFAULT = LIMITS.timeMs / 1000
const MIB_DEFAULT = LIMITS.memoryBytes / 2 ** 20

const USAGE = `check-history --model register|append-kv [options] FILE…

Says of each recorded history whether it is linearizable: "FILE: linearizable", "FILE: not linearizable" with the
shortest prefix that no order of operations explains, or "FILE: undecided" with the reason.

  --model NAME         register: lines "process :type :f value" with :read, :write v and :cas [old new];
                       append-kv: EDN maps a line with :get, :append and :put on many keys
  --json               one JSON object a file, one a line
  --show N             operations shown of an offending prefix, at most (${SHOWN_DEFAULT})
  --time-limit S       seconds for the verdict of a file, and again for its shortest prefix (${SECONDS_DEFAULT})
  --memory-limit MIB   for the search's tables (${MIB_DEFAULT})
  --help               this

Exit code: 0 every history is linearizable; 1 at least one is not; 2 bad arguments or a file that cannot be read as a
history; 3 at least one is undecided. Where several hold: 2, then 1, then 3.
`

const EXIT = { linearizable: 0, 'not linearizable': 1, unreadable: 2, undecided: 3 } as const
const WORST_FIRST: readonly Report['verdict'][] = ['unreadable', 'not linearizable', 'undecided']

type Verdict = keyof typeof EXIT

interface Report {
  readonly verdict: Verdict
  /** What `--json` prints besides file, model and verdict. */
  readonly details: object
  /** What is printed after the verdict, for people. */
  readonly lines: readonly string[]
}

interface Options {
  readonly model: string
  readonly files: readonly string[]
  readonly json: boolean
  readonly shown: number
  readonly limits: Limits
}

type Examine = (text: string, options: Options) => Report

const EXAMINERS: ReadonlyMap<string, Examine> = new Map([
  ['register', examiner(register, parseRegister, describeRegister)],
  ['append-kv', examiner(appendKv, parseEdn, describeAppendKv)],
])

process.exitCode = main(process.argv.slice(2))

function main(args: readonly string[]): number {
  let options: Options | 'help'
  try {
    options = readOptions(args)
  } catch (error) {
    process.stderr.write(`check-history: ${messageOf(error)}\n`)
    return EXIT.unreadable
  }
  if (options === 'help') {
    process.stdout.write(USAGE)
    return 0
  }
  const examine = EXAMINERS.get(options.model)
  if (examine === undefined) {
    const names = [...EXAMINERS.keys()].join(', ')
    process.stderr.write(`check-history: no model is called "${options.model}"; there are: ${names}\n`)
    return EXIT.unreadable
  }
  const verdicts = new Set<Verdict>()
  for (const file of options.files) verdicts.add(examineFile(file, examine, options))
  return EXIT[WORST_FIRST.find((verdict) => verdicts.has(verdict)) ?? 'linearizable']
}

/** @throws Error that says which argument is wrong. */
function readOptions(args: readonly string[]): Options | 'help' {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      model: { type: 'string' },
      json: { type: 'boolean', default: false },
      show: { type: 'string', default: String(SHOWN_DEFAULT) },
      'time-limit': { type: 'string', default: String(SECONDS_DEFAULT) },
      'memory-limit': { type: 'string', default: String(MIB_DEFAULT) },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  if (values.model === undefined) throw new Error('--model is missing: register or append-kv (--help tells more)')
  if (positionals.length === 0) throw new Error('no FILE was given (--help tells more)')
  return {
    model: values.model,
    files: positionals,
    json: values.json,
    shown: numberIn('--show', values.show),
    limits: {
      timeMs: numberIn('--time-limit', values['time-limit']) * 1000,
      memoryBytes: numberIn('--memory-limit', values['memory-limit']) * 2 ** 20,
    },
  }
}

function numberIn(name: string, text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) {
    throw new Error(`${name} takes a number above 0, not "${text}"`)
  }
  return value
}

function examineFile(file: string, examine: Examine, options: Options): Verdict {
  const { verdict, details, lines } = readAndExamine(file, examine, options)
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ file, model: options.model, verdict, ...details })}\n`)
  } else if (verdict === 'unreadable') {
    process.stderr.write(`${file}: ${lines.join('\n')}\n`)
  } else {
    process.stdout.write(`${[`${file}: ${verdict}`, ...lines.map((line) => `  ${line}`)].join('\n')}\n`)
  }
  return verdict
}

function readAndExamine(file: string, examine: Examine, options: Options): Report {
  try {
    return examine(readFileSync(file, 'utf8'), options)
  } catch (error) {
    const reason = `cannot be read as a history for ${options.model}: ${messageOf(error)}`
    return { verdict: 'unreadable', details: { reason }, lines: [reason] }
  }
}

function examiner<State, Input, Output>(
  model: Model<State, Input, Output>,
  parse: (text: string) => History<Input, Output>,
  describe: (operation: Operation<Input, Output>) => string,
): Examine {
  return (text, options) => {
    const history = parse(text)
    const startedMs = performance.now()
    const found = check(model, history, options.limits)
    const prefix =
      found.kind === 'not-linearizable' ? shortestOffendingPrefix(model, history, options.limits) : undefined
    const details = {
      operations: history.length,
      inDoubt: history.filter(({ returned }) => returned === undefined).length,
      partitions: partitionsOf(model, history).size,
      configurations: found.configurations,
      milliseconds: Math.round(performance.now() - startedMs),
    }
    if (found.kind === 'undecided') {
      return { verdict: 'undecided', details: { ...details, reason: found.reason }, lines: [found.reason] }
    }
    if (found.kind === 'linearizable') return { verdict: 'linearizable', details, lines: [] }
    if (prefix === undefined) {
      const reason = 'a limit was reached before an offending prefix was found'
      return { verdict: 'not linearizable', details: { ...details, reason }, lines: [reason] }
    }
    return {
      verdict: 'not linearizable',
      details: { ...details, prefix: prefixDetails(prefix, describe, options.shown) },
      lines: reportPrefix(prefix, { describe, unit: 'line', operationsMax: options.shown }),
    }
  }
}

function prefixDetails<Input, Output>(
  { partition, operations, last, isShortest }: OffendingPrefix<Input, Output>,
  describe: (operation: Operation<Input, Output>) => string,
  shown: number,
): object {
  return {
    ...(partition === '' ? {} : { key: partition }),
    isShortest,
    lineEnd: last.returned,
    unexplained: { process: last.process, line: last.call, operation: describe(last) },
    operationsTotal: operations.length,
    operations: lastCalled(operations, shown).map((operation) => ({
      process: operation.process,
      lineCalled: operation.call,
      lineReturned: operation.returned ?? null,
      operation: describe(operation),
    })),
  }
}
