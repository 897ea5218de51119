import { createHash } from 'node:crypto'
import { lstat, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { assert } from '../base/assert.ts'
import type { Digest } from '../model/digest.ts'
import type { Slot } from '../model/ids.ts'
import { SLOT_NONE, slotAfter } from '../model/ids.ts'
import { BackupError, guarded } from './backup-errors.ts'
import { chainAfter, chainStart, endLine, headerLine, partitionLine, slotLine } from './backup-format.ts'
import type { BackupHeader, PartitionLine } from './backup-format.ts'
import type { WritableFile } from './checkpoint-disk.ts'
import { FILE_MODE, syncFolder } from './durable-file.ts'

/** Small pieces gather until so many bytes are written at once. */
const WRITE_BYTES = 256 * 1024

/** Creates a file that must not be there yet. */
export type CreateFile = (file: string) => Promise<WritableFile>

const createNew: CreateFile = async (file) => {
  // A name that is there already, a link too, is never written through.
  const handle = await open(file, 'wx', FILE_MODE)
  return {
    append: (bytes) => handle.writeFile(bytes),
    sync: () => handle.sync(),
    close: () => handle.close(),
  }
}

/**
 * Writes one backup from its start to its end: the partitions with their pieces, the slots, then `finish`. Whoever
 * meets an error calls `abandon`, which removes the file. Every method rejects with a BackupError.
 */
export class BackupWriter {
  readonly #name: string
  readonly #file: WritableFile
  readonly #hash = createHash('sha256')
  #gathered: Uint8Array[] = []
  #gatheredBytes = 0
  #bytes = 0
  #partitions = 0
  #piecesLeft = 0
  #slots = 0
  #slotLast: Slot
  #chain: Digest
  readonly #slotEnd: Slot

  private constructor(name: string, file: WritableFile, { header, line }: { header: BackupHeader; line: Uint8Array }) {
    this.#name = name
    this.#file = file
    this.#slotLast = header.checkpoint?.certificate.slot ?? SLOT_NONE
    this.#slotEnd = header.slotLast
    this.#chain = chainStart(line)
  }

  /** `file` must not exist: it gets its own name when it is whole. */
  static async create(file: string, header: BackupHeader, create: CreateFile = createNew): Promise<BackupWriter> {
    const line = headerLine(header)
    const writer = new BackupWriter(file, await guarded('write', file, () => create(file)), { header, line })
    try {
      await writer.#append(line)
    } catch (error) {
      await writer.abandon()
      throw error
    }
    return writer
  }

  /** So far. */
  get bytes(): number {
    return this.#bytes
  }

  /** Its bytes follow, in pieces. */
  async partition(line: PartitionLine): Promise<void> {
    assert(this.#piecesLeft === 0 && this.#slots === 0, 'a partition comes after the whole one before it')
    this.#partitions += 1
    this.#piecesLeft = line.packedBytes
    await this.#append(partitionLine(line))
  }

  async piece(bytes: Uint8Array): Promise<void> {
    assert(bytes.length <= this.#piecesLeft, 'a partition is as long as was said')
    this.#piecesLeft -= bytes.length
    await this.#append(bytes)
  }

  async slot(slot: Slot, value: Uint8Array): Promise<void> {
    assert(this.#piecesLeft === 0, 'the partitions are whole before the log begins')
    assert(slot === slotAfter(this.#slotLast), 'slots come in order, without a gap')
    this.#slotLast = slot
    this.#slots += 1
    this.#chain = chainAfter(this.#chain, slot, value)
    await this.#append(slotLine({ slot, bytes: value.length, chain: this.#chain }))
    await this.#append(value)
  }

  /** Writes the end; the file is on disk then, and its name is not durable yet. @returns its length in bytes. */
  async finish(): Promise<number> {
    assert(this.#slotLast === this.#slotEnd, 'a backup holds the log up to the slot it names')
    const totals = { partitions: this.#partitions, slots: this.#slots, bytes: this.#bytes }
    const line = endLine(totals, this.#hash.copy().digest('hex') as Digest)
    await this.#append(line)
    await this.#flush()
    await guarded('write', this.#name, () => this.#file.sync())
    await guarded('write', this.#name, () => this.#file.close())
    return this.#bytes
  }

  /** Removes what was written. Never rejects. */
  async abandon(): Promise<void> {
    await this.#file.close().catch(() => undefined)
    await rm(this.#name, { force: true }).catch(() => undefined)
  }

  async #append(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes)
    this.#gathered.push(bytes)
    this.#gatheredBytes += bytes.length
    this.#bytes += bytes.length
    if (this.#gatheredBytes >= WRITE_BYTES) await this.#flush()
  }

  async #flush(): Promise<void> {
    const gathered = this.#gathered
    this.#gathered = []
    this.#gatheredBytes = 0
    if (gathered.length > 0) await guarded('write', this.#name, () => this.#file.append(Buffer.concat(gathered)))
  }
}

/** @throws BackupError BACKUP_EXISTS when something is there that may not be replaced; only a file ever may. */
export async function refuseExisting(file: string, replace: boolean): Promise<void> {
  const found = await guarded('write', file, () =>
    lstat(file).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
      throw error
    }),
  )
  if (found === undefined || (replace && found.isFile())) return
  throw new BackupError({ code: 'BACKUP_EXISTS', file })
}

/** Gives a whole and synced backup its name, durably. @throws BackupError */
export async function publishBackup(written: string, file: string, replace: boolean): Promise<void> {
  await refuseExisting(file, replace)
  await guarded('write', file, () => rename(written, file))
  await guarded('write', file, () => syncFolder(dirname(file)))
}
