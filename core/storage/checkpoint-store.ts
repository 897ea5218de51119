import { join } from 'node:path'
import { assert } from '../base/assert.ts'
import type { Certificate, CheckpointInfo } from '../model/checkpoint.ts'
import type { Digest } from '../model/digest.ts'
import type { ClusterId, ReplicaId, Slot } from '../model/ids.ts'
import type { CheckpointStore, OnPartition, PackedPiece } from '../ports/checkpoint-store.ts'
import type { Entry } from '../state/partition.ts'
import { certificateLine } from './checkpoint-certificate.ts'
import type { CheckpointDisk } from './checkpoint-disk.ts'
import { atOpening, guardedDisk, isDamage, nodeDisk } from './checkpoint-disk.ts'
import { digestsOf } from './checkpoint-file.ts'
import type { CheckpointIndex, NamedFile } from './checkpoint-file.ts'
import { checkpointName, namedFile, openFolder, setAside, unfinished } from './checkpoint-folder.ts'
import type { DamagedFile, FolderInit, HeldCheckpoint, OpenedFolder } from './checkpoint-folder.ts'
import { decodePartition, digestOf, EMPTY_PARTITION_DIGEST, unpackPartition } from './checkpoint-partition.ts'
import { Readers } from './checkpoint-readers.ts'
import { loadCheckpoint, openCheckpoint, readPiece } from './checkpoint-reading.ts'
import type { OpenCheckpoint, PieceQuery } from './checkpoint-reading.ts'
import { Slices } from './checkpoint-slices.ts'
import { writeVerified } from './checkpoint-writing.ts'
import { StorageError } from './errors.ts'
import { ReceivedPartitions } from './received-partitions.ts'

/**
 * Unit: ms. A checkpoint of 100 MB takes some seconds of work of a millisecond each, and this after each. So does what a
 * transfer brings while requests go on: partitions are asked for as others are unpacked, so the sources rest, too.
 */
const REST_MS = 8

export interface CheckpointStoreInit {
  /** The replica's own folder; checkpoints lie in `checkpoints` below it. One store at a time. */
  readonly folder: string
  readonly cluster: ClusterId
  readonly replica: ReplicaId
  /** Told of each checkpoint or certificate that is found damaged, at opening or later; it is not listed any more. */
  readonly onDamaged?: (error: StorageError) => void
  /** Whether others have requests to serve: what is received and written for a transfer leaves them time then. */
  readonly requestsGoOn?: () => boolean
  /** How files are reached: as Node reaches them, unless a test breaks it. */
  readonly disk?: CheckpointDisk
}

/**
 * Opens the checkpoints of one replica. Reads their indexes only.
 *
 * @throws StorageError when one is of a newer format or of another cluster or replica, or the folder can't be used.
 */
export async function openCheckpointStore(init: CheckpointStoreInit): Promise<CheckpointStore> {
  const { cluster, replica, onDamaged = () => undefined, requestsGoOn = () => false, disk = nodeDisk } = init
  const folder = join(init.folder, 'checkpoints')
  const folderInit = { disk: guardedDisk(disk), folder, owner: { cluster, replica }, onDamaged }
  try {
    return new FileCheckpointStore(folderInit, await openFolder(folderInit), requestsGoOn)
  } catch (error) {
    throw atOpening(error)
  }
}

/**
 * What changes the folder goes through one queue. A checkpoint that goes leaves the list at once, and the disk when
 * nobody reads it any more.
 */
class FileCheckpointStore implements CheckpointStore {
  readonly #init: FolderInit
  readonly #disk: CheckpointDisk
  readonly #held: Map<Slot, HeldCheckpoint>
  readonly #readers: Readers
  readonly #slices: Slices
  /** For what nobody waits for. */
  readonly #calmSlices = new Slices(() => REST_MS)
  readonly #received = new ReceivedPartitions()
  #checkpoints: readonly CheckpointInfo[] = []
  #damaged: DamagedFile
  #queue: Promise<unknown> = Promise.resolve()
  /** Checkpoints on their way out of the folder. */
  readonly #leaving = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  constructor(init: FolderInit, { held, damaged }: OpenedFolder, requestsGoOn: () => boolean) {
    this.#init = init
    this.#disk = init.disk
    this.#slices = new Slices(() => (requestsGoOn() ? REST_MS : 0))
    this.#held = held
    this.#damaged = damaged
    this.#readers = new Readers((slot) => openCheckpoint(init.disk, this.#named(checkpointName(slot, 'synod'))))
    this.#list()
  }

  get checkpoints(): readonly CheckpointInfo[] {
    return this.#checkpoints
  }

  get bytes(): number {
    let bytes = this.#damaged.bytes
    for (const { info, certificateBytes } of this.#held.values()) bytes += info.fileBytes + certificateBytes
    return bytes
  }

  async write({ isAwaited = false, ...frozen }: Parameters<CheckpointStore['write']>[0]): Promise<CheckpointInfo> {
    const startMs = performance.now()
    return this.#inTurn(async () => {
      const unfinishedFile = this.#named(unfinished(checkpointName(frozen.slot, 'synod')))
      const proceed = (): void => {
        this.#refuseClosed()
      }
      const slices = isAwaited ? this.#slices : this.#calmSlices
      const init = { disk: this.#disk, named: unfinishedFile, slices, isAwaited, received: this.#received, proceed }
      // Afterwards it is on the disk, or nobody asks for it any more, or what was kept is not what came.
      const { index, fileBytes } = await writeVerified(init, frozen).finally(() => this.#received.clear())
      const kept = await this.#publish(unfinishedFile.file, index)
      const { slot, timeMs, root, keys, stateBytes } = index
      const durationMs = performance.now() - startMs
      const certificate = kept?.info.certificate
      const info = { slot, timeMs, root, keys, stateBytes, fileBytes, durationMs, certificate }
      this.#hold({ info, certificateBytes: kept?.certificateBytes ?? 0 })
      return info
    })
  }

  async certify(certificate: Certificate): Promise<void> {
    return this.#inTurn(async () => {
      const { slot } = certificate
      const { info } = this.#heldAt(slot)
      assert(info.root === certificate.root, 'a certificate is over the root of its checkpoint')
      const named = this.#named(checkpointName(slot, 'certificate'))
      const line = certificateLine(certificate, named)
      await this.#replaceFile(named.file, line)
      // Meanwhile it may have been told to go: then its files go next.
      if (this.#held.get(slot)?.info !== info) return
      this.#hold({ info: { ...info, certificate }, certificateBytes: line.length })
    })
  }

  load(slot: Slot, onPartition: OnPartition): Promise<void> {
    return this.#reading(slot, (opened) => loadCheckpoint(opened, this.#slices, onPartition))
  }

  digests(slot: Slot): Promise<readonly Digest[]> {
    return this.#reading(slot, ({ index }) => Promise.resolve(digestsOf(index.partitions)))
  }

  piece({ slot, ...query }: PieceQuery & { readonly slot: Slot }): Promise<PackedPiece> {
    return this.#reading(slot, (opened) => readPiece(opened, query))
  }

  async unpack(
    packed: Uint8Array,
    { rawBytes, digest }: { readonly rawBytes: number; readonly digest: Digest },
  ): Promise<readonly Entry[] | undefined> {
    if (rawBytes === 0) return packed.length === 0 && digest === EMPTY_PARTITION_DIGEST ? [] : undefined
    // Of many who rested together, each looks again: one slice is not enough for all of them.
    while (this.#slices.spent) await this.#slices.pause()
    const raw = await unpackPartition(packed, rawBytes)
    if (raw === undefined || (await digestOf(raw, this.#slices)) !== digest) return undefined
    const entries = await decodePartition(raw, this.#slices)
    if (entries !== undefined) this.#received.put(digest, { packed, rawBytes, keys: entries.length })
    return entries
  }

  async keep(slots: readonly Slot[]): Promise<void> {
    this.#refuseClosed()
    const kept = new Set(slots)
    const going = this.#checkpoints.filter(({ slot }) => !kept.has(slot))
    await Promise.all(going.map(({ slot }) => this.#remove(this.#heldAt(slot))))
  }

  close(): Promise<void> {
    this.#closing ??= this.#shut()
    return this.#closing
  }

  async #shut(): Promise<void> {
    // What waits in the queue sees that the store closes, and fails; what goes still goes.
    await Promise.resolve()
    await this.#readers.close()
    await Promise.allSettled(this.#leaving)
    await this.#queue
  }

  /**
   * Gives a verified file its name.
   *
   * @returns what stood there before, when it was of the same root: its certificate speaks of the new one, too.
   */
  async #publish(verified: string, { slot, root }: CheckpointIndex): Promise<HeldCheckpoint | undefined> {
    const before = this.#held.get(slot)
    const { file } = this.#named(checkpointName(slot, 'synod'))
    this.#unlist(slot)
    await this.#readers.letGo(slot)
    try {
      await this.#disk.rename(verified, file)
    } catch (error) {
      if (before !== undefined) this.#hold(before)
      await this.#removeIfPossible(verified)
      throw error
    }
    try {
      await this.#disk.syncFolder(this.#init.folder)
    } catch (error) {
      // It may or may not be there after a crash, so it counts as not written. One that took another's place stays.
      if (before === undefined) await this.#removeIfPossible(file)
      throw error
    }
    if (before?.info.root === root) return before
    if (before?.info.certificate !== undefined) {
      // One that stays is noticed at the next opening: it speaks of another root.
      await this.#removeIfPossible(this.#named(checkpointName(slot, 'certificate')).file)
    }
    return undefined
  }

  async #replaceFile(file: string, bytes: Uint8Array): Promise<void> {
    const { folder } = this.#init
    try {
      const opened = await this.#disk.create(unfinished(file))
      try {
        await opened.append(bytes)
        await opened.sync()
      } finally {
        await opened.close()
      }
      await this.#disk.rename(unfinished(file), file)
    } catch (error) {
      await this.#removeIfPossible(unfinished(file))
      throw error
    }
    await this.#disk.syncFolder(folder)
  }

  async #removeIfPossible(file: string): Promise<void> {
    await this.#disk.remove(file).catch(() => undefined)
  }

  async #remove(held: HeldCheckpoint): Promise<void> {
    const { slot } = held.info
    try {
      await this.#leave(slot, async () => {
        // A certificate without its checkpoint is noticed and removed at opening; not so the other way round.
        await this.#disk.remove(this.#named(checkpointName(slot, 'synod')).file)
        await this.#disk.remove(this.#named(checkpointName(slot, 'certificate')).file)
        await this.#disk.syncFolder(this.#init.folder)
      })
    } catch (error) {
      // Still there, so that the next `keep` tries again.
      if (!this.#held.has(slot)) this.#hold(held)
      throw error
    }
  }

  /** Takes a checkpoint off the list now, and performs the rest when its last read has ended. */
  #leave(slot: Slot, perform: () => Promise<void>): Promise<void> {
    this.#unlist(slot)
    const left = this.#readers.letGo(slot).then(() =>
      this.#queued(async () => {
        // Unless a new one of the same slot has taken its place meanwhile.
        if (!this.#held.has(slot)) await perform()
      }),
    )
    const settled = left.catch(() => undefined).finally(() => this.#leaving.delete(settled))
    this.#leaving.add(settled)
    return left
  }

  async #reading<T>(slot: Slot, perform: (opened: OpenCheckpoint) => Promise<T>): Promise<T> {
    this.#refuseClosed()
    const { info } = this.#heldAt(slot)
    try {
      return await this.#readers.use(slot, perform)
    } catch (error) {
      if (isDamage(error) && this.#held.has(slot)) this.#setAside(info, error)
      throw error
    }
  }

  #setAside({ slot, fileBytes }: CheckpointInfo, error: StorageError): void {
    const { onDamaged } = this.#init
    const setAsideNow = async (): Promise<void> => {
      const { slot: before } = this.#damaged
      await setAside(this.#init, slot)
      this.#damaged = { slot, bytes: fileBytes }
      await this.#disk.remove(this.#named(checkpointName(slot, 'certificate')).file)
      const isOther = before !== undefined && before !== slot
      if (isOther) await this.#disk.remove(this.#named(checkpointName(before, 'damaged')).file)
      await this.#disk.syncFolder(this.#init.folder)
    }
    // Best effort: a damaged file that keeps its name is found again at the next opening.
    this.#leave(slot, setAsideNow).catch(() => undefined)
    onDamaged(error)
  }

  #heldAt(slot: Slot): HeldCheckpoint {
    const held = this.#held.get(slot)
    if (held !== undefined) return held
    throw new StorageError({ code: 'STORAGE_CHECKPOINT_GONE', folder: this.#init.folder, slot })
  }

  #hold(held: HeldCheckpoint): void {
    this.#held.set(held.info.slot, held)
    this.#list()
  }

  #unlist(slot: Slot): void {
    this.#held.delete(slot)
    this.#list()
  }

  #list(): void {
    const infos = [...this.#held.values()].map(({ info }) => info)
    this.#checkpoints = infos.sort((left, right) => left.slot - right.slot)
  }

  #named(name: string): NamedFile {
    return namedFile(this.#init, name)
  }

  /** Rejects when the store is closed before its turn comes. */
  #inTurn<T>(perform: () => Promise<T>): Promise<T> {
    return this.#queued(() => {
      this.#refuseClosed()
      return perform()
    })
  }

  async #queued<T>(perform: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(perform)
    this.#queue = result.catch(() => undefined)
    return result
  }

  #refuseClosed(): void {
    if (this.#closing !== undefined) throw new StorageError({ code: 'STORAGE_CLOSED', folder: this.#init.folder })
  }
}
