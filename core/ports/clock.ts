/** One look at the clocks. */
export interface ClockReading {
  /** Milliseconds that only rise; for timeouts. */
  readonly monotonicMs: number
  /** Milliseconds since 1970; for the ordered time a leader stamps on a batch. */
  readonly wallMs: number
}

export interface Clock {
  read: () => ClockReading
}
