import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { check } from './checker.ts'
import type { History } from './history.ts'
import { prefixOf } from './history.ts'
import type { Model } from './model.ts'
import { appendKv } from './models/append-kv.ts'
import { register } from './models/register.ts'
import { parseEdn } from './parse-edn.ts'
import { parseRegister } from './parse-register.ts'
import { shortestOffendingPrefix } from './shortest-prefix.ts'

/** Beside the repository, not in it. */
const FOLDER = resolve(import.meta.dirname, '../../../shared/histories')
const EXPECTED = join(FOLDER, 'expected.json')
const SECONDS_MAX = 5

const expectedSchema = v.object({
  register: v.record(v.string(), v.boolean()),
  kv: v.record(v.string(), v.boolean()),
})

describe('a recorded history of known verdict', () => {
  if (!existsSync(EXPECTED)) {
    it('is judged as expected', ({ skip }) => {
      skip(`there are no recorded histories in ${join('..', 'shared', 'histories')}`)
    })
    return
  }
  const expected = v.parse(expectedSchema, JSON.parse(readFileSync(EXPECTED, 'utf8')))

  it.each(Object.entries(expected.register))('is judged as expected: register/%s (%s)', (file, isRight) => {
    expectVerdict(register, parseRegister(readFileSync(join(FOLDER, 'register', file), 'utf8')), isRight)
  })

  it.each(Object.entries(expected.kv))('is judged as expected: kv/%s (%s)', (file, isRight) => {
    expectVerdict(appendKv, parseEdn(readFileSync(join(FOLDER, 'kv', file), 'utf8')), isRight)
  })
})

function expectVerdict<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: History<Input, Output>,
  isRight: boolean,
): void {
  const startedMs = performance.now()
  expect(history.length).toBeGreaterThan(20)
  expect(check(model, history).kind).toBe(isRight ? 'linearizable' : 'not-linearizable')
  const prefix = shortestOffendingPrefix(model, history)
  expect(prefix !== undefined).toBe(!isRight)
  if (prefix !== undefined) {
    const end = prefix.last.returned ?? 0
    expect(prefix.isShortest).toBe(true)
    expect(check(model, prefixOf(history, end)).kind).toBe('not-linearizable')
    expect(check(model, prefixOf(history, end - 1)).kind).toBe('linearizable')
  }
  expect(performance.now() - startedMs).toBeLessThan(SECONDS_MAX * 1000)
}
