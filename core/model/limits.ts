import { assert } from '../base/assert.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** Every maximum of the replica, with its unit in its name. Relations are asserted below, with the reason. */
export const LIMITS = {
  /** The canonical encoding of one Input. Configurable downwards by a host. */
  inputBytesMax: MIB,
  /** A batch closes when the next Input would pass this; one Input of the full size still fits. */
  batchBytesMax: MIB + 64 * KIB,
  batchInputsMax: 512,
  /** Slots in flight between the leader and its acceptors. */
  windowSlotsMax: 32,
  /** Of batches in flight; one may pass it. More would only queue before the heartbeats. */
  windowBytesMax: 4 * MIB,
  /** Inputs that wait at a leader to be batched, and at a proxy for their Outputs. */
  queueInputsMax: 10_000,
  queueBytesMax: 64 * MIB,
  /** One part of a promise, of a log reply, of a list of Outputs. */
  partBytesMax: 2 * MIB,
  /** One frame on a stream: a part and everything else a turn of the loop sends to one peer. */
  frameBytesMax: 8 * MIB,
  frameMessagesMax: 4096,
  /**
   * Messages that wait share a frame up to this; a larger one has a frame of its own. What shares a frame is heard
   * when all of it is there: on a narrow link a heartbeat must not wait for megabytes.
   */
  gatheredBytesMax: 256 * KIB,
  /** Bytes that wait to be sent to one peer before the oldest protocol's retransmission takes over. */
  sendQueueBytesMax: 32 * MIB,
  /** Slots whose Outputs a replica keeps to answer votes asked for again, and tallies for the console. */
  outputSlotsMax: 1024,
  /** The newest slots stay whatever their size: a window full of them may be under vote. */
  outputSlotsMin: 64,
  /** What the kept Outputs take in memory, about; of a slot under vote, its Inputs too. */
  outputBytesMax: 16 * MIB,
  /** Clients remembered for at-most-once; beyond it the one that was silent longest is forgotten. */
  sessionsMax: 100_000,
  /** Weight of the Outputs kept for them, about their bytes. */
  sessionBytesMax: 64 * MIB,
  /** Decided batches kept in memory, for followers a little behind; older ones are read from disk. */
  logMemoryBytesMax: 16 * MIB,
  /** The newest slots stay in memory whatever their size: they may not be on disk yet. */
  logMemorySlotsMin: 256,
  /** One piece of a packed partition on its way to another replica. */
  pieceBytesMax: 128 * KIB,
  piecesMax: 64,
  /** Pieces of State asked for and not there yet: what a heartbeat may have to wait behind. */
  transferBytesMax: MIB,
  /** The encoding of one partition of the State, in a checkpoint and on its way to another replica. */
  partitionBytesMax: 256 * MIB,
  /** Inputs of one slot shown to people. */
  shownInputsMax: 32,
  membersMax: 9,
} as const

assert(LIMITS.batchBytesMax > LIMITS.inputBytesMax, 'a batch holds the largest Input and its envelope')
assert(LIMITS.partBytesMax >= LIMITS.batchBytesMax, 'a part holds at least one batch, or promises would stall')
assert(LIMITS.frameBytesMax >= 2 * LIMITS.partBytesMax, 'a frame holds a part and the small messages beside it')
atLeast(LIMITS.logMemorySlotsMin, 2 * LIMITS.windowSlotsMax, 'a window of slots is in memory until it is durable')
atLeast(LIMITS.partitionBytesMax, 2 * LIMITS.inputBytesMax, 'a partition holds what the largest Input writes')
atLeast(LIMITS.outputSlotsMin, LIMITS.windowSlotsMax, 'the Outputs of a window of slots are kept while it is voted on')
assert(LIMITS.sendQueueBytesMax >= LIMITS.frameBytesMax, 'the queue to a peer holds a frame')

function atLeast(value: number, bound: number, why: string): void {
  assert(value >= bound, why)
}
