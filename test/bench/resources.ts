import type { Dirent } from 'node:fs'
import { readFileSync } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'

const KIB = 1024
/** Unit of `blocks` in stat(2), whatever the file system's own. */
const BLOCK_BYTES = 512

export interface Memory {
  readonly residentBytes: number
  /** The most it ever was, as the kernel counts it: no moment is missed between two samples. */
  readonly peakBytes: number
}

/** @returns undefined when the process has gone. Source: proc_pid_status(5), VmRSS and VmHWM. */
export function memoryOf(pid: number): Memory | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return undefined
  }
  const [resident, peak] = [/^VmRSS:\s+(\d+) kB$/m, /^VmHWM:\s+(\d+) kB$/m].map((line) => Number(line.exec(text)?.[1]))
  if (!(resident !== undefined && resident > 0) || !(peak !== undefined && peak > 0)) return undefined
  return { residentBytes: resident * KIB, peakBytes: peak * KIB }
}

/** Bytes a folder takes on its disk with all in it, as du(1) counts. What goes meanwhile counts for nothing. */
export async function diskBytesOf(folder: string): Promise<number> {
  const own = await lstat(folder).catch(() => undefined)
  const bytes = (own?.blocks ?? 0) * BLOCK_BYTES
  if (own?.isDirectory() !== true) return bytes
  const entries: Dirent[] = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const below = await Promise.all(entries.map(({ name }) => diskBytesOf(join(folder, name))))
  return below.reduce((sum, more) => sum + more, bytes)
}
