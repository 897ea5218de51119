import { readdirSync } from 'node:fs'
import { clusterId, replicaId, slot } from '../../../core/model/ids.ts'
import type { LogRecord } from '../../../core/model/record.ts'
import { openRecordStore } from '../../../core/storage/nedb-record-store.ts'
import type { NedbRecordStore, RecordStoreInit } from '../../../core/storage/nedb-record-store.ts'

export const alice = replicaId('alice')
export const bob = replicaId('bob')
export const cluster = clusterId('c1')

/** The record of this number: its kind and the length of its value follow from the number. */
export function recordOf(number: number): LogRecord {
  const ballot = { round: 1 + (number % 7), proposer: number % 2 === 0 ? alice : bob }
  const value = Uint8Array.from({ length: (number * 37) % 200 }, (_, index) => (number * 31 + index * 7) % 256)
  switch (number % 4) {
    case 0:
      return { kind: 'promised', ballot }
    case 1:
      return { kind: 'accepted', slot: slot(number), ballot, value }
    case 2:
      return { kind: 'learned', slot: slot(number), value }
    default:
      return { kind: 'decided', slot: slot(number) }
  }
}

/** The records from one number to another, both included. */
export function recordsOf(first: number, last: number): readonly LogRecord[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => recordOf(first + index))
}

/** The number of the last of records that follow each other; undefined when none of them names a slot. */
export function lastNumberOf(records: readonly LogRecord[]): number | undefined {
  const index = records.findIndex((record) => 'slot' in record)
  const record = records[index]
  return record !== undefined && 'slot' in record ? record.slot + records.length - 1 - index : undefined
}

export interface OpenedLog {
  readonly store: NedbRecordStore
  readonly found: readonly LogRecord[]
}

export async function openLog(folder: string, options: Partial<RecordStoreInit> = {}): Promise<OpenedLog> {
  const found: LogRecord[] = []
  const onRecord = (record: LogRecord): void => void found.push(record)
  const store = await openRecordStore({ folder, cluster, replica: alice, onRecord, ...options })
  return { store, found }
}

/** What the folder holds, and how it was found; the folder may be changed by it. */
export async function readLog(
  folder: string,
  options: Partial<RecordStoreInit> = {},
): Promise<Pick<OpenedLog, 'found'> & Pick<NedbRecordStore, 'recovery'>> {
  const { store, found } = await openLog(folder, options)
  await store.close()
  return { found, recovery: store.recovery }
}

/** Writes records 1 to `count`, each acknowledged before the next, and closes. */
export async function writeLog(folder: string, count: number, options: Partial<RecordStoreInit> = {}): Promise<void> {
  const { store } = await openLog(folder, options)
  for (let number = 1; number <= count; number += 1) await store.append([recordOf(number)])
  await store.close()
}

export function segmentNames(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith('segment-'))
    .sort()
}
