import { describe, expect, it } from 'vitest'
import { Checkpoints } from '../../../core/checkpoint/checkpoints.ts'
import { CHECKPOINT_POLICY } from '../../../core/checkpoint/policy.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import { Executor } from '../../../core/execution/executor.ts'
import { Log } from '../../../core/log/log.ts'
import { builtInMachines, createRegistry } from '../../../core/machine/registry.ts'
import { clusterId, slot } from '../../../core/model/ids.ts'
import { Applier } from '../../../core/replica/applier.ts'
import type { Effect } from '../../../core/replica/effects.ts'
import { State } from '../../../core/state/state.ts'
import { batchOf, inputOf } from '../../support/inputs.ts'
import { a, always, b, ballotOf, configurationOf, three } from '../../support/members.ts'
import { testSigner } from '../../support/memory-disk.ts'

const batch = (number: number): Uint8Array =>
  batchOf(number, inputOf({ op: 'set', key: `k${number}`, value: 'v' }, { sequence: number }))

/** An applier with its real log, executor and checkpoints; what it wants done is noted and not done. */
class Bench {
  readonly effects: Effect[] = []
  readonly executed: number[] = []
  readonly log = new Log({ self: a, configurations: always(three), memory: { bytesMax: 0, slotsMin: 2 } })
  readonly executor = new Executor({
    state: new State(sha256),
    registry: createRegistry(builtInMachines),
    hash: sha256,
    teller: a,
  })
  readonly checkpoints = new Checkpoints({
    self: a,
    cluster: clusterId('1a'.repeat(16)),
    configurations: always(three),
    hash: sha256,
    signing: testSigner(a),
    policy: { ...CHECKPOINT_POLICY, slotsMax: 3 },
  })
  readonly applier: Applier

  constructor({ discardsState = false } = {}) {
    this.applier = this.#created(discardsState)
    if (!discardsState) this.applier.start(0)
  }

  #created(discardsState: boolean): Applier {
    return new Applier({
      self: a,
      discardsState,
      log: this.log,
      executor: this.executor,
      checkpoints: this.checkpoints,
      emit: (effect) => {
        this.effects.push(effect)
      },
      note: () => undefined,
      onExecuted: (executed) => {
        this.executed.push(executed.slot)
      },
      onInstalled: () => undefined,
      jump: (to) => {
        this.log.jump(to)
      },
    })
  }

  /** The log decides slots, and tells the applier of them or not. */
  decide(from: number, to: number, { isTold = true } = {}): void {
    for (let number = from; number <= to; number += 1) {
      this.log.chosen(slot(number), { ballot: ballotOf(1, a), value: batch(number) })
      if (isTold) this.applier.decided(slot(number), ballotOf(1, a), batch(number), 0)
    }
  }

  take(kind: Effect['kind']): readonly Effect[] {
    const found = this.effects.filter((effect) => effect.kind === kind)
    this.effects.length = 0
    return found
  }

  asks(): string[] {
    return this.take('send').flatMap((effect) => (effect.kind === 'send' ? [effect.message.kind] : []))
  }
}

describe('decided slots', () => {
  it('are executed as they are told, in order and once', () => {
    const bench = new Bench()
    bench.decide(1, 3)
    bench.applier.decided(slot(3), undefined, batch(3), 0)
    bench.applier.decided(slot(9), undefined, batch(9), 0)
    expect([bench.executed, bench.applier.slotExecuted]).toEqual([[1, 2, 3], 3])
  })

  it('that could not be executed then are read from disk, as long as they are not in memory', () => {
    const bench = new Bench()
    bench.decide(1, 6, { isTold: false })
    bench.applier.pump(0)
    expect(bench.take('read-log')).toEqual([{ kind: 'read-log', to: a, slotFrom: 1, slotTo: 6 }])
    bench.applier.pump(0)
    expect(bench.take('read-log')).toEqual([])
    const slots = [1, 2, 3, 4].map((number) => ({ slot: slot(number), ballot: undefined, value: batch(number) }))
    bench.applier.read(slots, 0)
    expect([bench.executed, bench.take('read-log')]).toEqual([[1, 2, 3, 4, 5, 6], []])
  })

  it('that are not on disk yet are asked for again at the next tick, and not before', () => {
    const bench = new Bench()
    bench.decide(1, 6, { isTold: false })
    bench.applier.pump(0)
    bench.take('read-log')
    bench.applier.read([], 0)
    for (let turn = 0; turn < 5; turn += 1) bench.applier.pump(0)
    expect(bench.take('read-log')).toEqual([])
    bench.applier.tick(20)
    bench.applier.pump(20)
    expect(bench.take('read-log').length).toBe(1)
  })

  it('that can never be read make it look for the State of others', () => {
    const bench = new Bench()
    bench.decide(1, 6, { isTold: false })
    const kinds: string[] = []
    for (let nowMs = 0; nowMs <= 6_000 && !kinds.includes('checkpoint-request'); nowMs += 20) {
      bench.applier.tick(nowMs)
      bench.applier.pump(nowMs)
      bench.applier.read([], nowMs)
      kinds.push(...bench.asks())
    }
    expect(kinds).toContain('checkpoint-request')
    // And when they can be read after all, it needs nobody's.
    const slots = [1, 2, 3, 4].map((number) => ({ slot: slot(number), ballot: undefined, value: batch(number) }))
    bench.applier.read(slots, 6_020)
    bench.applier.tick(6_040)
    expect([bench.applier.slotExecuted, bench.checkpoints.transfer]).toEqual([6, undefined])
  })

  it('are many in one turn at most, so that a turn stays short', () => {
    const bench = new Bench()
    const log = new Log({ self: a, configurations: always(configurationOf(a)) })
    const applier = new Applier({
      self: a,
      log,
      executor: bench.executor,
      checkpoints: bench.checkpoints,
      emit: () => undefined,
      note: () => undefined,
      onExecuted: () => undefined,
      onInstalled: () => undefined,
      jump: () => undefined,
    })
    for (let number = 1; number <= 300; number += 1) {
      log.chosen(slot(number), { ballot: ballotOf(1, a), value: batch(number) })
    }
    applier.pump(0)
    expect(applier.slotExecuted).toBe(256)
    applier.pump(0)
    expect(applier.slotExecuted).toBe(300)
  })
})

describe('a CHECKPOINT that is due', () => {
  it('is asked for once, and again when it did not come: a full queue or an election may have lost it', () => {
    const bench = new Bench()
    bench.decide(1, 3)
    expect([0, 20, 9_999].map((nowMs) => bench.applier.isCheckpointDue(nowMs))).toEqual([true, false, false])
    expect([10_000, 10_020].map((nowMs) => bench.applier.isCheckpointDue(nowMs))).toEqual([true, false])
  })
})

describe('a log that has lost its beginning', () => {
  it('means that the State is missing, until one is received', () => {
    const bench = new Bench()
    bench.decide(1, 2)
    expect(bench.applier.isStateMissing).toBe(false)
    bench.log.jump({ slot: slot(50), root: new State(sha256).root(), attestations: [] })
    bench.applier.pump(0)
    expect([bench.applier.isStateMissing, bench.asks()]).toEqual([true, ['checkpoint-request', 'checkpoint-request']])
    bench.applier.pump(0)
    expect(bench.asks()).toEqual([])
  })
})

describe('a State that is mistrusted', () => {
  const info = { slot: slot(2), timeMs: 2, root: new State(sha256).root(), keys: 0, stateBytes: 0, fileBytes: 0 }
  const onDisk = { ...info, durationMs: 1, certificate: { slot: slot(2), root: info.root, attestations: [] } }

  it('is not rebuilt from a log that reaches back to the first slot, but looked for at the others', () => {
    const bench = new Bench({ discardsState: true })
    bench.applier.restore([onDisk])
    bench.decide(1, 6)
    bench.applier.start(0)
    expect([bench.applier.isStateMissing, bench.executed, bench.asks()]).toEqual([
      true,
      [],
      ['checkpoint-request', 'checkpoint-request'],
    ])
    bench.decide(7, 8)
    bench.applier.pump(20)
    expect(bench.executed).toEqual([])
  })

  it('is also looked for where nothing was decided yet', () => {
    const bench = new Bench({ discardsState: true })
    bench.applier.restore([])
    bench.applier.start(0)
    expect([bench.applier.isStateMissing, bench.asks().length]).toEqual([true, 2])
  })

  it('leaves its checkpoints on disk, and offers them to nobody', () => {
    const bench = new Bench({ discardsState: true })
    bench.applier.restore([onDisk])
    bench.decide(1, 6)
    bench.applier.start(0)
    bench.asks()
    bench.applier.message(b, { kind: 'checkpoint-request', slotMin: slot(1) }, 0)
    bench.applier.tick(20)
    const kept = bench.take('retain')
    expect(kept.flatMap((effect) => (effect.kind === 'retain' ? effect.checkpoints : []))).toEqual([2])
    expect(bench.checkpoints.checkpoints).toEqual([])
  })
})
