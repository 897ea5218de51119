import { cpSync, mkdtempSync, rmSync, truncateSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { openSegment } from '../../../core/storage/segment.ts'
import type { OpenSegment } from '../../../core/storage/segment.ts'

export type SystemCode = 'ENOSPC' | 'EROFS' | 'EIO'

/** Real segment files that count their syncs, know what was synced, and fail or wait when told to. */
export class FaultyDisk {
  insertCount = 0
  syncCount = 0
  /** The next inserts fail so, after half a line got to the file. */
  insertFault: SystemCode | undefined
  /** The next syncs fail so. */
  syncFault: SystemCode | undefined
  /** Awaited before each sync: a slow disk. */
  beforeSync: () => Promise<void> = () => Promise.resolve()
  readonly #syncedBytes = new Map<string, number>()

  readonly openSegment: OpenSegment = async (file) => {
    const segment = await openSegment(file)
    this.#syncedBytes.set(basename(file), segment.bytes)
    return {
      get bytes() {
        return segment.bytes
      },
      insert: async (documents) => {
        this.insertCount += 1
        if (this.insertFault !== undefined) {
          await appendFile(file, '{"_id":"00')
          throw systemError(this.insertFault)
        }
        await segment.insert(documents)
      },
      sync: async () => {
        this.syncCount += 1
        const { bytes } = segment
        await this.beforeSync()
        if (this.syncFault !== undefined) throw systemError(this.syncFault)
        await segment.sync()
        this.#syncedBytes.set(basename(file), bytes)
      },
      close: () => segment.close(),
    }
  }

  /** The bytes of a segment that no power cut can take. */
  syncedBytes(name: string): number {
    return this.#syncedBytes.get(name) ?? 0
  }

  /** Copies the folder as a power cut leaves it: nothing of the segments that was not synced. */
  imageAfterPowerCut(folder: string): string {
    const image = copyFolder(folder)
    for (const [name, bytes] of this.#syncedBytes) truncateSync(join(image, name), bytes)
    return image
  }
}

export function systemError(code: SystemCode): Error {
  return Object.assign(new Error(`${code}: planted`), { code })
}

const folders: string[] = []

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'synod-storage-'))
  folders.push(folder)
  return folder
}

export function copyFolder(folder: string): string {
  const copy = temporaryFolder()
  cpSync(folder, copy, { recursive: true })
  return copy
}

export function removeTemporaryFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}
