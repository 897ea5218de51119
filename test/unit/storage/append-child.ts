import { openLog, recordOf, recordsOf } from './log-folder.ts'

/** What the child tells the test that will kill it: where it stands, and every acknowledged record's number. */
export type ChildReport =
  | { readonly kind: 'opening' }
  | { readonly kind: 'opened'; readonly records: number; readonly intact: boolean }
  | { readonly kind: 'acknowledged'; readonly number: number }

const IN_FLIGHT = 6

async function appendUntilKilled(folder: string): Promise<void> {
  report({ kind: 'opening' })
  const { store, found } = await openLog(folder, { segmentBytesMax: 20_000 })
  const intact = JSON.stringify(found) === JSON.stringify(recordsOf(1, found.length))
  report({ kind: 'opened', records: found.length, intact })
  let last = found.length
  const appendOneByOne = async (): Promise<void> => {
    for (;;) {
      last += 1
      const number = last
      await store.append([recordOf(number)])
      report({ kind: 'acknowledged', number })
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, appendOneByOne))
}

function report(message: ChildReport): void {
  process.send?.(message)
}

const [, , folder] = process.argv
if (folder === undefined) throw new Error('the folder of the log is missing')
await appendUntilKilled(folder)
