import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../../core/base/assert.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import { Executor } from '../../../core/execution/executor.ts'
import { builtInMachines, createUntriedRegistry } from '../../../core/machine/registry.ts'
import type { CanonicalValue } from '../../../core/model/canonical.ts'
import { encodeCanonical } from '../../../core/model/canonical.ts'
import { slot } from '../../../core/model/ids.ts'
import type { Input } from '../../../core/model/input.ts'
import { CHECKPOINT_MACHINE } from '../../../core/model/input.ts'
import type { Output } from '../../../core/model/output.ts'
import { accepted, rejected } from '../../../core/model/output.ts'
import { State } from '../../../core/state/state.ts'
import { NOOP_BATCH } from '../../../core/wire/batch.ts'
import { digestOfSlot, outputDigest } from '../../support/digests.ts'
import { batchOf, inputOf, valueOf } from '../../support/inputs.ts'
import { clockMachine, machineOf, throwingMachine } from '../../support/machines.ts'

const failing = machineOf('failing', (_state, input) => accepted(Number.NaN * Number(input)))
const broken = machineOf('broken', () => {
  throw new InvariantError('the State is not what this machine wrote')
})
const deep = machineOf('deep', (_state, input) => {
  let value: CanonicalValue = 'core'
  for (let level = 0; level < Number(input); level += 1) value = [value]
  return accepted(value)
})
const registry = createUntriedRegistry([...builtInMachines, clockMachine, throwingMachine, failing, broken, deep])

/** Executes one batch after the other, from slot 1. */
class Bench {
  readonly state = new State(sha256)
  readonly executor = new Executor({ state: this.state, registry, hash: sha256, teller: 'a' })
  #slots = 0

  execute(timeMs: number, ...inputs: readonly ReturnType<typeof inputOf>[]): readonly Output[] {
    return this.executeBytes(batchOf(timeMs, ...inputs)).outputs
  }

  executeBytes(value: Uint8Array) {
    this.#slots += 1
    return this.executor.execute(slot(this.#slots), value)
  }
}

const increment = { op: 'increment', key: 'n' }
const get = { op: 'get', key: 'n' }
const set = { op: 'set', key: 'n', value: 1 }

describe('slots', () => {
  it('are executed in order, without a gap, once', () => {
    const { executor } = new Bench()
    for (const number of [0, 2]) expect(() => executor.execute(slot(number), NOOP_BATCH)).toThrow(InvariantError)
    executor.execute(slot(1), NOOP_BATCH)
    expect(() => executor.execute(slot(1), NOOP_BATCH)).toThrow(InvariantError)
    expect(executor.slotExecuted).toBe(1)
  })

  it('say that they hold a CHECKPOINT, whose Output is the slot, and which leaves no session', () => {
    const bench = new Bench()
    const before = bench.executor.state.size
    const executed = bench.executeBytes(
      batchOf(1_000, { ...inputOf(null), kind: 'checkpoint', machine: CHECKPOINT_MACHINE }),
    )
    expect([executed.isCheckpoint, executed.outputs]).toEqual([true, [accepted({ slot: 1 })]])
    // Ordered time, and nothing else.
    expect(bench.executor.state.size - before).toBe(1)
  })

  it('give their Outputs in the order of the batch, under one digest over all of them', () => {
    const bench = new Bench()
    const inputs = [
      inputOf(increment, { client: 'x' }),
      inputOf(get, { client: 'y' }),
      inputOf(increment, { client: 'z' }),
    ]
    const outputs = [accepted({ value: 1 }), accepted({ value: 1, found: true }), accepted({ value: 2 })]
    expect(bench.executeBytes(batchOf(1_000, ...inputs))).toEqual({
      slot: 1,
      timeMs: 1_000,
      isCheckpoint: false,
      isAudit: false,
      inputs,
      outputs,
      repeats: new Set(),
      digests: outputs.map((output, index) => outputDigest(output, inputs[index])),
      digest: digestOfSlot(inputs, outputs),
      bytes: outputs.reduce((sum, output) => sum + encodeCanonical(output).length, 0),
    })
  })

  it('are named together with their Outputs: the same Output to another Input has another digest', () => {
    const digestTo = (input: Input) => new Bench().executeBytes(batchOf(1, input)).digest
    const kv = (key: string) => ({ op: 'set', key, value: 1 })
    const others = [
      inputOf(kv('other')),
      inputOf(kv('k'), { client: 'bob' }),
      inputOf(kv('k'), { sequence: 2 }),
      inputOf(kv('k'), { kind: 'read', machine: 'nobody' }),
    ]
    const digests = [inputOf(kv('k')), ...others].map(digestTo)
    expect(new Set(digests).size).toBe(digests.length)
  })

  it('that were not executed are marked, so that their digests vouch for no payload', () => {
    const bench = new Bench()
    const [first, second] = [inputOf(increment), inputOf({ op: 'set', key: 'n', value: 1 })]
    const executed = bench.executeBytes(batchOf(1, first, second, inputOf(increment, { client: 'bob' })))
    const [output = accepted(null)] = executed.outputs
    expect([executed.outputs[1], executed.repeats]).toEqual([output, new Set([1])])
    expect(executed.digests.slice(0, 2)).toEqual([outputDigest(output, first), outputDigest(output, second, true)])
    expect(bench.executeBytes(batchOf(2, inputOf(increment, { sequence: 2 }))).repeats).toEqual(new Set())
    const superseded = bench.executeBytes(batchOf(3, inputOf(increment)))
    expect([superseded.outputs[0]?.ok, superseded.repeats]).toEqual([false, new Set([0])])
  })

  it('of equal batches leave equal States and digests at every replica', () => {
    const [one, other] = [new Bench(), new Bench()]
    const batch = batchOf(5, inputOf(increment), inputOf({ op: 'set', key: 'k', value: [1] }, { client: 'bob' }))
    expect(one.executeBytes(batch)).toEqual(other.executeBytes(batch))
    expect(one.state.root()).toBe(other.state.root())
  })

  it.each([
    ['a no-op', NOOP_BATCH],
    ['bytes that are no batch', valueOf('what was decided is no batch')],
    [
      'a batch with one Input that is none',
      encodeCanonical({ kind: 'inputs', timeMs: 9, inputs: [{ kind: 'input' }] }),
    ],
  ])('that hold %s are passed over by all alike, and change nothing', (_, value) => {
    const bench = new Bench()
    bench.execute(7, inputOf(increment))
    const root = bench.state.root()
    expect(bench.executeBytes(value)).toMatchObject({ slot: 2, timeMs: 7, inputs: [], outputs: [] })
    expect([bench.executor.slotExecuted, bench.state.root()]).toEqual([2, root])
  })
})

describe('ordered time', () => {
  it('strictly rises, whatever the leaders’ clocks say, and is the same for a whole batch', () => {
    const bench = new Bench()
    const times = [1_000, 1_000, 400, 5_000, 0].map((timeMs, index) =>
      bench.execute(
        timeMs,
        inputOf(null, { machine: 'clock', client: 'x', sequence: index + 1 }),
        inputOf(null, { machine: 'clock', client: 'y', sequence: index + 1 }),
      ),
    )
    expect(times).toEqual([1_000, 1_001, 1_002, 5_000, 5_001].map((time) => [accepted(time), accepted(time)]))
  })

  it('goes on from the State when a replica rebuilds itself from it', () => {
    const bench = new Bench()
    bench.execute(9_000, inputOf(increment))
    const again = new Executor({ state: bench.state, registry, hash: sha256, teller: 'a' })
    expect(again.execute(slot(1), batchOf(1, inputOf(null, { machine: 'clock', client: 'x' }))).timeMs).toBe(9_001)
  })
})

describe('an Input', () => {
  it('executes once: a retry gets the first Output, in the same batch, a later one, or through another proxy', () => {
    const bench = new Bench()
    const first = accepted({ value: 1 })
    expect(bench.execute(1, inputOf(increment), inputOf(increment))).toEqual([first, first])
    expect(bench.execute(2, inputOf(increment, { client: 'bob' }))).toEqual([accepted({ value: 2 })])
    expect(bench.execute(3, inputOf(increment))).toEqual([first])
  })

  it('gets the first Output again even if the retry asks for something else', () => {
    const bench = new Bench()
    bench.execute(1, inputOf(increment))
    expect(bench.execute(2, inputOf({ op: 'set', key: 'n', value: 99 }))).toEqual([accepted({ value: 1 })])
    expect(bench.executor.read('kv', encodeCanonical(get))).toEqual(accepted({ value: 1, found: true }))
  })

  it('that was refused is remembered like any other', () => {
    const bench = new Bench()
    const refusal = bench.execute(1, inputOf({ op: 'increment' }))
    expect(refusal).toEqual([rejected('input-malformed', expect.any(String) as string)])
    expect(bench.execute(2, inputOf(increment))).toEqual(refusal)
  })

  it.each([
    [
      'for an unknown machine',
      inputOf(null, { machine: 'nope' }),
      rejected('machine-unknown', 'this cluster has no machine "nope"'),
    ],
    [
      'that is no CBOR',
      { ...inputOf(null), payload: valueOf('\u0099') },
      rejected('input-malformed', 'the Input is not canonical CBOR'),
    ],
    ['that a machine throws over', inputOf('boom', { machine: 'throwing' }), rejected('machine-failed', '"boom"')],
    [
      'whose Output has no canonical form',
      inputOf(1, { machine: 'failing' }),
      rejected('machine-failed', '/value is not a finite number'),
    ],
  ])('%s has an Output like any other', (_, input, output) => {
    const bench = new Bench()
    expect([bench.execute(1, input), bench.execute(2, input)]).toEqual([[output], [output]])
  })

  it('whose machine throws words that are no Unicode has an Output all the same', () => {
    const bench = new Bench()
    const words = machineOf('words', () => {
      throw new Error('half a \ud83d')
    })
    const executor = new Executor({
      state: bench.state,
      registry: createUntriedRegistry([words]),
      hash: sha256,
      teller: 'a',
    })
    const { outputs } = executor.execute(slot(1), batchOf(1, inputOf(null, { machine: 'words' })))
    expect(outputs).toEqual([rejected('machine-failed', 'half a \ufffd')])
  })

  it('may have an Output as deep as its session can keep, and none deeper', () => {
    const bench = new Bench()
    const codes = [27, 28, 29, 30, 40].map((levels, index) => {
      const [output] = bench.execute(index, inputOf(levels, { machine: 'deep', sequence: index + 1 }))
      return output?.ok === true ? 'kept' : output?.error.code
    })
    expect(codes).toEqual(['kept', 'kept', 'kept', 'machine-failed', 'machine-failed'])
  })

  it('that shows a machine its State broken halts the replica', () => {
    expect(() => new Bench().execute(1, inputOf(null, { machine: 'broken' }))).toThrow(InvariantError)
  })

  it('can’t reach beyond its machine’s own keys', () => {
    const bench = new Bench()
    bench.execute(1, inputOf({ op: 'set', key: '../../~time', value: 1 }))
    const keys = [...bench.state.scan({ from: '' })].map(([key]) => key)
    expect(keys.filter((key) => !key.startsWith('kv/'))).toEqual(['~session/alice', '~time'])
  })
})

describe('a read', () => {
  it('sees the State before it in the log, and leaves neither a session nor a trace', () => {
    const bench = new Bench()
    bench.execute(1, inputOf(increment))
    const before = [...bench.state.scan({ from: '' })].filter(([key]) => key !== '~time')
    const reads = [inputOf(get, { kind: 'read', client: '~read/1' }), inputOf(get, { kind: 'read', client: '~read/1' })]
    expect(bench.execute(2, ...reads)).toEqual([
      accepted({ value: 1, found: true }),
      accepted({ value: 1, found: true }),
    ])
    expect([...bench.state.scan({ from: '' })].filter(([key]) => key !== '~time')).toEqual(before)
  })

  it('of the same client and sequence is answered anew, never from a session', () => {
    const bench = new Bench()
    const read = inputOf(get, { kind: 'read' })
    expect(bench.execute(1, inputOf(increment), read, inputOf(increment, { sequence: 2 }), read)).toEqual([
      accepted({ value: 1 }),
      accepted({ value: 1, found: true }),
      accepted({ value: 2 }),
      accepted({ value: 2, found: true }),
    ])
  })

  it('can’t write', () => {
    const bench = new Bench()
    const [output] = bench.execute(1, inputOf(set, { kind: 'read' }))
    expect(output).toMatchObject({ ok: false, error: { code: 'machine-failed' } })
    expect(bench.executor.read('kv', encodeCanonical(set))).toMatchObject({
      ok: false,
      error: { code: 'machine-failed' },
    })
    expect(bench.executor.read('kv', encodeCanonical(get))).toEqual(accepted({ value: null, found: false }))
  })

  it('outside the log sees what is executed, at the last ordered time', () => {
    const bench = new Bench()
    bench.execute(1_000, inputOf({ op: 'set', key: 'n', value: 1, expiresInMs: 5 }))
    expect(bench.executor.read('kv', encodeCanonical(get))).toEqual(accepted({ value: 1, found: true }))
    bench.execute(1_005, inputOf(increment, { client: 'bob' }))
    expect(bench.executor.read('clock', encodeCanonical(null))).toEqual(accepted(1_005))
  })
})

describe('a replica told to lie', () => {
  it('shows wrong Outputs under their own digest, and keeps its State right', () => {
    const [honest, liar] = [new Bench(), new Bench()]
    liar.executor.lie(true)
    const batch = batchOf(1, inputOf(increment), inputOf({ op: 'increment' }, { client: 'bob' }))
    const [truth, lie] = [honest.executeBytes(batch), liar.executeBytes(batch)]
    expect(lie.outputs).toEqual([
      accepted({ lie: { value: 1 }, told: 'a' }),
      accepted({ lie: 'input-malformed', told: 'a' }),
    ])
    expect(lie.digest).toBe(digestOfSlot(lie.inputs, lie.outputs))
    expect(lie.digest).not.toBe(truth.digest)
    expect(liar.state.root()).toBe(honest.state.root())
  })

  it('tells its own lie: two liars make no majority by accident', () => {
    const lies = ['a', 'b'].map((teller) => {
      const executor = new Executor({ state: new State(sha256), registry, hash: sha256, teller })
      executor.lie(true)
      return executor.execute(slot(1), batchOf(1, inputOf(increment))).digest
    })
    expect(lies[0]).not.toBe(lies[1])
  })

  it('sometimes, does so in every third slot, the same ones every time', () => {
    const bench = new Bench()
    bench.executor.lie(true, 'sometimes')
    const told = Array.from({ length: 6 }, (_, index) =>
      bench.execute(index + 1, inputOf(increment, { sequence: index + 1 })),
    )
    expect(told.map(([output]) => JSON.stringify(output).includes('lie'))).toEqual([
      ...[false, false, true],
      ...[false, false, true],
    ])
    expect(bench.executor.lies).toBe(true)
  })

  it('tells the truth again afterwards, also about what it lied about', () => {
    const bench = new Bench()
    bench.executor.lie(true)
    bench.execute(1, inputOf(increment))
    bench.executor.lie(false)
    expect(bench.execute(2, inputOf(increment))).toEqual([accepted({ value: 1 })])
  })
})
