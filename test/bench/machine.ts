import { mkdtemp, open, rm, statfs } from 'node:fs/promises'
import { arch, availableParallelism, loadavg, platform, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { median } from './statistics.ts'

const GIB = 1024 ** 3
const TMPFS = 0x01021994
const SYNCS = 50
const SYNC_BYTES = 4096

/** The machine a run was made on: no figure means much without it. */
export interface Machine {
  readonly cores: number
  readonly memoryGib: number
  readonly platform: string
  readonly node: string
  /** Median of appending 4 KiB and syncing it, in the folder of the run. */
  readonly syncMs: number
  /** The folder of the run is in memory: a sync costs nothing there, and the figures say little. */
  readonly isInMemory: boolean
  /** Load average of the last minute when the run began. */
  readonly loadBefore: number
}

export async function lookAtMachine(folder: string): Promise<Machine> {
  return {
    cores: availableParallelism(),
    memoryGib: Math.round(totalmem() / GIB),
    platform: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    syncMs: await syncMs(folder),
    isInMemory: (await statfs(folder)).type === TMPFS,
    loadBefore: loadNow(),
  }
}

export function loadNow(): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100
}

async function syncMs(folder: string): Promise<number> {
  const own = await mkdtemp(join(folder, 'synod-bench-sync-'))
  const file = await open(join(own, 'file'), 'a')
  try {
    const times: number[] = []
    for (let count = 0; count < SYNCS; count += 1) {
      const startedMs = performance.now()
      await file.appendFile(Buffer.alloc(SYNC_BYTES, count))
      await file.datasync()
      times.push(performance.now() - startedMs)
    }
    return Math.round(median(times) * 100) / 100
  } finally {
    await file.close()
    await rm(own, { recursive: true, force: true })
  }
}
