import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../base/errors.ts'
import type { CheckpointInfo } from '../model/checkpoint.ts'
import type { Slot } from '../model/ids.ts'
import { SLOT_NONE, slot as toSlot, slotAfter } from '../model/ids.ts'
import type { CheckpointStore } from '../ports/checkpoint-store.ts'
import type { RecordStore, StoredSlot } from '../ports/record-store.ts'
import type { ReplicaEvent } from '../replica/events.ts'
import type { Replica, ReplicaStatus } from '../replica/replica.ts'
import { BackupError } from '../storage/backup-errors.ts'
import type { BackupHeader } from '../storage/backup-format.ts'
import { BackupWriter } from '../storage/backup-writing.ts'

/** Of a partition, and of the log, read at once. */
const READ_BYTES_MAX = 256 * 1024
/** Unit: ms. For slots that others know to be decided, and for those this replica's disk is behind with. */
const WAIT_MS_MAX = 20_000
const LOOK_AGAIN_MS = 20

export interface BackupSource {
  readonly replica: Pick<Replica, 'decidedValue' | 'readableTo'> & {
    readonly status: Pick<ReplicaStatus, 'slotDecided' | 'isStateMissing'>
    readonly checkpoints: { readonly checkpoints: readonly CheckpointInfo[] }
  }
  readonly store: Pick<RecordStore, 'read'>
  readonly checkpoints: Pick<CheckpointStore, 'digests' | 'piece'>
  readonly push: (event: ReplicaEvent) => void
}

export interface BackupOrder {
  readonly file: string
  /** What was acknowledged up to here is to be in it. */
  readonly slotMin: Slot
  /** The checkpoint and the slots are found here. */
  readonly header: Omit<BackupHeader, 'checkpoint' | 'slotLast'>
  /** So many bytes are written. */
  readonly onProgress: (doneBytes: number) => void
}

/**
 * Writes what this replica holds: its newest stable checkpoint, and every decided slot after it up to now. Retention is
 * held meanwhile, and nothing else of the replica waits for it.
 *
 * @returns the file's length in bytes; it is synced, and not read back yet
 * @throws BackupError; no file is left then
 */
export async function backUp(source: BackupSource, order: BackupOrder): Promise<number> {
  const { replica, push } = source
  await until(() => replica.status.slotDecided >= order.slotMin && !replica.status.isStateMissing, {
    otherwise: `this replica has not caught up with slot ${order.slotMin}`,
  })
  const checkpoint = replica.checkpoints.checkpoints.findLast(({ certificate }) => certificate !== undefined)
  const slotFrom = checkpoint?.slot ?? SLOT_NONE
  push({ kind: 'hold', slot: slotFrom })
  try {
    return await write(source, { ...order, checkpoint, slotFrom, slotLast: replica.status.slotDecided })
  } finally {
    push({ kind: 'hold', slot: undefined })
  }
}

interface Range {
  readonly checkpoint: CheckpointInfo | undefined
  readonly slotFrom: Slot
  readonly slotLast: Slot
}

async function write(source: BackupSource, order: BackupOrder & Range): Promise<number> {
  const { checkpoint, slotLast, onProgress } = order
  const header = { ...order.header, checkpoint: headerOf(checkpoint), slotLast }
  const writer = await BackupWriter.create(order.file, header)
  try {
    if (checkpoint !== undefined) await writeState(source, { writer, slot: checkpoint.slot, onProgress })
    for await (const { slot, value } of batches(source, order)) {
      await writer.slot(slot, value)
      onProgress(writer.bytes)
    }
    return await writer.finish()
  } catch (error) {
    await writer.abandon()
    throw error instanceof BackupError ? error : failed(messageOf(error), error)
  }
}

function headerOf(checkpoint: CheckpointInfo | undefined): BackupHeader['checkpoint'] {
  if (checkpoint?.certificate === undefined) return undefined
  const { timeMs, keys, stateBytes, certificate } = checkpoint
  return { timeMs, keys, stateBytes, certificate }
}

async function writeState(
  { checkpoints }: BackupSource,
  { writer, slot, onProgress }: { writer: BackupWriter; slot: Slot; onProgress: BackupOrder['onProgress'] },
): Promise<void> {
  for (const [partition, digest] of (await checkpoints.digests(slot)).entries()) {
    let packedBytes = 0
    for (let offset = 0; offset === 0 || offset < packedBytes;) {
      const piece = await checkpoints.piece({ slot, partition, offset, bytesMax: READ_BYTES_MAX })
      if (piece.bytes.length === 0) break
      ;({ packedBytes } = piece)
      if (offset === 0) await writer.partition({ partition, packedBytes, rawBytes: piece.rawBytes, digest })
      await writer.piece(piece.bytes)
      offset += piece.bytes.length
      onProgress(writer.bytes)
    }
  }
}

/** The newest are in memory and may not be on disk yet; of the others the disk has what was decided. */
async function* batches(
  { replica, store }: BackupSource,
  { slotFrom, slotLast }: Range,
): AsyncGenerator<Pick<StoredSlot, 'slot' | 'value'>, undefined, undefined> {
  for (let next = slotAfter(slotFrom); next <= slotLast;) {
    const value = replica.decidedValue(next)
    if (value !== undefined) {
      yield { slot: next, value }
      next = slotAfter(next)
      continue
    }
    await until(() => replica.readableTo(next) !== undefined, {
      otherwise: `slot ${next} of the log is not on this replica's disk yet`,
    })
    const slotTo = toSlot(Math.min(replica.readableTo(next) ?? next, slotLast))
    const stored = await store.read({ slotFrom: next, slotTo, bytesMax: READ_BYTES_MAX })
    if (stored.length === 0) throw failed(`slot ${next} of the log is not held by this replica`)
    for (const { slot, value: read } of stored) yield { slot, value: replica.decidedValue(slot) ?? read }
    next = toSlot(next + stored.length)
  }
}

async function until(holds: () => boolean, { otherwise }: { readonly otherwise: string }): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS_MAX
  while (!holds()) {
    if (performance.now() > deadlineMs) throw failed(otherwise)
    await sleep(LOOK_AGAIN_MS)
  }
}

function failed(reason: string, cause?: unknown): BackupError {
  return new BackupError({ code: 'BACKUP_SOURCE_FAILED', reason }, { cause })
}
