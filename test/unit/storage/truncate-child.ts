import { writeFileSync, writeSync } from 'node:fs'
import { slot } from '../../../core/model/ids.ts'
import { fileOperations } from '../../../core/storage/durable-file.ts'
import type { FileOperations } from '../../../core/storage/durable-file.ts'
import { openSegment } from '../../../core/storage/segment.ts'
import type { OpenSegment } from '../../../core/storage/segment.ts'
import { lastNumberOf, openLog, recordOf } from './log-folder.ts'

/**
 * Truncates a log and appends to it meanwhile; kills itself at the boundary of this number, counted from 1 and from the
 * moment it is told. `countText` is the number of the last record when the log no longer tells. Writes the number of each acknowledged record, and the boundary it dies at, to the standard output.
 */
const [, , folder, boundaryText, slotText, segmentBytesText, countFrom, countText] = process.argv
if (folder === undefined) throw new Error('the folder of the log is missing')
const boundaryMax = Number(boundaryText)
const APPENDED = 6
let boundaries = 0
let counting = countFrom === 'opening'

function boundary(name: string): void {
  if (!counting) return
  boundaries += 1
  if (boundaries < boundaryMax) return
  writeSync(1, `boundary ${name}\n`)
  process.kill(process.pid, 'SIGKILL')
}

async function between<T>(name: string, perform: () => Promise<T>): Promise<T> {
  boundary(`before ${name}`)
  const result = await perform()
  boundary(`after ${name}`)
  return result
}

const files: FileOperations = {
  write: (content) =>
    between('write', async () => {
      const wouldDie = counting && boundaries + 1 === boundaryMax
      if (wouldDie) writeFileSync(content.path, content.text.slice(0, content.text.length / 2))
      boundary('in the middle of write')
      await fileOperations.write(content)
    }),
  rename: (from, to) => between('rename', () => fileOperations.rename(from, to)),
  remove: (file) => between('remove', () => fileOperations.remove(file)),
  syncFolder: (path) => between('sync', () => fileOperations.syncFolder(path)),
}
const openNext: OpenSegment = (file) => between('open', () => openSegment(file))

const { store, found } = await openLog(folder, {
  files,
  openSegment: openNext,
  segmentBytesMax: Number(segmentBytesText),
})
const first = (lastNumberOf(found) ?? Number(countText)) + 1
counting = true
const truncating = store.truncate(slot(Number(slotText)))
for (let number = first; number < first + APPENDED; number += 1) {
  await store.append([recordOf(number)])
  writeSync(1, `acknowledged ${number}\n`)
}
await truncating
counting = false
await store.close()
writeSync(1, 'done\n')
