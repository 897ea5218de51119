import { fstatSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import Datastore from 'nedb-promises'
import { FILE_MODE, FOLDER_MODE } from './durable-file.ts'
import type { RecordDocument } from './record-document.ts'

/** The segment that is being written. */
export interface Segment {
  /** The size of its file now, as the descriptor that is synced sees it. */
  readonly bytes: number
  /** Resolves when the operating system has the documents, in one write; not yet durable. Rejects with its error. */
  insert: (documents: readonly RecordDocument[]) => Promise<void>
  /** Resolves when the disk has all that was inserted. Rejects with the system's error. */
  sync: () => Promise<void>
  close: () => Promise<void>
}

/** How a store gets at its files; tests give one that fails. Rejects with the system's error. */
export type OpenSegment = (file: string) => Promise<Segment>

/**
 * Opens a segment with NeDB, creating it if it isn't there. The file must have been verified before: NeDB drops lines
 * it can't parse and lets later lines replace earlier ones.
 *
 * At this point NeDB reads the file into memory, writes it anew, ordered by `_id`, to `<file>~`, syncs that, renames
 * it over the file and syncs the folder. So whatever an earlier process wrote but never got on disk (a sync that
 * failed leaves pages in memory that look clean and are not on disk) is on disk when this resolves.
 */
export const openSegment: OpenSegment = async (file) => {
  // `modes` is an option of @seald-io/nedb that the types of nedb-promises leave out.
  const options = {
    filename: file,
    corruptAlertThreshold: 0,
    modes: { fileMode: FILE_MODE, dirMode: FOLDER_MODE },
  }
  const datastore = Datastore.create(options)
  await datastore.load()
  // Only now: the load above put another inode under this name, and no compaction follows that would do so again.
  return new NedbSegment(datastore, await open(file, 'r+'))
}

class NedbSegment implements Segment {
  readonly #datastore: Pick<Datastore<RecordDocument>, 'insertMany'>
  readonly #handle: FileHandle

  constructor(datastore: Pick<Datastore<RecordDocument>, 'insertMany'>, handle: FileHandle) {
    this.#datastore = datastore
    this.#handle = handle
  }

  get bytes(): number {
    return fstatSync(this.#handle.fd).size
  }

  async insert(documents: readonly RecordDocument[]): Promise<void> {
    // NeDB resolves after its appendFile has: the whole of it is one string, in one write up to 512 KiB.
    await this.#datastore.insertMany([...documents])
  }

  async sync(): Promise<void> {
    await this.#handle.datasync()
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}
