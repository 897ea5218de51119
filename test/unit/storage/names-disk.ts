import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileOperations } from '../../../core/storage/durable-file.ts'
import type { FileOperations } from '../../../core/storage/durable-file.ts'
import { copyFolder, temporaryFolder } from './faulty-disk.ts'

/** A change of a name that no sync of the folder covers yet: a power cut takes it or leaves it, each on its own. */
type NameChange =
  | { readonly kind: 'renamed'; readonly to: string; readonly content: Buffer }
  | { readonly kind: 'removed'; readonly name: string }

/** A folder whose names are synced on their own: knows what a power cut may leave of them, and may stop anywhere. */
export class NamesDisk implements FileOperations {
  /** What was done, in order. */
  readonly trace: string[] = []
  /** Awaited before and after each operation; what it throws, the operation fails with. */
  onBoundary: (boundary: string) => Promise<void> = () => Promise.resolve()
  readonly #folder: string
  #synced: string
  #changes: readonly NameChange[] = []

  constructor(folder: string) {
    this.#folder = folder
    this.#synced = copyFolder(folder)
  }

  readonly write: FileOperations['write'] = (content) =>
    this.#perform(`write ${basename(content.path)}`, () => fileOperations.write(content))

  readonly rename = (from: string, to: string): Promise<void> =>
    this.#perform(`rename ${basename(to)}`, async () => {
      const content = readFileSync(from)
      await fileOperations.rename(from, to)
      this.#changes = [...this.#changes, { kind: 'renamed', to: basename(to), content }]
    })

  readonly remove = (file: string): Promise<void> =>
    this.#perform(`remove ${basename(file)}`, async () => {
      await fileOperations.remove(file)
      this.#changes = [...this.#changes, { kind: 'removed', name: basename(file) }]
    })

  readonly syncFolder = (folder: string): Promise<void> =>
    this.#perform('sync', async () => {
      await fileOperations.syncFolder(folder)
      this.sync()
    })

  /** Every name is on disk as it is now. */
  sync(): void {
    rmSync(this.#synced, { recursive: true })
    this.#synced = temporaryFolder()
    cpSync(this.#folder, this.#synced, { recursive: true })
    this.#changes = []
  }

  /** Every folder that a power cut may leave now: each of the changes since the last sync is there or not. */
  imagesAfterPowerCut(): readonly string[] {
    return Array.from({ length: 2 ** this.#changes.length }, (_, kept) => {
      const image = copyFolder(this.#synced)
      for (const [index, change] of this.#changes.entries()) {
        if ((kept & (1 << index)) === 0) continue
        if (change.kind === 'renamed') writeFileSync(join(image, change.to), change.content)
        else if (existsSync(join(image, change.name))) rmSync(join(image, change.name))
      }
      return image
    })
  }

  async #perform(operation: string, perform: () => Promise<void>): Promise<void> {
    await this.onBoundary(`before ${operation}`)
    await perform()
    this.trace.push(operation)
    await this.onBoundary(`after ${operation}`)
  }
}
