import type { Clock } from '../ports/clock.ts'

/** The machine's own clocks. */
export const systemClock: Clock = {
  read: () => ({ monotonicMs: performance.now(), wallMs: Date.now() }),
}
