import { readFileSync } from 'node:fs'
import type { Cores } from './target.ts'

/** Linux counts processor time in ticks of 10 ms, whatever the kernel's own clock. */
const TICKS_PER_SECOND = 100

interface Reading {
  readonly atMs: number
  readonly own: number
  readonly servers: readonly number[]
  readonly all: number
}

/** @returns a function that tells what was used since; undefined where there is no /proc. */
export function watchProcessorTime(serverPids: readonly number[]): () => Cores | undefined {
  const before = read(serverPids)
  return () => {
    const after = read(serverPids)
    if (before === undefined || after === undefined) return undefined
    const ticks = ((after.atMs - before.atMs) / 1000) * TICKS_PER_SECOND
    const cores = (used: number): number => Math.max(0, Math.round((used / ticks) * 100) / 100)
    const own = after.own - before.own
    const servers = after.servers.map((value, index) => value - (before.servers[index] ?? value))
    const ours = servers.reduce((sum, used) => sum + used, own)
    return { client: cores(own), servers: servers.map(cores), others: cores(after.all - before.all - ours) }
  }
}

function read(serverPids: readonly number[]): Reading | undefined {
  try {
    return {
      atMs: performance.now(),
      own: ticksOf(process.pid),
      servers: serverPids.map(ticksOf),
      all: ticksOfAll(),
    }
  } catch {
    return undefined
  }
}

/** User and system time of one process. Source: proc_pid_stat(5), fields 14 and 15. */
function ticksOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is the program's name in brackets, and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

/** Busy time of all cores: everything but idle and waiting for I/O. Source: proc_stat(5). */
function ticksOfAll(): number {
  const line = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] ?? ''
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = line.split(/\s+/).slice(1).map(Number)
  return user + nice + system + irq + softIrq
}
