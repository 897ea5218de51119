import { describe, expect, it } from 'vitest'
import type { CheckpointEffect } from '../../../core/checkpoint/effects.ts'
import { Attestations } from '../../../core/checkpoint/attestations.ts'
import { Transfer } from '../../../core/checkpoint/transfer.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import type { CheckpointInfo } from '../../../core/model/checkpoint.ts'
import type { ReplicaId, Slot } from '../../../core/model/ids.ts'
import { slot } from '../../../core/model/ids.ts'
import type { FrozenState } from '../../../core/state/frozen-state.ts'
import type { State } from '../../../core/state/state.ts'
import type { CheckpointMessage } from '../../../core/wire/checkpoint.ts'
import { a, always, b, c, stranger, three } from '../../support/members.ts'
import { MemoryCheckpoints, testSigner } from '../../support/memory-disk.ts'
import { certificateOf, cluster, infoOf, rootOf, stateOf, told, toldTo } from './parts.ts'

type Lie = (message: CheckpointMessage) => CheckpointMessage | undefined
const honest: Lie = (message) => message
/** Answers nothing but offers. */
const silent: Lie = (message) => (message.kind === 'checkpoint-offer' ? message : undefined)

/** A replica that receives, and members that give from checkpoints of their own, each as it will. */
class Bench {
  readonly effects: CheckpointEffect[] = []
  readonly transfer: Transfer
  readonly #sources = new Map<ReplicaId, { readonly store: MemoryCheckpoints; lie: Lie }>()
  readonly asked: [ReplicaId, CheckpointMessage['kind']][] = []
  /** Pieces that came. */
  pieces = 0
  nowMs = 0

  constructor() {
    const attestations = new Attestations({ self: a, cluster, configurations: always(three), signing: testSigner(a) })
    this.transfer = new Transfer({
      others: () => [b, c],
      hash: sha256,
      isValid: (certificate) => attestations.isValid(certificate),
      emit: (effect) => {
        this.effects.push(effect)
      },
    })
  }

  /** A member holds a stable checkpoint. */
  holds(source: ReplicaId, number: number, state: State, lie: Lie = honest): void {
    const { store } = this.#sources.get(source) ?? { store: new MemoryCheckpoints() }
    store.put(MemoryCheckpoints.encode({ slot: slot(number), timeMs: number, state: state.freeze() }))
    store.certify(certificateOf(number, state.root(), [b, c]))
    this.#sources.set(source, { store, lie })
  }

  drops(source: ReplicaId, number: number): void {
    this.#sources.get(source)?.store.remove(slot(number))
  }

  begin(slotMin = 1, own?: FrozenState): void {
    this.transfer.begin(slot(slotMin), own, this.nowMs)
    this.#serve()
  }

  /** Ticks until nothing more is asked for, or so long. */
  pass(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs;) {
      this.nowMs += 20
      this.transfer.tick(this.nowMs)
      this.#serve()
    }
  }

  offer(from: ReplicaId, number: number, state: State, by: readonly ReplicaId[] = [b, c]): void {
    const certificate = certificateOf(number, state.root(), by)
    this.transfer.offered(from, { kind: 'checkpoint-offer', timeMs: 1, stateBytes: 1, certificate }, this.nowMs)
    this.#serve()
  }

  /** What was written is on disk. */
  written(): Extract<CheckpointEffect, { kind: 'install' }> | undefined {
    const info = this.writing
    if (info === undefined) return undefined
    this.transfer.written(info, this.nowMs)
    return this.effects.find((effect) => effect.kind === 'install')
  }

  get writing(): CheckpointInfo | undefined {
    const checkpoint = this.effects.findLast((effect) => effect.kind === 'checkpoint')
    return checkpoint === undefined ? undefined : MemoryCheckpoints.encode(checkpoint).info
  }

  get jumps(): Slot[] {
    return this.effects.flatMap((effect) => (effect.kind === 'jump' ? [effect.certificate.slot] : []))
  }

  #serve(): void {
    for (let index = 0; index < this.effects.length; index += 1) {
      const effect = this.effects[index]
      if (effect?.kind === 'send') {
        this.effects.splice(index, 1)
        index -= 1
        this.asked.push([effect.to, effect.message.kind])
        for (const answer of this.#answers(effect.to, effect.message)) this.#hear(effect.to, answer)
      } else if (effect?.kind === 'unpack') {
        this.effects.splice(index, 1)
        index -= 1
        const { partition, digest, packed } = effect
        this.transfer.unpacked(partition, digest, MemoryCheckpoints.unpack(packed, digest), this.nowMs)
      }
    }
  }

  #answers(of: ReplicaId, message: CheckpointMessage): CheckpointMessage[] {
    const source = this.#sources.get(of)
    if (source === undefined) return []
    const newest = source.store.infos.at(-1)
    const answers =
      message.kind === 'digests-request'
        ? source.store.answer(message.slot, { kind: 'digests' })
        : message.kind === 'state-request'
          ? source.store.answer(message.slot, { kind: 'pieces', pieces: message.pieces })
          : []
    if (message.kind === 'checkpoint-request' && newest?.certificate !== undefined && newest.slot >= message.slotMin) {
      const { timeMs, stateBytes, certificate } = newest
      answers.push({ kind: 'checkpoint-offer', timeMs, stateBytes, certificate })
    }
    return answers.map((answer) => source.lie(answer)).filter((answer) => answer !== undefined)
  }

  #hear(from: ReplicaId, message: CheckpointMessage): void {
    if (message.kind === 'checkpoint-offer') this.transfer.offered(from, message, this.nowMs)
    if (message.kind === 'digests') this.transfer.digests(from, message, this.nowMs)
    if (message.kind === 'state-pieces') {
      this.pieces += message.pieces.length
      this.transfer.pieces(from, message, this.nowMs)
    }
    if (message.kind === 'state-gone') this.transfer.gone(from, message.slot, this.nowMs)
  }
}

const many = (count: number, text = 'v'): State =>
  stateOf(Object.fromEntries(Array.from({ length: count }, (_, index) => [`key ${index}`, `${text}${index}`])))

describe('a state transfer', () => {
  it('brings the newest checkpoint that a majority vouches for: jump, write, certify, install', () => {
    const bench = new Bench()
    bench.holds(b, 10, many(50, 'old'))
    bench.holds(c, 20, many(300))
    bench.begin()
    bench.pass(500)
    expect([bench.jumps, bench.writing?.slot, bench.writing?.root]).toEqual([[20], 20, many(300).root()])
    expect(bench.effects.some(({ kind }) => kind === 'install' || kind === 'certify')).toBe(false)
    const installed = bench.written()
    expect([installed?.slot, installed?.state.root(), bench.transfer.isActive]).toEqual([20, many(300).root(), false])
    expect(bench.effects.map(({ kind }) => kind).slice(-2)).toEqual(['install', 'checkpoint-note'])
  })

  it('takes from all who have that checkpoint', () => {
    const bench = new Bench()
    for (const source of [b, c]) bench.holds(source, 20, many(300))
    bench.begin()
    bench.pass(500)
    expect(bench.written()?.slot).toBe(20)
    const givers = bench.asked.filter(([, kind]) => kind === 'state-request').map(([to]) => to)
    expect(new Set(givers)).toEqual(new Set([b, c]))
  })

  it('fetches nothing that is here', () => {
    const bench = new Bench()
    bench.holds(b, 20, many(300))
    bench.begin(1, many(300).freeze())
    bench.pass(1_500)
    expect(bench.asked.filter(([, kind]) => kind === 'state-request')).toEqual([])
    expect(bench.written()?.state.root()).toBe(many(300).root())
  })

  it('tells how far it is', () => {
    const bench = new Bench()
    expect(bench.transfer.progress).toBe(undefined)
    bench.begin()
    expect(bench.transfer.progress).toMatchObject({ phase: 'seeking', slot: undefined })
    bench.holds(b, 20, many(300), (message) => (message.kind === 'state-pieces' ? undefined : message))
    bench.pass(1_500)
    expect(bench.transfer.progress).toMatchObject({ phase: 'fetching', slot: 20, sources: [b], partitionsDone: 0 })
    expect(bench.transfer.progress?.partitionsWanted).toBeGreaterThan(200)
  })
})

describe('an offer', () => {
  it('is refused when too few signed it, when it is too old, or from strangers', () => {
    const bench = new Bench()
    bench.begin(15)
    bench.offer(b, 10_000, many(1), [b])
    bench.offer(b, 10_000, many(1), [stranger, b])
    bench.offer(c, 14, many(1))
    bench.offer(stranger, 20, many(1))
    bench.pass(1_000)
    expect([bench.jumps, bench.transfer.progress?.phase]).toEqual([[], 'seeking'])
  })

  it('that comes unasked begins nothing', () => {
    const bench = new Bench()
    bench.offer(b, 20, many(1))
    expect([bench.transfer.isActive, bench.effects]).toEqual([false, []])
  })

  it('is asked for again until there is one', () => {
    const bench = new Bench()
    bench.begin()
    bench.pass(2_500)
    expect(bench.asked.length).toBe(6)
    bench.holds(b, 20, many(5))
    bench.pass(2_000)
    expect(bench.written()?.slot).toBe(20)
  })
})

describe('a source', () => {
  it('that gives other digests than were attested gives nothing more, and the others do', () => {
    const bench = new Bench()
    const lie: Lie = (message) =>
      message.kind === 'digests' ? { ...message, digests: message.digests.with(3, rootOf('other')) } : message
    bench.holds(b, 20, many(300), lie)
    bench.holds(c, 20, many(300))
    bench.begin()
    bench.pass(2_000)
    expect(bench.asked).not.toContainEqual([b, 'state-request'])
    expect(bench.written()?.state.root()).toBe(many(300).root())
  })

  it.each([
    ['wrong', { bytes: Uint8Array.of(1), packedBytes: 1, rawBytes: 1 }],
    ['empty', { bytes: new Uint8Array(0) }],
    ['huge', { packedBytes: Number.MAX_SAFE_INTEGER }],
  ])('that gives %s pieces is asked no more, and the others for all of it', (_, changes) => {
    const bench = new Bench()
    const lie: Lie = (message) =>
      message.kind === 'state-pieces'
        ? { ...message, pieces: message.pieces.map((piece) => ({ ...piece, ...changes })) }
        : message
    bench.holds(b, 20, many(300), lie)
    bench.holds(c, 20, many(300))
    bench.begin()
    bench.pass(3_000)
    // Another question was on its way before the first answer came.
    expect(bench.asked.filter(([to, kind]) => to === b && kind === 'state-request').length).toBeLessThan(3)
    expect(bench.written()?.state.root()).toBe(many(300).root())
  })

  it('that alone has the checkpoint and gives nonsense is not asked again and again in one breath', () => {
    const bench = new Bench()
    const lie: Lie = (message) =>
      message.kind === 'state-pieces'
        ? { ...message, pieces: message.pieces.map((piece) => ({ ...piece, bytes: new Uint8Array(0) })) }
        : message
    bench.holds(b, 20, many(300), lie)
    bench.begin()
    bench.pass(1_500)
    expect(bench.transfer.progress).toMatchObject({ phase: 'fetching', sources: [] })
    const offers = bench.asked.filter(([to, kind]) => to === b && kind === 'checkpoint-request').length
    const requests = bench.asked.length
    bench.offer(b, 20, many(300))
    expect(bench.asked.length).toBe(requests)
    bench.pass(1_000)
    expect(bench.transfer.progress).toMatchObject({ phase: 'fetching', sources: [] })
    expect(bench.asked.filter(([to, kind]) => to === b && kind === 'checkpoint-request').length).toBe(offers)
    bench.pass(8_000)
    const asks = bench.asked.filter(([, kind]) => kind === 'state-request').length
    expect([asks > 0, asks < 10]).toEqual([true, true])
  })

  it('that breaks off in the middle loses nothing of what came', () => {
    const bench = new Bench()
    let pieces = 0
    const breaks: Lie = (message) => {
      if (message.kind === 'state-pieces') pieces += 1
      return pieces > 3 ? undefined : message
    }
    bench.holds(b, 20, many(300), breaks)
    bench.begin()
    bench.pass(1_000)
    const { partitionsDone = 0, partitionsWanted = 0 } = bench.transfer.progress ?? {}
    expect(partitionsDone).toBeGreaterThan(0)
    bench.transfer.peer(b, false, bench.nowMs)
    bench.holds(c, 20, many(300))
    const given = bench.pieces
    bench.pass(3_000)
    expect(bench.written()?.state.root()).toBe(many(300).root())
    expect(bench.pieces - given).toBe(partitionsWanted - partitionsDone)
  })

  it('that drops the checkpoint in the middle is followed to its newer one, with what came before', () => {
    const bench = new Bench()
    const same = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`key ${index}`, 'same']))
    const older = stateOf({ ...same, gone: 'x' })
    const newer = stateOf({ ...same, fresh: 'y' })
    let pieces = 0
    bench.holds(b, 20, older, (message) => {
      if (message.kind === 'state-pieces' && (pieces += 1) === 8) {
        bench.holds(b, 30, newer)
        bench.drops(b, 20)
      }
      return message
    })
    bench.begin()
    bench.pass(8_000)
    expect([bench.jumps, bench.writing?.slot]).toEqual([[20, 30], 30])
    expect(bench.written()?.state.root()).toBe(newer.root())
  })

  it('that offers the newest checkpoint and stays silent is left for another that has a newer one by then', () => {
    const bench = new Bench()
    bench.holds(b, 20, many(300), silent)
    bench.begin()
    bench.pass(3_000)
    bench.holds(c, 30, many(300))
    bench.pass(20_000)
    expect(bench.written()?.slot).toBe(30)
  })
})

describe('a State that was received', () => {
  const received = (): Bench => {
    const bench = new Bench()
    bench.holds(b, 20, many(30))
    bench.begin()
    bench.pass(1_500)
    return bench
  }

  it('and that could not be written is sought and written again, and fetched once', () => {
    const bench = received()
    const asks = bench.asked.filter(([, kind]) => kind === 'state-request').length
    bench.effects.length = 0
    bench.transfer.failed(slot(20), bench.nowMs)
    bench.pass(1_500)
    expect([bench.writing?.slot, bench.asked.filter(([, kind]) => kind === 'state-request').length]).toEqual([20, asks])
  })

  it('and that is another on disk than was attested is fetched anew, as a whole', () => {
    const bench = received()
    expect(bench.transfer.written(infoOf(20, rootOf('rotten')), bench.nowMs)).toBe(undefined)
    const asks = bench.asked.filter(([, kind]) => kind === 'state-request').length
    bench.pass(1_500)
    expect(bench.asked.filter(([, kind]) => kind === 'state-request').length).toBeGreaterThan(asks)
    expect(bench.written()?.state.root()).toBe(many(30).root())
  })

  it('is not installed when another checkpoint was written', () => {
    const bench = received()
    expect(bench.transfer.written(infoOf(19), bench.nowMs)).toBe(undefined)
    expect([bench.transfer.isActive, bench.effects.some(({ kind }) => kind === 'install')]).toEqual([true, false])
  })
})

describe('a transfer that is not needed any more', () => {
  it('ends when execution came there by itself', () => {
    const bench = new Bench()
    bench.begin(15)
    bench.transfer.reached(slot(14))
    expect(bench.transfer.isActive).toBe(true)
    bench.transfer.reached(slot(15))
    expect(bench.transfer.isActive).toBe(false)
    bench.begin(16)
    expect(bench.transfer.progress?.phase).toBe('seeking')
  })

  it('does not end before the checkpoint it jumped to is reached', () => {
    const bench = new Bench()
    bench.holds(b, 20, many(300), silent)
    bench.begin(15)
    bench.pass(1_500)
    bench.transfer.reached(slot(19))
    expect(bench.transfer.isActive).toBe(true)
    bench.transfer.reached(slot(20))
    expect(bench.transfer.isActive).toBe(false)
  })
})

it('in a cluster of one asks nobody and waits', () => {
  const effects: CheckpointEffect[] = []
  const transfer = new Transfer({
    others: () => [],
    hash: sha256,
    isValid: () => true,
    emit: (effect) => {
      effects.push(effect)
    },
  })
  transfer.begin(slot(1), undefined, 0)
  for (let nowMs = 0; nowMs < 30_000; nowMs += 20) transfer.tick(nowMs)
  expect([told(effects), toldTo(effects, 'checkpoint-request'), transfer.progress?.phase]).toEqual([[], [], 'seeking'])
})
