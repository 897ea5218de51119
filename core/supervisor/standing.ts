/** How a replica is to be started. */
export interface Standing {
  /** It deviated, or a person mistrusts it: its Outputs do not count before an AUDIT verified it. */
  readonly isQuarantined: boolean
  /** Nothing of its own State is used. */
  readonly discardsState: boolean
}

export const STANDS_WELL: Standing = { isQuarantined: false, discardsState: false }
