import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { injectedSchema } from '../api/faults.ts'

const FILE = 'faults.json'

const recordSchema = v.strictObject({
  format: v.literal(1),
  /** Members whose log files were damaged: they can't be started again. */
  damaged: v.array(v.string()),
  /** Oldest first. */
  injected: v.array(injectedSchema),
})

/** What was injected into a cluster, as it is kept beside its file. */
export type InjectionRecord = v.InferOutput<typeof recordSchema>

/** @returns undefined where nothing was ever injected, or what is there can't be read: it is a chronicle, no more. */
export async function readInjections(folder: string): Promise<InjectionRecord | undefined> {
  try {
    return v.parse(recordSchema, JSON.parse(await readFile(join(folder, FILE), 'utf8')))
  } catch {
    return undefined
  }
}

/** Whole or not at all: written beside, synced, renamed. */
export async function writeInjections(folder: string, record: InjectionRecord): Promise<void> {
  const path = join(folder, FILE)
  const handle = await open(`${path}.new`, 'w', 0o600)
  try {
    await handle.writeFile(`${JSON.stringify(record)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(`${path}.new`, path)
}
