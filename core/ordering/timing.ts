import { assert } from '../base/assert.ts'

/**
 * Unit: ms. Chosen for a LAN, and for processes that may stall for some hundreds of milliseconds under load: silence
 * alone proves little soon. A connection that broke proves more, and is acted on at once.
 */
export const ORDERING_TIMING = {
  /** How often a leader shows that it lives. */
  heartbeatMs: 50,
  /** A follower that heard no leader for a random time in this range asks for votes. */
  electionMsMin: 1_000,
  electionMsMax: 2_000,
  /** A follower whose connection to the leader broke asks after a random time in this range. */
  brokenMsMin: 50,
  brokenMsMax: 250,
  /** A leader that heard from no quorum for this long steps down. */
  leaderSilenceMs: 2_000,
  /** What was not answered is sent again. */
  retryMs: 150,
  /** A candidate that gathers no quorum of promises for this long starts over. */
  promisesMs: 1_500,
  /** How often members tell each other how far they are. */
  pulseMs: 200,
  /** A leader whose own disk syncs nothing for this long hands over. */
  diskStallMs: 1_500,
  /** A new leader that can't fetch what was decided before it gives up. */
  recoveryMs: 5_000,
} as const

assert(
  ORDERING_TIMING.heartbeatMs * 4 <= ORDERING_TIMING.electionMsMin,
  'several heartbeats may be lost before anybody asks for votes',
)
