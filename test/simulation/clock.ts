import type { ClockReading } from '../../core/ports/clock.ts'

const WALL_EPOCH_MS = 1_700_000_000_000
const MILLION = 1_000_000

/** One machine's clocks: the monotonic one drifts and stops while the machine is suspended, the wall clock jumps. */
export class MachineClock {
  readonly #driftPpm: number
  readonly #startUs: number
  #suspendedUs = 0
  #wallOffsetMs: number

  /** `startUs`: what the monotonic clock shows at the beginning of virtual time. */
  constructor(init: { readonly driftPpm: number; readonly startUs: number; readonly wallOffsetMs: number }) {
    this.#driftPpm = init.driftPpm
    this.#startUs = init.startUs
    this.#wallOffsetMs = init.wallOffsetMs
  }

  read(nowUs: number): ClockReading {
    const ranUs = nowUs - this.#suspendedUs
    const driftedUs = this.#startUs + Math.floor((ranUs * (MILLION + this.#driftPpm)) / MILLION)
    return {
      monotonicMs: driftedUs / 1_000,
      wallMs: WALL_EPOCH_MS + Math.floor(nowUs / 1_000) + this.#wallOffsetMs,
    }
  }

  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs
  }

  /** The machine slept for so long: the monotonic clock did not run. */
  slept(forUs: number): void {
    this.#suspendedUs += forUs
  }
}
