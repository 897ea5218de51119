import { createHash } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import * as v from 'valibot'
import type { Certificate } from '../model/checkpoint.ts'
import { attestedBytes } from '../model/checkpoint.ts'
import { createConfiguration } from '../model/configuration.ts'
import type { Digest } from '../model/digest.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import { SLOT_NONE, epoch, slotAfter } from '../model/ids.ts'
import { Quorum } from '../model/quorum.ts'
import { DigestTree } from '../state/digest-tree.ts'
import type { Entry } from '../state/partition.ts'
import { PARTITIONS, partitionOf } from '../state/partition.ts'
import { BackupError, guarded } from './backup-errors.ts'
import {
  BACKUP_START,
  END_START,
  HEADER_BYTES_MAX,
  LINE_BYTES_MAX,
  chainAfter,
  chainStart,
  endSchema,
  headerSchema,
  itemLineSchema,
  newerSchema,
  partitionLine,
  slotLine,
} from './backup-format.ts'
import type { BackupHeader, BackupTotals, PartitionLine, SlotLine } from './backup-format.ts'
import { readCheckedLine } from './checked-line.ts'
import { EMPTY_PARTITION_DIGEST, decodePartition, digestOf, sha256, unpackPartition } from './checkpoint-partition.ts'
import { Slices } from './checkpoint-slices.ts'

/** Whether a replica signed these bytes; what the port `Signer` offers. */
export type VerifySignature = (replica: ReplicaId, bytes: Uint8Array, signature: Uint8Array) => boolean

export interface BackupReadInit {
  readonly file: string
  readonly verify: VerifySignature
  /** Each is awaited. What it is given counts only if the reading comes to its end: damage may lie further on. */
  readonly onHeader?: (header: BackupHeader) => Promise<void> | void
  readonly onPartition?: (partition: number, entries: readonly Entry[]) => Promise<void> | void
  /** After the last partition: the State at the checkpoint is complete. */
  readonly onLog?: (header: BackupHeader) => Promise<void> | void
  readonly onSlot?: (slot: Slot, value: Uint8Array) => Promise<void> | void
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
}

/** What a whole and unharmed backup holds. */
export interface VerifiedBackup {
  readonly header: BackupHeader
  readonly totals: BackupTotals
  readonly fileBytes: number
}

/**
 * Reads a backup from its first byte to its last, in bounded memory, and checks all of it: the form of every line, the
 * digest of every partition, the root over them, the signatures of a majority of the members it names on that root,
 * the chain of the log, the totals, and the digest of the whole. Keeps the loop for some milliseconds at a time.
 *
 * @throws BackupError at the first thing that is not as it was written
 */
export async function readBackup(init: BackupReadInit): Promise<VerifiedBackup> {
  const handle = await openBackup(init.file)
  try {
    return await new BackupReading(init, handle).run()
  } finally {
    await handle.close().catch(() => undefined)
  }
}

/** The header alone, checked by itself. @throws BackupError */
export async function readBackupHeader(file: string): Promise<BackupHeader> {
  const handle = await openBackup(file)
  try {
    return parseHeader(file, await new Stretch(file, handle, 0).line(HEADER_BYTES_MAX))
  } finally {
    await handle.close().catch(() => undefined)
  }
}

function openBackup(file: string): Promise<FileHandle> {
  return guarded('read', file, async () => {
    // Opening a pipe would wait for whoever writes to it.
    if (!(await stat(file)).isFile()) throw new Error('it is not a file')
    return await open(file, 'r')
  })
}

class BackupReading {
  readonly #init: BackupReadInit
  readonly #handle: FileHandle
  readonly #slices = new Slices()

  constructor(init: BackupReadInit, handle: FileHandle) {
    this.#init = init
    this.#handle = handle
  }

  async run(): Promise<VerifiedBackup> {
    const { file, verify, onHeader, onLog } = this.#init
    const { size } = await guarded('read', file, () => this.#handle.stat())
    const bytes = new Stretch(file, this.#handle, size, this.#init.onProgress)
    const first = await bytes.line(HEADER_BYTES_MAX)
    const header = parseHeader(file, first)
    await bytes.cover(first, this.#slices)
    const certificate = header.checkpoint?.certificate
    if (certificate !== undefined && !isAttested(header, certificate, verify)) {
      throw this.#damaged('its checkpoint is not attested by a majority of its members')
    }
    if (header.slotLast < (certificate?.slot ?? SLOT_NONE)) throw this.#damaged('its header contradicts itself')
    await onHeader?.(header)
    const partitions = await this.#readPartitions(bytes, header)
    await onLog?.(header)
    const slots = await this.#readSlots(bytes, { header, chain: chainStart(first) })
    const totals = { partitions, slots, bytes: bytes.position }
    this.#checkEnd(await bytes.line(LINE_BYTES_MAX), { totals, digest: bytes.digest() })
    if (bytes.position !== size) throw this.#damaged('something follows its end')
    return { header, totals, fileBytes: size }
  }

  /** @returns how many there are. */
  async #readPartitions(bytes: Stretch, { checkpoint }: BackupHeader): Promise<number> {
    const digests = Array.from({ length: PARTITIONS }, () => EMPTY_PARTITION_DIGEST)
    let [count, before, keys, stateBytes] = [0, -1, 0, 0]
    for (;;) {
      const line = await this.#item(bytes, 'partition')
      if (line === undefined) break
      const { partition, rawBytes, digest } = line
      const what = `partition ${partition} of its State`
      if (partition <= before || line.packedBytes > rawBytes) throw this.#damaged(what)
      before = partition
      const packed = await bytes.take(line.packedBytes, this.#slices)
      const raw = await unpackPartition(packed, rawBytes)
      if (raw === undefined || (await digestOf(raw, this.#slices)) !== digest) throw this.#damaged(what)
      const entries = await decodePartition(raw, this.#slices)
      if (entries?.every(([key]) => partitionOf(key) === partition) !== true) throw this.#damaged(what)
      digests[partition] = digest
      count += 1
      keys += entries.length
      stateBytes += rawBytes
      await this.#init.onPartition?.(partition, entries)
      if (this.#slices.spent) await this.#slices.pause()
    }
    const expected = checkpoint ?? { keys: 0, stateBytes: 0 }
    const isWhole = keys === expected.keys && stateBytes === expected.stateBytes
    const isRoot = checkpoint === undefined || new DigestTree(sha256, digests).root === checkpoint.certificate.root
    if (!isWhole || !isRoot) throw this.#damaged('the partitions of its State are not what its root is over')
    return count
  }

  /** @returns how many there are. */
  async #readSlots(bytes: Stretch, from: { readonly header: BackupHeader; readonly chain: Digest }): Promise<number> {
    const { header } = from
    let { chain } = from
    let last = header.checkpoint?.certificate.slot ?? SLOT_NONE
    let count = 0
    while (last < header.slotLast) {
      const line = await this.#item(bytes, 'slot')
      const what = `slot ${last + 1} of its log`
      if (line?.slot !== slotAfter(last)) throw this.#damaged(what)
      const value = await bytes.take(line.bytes, this.#slices)
      chain = chainAfter(chain, line.slot, value)
      if (chain !== line.chain) throw this.#damaged(what)
      last = line.slot
      count += 1
      await this.#init.onSlot?.(line.slot, value)
      if (this.#slices.spent) await this.#slices.pause()
    }
    return count
  }

  /** The next line, when it is one of this kind; one of the other kind, or the end, stays to be read. */
  async #item<Kind extends 'partition' | 'slot'>(
    bytes: Stretch,
    kind: Kind,
  ): Promise<(Kind extends 'partition' ? PartitionLine : SlotLine) | undefined>
  async #item(bytes: Stretch, kind: 'partition' | 'slot'): Promise<PartitionLine | SlotLine | undefined> {
    const line = await bytes.peekLine(LINE_BYTES_MAX)
    if (line.toString('latin1', 0, END_START.length) === END_START) return undefined
    const parsed = v.safeParse(itemLineSchema, parseJson(line))
    if (!parsed.success) throw this.#damaged(`what lies ${bytes.position} bytes from its start`)
    const { output } = parsed
    const canonical = 'slot' in output ? slotLine(output) : partitionLine(output)
    if (!canonical.equals(line)) throw this.#damaged(`what lies ${bytes.position} bytes from its start`)
    if (!(kind in output)) return undefined
    await bytes.cover(await bytes.line(LINE_BYTES_MAX), this.#slices)
    return output
  }

  #checkEnd(line: Buffer, { totals, digest }: { readonly totals: BackupTotals; readonly digest: Digest }): void {
    const read = readCheckedLine(line.subarray(0, -1))
    const parsed = v.safeParse(endSchema, read?.value)
    if (!parsed.success) throw this.#damaged('its end is not what was written')
    const { partitions, slots, bytes, digest: expected } = parsed.output
    const isSame = partitions === totals.partitions && slots === totals.slots && bytes === totals.bytes
    if (!isSame || digest !== expected) throw this.#damaged('its parts are not what its end was written for')
  }

  #damaged(what: string): BackupError {
    return new BackupError({ code: 'BACKUP_DAMAGED', file: this.#init.file, what })
  }
}

function parseHeader(file: string, line: Buffer): BackupHeader {
  if (line.toString('latin1', 0, BACKUP_START.length) !== BACKUP_START) {
    throw new BackupError({ code: 'BACKUP_FOREIGN', file })
  }
  const read = readCheckedLine(line.subarray(0, -1))
  if (read === undefined) throw new BackupError({ code: 'BACKUP_DAMAGED', file, what: 'its header' })
  const newer = v.safeParse(newerSchema, read.value)
  if (newer.success) throw new BackupError({ code: 'BACKUP_FORMAT_NEWER', file, format: newer.output.format })
  const parsed = v.safeParse(headerSchema, read.value)
  if (!parsed.success) throw new BackupError({ code: 'BACKUP_DAMAGED', file, what: 'its header' })
  return parsed.output
}

/** Whether a majority of the members really signed it. */
function isAttested(
  { cluster, members }: BackupHeader,
  { slot, root, attestations }: Certificate,
  verify: VerifySignature,
): boolean {
  const bytes = attestedBytes({ cluster, slot, root })
  const signers = attestations.filter(({ replica, signature }) => verify(replica, bytes, signature))
  return new Quorum(createConfiguration(epoch(1), members)).isReached(signers.map(({ replica }) => replica))
}

const CHUNK_BYTES = 1024 * 1024
const NEWLINE = 0x0a

/** A file's bytes, taken one after another, and the digest over those that were covered. */
class Stretch {
  readonly #file: string
  readonly #handle: FileHandle
  readonly #size: number
  readonly #onProgress: ((doneBytes: number, totalBytes: number) => void) | undefined
  readonly #hash = createHash('sha256')
  #chunk: Buffer = Buffer.alloc(0)
  /** Of the next byte, in the chunk. */
  #next = 0
  #readBytes = 0

  constructor(file: string, handle: FileHandle, size: number, onProgress?: (done: number, total: number) => void) {
    this.#file = file
    this.#handle = handle
    this.#size = size
    this.#onProgress = onProgress
  }

  /** Of the next byte, from the file's start. */
  get position(): number {
    return this.#readBytes - (this.#chunk.length - this.#next)
  }

  digest(): Digest {
    return this.#hash.copy().digest('hex') as Digest
  }

  /** Adds what was taken to the digest. */
  async cover(bytes: Uint8Array, slices: Slices): Promise<void> {
    for (let offset = 0; offset < bytes.length; offset += CHUNK_BYTES) {
      this.#hash.update(bytes.subarray(offset, offset + CHUNK_BYTES))
      if (slices.spent) await slices.pause()
    }
  }

  /** A line with its newline. It is not covered yet. */
  async line(bytesMax: number): Promise<Buffer> {
    const line = await this.peekLine(bytesMax)
    this.#next += line.length
    return line
  }

  async peekLine(bytesMax: number): Promise<Buffer> {
    for (;;) {
      const end = this.#chunk.indexOf(NEWLINE, this.#next)
      const found = (end === -1 ? this.#chunk.length : end + 1) - this.#next
      if (end !== -1 && found <= bytesMax) return this.#chunk.subarray(this.#next, end + 1)
      if (found > bytesMax) throw this.#damaged(`what lies ${this.position} bytes from its start`)
      if (!(await this.#fill())) return this.#endsEarly()
    }
  }

  /** So many bytes, covered. They are good for as long as they are held. */
  async take(length: number, slices: Slices): Promise<Buffer> {
    if (this.#size > 0 && length > this.#size - this.position) return this.#endsEarly()
    const taken = Buffer.allocUnsafe(length)
    let filled = 0
    while (filled < length) {
      const part = this.#chunk.subarray(this.#next, this.#next + length - filled)
      part.copy(taken, filled)
      filled += part.length
      this.#next += part.length
      if (filled < length && !(await this.#fill())) return this.#endsEarly()
    }
    await this.cover(taken, slices)
    return taken
  }

  /** @returns whether there was more. */
  async #fill(): Promise<boolean> {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    const { bytesRead } = await guarded('read', this.#file, () =>
      this.#handle.read(chunk, 0, CHUNK_BYTES, this.#readBytes),
    )
    const rest = this.#chunk.subarray(this.#next)
    this.#chunk = Buffer.concat([rest, chunk.subarray(0, bytesRead)])
    this.#next = 0
    this.#readBytes += bytesRead
    if (bytesRead > 0) this.#onProgress?.(this.#readBytes, this.#size)
    return bytesRead > 0
  }

  #endsEarly(): never {
    throw this.#damaged('it ends early')
  }

  #damaged(what: string): BackupError {
    // What never began as a backup is none; nothing is known to be damaged then.
    const isForeign = this.position === 0 && this.#chunk.toString('latin1', 0, BACKUP_START.length) !== BACKUP_START
    if (isForeign) return new BackupError({ code: 'BACKUP_FOREIGN', file: this.#file })
    return new BackupError({ code: 'BACKUP_DAMAGED', file: this.#file, what })
  }
}

function parseJson(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('utf8'))
  } catch {
    return undefined
  }
}
