import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createPrng } from '../../../core/base/prng.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import { createSigner, createVerifier } from '../../../core/crypto/signer.ts'
import { backUp } from '../../../core/host/backing-up.ts'
import type { BackupSource } from '../../../core/host/backing-up.ts'
import { builtInMachines, createRegistry } from '../../../core/machine/registry.ts'
import { attestedBytes } from '../../../core/model/checkpoint.ts'
import { clusterId, slot } from '../../../core/model/ids.ts'
import type { LogRecord } from '../../../core/model/record.ts'
import type { CheckpointStore } from '../../../core/ports/checkpoint-store.ts'
import type { RecordStore } from '../../../core/ports/record-store.ts'
import type { ReplicaEvent } from '../../../core/replica/events.ts'
import { Replica } from '../../../core/replica/replica.ts'
import { State } from '../../../core/state/state.ts'
import { BackupError } from '../../../core/storage/backup-errors.ts'
import { readBackup } from '../../../core/storage/backup-reading.ts'
import { openCheckpointStore } from '../../../core/storage/checkpoint-store.ts'
import { openRecordStore } from '../../../core/storage/nedb-record-store.ts'
import { a, three } from '../../support/members.ts'
import { testSigner } from '../../support/memory-disk.ts'
import { createFounders, headerOf, stateOf } from '../storage/backup-parts.ts'
import type { Founders } from '../storage/backup-parts.ts'

let founders: Founders
let folder: string
let file: string
let store: RecordStore
let checkpoints: CheckpointStore
let events: ReplicaEvent[]

beforeAll(async () => {
  founders = await createFounders()
})

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'synod-backing-up-'))
  file = join(folder, 'backup.new')
  events = []
  const [{ replica } = { replica: a }] = founders.identities
  const init = { folder: join(folder, 'replica'), cluster: founders.cluster, replica }
  store = await openRecordStore({ ...init, onRecord: () => undefined })
  checkpoints = await openCheckpointStore(init)
})

afterEach(async () => {
  await store.close()
  await checkpoints.close()
  await rm(folder, { recursive: true })
})

function batch(number: number, byte = number): Uint8Array {
  return new Uint8Array(50_000).fill(byte)
}

/** Slots on disk; what was accepted first may not be what was decided. */
function append(from: number, to: number): Promise<void> {
  const records = Array.from({ length: to - from + 1 }, (_, index): LogRecord => {
    return { kind: 'learned', slot: slot(from + index), value: batch(from + index) }
  })
  return store.append(records)
}

async function writeCheckpoint(at: number, state: State, signers = 2): Promise<void> {
  const { cluster, identities } = founders
  const { root } = await checkpoints.write({ slot: slot(at), timeMs: 5, state: state.freeze() })
  if (signers === 0) return
  const attestations = identities.slice(0, signers).map(({ replica, privateKey }) => ({
    replica,
    signature: createSigner(privateKey).sign(attestedBytes({ cluster, slot: slot(at), root })),
  }))
  await checkpoints.certify({ slot: slot(at), root, attestations })
}

/** What the replica says of itself, beside its real disk. */
function source(replica: {
  readonly slotDecided: number
  readonly memory?: ReadonlyMap<number, Uint8Array>
  readonly readableTo?: BackupSource['replica']['readableTo']
}): BackupSource {
  const { slotDecided, memory = new Map<number, Uint8Array>(), readableTo = () => slot(replica.slotDecided) } = replica
  return {
    store,
    checkpoints,
    push: (event) => void events.push(event),
    replica: {
      get status() {
        return { slotDecided: slot(slotDecided), isStateMissing: false }
      },
      get checkpoints() {
        return checkpoints
      },
      decidedValue: (at) => memory.get(at),
      readableTo,
    },
  }
}

const order = () => {
  const { cluster, name, synod, createdMs, machines, members, settings } = headerOf({ founders, batches: [] })
  const header = { cluster, name, synod, createdMs, machines, members, settings }
  return { file, slotMin: slot(0), header, onProgress: () => undefined }
}

async function slotsIn(): Promise<[number, number][]> {
  const slots: [number, number][] = []
  await readBackup({
    file,
    verify: createVerifier(),
    onSlot: (at, value) => void slots.push([at, value[0] ?? 0]),
  })
  return slots
}

describe('backing up what a replica holds', () => {
  it('takes the newest stable checkpoint and every decided slot after it, and holds both meanwhile', async () => {
    await append(1, 60)
    await writeCheckpoint(20, stateOf(10))
    const state = stateOf(2_000, (index) => 'v'.repeat(index))
    await writeCheckpoint(30, state)
    await writeCheckpoint(40, stateOf(5), 0)
    const written: number[] = []
    const fileBytes = await backUp(source({ slotDecided: 55 }), {
      ...order(),
      onProgress: (done) => {
        written.push(done)
        expect(events).toEqual([{ kind: 'hold', slot: 30 }])
      },
    })
    const back = new State(sha256)
    const read = await readBackup({
      file,
      verify: createVerifier(),
      onPartition: (partition, entries) => {
        back.replacePartition(partition, entries)
      },
    })
    expect(back.root()).toBe(state.root())
    expect(read).toMatchObject({ fileBytes, header: { slotLast: 55, checkpoint: { keys: 2_000 } } })
    expect(await slotsIn()).toEqual(Array.from({ length: 25 }, (_, index) => [31 + index, 31 + index]))
    expect(written.toSorted((left, right) => left - right)).toEqual(written)
    expect(events).toEqual([
      { kind: 'hold', slot: 30 },
      { kind: 'hold', slot: undefined },
    ])
  })

  it('takes all of the log where no checkpoint is stable', async () => {
    await append(1, 12)
    await writeCheckpoint(8, stateOf(3), 0)
    await backUp(source({ slotDecided: 12 }), order())
    expect((await slotsIn()).map(([at]) => at)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1))
    expect(events[0]).toEqual({ kind: 'hold', slot: 0 })
  })

  it('takes from memory what is there: the disk may still hold what was accepted before', async () => {
    await append(1, 10)
    const memory = new Map([8, 9, 10, 11].map((at) => [at, batch(at, 100 + at)]))
    await backUp(source({ slotDecided: 11, memory }), order())
    expect((await slotsIn()).slice(6)).toEqual([
      [7, 7],
      [8, 108],
      [9, 109],
      [10, 110],
      [11, 111],
    ])
  })

  it('waits for slots that are not on disk yet', async () => {
    await append(1, 5)
    let asked = 0
    const readableTo: BackupSource['replica']['readableTo'] = (from) => {
      if (from <= 5) return slot(5)
      asked += 1
      if (asked === 2) void append(6, 9)
      return asked > 3 ? slot(9) : undefined
    }
    await backUp(source({ slotDecided: 9, readableTo }), order())
    expect(asked).toBeGreaterThan(3)
    expect((await slotsIn()).map(([at]) => at)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('leaves no file and holds nothing when the log does not reach back far enough', async () => {
    await append(5, 9)
    const failed: unknown = await backUp(source({ slotDecided: 9 }), order()).catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(BackupError)
    expect(failed).toMatchObject({ fault: { code: 'BACKUP_SOURCE_FAILED' } })
    expect(await readdir(folder)).toEqual(['replica'])
    expect(events.at(-1)).toEqual({ kind: 'hold', slot: undefined })
  })
})

describe('a replica that is told to hold', () => {
  it('shows what it holds until it is let go', () => {
    const replica = new Replica({
      self: a,
      cluster: clusterId('1a'.repeat(16)),
      signer: testSigner(a),
      configuration: three,
      registry: createRegistry(builtInMachines),
      hash: sha256,
      life: '1',
      prng: createPrng(1),
    })
    const now = { monotonicMs: 0, wallMs: 0 }
    replica.start(now)
    replica.step({ kind: 'hold', slot: slot(30) }, now)
    expect(replica.checkpoints.pinned).toEqual([30])
    replica.step({ kind: 'hold', slot: undefined }, now)
    expect(replica.checkpoints.pinned).toEqual([])
  })
})
