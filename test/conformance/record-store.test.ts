import { afterAll } from 'vitest'
import { clusterId, replicaId } from '../../core/model/ids.ts'
import type { RecordStore } from '../../core/ports/record-store.ts'
import { openRecordStore } from '../../core/storage/nedb-record-store.ts'
import { FaultyDisk, removeTemporaryFolders, temporaryFolder } from '../unit/storage/faulty-disk.ts'
import { MemoryDisk, openMemoryRecordStore } from './memory-record-store.ts'
import { recordStoreConformance } from './record-store.ts'
import type { RecordStoreSubject } from './record-store.ts'

/** Those a power cut killed still hold a file in this process. */
const opened: RecordStore[] = []

afterAll(async () => {
  await Promise.all(opened.map((store) => store.close()))
  removeTemporaryFolders()
})

recordStoreConformance('memory', (): RecordStoreSubject => {
  const disk = new MemoryDisk()
  let gate = Promise.resolve()
  return {
    open: (onRecord) =>
      Promise.resolve(openMemoryRecordStore({ disk, onRecord, syncLater: (done) => void gate.then(done) })),
    cutPower: () => disk.cutPower(),
    setFull: (full) => disk.fail(full ? { code: 'STORAGE_FULL', file: 'memory' } : undefined),
    holdSyncs: () => {
      const held = Promise.withResolvers<void>()
      gate = held.promise
      return held.resolve
    },
  }
})

for (const { name, segmentBytesMax } of [
  { name: 'NeDB', segmentBytesMax: 32 * 1024 * 1024 },
  { name: 'NeDB, a segment for every few records', segmentBytesMax: 700 },
]) {
  recordStoreConformance(name, (): RecordStoreSubject => {
    let disk = new FaultyDisk()
    let folder = temporaryFolder()
    return {
      open: async (onRecord) => {
        const store = await openRecordStore({
          folder,
          cluster: clusterId('c1'),
          replica: replicaId('alice'),
          segmentBytesMax,
          onRecord,
          openSegment: (file) => disk.openSegment(file),
        })
        opened.push(store)
        return store
      },
      cutPower: () => {
        folder = disk.imageAfterPowerCut(folder)
        disk = new FaultyDisk()
      },
      setFull: (full) => {
        disk.insertFault = full ? 'ENOSPC' : undefined
      },
      holdSyncs: () => {
        const held = Promise.withResolvers<void>()
        disk.beforeSync = () => held.promise
        return held.resolve
      },
    }
  })
}
