import { assert } from '../base/assert.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** Every maximum of the gateway, with its unit in its name; a test may narrow some of them. */
export interface GatewayLimits {
  /** What a request may carry beside the Input itself: client, sequence, names, JSON's own signs. */
  readonly bodyBytesSlack: number
  /** From the opening of a console socket to its `hello`. */
  readonly helloTimeoutMs: number
  readonly consolesMax: number
  /** Requests of one console whose replies it has not taken yet. */
  readonly requestsMax: number
  /** Bytes on their way to a console above which its events wait and are coalesced. */
  readonly eventBytesHigh: number
  /** Bytes on their way to a console above which nothing more is read from it. */
  readonly replyBytesHigh: number
  /** Slots, and notes, that wait for a slow console; the newest are kept. */
  readonly slotsWaitingMax: number
  readonly notesWaitingMax: number
  /** How long requests under way may take to finish when the gateway closes. */
  readonly closeGraceMs: number
  /** A request must be complete within this time of its first byte. */
  readonly requestTimeoutMs: number
  readonly connectionsMax: number
}

export const GATEWAY_LIMITS: GatewayLimits = {
  bodyBytesSlack: 64 * KIB,
  helloTimeoutMs: 5000,
  consolesMax: 64,
  requestsMax: 64,
  eventBytesHigh: MIB,
  replyBytesHigh: 4 * MIB,
  slotsWaitingMax: 64,
  notesWaitingMax: 100,
  closeGraceMs: 2000,
  requestTimeoutMs: 30_000,
  connectionsMax: 1024,
}

assert(
  GATEWAY_LIMITS.replyBytesHigh > GATEWAY_LIMITS.eventBytesHigh,
  'events give way before replies do, or a flood of events would stop a console from asking',
)
