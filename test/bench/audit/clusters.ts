import { forkLauncher } from '../../../core/index.ts'
import { TestHost } from '../../cluster/harness.ts'

/** What is measured is ordered by the run alone. */
const NEVER = {
  auditPolicy: { slotsMax: 1_000_000_000, intervalMs: 1_000_000_000 },
  checkpointPolicy: { slotsMax: 1_000_000_000, bytesMax: 1_000_000_000_000 },
}
const FILL_CLIENTS = 128

interface FilledInit {
  readonly folder: string
  readonly keys: number
  readonly valueOf: (key: number) => string
  readonly signal: AbortSignal
}

export function keyOf(key: number): string {
  return `key-${key}`
}

/** Three replica processes of one host in this process, in a folder of their own, with so many keys. */
export async function openFilled({ folder, keys, valueOf, signal }: FilledInit): Promise<TestHost> {
  const host = await TestHost.open(forkLauncher(), folder)
  try {
    await host.found('bench', NEVER)
    let next = 0
    const fill = async (filler: number): Promise<void> => {
      for (let sequence = 1; next < keys; sequence += 1) {
        signal.throwIfAborted()
        const key = next
        next += 1
        await host.value(`filler-${filler}`, sequence, { op: 'set', key: keyOf(key), value: valueOf(key) })
      }
    }
    await Promise.all(Array.from({ length: Math.min(FILL_CLIENTS, keys) }, (_, filler) => fill(filler)))
    return host
  } catch (error) {
    await host.close()
    throw error
  }
}
