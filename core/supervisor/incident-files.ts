import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { incidentSchema } from '../api/audit-views.ts'
import type { IncidentView } from '../api/audit-views.ts'
import { messageOf } from '../base/errors.ts'
import type { ClusterId } from '../model/ids.ts'
import { createFolder, fileOperations, replaceFile } from '../storage/durable-file.ts'
import { clusterFolder } from './cluster-file.ts'
import { HostError } from './errors.ts'
import { sealed, unsealed } from './sealed-file.ts'

const FORMAT = 1
const NAME = /^(\d{6,15})\.json$/
/** It was being written when the host ended; what it was to replace is there still. */
const UNFINISHED = /^\d{6,15}\.json\.new$/

const fileSchema = v.strictObject({ format: v.literal(FORMAT), cluster: v.string(), incident: incidentSchema })

export interface FoundIncidents {
  /** By rising number. */
  readonly incidents: readonly IncidentView[]
  /** What is to be told of each file that can't be used; it is left as it is. */
  readonly damaged: readonly string[]
  /** The highest number that a file has, the damaged ones' among them. */
  readonly numberLast: number
}

/** The incidents of a cluster on this host's disk: one file each, whole or not there, and durable. */
export class IncidentFiles {
  readonly #cluster: ClusterId
  readonly #folder: string
  #queue: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(dataFolder: string, cluster: ClusterId) {
    this.#cluster = cluster
    this.#folder = join(clusterFolder(dataFolder, cluster), 'incidents')
  }

  /** Before anything is saved. @throws HostError INCIDENTS_UNREADABLE */
  async read(): Promise<FoundIncidents> {
    const names = await this.#names()
    for (const name of names.filter((found) => UNFINISHED.test(found))) {
      // One that stays harms nothing: it is written over.
      await fileOperations.remove(join(this.#folder, name)).catch(() => undefined)
    }
    const numbers = numbersIn(names)
    const incidents: IncidentView[] = []
    const damaged: string[] = []
    for (const number of numbers) {
      const file = this.#file(number)
      try {
        incidents.push(this.#parse(await readFile(file, 'utf8'), number))
      } catch (error) {
        damaged.push(damagedText(file, error))
      }
    }
    return { incidents, damaged, numberLast: numbers.at(-1) ?? 0 }
  }

  /** One after another. Rejects when it can't be written; what was there is there still. */
  save(incident: IncidentView): Promise<void> {
    return this.#queued(async () => {
      await createFolder(this.#folder)
      await replaceFile(this.#file(incident.number), sealed({ format: FORMAT, cluster: this.#cluster, incident }))
    })
  }

  remove(number: number): Promise<void> {
    return this.#queued(() => fileOperations.remove(this.#file(number)))
  }

  /** Resolves when everything handed over before is on disk, or could not be written. */
  settled(): Promise<void> {
    return this.#queue
  }

  /** Nothing is written any more: the folder may be deleted. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#queue
  }

  #queued(work: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(async () => {
      if (!this.#isClosed) await work()
    })
    this.#queue = done.catch(() => undefined)
    return done
  }

  async #names(): Promise<readonly string[]> {
    try {
      return await readdir(this.#folder)
    } catch (cause) {
      // Without a folder there was none yet.
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return []
      throw new HostError(
        { code: 'INCIDENTS_UNREADABLE', folder: this.#folder },
        `${this.#folder} can't be read: ${messageOf(cause)}. It tells which replicas are in quarantine or were given up; ` +
          'without it none of this cluster is started. Nothing was changed. Check the disk, and let the user Synod runs ' +
          'as read the folder; then start the cluster.',
        { cause },
      )
    }
  }

  #parse(text: string, number: number): IncidentView {
    const { cluster, incident } = v.parse(fileSchema, unsealed(text))
    if (cluster !== this.#cluster) throw new Error('it is of another cluster')
    if (incident.number !== number) throw new Error('it is of another number')
    return incident
  }

  #file(number: number): string {
    return join(this.#folder, nameOf(number))
  }
}

function nameOf(number: number): string {
  return `${String(number).padStart(6, '0')}.json`
}

/** Rising. Of what Synod writes there and nothing else: other programs leave files of their own in folders. */
function numbersIn(names: readonly string[]): readonly number[] {
  return names
    .flatMap((name) => {
      const digits = NAME.exec(name)?.[1]
      return digits === undefined ? [] : [Number(digits)]
    })
    .filter((number) => names.includes(nameOf(number)))
    .toSorted((left, right) => left - right)
}

function damagedText(file: string, error: unknown): string {
  return (
    `The incident in ${file} can't be read: ${messageOf(error)}. Of which replica it is, and whether that one was in ` +
    'quarantine or given up, is not known: it is started like any other, and the next AUDIT tells. The file is left as ' +
    'it is, and its number is not used again.'
  )
}
