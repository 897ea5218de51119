import { describe, expect, it } from 'vitest'
import type { Prng } from '../../core/base/prng.ts'
import { createPrng } from '../../core/base/prng.ts'
import { check } from './checker.ts'
import type { History, Operation } from './history.ts'
import { prefixOf } from './history.ts'
import type { Model } from './model.ts'
import { appendKv } from './models/append-kv.ts'
import { kv } from './models/kv.ts'
import { register } from './models/register.ts'
import { Search } from './search.ts'
import { shortestOffendingPrefix } from './shortest-prefix.ts'
import { subjectOf } from './subject.ts'
import { explains, isLinearizable } from './support/oracle.ts'
import { altered, randomAppendKv, randomKv, randomRegister } from './support/random.ts'
import { Sweep } from './sweep.ts'

const BUDGET = { deadlineMs: Infinity, memoryBytes: 2 ** 30 }
const RUNS = 60
const SMALL_RUNS = 1_500

const few = (prng: Prng): number => prng.between(0, 2)
/** So that nothing is written twice. */
const unique = (_: Prng, operation: number): number => operation + 1

describe('a history taken from a sequential run, with overlapping intervals and operations in doubt', () => {
  it('of a register is linearizable, with an order that proves it', () => {
    for (let seed = 1; seed <= RUNS; seed += 1) {
      const size = { prng: createPrng(seed), processes: 1 + (seed % 9), operations: 300, doubt: (seed % 4) / 50 }
      expectRight(register, randomRegister(size, few))
    }
  })

  it('of keys appended to is linearizable, with an order that proves it', () => {
    for (let seed = 1; seed <= RUNS; seed += 1) {
      const size = { prng: createPrng(seed), processes: 1 + (seed % 9), operations: 300, doubt: (seed % 4) / 50 }
      expectRight(appendKv, randomAppendKv(size, 5))
    }
  })

  it('of the kv machine is linearizable, with an order that proves it', () => {
    for (let seed = 1; seed <= RUNS; seed += 1) {
      const size = { prng: createPrng(seed), processes: 1 + (seed % 9), operations: 300, doubt: (seed % 4) / 50 }
      expectRight(kv, randomKv(size, 5))
    }
  })
})

describe('the same with one read altered', () => {
  it('to a value that nobody wrote is refused', () => {
    for (let seed = 1; seed <= RUNS; seed += 1) {
      const size = { prng: createPrng(seed), processes: 1 + (seed % 9), operations: 300, doubt: (seed % 4) / 50 }
      const ofRegister = randomRegister(size, few)
      expectWrong(register, altered(ofRegister, pick(size.prng, readsIn(register, ofRegister)), 3))
      const ofText = randomAppendKv(size, 5)
      expectWrong(appendKv, altered(ofText, pick(size.prng, readsIn(appendKv, ofText)), 'never'))
      const ofKv = randomKv(size, 5)
      const read = pick(
        size.prng,
        readsIn(kv, ofKv).filter(({ input }) => input.op === 'get'),
      )
      expectWrong(kv, altered(ofKv, read, { kind: 'accepted', value: { value: 'never', found: true } }))
    }
  })

  it('to a value overwritten for certain, or written only later, is refused', () => {
    let refused = 0
    for (let seed = 1; seed <= RUNS; seed += 1) {
      const size = { prng: createPrng(seed), processes: 1 + (seed % 9), operations: 300, doubt: (seed % 4) / 50 }
      const history = randomRegister(size, unique)
      const read = pick(size.prng, readsIn(register, history))
      const writes = history.filter(({ input }) => input.kind === 'write')
      const before = writes.filter(({ returned }) => returned !== undefined && returned < read.call)
      const newest = Math.max(...before.map(({ call }) => call))
      const stale = before.filter(({ returned = Infinity }) => returned < newest)
      const later = writes.filter(({ call }) => call > (read.returned ?? Infinity))
      for (const write of [...stale.slice(-1), ...later.slice(0, 1)]) {
        if (write.input.kind !== 'write') continue
        expectWrong(register, altered(history, read, write.input.value))
        refused += 1
      }
    }
    expect(refused).toBeGreaterThan(RUNS)
  })
})

describe('a small history, right or wrong', () => {
  it('of a register is judged as the definition says', () => {
    expectAsDefined(register, (prng) => {
      const history = randomRegister({ prng, processes: 4, operations: 6, doubt: 0.3 }, few)
      return spoiled(history, prng, readsIn(register, history), () => few(prng))
    })
  })

  it('of a key appended to is judged as the definition says', () => {
    expectAsDefined(appendKv, (prng) => {
      const history = randomAppendKv({ prng, processes: 4, operations: 6, doubt: 0.3 }, 1)
      const texts = history.flatMap(({ input }) => (input.kind === 'append' ? [input.value] : []))
      const text = (): string => texts.filter(() => prng.chance(0.5)).join('')
      return spoiled(history, prng, readsIn(appendKv, history), text)
    })
  })

  it('of a key of the kv machine is judged as the definition says', () => {
    expectAsDefined(kv, (prng) => {
      const history = randomKv({ prng, processes: 4, operations: 6, doubt: 0.3 }, 1)
      const returned = history.filter(({ output }) => output !== undefined)
      return spoiled(history, prng, returned, () => pick(prng, returned).output ?? { kind: 'accepted', value: null })
    })
  })
})

function expectRight<State, Input, Output>(model: Model<State, Input, Output>, history: History<Input, Output>): void {
  expect(check(model, history).kind).toBe('linearizable')
  expect(shortestOffendingPrefix(model, history)).toBeUndefined()
  for (const partition of Map.groupBy(history, (each) => model.partitionOf?.(each) ?? '').values()) {
    const found = new Search(subjectOf(model, partition), BUDGET).run()
    const order = found?.kind === 'linearizable' ? found.order : []
    expect(explains(model, order)).toBe(true)
    const ordered = new Set(order)
    expect(ordered.size).toBe(order.length)
    expect(partition.filter((each) => each.returned !== undefined && !ordered.has(each))).toEqual([])
  }
}

function expectWrong<State, Input, Output>(model: Model<State, Input, Output>, history: History<Input, Output>): void {
  expect(check(model, history).kind).toBe('not-linearizable')
}

/** Holds both searches and the shortest prefix against the definition. */
function expectAsDefined<State, Input, Output>(
  model: Model<State, Input, Output>,
  historyOf: (prng: Prng) => History<Input, Output>,
): void {
  const counts = { right: 0, wrong: 0 }
  for (let seed = 1; seed <= SMALL_RUNS; seed += 1) {
    const history = historyOf(createPrng(seed))
    const isRight = isLinearizable(model, history)
    counts[isRight ? 'right' : 'wrong'] += 1
    const kind = isRight ? 'linearizable' : 'not-linearizable'
    const subject = subjectOf(model, history)
    const kinds = [new Search(subject, BUDGET).run()?.kind, new Sweep(subject, BUDGET).run()?.kind]
    expect(kinds, `seed ${seed}`).toEqual([kind, kind])
    expect(shortestOffendingPrefix(model, history)?.last.returned, `seed ${seed}`).toBe(
      isRight ? undefined : endOfShortest(model, history),
    )
  }
  expect(Math.min(counts.right, counts.wrong)).toBeGreaterThan(SMALL_RUNS / 10)
}

function endOfShortest<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: History<Input, Output>,
): number | undefined {
  return history
    .flatMap(({ returned }) => returned ?? [])
    .sort((left, right) => left - right)
    .find((end) => !isLinearizable(model, prefixOf(history, end)))
}

function readsIn<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: History<Input, Output>,
): readonly Operation<Input, Output>[] {
  return history.filter((operation) => operation.returned !== undefined && model.isRead(operation))
}

/** In two of three cases one of the operations gets another output, which may or may not be right as well. */
function spoiled<Input, Output>(
  history: History<Input, Output>,
  prng: Prng,
  candidates: readonly Operation<Input, Output>[],
  outputOf: () => Output,
): History<Input, Output> {
  if (candidates.length === 0 || prng.chance(1 / 3)) return history
  return altered(history, pick(prng, candidates), outputOf())
}

function pick<T>(prng: Prng, items: readonly T[]): T {
  const item = items[prng.between(0, items.length - 1)]
  if (item === undefined) throw new RangeError('nothing to pick from')
  return item
}
