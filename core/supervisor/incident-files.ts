import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { incidentSchema } from '../api/audit-views.ts'
import type { IncidentView } from '../api/audit-views.ts'
import { messageOf } from '../base/errors.ts'
import type { ClusterId } from '../model/ids.ts'
import { createFolder, fileOperations, replaceFile } from '../storage/durable-file.ts'
import { clusterFolder } from './cluster-file.ts'
import { sealed, unsealed } from './sealed-file.ts'

const FORMAT = 1
const NAME = /^(\d{6,15})\.json$/

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

  async read(): Promise<FoundIncidents> {
    const numbers = await this.#numbers()
    const incidents: IncidentView[] = []
    const damaged: string[] = []
    for (const number of numbers) {
      const file = this.#file(number)
      try {
        incidents.push(this.#parse(await readFile(file, 'utf8'), number))
      } catch (error) {
        const message = `The incident in ${file} can't be read: ${messageOf(error)}. It is not shown; the file is left as it is.`
        damaged.push(message)
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

  async #numbers(): Promise<readonly number[]> {
    // Without a folder there was none yet.
    const names = await readdir(this.#folder).catch(() => [])
    return names.flatMap((name) => Number(NAME.exec(name)?.[1] ?? [])).toSorted((left, right) => left - right)
  }

  #parse(text: string, number: number): IncidentView {
    const { cluster, incident } = v.parse(fileSchema, unsealed(text))
    if (cluster !== this.#cluster) throw new Error('it is of another cluster')
    if (incident.number !== number) throw new Error('it is of another number')
    return incident
  }

  #file(number: number): string {
    return join(this.#folder, `${String(number).padStart(6, '0')}.json`)
  }
}
