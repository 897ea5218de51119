import { messageOf } from '../base/errors.ts'
import { assert, unreachable } from '../base/assert.ts'
import { sha256 } from '../crypto/hash.ts'
import { createSigner, createVerifier } from '../crypto/signer.ts'
import { builtInMachines, createRegistry } from '../machine/registry.ts'
import { attestedBytes } from '../model/checkpoint.ts'
import { Replay } from '../replica/replay.ts'
import { State } from '../state/state.ts'
import { BackupError } from '../storage/backup-errors.ts'
import { readBackup } from '../storage/backup-reading.ts'
import type { VerifiedBackup } from '../storage/backup-reading.ts'
import { openCheckpointStore } from '../storage/checkpoint-store.ts'
import { openRecordStore } from '../storage/nedb-record-store.ts'
import type { Errand } from './protocol.ts'

type Restore = Extract<Errand, { kind: 'restore' }>

type OnProgress = (phase: 'verifying' | 'founding', done: number, total: number) => void

/**
 * Work with a backup, in a process of its own: it may take minutes and as much memory as a replica.
 *
 * @returns what the backup holds, all of it verified
 * @throws BackupError
 */
export function runErrand(errand: Errand, onProgress: OnProgress): Promise<VerifiedBackup> {
  const onRead = (done: number, total: number): void => {
    onProgress('verifying', done, total)
  }
  switch (errand.kind) {
    case 'verify':
      return readBackup({ file: errand.file, verify: createVerifier(), onProgress: onRead })
    case 'restore':
      return restore(errand, onProgress)
    default:
      return unreachable(errand)
  }
}

async function restore(errand: Restore, onProgress: OnProgress): Promise<VerifiedBackup> {
  const { file } = errand
  const registry = createRegistry(builtInMachines)
  const replay = new Replay({ registry, hash: sha256 })
  const state = new State(sha256)
  const backup = await readBackup({
    file,
    verify: createVerifier(),
    onHeader: ({ machines }) => {
      const unknown = machines.filter((name) => registry.find(name) === undefined)
      if (unknown.length > 0) throw new BackupError({ code: 'BACKUP_MACHINES_UNKNOWN', file, machines: unknown })
    },
    onPartition: (partition, entries) => {
      state.replacePartition(partition, entries)
    },
    onLog: ({ checkpoint }) => {
      if (checkpoint === undefined) return
      replay.install(state, { slot: checkpoint.certificate.slot, timeMs: checkpoint.timeMs })
    },
    onSlot: (slot, value) => {
      replay.execute(slot, value)
    },
    onProgress: (done, total) => {
      onProgress('verifying', done, total)
    },
  })
  try {
    // Without a slot there is nothing to keep: such a cluster is founded as any other.
    if (backup.header.slotLast > 0) await found(errand, { replay, onProgress })
  } catch (cause) {
    throw new BackupError({ code: 'RESTORE_FAILED', reason: messageOf(cause) }, { cause })
  }
  return backup
}

/**
 * Gives each new replica the State as a checkpoint, attested by all of them, and a log that goes on after it. Should the checkpoint be lost later, the replica knows that it lacks State and asks the others;
 * with an empty log, two such replicas would begin the cluster anew at slot 1.
 */
async function found(
  { cluster, replicas }: Restore,
  { replay, onProgress }: { readonly replay: Replay; readonly onProgress: OnProgress },
): Promise<void> {
  const slot = replay.slotExecuted
  const state = replay.state.freeze()
  const root = state.root()
  const attestations = replicas.map(({ replica, privateKey }) => ({
    replica,
    signature: createSigner(privateKey).sign(attestedBytes({ cluster, slot, root })),
  }))
  const certificate = { slot, root, attestations }
  for (const [index, { replica, folder }] of replicas.entries()) {
    onProgress('founding', index, replicas.length)
    const checkpoints = await openCheckpointStore({ folder, cluster, replica })
    await closing(checkpoints, async () => {
      const written = await checkpoints.write({ slot, timeMs: replay.timeMs, state })
      assert(written.root === root, 'what was written is the State that was rebuilt')
      await checkpoints.certify(certificate)
    })
    const store = await openRecordStore({ folder, cluster, replica, onRecord: () => undefined })
    await closing(store, () => store.append([{ kind: 'jumped', certificate }]))
  }
}

async function closing(open: { readonly close: () => Promise<void> }, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } finally {
    await open.close()
  }
}
