import { join } from 'node:path'
import type { CheckpointInfo } from '../model/checkpoint.ts'
import type { Slot } from '../model/ids.ts'
import { slot } from '../model/ids.ts'
import { readCertificate } from './checkpoint-certificate.ts'
import type { StoredCertificate } from './checkpoint-certificate.ts'
import type { CheckpointDisk } from './checkpoint-disk.ts'
import { damaged, isDamage } from './checkpoint-disk.ts'
import type { NamedFile, Owner } from './checkpoint-file.ts'
import { openCheckpoint } from './checkpoint-reading.ts'
import type { StorageError } from './errors.ts'

/**
 * The names in a folder of checkpoints:
 *
 * - `checkpoint-000000001234.synod`: one checkpoint, written whole and verified before it got this name;
 * - `checkpoint-000000001234.certificate`: its certificate;
 * - `….new`: being written; left behind by a crash, and removed at opening;
 * - `checkpoint-000000001234.damaged`: set aside as evidence. Only one is kept.
 *
 * What has another name is left alone.
 */
export type CheckpointSuffix = 'synod' | 'certificate' | 'damaged'

const NAME = /^checkpoint-(\d{12,16})\.(synod|certificate|damaged)$/
const UNFINISHED = /^checkpoint-\d{12,16}\.(synod|certificate)\.new$/

export function checkpointName(of: Slot, suffix: CheckpointSuffix): string {
  return `checkpoint-${String(of).padStart(12, '0')}.${suffix}`
}

export function unfinished(file: string): string {
  return `${file}.new`
}

/** A checkpoint that is listed, and its certificate's bytes on disk. */
export interface HeldCheckpoint {
  readonly info: CheckpointInfo
  readonly certificateBytes: number
}

export interface FolderInit {
  readonly disk: CheckpointDisk
  readonly folder: string
  readonly owner: Owner
  /** Told of each damaged file: what became of it, and what follows. */
  readonly onDamaged: (error: StorageError) => void
}

/** The one damaged checkpoint that is kept; without a slot there is none. */
export interface DamagedFile {
  readonly slot: Slot | undefined
  readonly bytes: number
}

export interface OpenedFolder {
  readonly held: Map<Slot, HeldCheckpoint>
  readonly damaged: DamagedFile
}

/**
 * Finds the whole checkpoints by reading their indexes, and tidies up after a crash. A file of a newer format or of
 * another owner is refused before anything is changed.
 *
 * @throws StorageError
 */
export async function openFolder(init: FolderInit): Promise<OpenedFolder> {
  const { disk, folder, onDamaged } = init
  await disk.createFolder(folder)
  const names = await disk.list(folder)
  const slots = slotsIn(names)
  const held = new Map<Slot, HeldCheckpoint>()
  const faults: StorageError[] = []
  for (const of of slots.synod) {
    const info = await infoOf(init, of, faults)
    if (info === undefined) continue
    const stored = slots.certificate.includes(of) ? await certificateOf(init, info, faults) : undefined
    const certificateBytes = stored?.bytes ?? 0
    held.set(of, { info: { ...info, certificate: stored?.certificate }, certificateBytes })
  }
  const damagedKept = await tidy(init, { names, slots, held })
  for (const fault of faults) onDamaged(fault)
  return { held, damaged: damagedKept }
}

type SlotsIn = Readonly<Record<CheckpointSuffix, readonly Slot[]>>

/** By rising slot. */
function slotsIn(names: readonly string[]): SlotsIn {
  const slots: Record<CheckpointSuffix, Slot[]> = { synod: [], certificate: [], damaged: [] }
  for (const name of names) {
    const [, digits, suffix] = NAME.exec(name) ?? []
    if (!isSuffix(suffix) || !Number.isSafeInteger(Number(digits))) continue
    const of = slot(Number(digits))
    if (checkpointName(of, suffix) === name) slots[suffix].push(of)
  }
  for (const list of Object.values(slots)) list.sort((left, right) => left - right)
  return slots
}

function isSuffix(text: string | undefined): text is CheckpointSuffix {
  return text === 'synod' || text === 'certificate' || text === 'damaged'
}

export function namedFile({ folder, owner }: Pick<FolderInit, 'folder' | 'owner'>, name: string): NamedFile {
  return { file: join(folder, name), folder, owner }
}

async function infoOf(init: FolderInit, of: Slot, faults: StorageError[]): Promise<CheckpointInfo | undefined> {
  const named = namedFile(init, checkpointName(of, 'synod'))
  return unlessDamaged(faults, async () => {
    const { file, index } = await openCheckpoint(init.disk, named)
    await file.close()
    if (index.slot !== of) throw damaged(named.file)
    const { timeMs, root, keys, stateBytes } = index
    const fileBytes = file.bytes
    return { slot: of, timeMs, root, keys, stateBytes, fileBytes, durationMs: undefined, certificate: undefined }
  })
}

/** Undefined also for the certificate of another State at this slot, which this checkpoint took the place of. */
async function certificateOf(
  init: FolderInit,
  { slot: of, root }: CheckpointInfo,
  faults: StorageError[],
): Promise<StoredCertificate | undefined> {
  const named = namedFile(init, checkpointName(of, 'certificate'))
  const stored = await unlessDamaged(faults, () => readCertificate(init.disk, named))
  return stored?.certificate.slot === of && stored.certificate.root === root ? stored : undefined
}

async function unlessDamaged<T>(faults: StorageError[], read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (!isDamage(error)) throw error
    faults.push(error)
    return undefined
  }
}

interface Found {
  readonly names: readonly string[]
  readonly slots: SlotsIn
  readonly held: ReadonlyMap<Slot, HeldCheckpoint>
}

async function tidy(init: FolderInit, { names, slots, held }: Found): Promise<DamagedFile> {
  const { disk, folder } = init
  const certified = (of: Slot): boolean => held.get(of)?.info.certificate !== undefined
  const stray = slots.certificate.filter((of) => !certified(of)).map((of) => checkpointName(of, 'certificate'))
  const removed = [...names.filter((name) => UNFINISHED.test(name)), ...stray]
  for (const name of removed) await disk.remove(join(folder, name))
  const damagedNow = slots.synod.filter((of) => !held.has(of))
  for (const of of damagedNow) await setAside(init, of)
  const evidence = [...new Set([...slots.damaged, ...damagedNow])].sort((left, right) => left - right)
  for (const of of evidence.slice(0, -1)) await disk.remove(join(folder, checkpointName(of, 'damaged')))
  if (removed.length + damagedNow.length + evidence.length > 0) await disk.syncFolder(folder)
  const kept = evidence.at(-1)
  const bytes = kept === undefined ? 0 : await bytesOf(disk, join(folder, checkpointName(kept, 'damaged')))
  return { slot: kept, bytes }
}

/** The name is made durable by the caller. */
export async function setAside({ disk, folder }: Pick<FolderInit, 'disk' | 'folder'>, of: Slot): Promise<void> {
  await disk.rename(join(folder, checkpointName(of, 'synod')), join(folder, checkpointName(of, 'damaged')))
}

async function bytesOf(disk: CheckpointDisk, file: string): Promise<number> {
  const opened = await disk.open(file)
  await opened.close()
  return opened.bytes
}
