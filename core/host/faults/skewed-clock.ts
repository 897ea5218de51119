import type { Clock } from '../../ports/clock.ts'
import type { Faults } from './faults.ts'

/** Clocks of which the wall clock is wrong on order. When that begins and ends the two move apart, which is noticed. */
export function skewedClock(inner: Clock, faults: Faults): Clock {
  return {
    read: () => {
      const { monotonicMs, wallMs } = inner.read()
      return { monotonicMs, wallMs: wallMs + faults.skewMs }
    },
  }
}
