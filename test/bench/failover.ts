import { setTimeout as sleep } from 'node:timers/promises'
import type { Target } from './target.ts'
import { within } from './workload.ts'

/** Unit: ms. A new put begins so often after the kill: the resolution of the figure. */
const PROBE_MS = 20
const PROBES_MS_MAX = 30_000

/**
 * kill -9 of the leader, then a put by a new client every few milliseconds, until the first of them is answered.
 * All were sent after the kill, so no answer can be one the old leader had already given.
 *
 * @returns from the kill to that answer. Unit: ms.
 */
export async function failOver(
  target: Target,
  { pid, victim, firstProbe }: { readonly pid: number; readonly victim: string; readonly firstProbe: number },
): Promise<{ readonly ms: number; readonly probes: number }> {
  const answered = Promise.withResolvers<number>()
  let isOver = false
  let probes = 0
  process.kill(pid, 'SIGKILL')
  const killedMs = performance.now()
  const probing = async (): Promise<void> => {
    while (!isOver) {
      target.probe(firstProbe + probes, victim).then(
        () => {
          answered.resolve(performance.now() - killedMs)
        },
        // Refused for want of a leader: a later one will not be.
        () => undefined,
      )
      probes += 1
      await sleep(PROBE_MS)
    }
  }
  const ended = probing()
  try {
    return { ms: await within(PROBES_MS_MAX, answered.promise, 'no reply after the leader was killed'), probes }
  } finally {
    isOver = true
    await ended
  }
}
