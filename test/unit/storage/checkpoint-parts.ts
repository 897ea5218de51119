import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createPrng } from '../../../core/base/prng.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import type { CanonicalValue } from '../../../core/model/canonical.ts'
import type { Certificate, CheckpointInfo } from '../../../core/model/checkpoint.ts'
import { slot } from '../../../core/model/ids.ts'
import type { CheckpointStore } from '../../../core/ports/checkpoint-store.ts'
import type { FrozenState } from '../../../core/state/frozen-state.ts'
import { State } from '../../../core/state/state.ts'
import { nodeDisk } from '../../../core/storage/checkpoint-disk.ts'
import type { CheckpointDisk } from '../../../core/storage/checkpoint-disk.ts'
import { openCheckpointStore } from '../../../core/storage/checkpoint-store.ts'
import type { CheckpointStoreInit } from '../../../core/storage/checkpoint-store.ts'
import { StorageError } from '../../../core/storage/errors.ts'
import { alice, bob, cluster } from './log-folder.ts'

/** Some value of each kind there is; the same for the same number. */
function valueOf(number: number): CanonicalValue {
  const prng = createPrng(number)
  const bytes = Uint8Array.from({ length: prng.between(0, 300) }, () => prng.between(0, 255))
  const kinds: readonly CanonicalValue[] = [
    number * 1.5,
    'ü€😀'.repeat(prng.between(0, 60)),
    bytes,
    { value: 'x'.repeat(prng.between(0, 400)), expires: null, nested: [true, { a: -number }] },
  ]
  return kinds[number % kinds.length] ?? null
}

export function stateOf(keys: number, seed = 0): FrozenState {
  const state = new State(sha256)
  for (let number = 0; number < keys; number += 1) state.set(`kv/key-${number}`, valueOf(seed + number))
  return state.freeze()
}

export function openCheckpoints(folder: string, init: Partial<CheckpointStoreInit> = {}): Promise<CheckpointStore> {
  return openCheckpointStore({ folder, cluster, replica: alice, ...init })
}

export function writeCheckpoint(store: CheckpointStore, at: number, state: FrozenState): Promise<CheckpointInfo> {
  return store.write({ slot: slot(at), timeMs: 1_700_000_000_000 + at, state })
}

export function certificateOf({ slot: of, root }: Pick<CheckpointInfo, 'slot' | 'root'>): Certificate {
  const attestations = [alice, bob].map((replica, index) => ({
    replica,
    signature: new Uint8Array(64).fill(index + 1),
  }))
  return { slot: of, root, attestations }
}

/** The State a checkpoint holds. */
export async function loaded(store: CheckpointStore, at: number): Promise<State> {
  const state = new State(sha256)
  await store.load(slot(at), (partition, entries) => {
    state.replacePartition(partition, entries)
  })
  return state
}

export function namesIn(folder: string): readonly string[] {
  return readdirSync(join(folder, 'checkpoints')).sort()
}

export function checkpointPath(folder: string, at: number, suffix = 'synod'): string {
  return join(folder, 'checkpoints', nameOf(at, suffix))
}

export function nameOf(at: number, suffix = 'synod'): string {
  return `checkpoint-${String(at).padStart(12, '0')}.${suffix}`
}

export function slotsOf(store: CheckpointStore): readonly number[] {
  return store.checkpoints.map((info) => info.slot)
}

/** What the promise was rejected with, if that is a StorageError. */
export async function faultOf(attempt: Promise<unknown>): Promise<StorageError['fault'] | undefined> {
  try {
    await attempt
    return undefined
  } catch (error) {
    if (error instanceof StorageError) return error.fault
    throw error
  }
}

export type Change = 'createFolder' | 'create' | 'append' | 'sync' | 'close' | 'rename' | 'remove' | 'syncFolder'

/** The real disk; `before` is awaited ahead of each operation that changes something. */
export function watchedDisk(
  before: (change: Change, file: string, bytes?: Uint8Array) => Promise<void>,
): CheckpointDisk {
  return {
    ...nodeDisk,
    createFolder: async (folder) => {
      await before('createFolder', folder)
      await nodeDisk.createFolder(folder)
    },
    create: async (file) => {
      await before('create', file)
      const opened = await nodeDisk.create(file)
      return {
        append: async (bytes) => {
          await before('append', file, bytes)
          await opened.append(bytes)
        },
        sync: async () => {
          await before('sync', file)
          await opened.sync()
        },
        close: async () => {
          try {
            await before('close', file)
          } finally {
            await opened.close()
          }
        },
      }
    },
    rename: async (from, to) => {
      await before('rename', to)
      await nodeDisk.rename(from, to)
    },
    remove: async (file) => {
      await before('remove', file)
      await nodeDisk.remove(file)
    },
    syncFolder: async (folder) => {
      await before('syncFolder', folder)
      await nodeDisk.syncFolder(folder)
    },
  }
}
